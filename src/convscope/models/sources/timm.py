"""``timm:NAME``, ``timm:NAME.TAG``, ``timm:NAME@none``."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from convscope.errors import ModelError, SpecError
from convscope.extras import optional
from convscope.models.preprocessing import Preprocessing
from convscope.models.reproducible import reproducible
from convscope.models.source import Built, Order, download_failed
from convscope.models.spec import NO_WEIGHTS, Spec, refuse_variant, unknown


def build_timm(order: Order) -> Built:
    """A model of timm; SpecError for an unknown name, ModelError if a download fails."""
    spec = order.spec
    refuse_variant(spec, NO_WEIGHTS)
    timm = optional("timm", "timm", f"the model {spec}")
    _check_name(timm, spec)
    options = {} if order.outputs is None else {"num_classes": order.outputs}
    try:
        with reproducible():
            module: nn.Module = timm.create_model(spec.name, pretrained=order.pretrained, **options)
    except OSError as error:
        raise download_failed(spec, error) from error
    stated = order.stated or (order.file and "." in spec.name)
    preprocessing = None if order.fed else stated_preprocessing(timm, module, spec, stated)
    return Built(module, preprocessing, _classes(timm, module, order), order.pretrained)


def _check_name(timm: Any, spec: Spec) -> None:
    # Only names of timm's own registry: create_model would also follow addresses such
    # as hf-hub:… and local-dir:….
    architecture, _, tag = spec.name.partition(".")
    if not timm.is_model(architecture) or ":" in spec.name or "/" in spec.name:
        raise SpecError(f"{spec}: {unknown('timm model', architecture, timm.list_models())}")
    tagged = timm.list_pretrained(f"{architecture}.*")
    if tag and spec.name not in tagged:
        raise SpecError(f"{spec}: {unknown('set of weights', spec.name, tagged)}")


def stated_preprocessing(timm: Any, module: nn.Module, spec: Spec, stated: bool) -> Preprocessing:
    """What timm's configuration of the weights says, in pixel units; ModelError if it cannot be repeated."""
    settings = timm.data.resolve_model_data_config(module)
    channels, height, width = settings["input_size"]
    scaled = tuple(math.floor(side / settings["crop_pct"]) for side in (height, width))
    squash = settings["crop_mode"] == "squash"
    if not squash and (settings["crop_mode"] != "center" or height != width):
        raise ModelError(
            f"{spec} is fed by timm with crop mode {settings['crop_mode']!r} at {height}x{width}, which "
            "convscope cannot repeat exactly. Say how pictures become its input: pass preprocessing=…"
        )
    return Preprocessing(
        height=height,
        width=width,
        resize=(scaled[0], scaled[1]) if squash else scaled[0],
        interpolation=settings["interpolation"],
        mean=_per_channel(settings["mean"], channels),
        std=_per_channel(settings["std"], channels),
        stated=stated,
    )


def _per_channel(fractions: tuple[float, ...], channels: int) -> tuple[float, ...]:
    values = tuple(255 * value for value in fractions)
    return values * channels if len(values) == 1 else values


def _classes(timm: Any, module: nn.Module, order: Order) -> tuple[str, ...]:
    # timm knows the data set by the number of outputs; with a number of the user's own that would be a guess.
    subset = timm.data.infer_imagenet_subset(module) if order.outputs is None else None
    if subset is None:
        return ()
    return tuple(timm.data.ImageNetInfo(subset).label_descriptions())
