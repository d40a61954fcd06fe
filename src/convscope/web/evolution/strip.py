"""A unit over all checkpoints, also for pages of others: the page of the same unit in an atlas."""

from __future__ import annotations

import math
from typing import Any

from convscope.web.evolution.pages import EvolutionStrip, Step
from convscope.web.evolution.parts import sprite_of
from convscope.web.evolution.sprites import LARGE
from convscope.web.evolution.stored import StoredEvolution
from convscope.web.evolution.urls import UNIT, EvolutionUrls
from convscope.web.pages import Box


def strip_of(evolution: StoredEvolution, layer: str, unit: int, urls: EvolutionUrls = UNIT) -> EvolutionStrip | None:
    """The strip of a unit, None if the evolution has no such layer or unit.

    ``urls`` leads from the page that shows it to the evolution's folder. A unit that was not drawn has numbers only.
    """
    if layer not in evolution.depths or not 0 <= unit < evolution.layer(layer)[0].units:
        return None
    facts, course = evolution.layer(layer)
    drawn = unit in facts.shown
    sprite = sprite_of(evolution, urls.large(layer, unit), LARGE) if drawn else None
    columns = {name: course.column(name, unit) for name in _COLUMNS}
    side = sprite.height // 2 if sprite else 0
    steps = tuple(
        _step(evolution, number, {name: column[number] for name, column in columns.items()}, side)
        for number in range(len(evolution.facts.labels))
    )
    return EvolutionStrip(layer, unit, urls.strip(layer, unit), evolution.short[0], sprite, steps)


_COLUMNS = ("value", "image", "y", "x", "jump", "overlap", "ranking")


def _step(evolution: StoredEvolution, number: int, row: dict[str, Any], side: int) -> Step:
    seen = side > 0 and row["value"] is not None
    return Step(
        label=evolution.facts.labels[number],
        short=evolution.short[1][number],
        value=_finite(row["value"]),
        image=row["image"],
        y=row["y"],
        x=row["x"],
        jump=bool(row["jump"]),
        overlap=_finite(row["overlap"]),
        ranking=_finite(row["ranking"]),
        projection=Box(number * side, 0, side, side) if seen else None,
        patch=Box(number * side, side, side, side) if seen else None,
    )


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
