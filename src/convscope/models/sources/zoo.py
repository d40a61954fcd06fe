"""``zoo:zfnet``, ``zoo:alexnet``, …: the architectures of the papers and their small forms, untrained."""

from __future__ import annotations

from convscope.errors import SpecError
from convscope.models.preprocessing import IMAGENET_MEAN, Preprocessing
from convscope.models.reproducible import reproducible
from convscope.models.source import Built, Order
from convscope.models.spec import NO_WEIGHTS, refuse_variant, unknown
from convscope.zoo import ARCHITECTURES, build
from convscope.zoo.architecture import Architecture

# Both papers subtract a mean and do not divide; contrast normalisation is tuned to inputs of about -128..128.
# They subtract the mean image of the training set; one mean per channel is what can be stated without that
# set.
PAPER = Preprocessing(
    height=224,
    width=224,
    resize=256,
    interpolation="bilinear",
    mean=IMAGENET_MEAN,
    std=(1.0,) * 3,
    stated=True,
)


MIDDLE = 127.5
"""What small forms subtract: no training set is stated, and this keeps inputs within about -128..128."""


def build_zoo(order: Order) -> Built:
    """A network of the zoo with random weights; raises SpecError for an unknown name."""
    spec = order.spec
    if spec.name not in ARCHITECTURES:
        raise SpecError(f"{spec}: {unknown('network in the zoo', spec.name, ARCHITECTURES)}")
    refuse_variant(spec, NO_WEIGHTS)
    architecture = ARCHITECTURES[spec.name]
    with reproducible():
        module = build(architecture, order.outputs or 1000)
    return Built(module, _preprocessing(architecture), (), trained=False)


def _preprocessing(architecture: Architecture) -> Preprocessing:
    if architecture.side == PAPER.height:
        return PAPER
    channels, side = architecture.channels, architecture.side
    return Preprocessing(side, side, None, "bilinear", (MIDDLE,) * channels, (1.0,) * channels, stated=False)
