"""ZFNet: the network of Zeiler & Fergus 2013, figure 3.

What the paper leaves open, and what was chosen here:

- Padding. Of the maps the paper gives 55 and 6; padding 1 in conv1, none in conv2, and pooling whose last
  window may reach past the border give 110-55-26-13-13-6. Without that last half window conv1 would end at
  54.
- Contrast normalisation stands after pooling, as in the paper's caption (AlexNet: before), in stages 1 and 2,
  with AlexNet's constants, which the paper refers to.
- Weights "initialised to 1e-2" are drawn from a normal distribution of that deviation:
  equal weights would stay equal.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from convscope.zoo.parts import assemble, classifier, contrast_normalisation, overlapping_pool


def zfnet(*, num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> nn.Sequential:
    """Untrained ZFNet: float [n, in_channels, 224, 224] -> logits [n, num_classes]; 62,357,608 parameters."""
    return assemble(_stages(num_classes, in_channels, dropout))


def _stages(num_classes: int, in_channels: int, dropout: float) -> Iterator[tuple[str, nn.Module]]:
    yield "conv1", nn.Conv2d(in_channels, 96, 7, stride=2, padding=1)
    yield "relu1", nn.ReLU()
    yield "pool1", overlapping_pool(ceil=True)
    yield "norm1", contrast_normalisation()
    yield "conv2", nn.Conv2d(96, 256, 5, stride=2)
    yield "relu2", nn.ReLU()
    yield "pool2", overlapping_pool(ceil=True)
    yield "norm2", contrast_normalisation()
    yield "conv3", nn.Conv2d(256, 384, 3, padding=1)
    yield "relu3", nn.ReLU()
    yield "conv4", nn.Conv2d(384, 384, 3, padding=1)
    yield "relu4", nn.ReLU()
    yield "conv5", nn.Conv2d(384, 256, 3, padding=1)
    yield "relu5", nn.ReLU()
    yield "pool5", overlapping_pool()
    yield from classifier(256 * 6 * 6, num_classes, dropout)
