"""What is measured on a finished network as a curve: a number for each angle, or for each layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from convscope.errors import SettingError
from convscope.train.ablation.measures import Seen, answer_of, kept, wrong

Curve = Mapping[str, float]
"""Place on the axis, as text, to the number there."""


@dataclass(frozen=True)
class Kind:
    """``axis`` names the places: ``degrees``, whose places are numbers, or ``layer``."""

    title: str
    axis: str
    note: str
    of: Callable[[Seen], Curve]


def _error_by_angle(seen: Seen) -> Curve:
    return _by_angle(seen, wrong(seen.turned).mean(0).tolist())


def _kept_by_angle(seen: Seen) -> Curve:
    return _by_angle(seen, kept(answer_of(seen.turned)).mean(0).tolist())


def _by_angle(seen: Seen, numbers: list[float]) -> Curve:
    return {f"{angle:g}": number for angle, number in zip(seen.turned.values.tolist(), numbers, strict=True)}


def _change_by_layer(seen: Seen) -> Curve:
    found = seen.turned
    scores = found.relative
    if scores is None:
        raise SettingError("the curve turn-layers compares images with each other; measure at least 2")
    return {layer.address: float(score) for layer, score in zip(found.layers, scores, strict=True) if score == score}


CURVES: Mapping[str, Kind] = {
    "turn-error": Kind("error by angle", "degrees", "share of turned images that get a wrong class", _error_by_angle),
    "turn-kept": Kind(
        "consistency by angle", "degrees", "share of images that keep their class when turned", _kept_by_angle
    ),
    "turn-layers": Kind(
        "change by layer",
        "layer",
        "how far the features of turned images are from those of the images as they are, over all angles; at 1 as far "
        "as those of another image",
        _change_by_layer,
    ),
}
"""Another curve is one more line."""
