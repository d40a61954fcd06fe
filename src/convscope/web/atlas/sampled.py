"""What a unit's page says of its peaks in the sampled images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.schema import TopRow, UnitRow
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.histogram import histogram_of
from convscope.web.atlas.layer_peaks import LayerPeaks
from convscope.web.atlas.likeness import LEAST, TWIN, Alike, by_chance
from convscope.web.atlas.pages import SimilarUnit, UnitPeaks
from convscope.web.atlas.parts import card_sprite
from convscope.web.atlas.preference import preference_of
from convscope.web.urls import UNIT


def unit_peaks(
    catalogue: Catalogue, unit: UnitRow, tops: Sequence[TopRow], layer: LayerPeaks, alike: Sequence[Alike]
) -> UnitPeaks:
    """What the peaks of ``layer`` say of a unit, with the units that answer most like it."""
    values, chance = layer.peaks.values[unit.unit], by_chance(*layer.peaks.values.shape)
    return UnitPeaks(
        images=len(values),
        histogram=histogram_of(values, [top.value for top in tops]),
        preference=preference_of(values, layer.labels),
        similar=tuple(_similar(catalogue, unit.layer, found) for found in alike),
        twin=TWIN,
        chance=chance,
        alone=None if alike else _why_alone(values, chance),
    )


def _similar(catalogue: Catalogue, layer: str, found: Alike) -> SimilarUnit:
    driven = (layer, found.unit) in catalogue.driven
    sprite = card_sprite(catalogue, catalogue.atlas.layer(layer), found.unit, UNIT) if driven else None
    near = round(found.correlation, 2) >= TWIN  # as the page shows it
    return SimilarUnit(found.unit, UNIT.unit(layer, found.unit), sprite, found.correlation, near)


def _why_alone(values: NDArray[np.float32], chance: float) -> str:
    if len(values) < LEAST:
        return f"A correlation over fewer than {LEAST} images says nothing, so none is shown."
    if values.max() <= 0:
        return "No sampled image drives it above zero, so there is nothing that other units could be compared by."
    if np.ptp(values) == 0:
        return "Its peak is the same in every sampled image, so it correlates with no other unit."
    return f"No unit of the layer correlates with it more than {chance:.2f}, which unrelated units reach by chance."
