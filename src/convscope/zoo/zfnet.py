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

from convscope.zoo.architecture import Architecture, Convolution, Hidden, Pool

ZFNET = Architecture(
    side=224,
    convolutions=(
        Convolution(1, 96, 7, stride=2, padding=1, pool=Pool(ceil=True), contrast="after"),
        Convolution(2, 256, 5, stride=2, pool=Pool(ceil=True), contrast="after"),
        Convolution(3, 384, 3, padding=1),
        Convolution(4, 384, 3, padding=1),
        Convolution(5, 256, 3, padding=1, pool=Pool()),
    ),
    hidden=(Hidden(6, 4096), Hidden(7, 4096)),
)
"""62,357,608 parameters for 1000 classes."""

ZFNET_SMALL = Architecture(
    side=28,
    channels=1,
    convolutions=(
        Convolution(1, 64, 5, padding=2, pool=Pool(ceil=True), contrast="after"),
        Convolution(2, 128, 5, stride=2, padding=2, pool=Pool(ceil=True), contrast="after"),
        Convolution(3, 192, 3, padding=1),
        Convolution(4, 192, 3, padding=1),
        Convolution(5, 128, 3, padding=1, pool=Pool(kernel=2)),
    ),
    hidden=(Hidden(6, 512), Hidden(7, 512)),
)
"""The same form for 28 to 64 pixels: the step between layer 1 and 2 is where the paper put it, in layer 2."""
