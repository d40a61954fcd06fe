"""What the pages say about the three ways of making pictures, and what to keep in mind about them.

Sources: Zeiler & Fergus 2013 (arXiv 1311.2901), Springenberg et al. 2014 (1412.6806), Mahendran & Vedaldi
2016 ("Salient deconvolutional networks"), Nie et al. 2018 (1805.07039), Adebayo et al. 2018 (1810.03292).
"""

from __future__ import annotations

from convscope.display import PERCENTILE

TITLES = {
    "deconvnet": "DeconvNet projections",
    "guided_backprop": "guided backpropagation",
    "gradient": "gradients",
}

SENTENCES = {
    "deconvnet": (
        "One activation is kept, all others of its layer are set to zero, and the rest is carried "
        "down to pixels: unpooled by the switches that the forward pass recorded, rectified, and "
        "filtered with the transposed weights (Zeiler & Fergus 2013)."
    ),
    "guided_backprop": (
        "The gradient of one activation with respect to the pixels, let through at each rectifier "
        "only where both the forward activation and the signal coming down are positive (Springenberg "
        "et al. 2014)."
    ),
    "gradient": (
        "The gradient of one activation with respect to the pixels: how the activation would change "
        "if a pixel changed a little (Simonyan et al. 2013)."
    ),
}

_ONE_ACTIVATION = (
    "Each picture shows what one activation responds to, at one position of one map. It does not show "
    "the joint activity of a layer, on which the network's answer depends."
)
_IMAGE_SPECIFIC = (
    "It belongs to one image. Switches and masks recorded while seeing that image shape it, so it "
    "resembles a piece of the input; it is not a sample of what else the unit would respond to."
)
_UNIT_INDEPENDENT = (
    "With DeconvNet and guided backpropagation the recorded switches and masks can matter more than "
    "the unit: pictures of different units, or of a network with random weights, can look alike "
    "(Mahendran & Vedaldi 2016; Nie et al. 2018; Adebayo et al. 2018)."
)
_LOCAL_SLOPE = (
    "A gradient tells of small changes only, and is noisy in deep networks: a pixel that matters much "
    "may have almost no gradient where the unit saturates."
)
_HINT = (
    "Take a picture as a hint, compare the nine patches, and check by occlusion what really lowers "
    "the activation before you conclude."
)

LIMITS = {
    "deconvnet": (_ONE_ACTIVATION, _IMAGE_SPECIFIC, _UNIT_INDEPENDENT, _HINT),
    "guided_backprop": (_ONE_ACTIVATION, _IMAGE_SPECIFIC, _UNIT_INDEPENDENT, _HINT),
    "gradient": (_ONE_ACTIVATION, _IMAGE_SPECIFIC, _LOCAL_SLOPE, _HINT),
}

SCALING = (
    "Mid-grey is zero, brighter is positive, darker is negative. A window larger than its tile is averaged down to "
    "it first. Then all projections of a unit share one scale, on which full contrast is the "
    f"{PERCENTILE:g}th percentile of their absolute non-zero values: compare brightness within a unit, not "
    "between units."
)
