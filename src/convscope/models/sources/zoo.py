"""``zoo:zfnet``, ``zoo:alexnet``, ``zoo:alexnet-dense``: the architectures of the papers, untrained."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from convscope.errors import SpecError
from convscope.models.preprocessing import IMAGENET_MEAN, Preprocessing
from convscope.models.reproducible import reproducible
from convscope.models.source import Built, Order
from convscope.models.spec import NO_WEIGHTS, refuse_variant, unknown
from convscope.zoo import alexnet, alexnet_dense, zfnet

FACTORIES: dict[str, Callable[..., nn.Module]] = {
    "alexnet": alexnet,
    "alexnet-dense": alexnet_dense,
    "zfnet": zfnet,
}

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


def build_zoo(order: Order) -> Built:
    """A network of the zoo with random weights; raises SpecError for an unknown name."""
    spec = order.spec
    if spec.name not in FACTORIES:
        raise SpecError(f"{spec}: {unknown('network in the zoo', spec.name, FACTORIES)}")
    refuse_variant(spec, NO_WEIGHTS)
    with reproducible():
        module = FACTORIES[spec.name](num_classes=order.outputs or 1000)
    return Built(module, PAPER, (), trained=False)
