"""AlexNet as published: Krizhevsky, Sutskever & Hinton 2012 (torchvision's is a later, narrower network).

What the paper leaves open, and what was chosen here:

- Padding. 11x11 filters four pixels apart do not tile 224: 55 positions need (55 - 1) * 4 + 11 = 227 pixels.
  With padding 2 the 55 windows reach from pixel -2 to pixel 224, which adds the missing three: two before,
  one after. Inputs of 227 without padding, the other usual reading, have the same map sizes; here 224 stays
  the input.
- Contrast normalisation runs across all maps of a layer, also where the two halves lay on two processors.
- Biases start at 1 in conv2, conv4, conv5, fc6 and fc7, as the paper says, and at 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from convscope.zoo.parts import assemble, classifier, contrast_normalisation, overlapping_pool

ONES = ("conv2", "conv4", "conv5", "fc6", "fc7")


def alexnet(*, num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5, groups: int = 2) -> nn.Sequential:
    """Untrained AlexNet: float [n, in_channels, 224, 224] -> logits [n, num_classes]; 60,965,224 parameters.

    ``groups=2`` keeps conv2, conv4 and conv5 within the maps of one processor, as published.
    """
    return assemble(_stages(num_classes, in_channels, dropout, groups), ONES)


def alexnet_dense(*, num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> nn.Sequential:
    """AlexNet on one processor, every map connected to all below; 62,378,344 parameters."""
    return alexnet(num_classes=num_classes, in_channels=in_channels, dropout=dropout, groups=1)


def _stages(num_classes: int, in_channels: int, dropout: float, groups: int) -> Iterator[tuple[str, nn.Module]]:
    yield "conv1", nn.Conv2d(in_channels, 96, 11, stride=4, padding=2)
    yield "relu1", nn.ReLU()
    yield "norm1", contrast_normalisation()
    yield "pool1", overlapping_pool()
    yield "conv2", nn.Conv2d(96, 256, 5, padding=2, groups=groups)
    yield "relu2", nn.ReLU()
    yield "norm2", contrast_normalisation()
    yield "pool2", overlapping_pool()
    yield "conv3", nn.Conv2d(256, 384, 3, padding=1)
    yield "relu3", nn.ReLU()
    yield "conv4", nn.Conv2d(384, 384, 3, padding=1, groups=groups)
    yield "relu4", nn.ReLU()
    yield "conv5", nn.Conv2d(384, 256, 3, padding=1, groups=groups)
    yield "relu5", nn.ReLU()
    yield "pool5", overlapping_pool()
    yield from classifier(256 * 6 * 6, num_classes, dropout)
