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

from dataclasses import replace

from convscope.zoo.architecture import Architecture, Convolution, Hidden, Pool

ALEXNET = Architecture(
    side=224,
    convolutions=(
        Convolution(1, 96, 11, stride=4, padding=2, contrast="before", pool=Pool()),
        Convolution(2, 256, 5, padding=2, groups=2, contrast="before", pool=Pool(), bias=1.0),
        Convolution(3, 384, 3, padding=1),
        Convolution(4, 384, 3, padding=1, groups=2, bias=1.0),
        Convolution(5, 256, 3, padding=1, groups=2, pool=Pool(), bias=1.0),
    ),
    hidden=(Hidden(6, 4096, bias=1.0), Hidden(7, 4096, bias=1.0)),
)
"""60,965,224 parameters for 1000 classes; two groups keep layers 2, 4 and 5 within the maps of one processor."""

ALEXNET_DENSE = replace(ALEXNET, convolutions=tuple(replace(layer, groups=1) for layer in ALEXNET.convolutions))
"""AlexNet on one processor, every map connected to all below; 62,378,344 parameters."""

ALEXNET_SMALL = Architecture(
    side=28,
    channels=1,
    convolutions=(
        Convolution(1, 64, 7, stride=2, padding=3, contrast="before", pool=Pool(ceil=True)),
        Convolution(2, 128, 5, padding=2, contrast="before", pool=Pool(ceil=True)),
        Convolution(3, 192, 3, padding=1),
        Convolution(4, 192, 3, padding=1),
        Convolution(5, 128, 3, padding=1, pool=Pool(kernel=2)),
    ),
    hidden=(Hidden(6, 512), Hidden(7, 512)),
)
"""The same form for 28 to 64 pixels: larger filters and the step in layer 1.

Biases start at 0: with 1 and few images it stays at chance."""
