"""``torchvision:NAME``, ``torchvision:NAME@IMAGENET1K_V1``, ``torchvision:NAME@none``."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models._api import WeightsEnum

from convscope.errors import SpecError, WeightsError
from convscope.models.fit import fit
from convscope.models.preprocessing import Preprocessing
from convscope.models.reproducible import reproducible
from convscope.models.source import Built, Order, download_failed
from convscope.models.spec import NO_WEIGHTS, Spec, unknown

# Their heads for training are left out; their preprocessing expects the input to be transformed once more
# inside, which torchvision's own loader sets for trained weights only.
INCEPTION_OPTIONS = {"aux_logits": False, "transform_input": True}
INCEPTION = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


def build_torchvision(order: Order) -> Built:
    """An image classifier of torchvision; SpecError for an unknown name, ModelError if a download fails."""
    spec = order.spec
    choice = weights_of(spec)
    options = _options(order, choice)
    outputs = order.outputs or len(choice.meta["categories"])
    with reproducible():
        module: nn.Module = get_model(spec.name, weights=None, num_classes=outputs, **options)
    spare = INCEPTION.get(spec.name, ())
    if order.pretrained:
        fit(module, _download(choice, spec), spare, f"the file of {choice}")
    classes = tuple(choice.meta["categories"]) if order.outputs is None else ()
    return Built(module, stated_preprocessing(choice, order.stated), classes, order.pretrained, spare)


def weights_of(spec: Spec) -> WeightsEnum:
    """The entry in torchvision's tables that a spec means; for ``@none`` the default one, for its facts."""
    names = list_models(torchvision.models)
    if spec.name not in names:
        raise SpecError(f"{spec}: {unknown('torchvision classifier', spec.name, names)}")
    table = get_model_weights(spec.name)
    if spec.variant in (None, NO_WEIGHTS, "DEFAULT"):
        return table["DEFAULT"]
    if spec.variant not in table.__members__:
        known = [*table.__members__, NO_WEIGHTS]
        raise SpecError(f"{spec}: there are no such weights. {spec.name} has {', '.join(known)}.")
    return table[spec.variant]


def stated_preprocessing(choice: WeightsEnum, stated: bool) -> Preprocessing:
    """What torchvision states of these weights, in pixel units."""
    preset = choice.transforms()
    (crop,), (resize,) = preset.crop_size, preset.resize_size
    return Preprocessing(
        height=crop,
        width=crop,
        resize=resize,
        interpolation=preset.interpolation.value,
        mean=tuple(255 * value for value in preset.mean),
        std=tuple(255 * value for value in preset.std),
        stated=stated,
    )


def _options(order: Order, choice: WeightsEnum) -> dict[str, Any]:
    name = order.spec.name
    if name in INCEPTION:
        return {**INCEPTION_OPTIONS, "init_weights": not (order.file or order.pretrained)}
    # A vision transformer has one position embedding per patch, so its size belongs to the weights.
    return {"image_size": choice.meta["min_size"][0]} if name.startswith("vit_") else {}


def _download(choice: WeightsEnum, spec: Spec) -> Mapping[str, Tensor]:
    try:
        with redirect_stdout(sys.stderr):  # torch.hub talks on the channel that results are printed on
            state: Mapping[str, Tensor] = choice.get_state_dict(
                progress=False, check_hash=True, weights_only=True, map_location="cpu"
            )
    except (OSError, RuntimeError) as error:
        raise download_failed(spec, error) from error
    except (pickle.UnpicklingError, EOFError) as error:
        raise WeightsError(
            f"the file in the download folder for {choice} is damaged, or holds pickled objects other than "
            f"tensors; nothing in it was run. Delete {Path(choice.url).name} from {torch.hub.get_dir()} "
            "and load again."
        ) from error
    return state
