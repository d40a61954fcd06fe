"""Parts that several pages of an evolution are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from convscope.web.atlas.words import TITLES
from convscope.web.evolution.course import LayerCourse
from convscope.web.evolution.facts import CurveFacts, LayerFacts
from convscope.web.evolution.pages import Mark, Measure, Tile
from convscope.web.evolution.sprites import LARGE, SMALL, cell_of
from convscope.web.evolution.stored import StoredEvolution
from convscope.web.evolution.urls import EvolutionUrls
from convscope.web.head import Around, make_head
from convscope.web.pages import Head, Link, Sprite
from convscope.web.urls import json_of

NAMED = 13
"""Checkpoints under the slider that have room for their names on a narrow screen."""
QUESTIONS = {
    "ranking": "answers to the same images in the same order",
    "projection": "gives the same picture of the same image",
}


def head_of(
    stored: StoredEvolution,
    urls: EvolutionUrls,
    title: str,
    page: str,
    trail: tuple[Link, ...] = (),
    around: Around = (None, None),
) -> Head:
    """What all pages share; ``page`` is its own address, ``trail`` the way to it."""
    shown = f"{title} \N{MIDDLE DOT} {name_of(stored)}"
    return make_head(urls.static, shown, json_of(page), trail, around, ["evolution.css"])


def name_of(stored: StoredEvolution) -> str:
    """What the evolution is called."""
    return f"Evolution on {stored.facts.images.name}"


def home(stored: StoredEvolution, urls: EvolutionUrls) -> Link:
    """The way to the page of the evolution."""
    return Link(name_of(stored), urls.index())


def method_of(stored: StoredEvolution) -> str:
    """How the projections were made, in a few words."""
    return TITLES.get(stored.facts.method, stored.facts.method)


def marks_of(stored: StoredEvolution, courses: Iterable[LayerCourse]) -> tuple[Mark, ...]:
    """The checkpoints, with how many units of these layers jumped."""
    listed = list(courses)
    jumped = sum((course.jump.sum(1) for course in listed), np.zeros(len(stored.facts.labels), np.int64))
    compared = sum((course.compared() for course in listed), np.zeros_like(jumped))
    count = len(stored.facts.labels)
    every = -(-count // NAMED)
    return tuple(
        Mark(
            label=stored.facts.labels[number],
            short=stored.short[1][number],
            named=(count - 1 - number) % every == 0,
            jumped=int(jumped[number]),
            compared=int(compared[number]),
            height=round(100 * float(jumped[number]) / max(int(compared[number]), 1), 1),
        )
        for number in range(count)
    )


def measures_of(stored: StoredEvolution, layer: LayerFacts) -> tuple[Measure, ...]:
    """How like its final self a layer is, by both measures."""
    return tuple(
        Measure(name, QUESTIONS[name], curve.settled, _when(stored, curve), curve.units, curve.unrelated, curve.median)
        for name, curve in (("ranking", layer.ranking), ("projection", layer.projection))
    )


def _when(stored: StoredEvolution, curve: CurveFacts) -> str:
    positions, word = stored.facts.positions, stored.short[0]
    if curve.settled is None:
        return "nothing to compare"
    if curve.settled <= positions[0]:
        return "from the first checkpoint on"
    late = ", not before the last" if curve.settled > positions[-2] else ""
    return f"{word} {curve.settled:.3g}".strip() + late


def tile_of(stored: StoredEvolution, address: str, unit: int, urls: EvolutionUrls, peaks: NDArray[np.float64]) -> Tile:
    """A unit that was drawn; ``peaks`` are those of its layer."""
    _, course = stored.layer(address)
    return Tile(
        unit=unit,
        href=urls.strip(address, unit),
        sprite=sprite_of(stored, urls.small(address, unit), SMALL),
        large=urls.large(address, unit),
        peaks=tuple(None if np.isnan(value) else float(value) for value in peaks[:, unit]),
        jumps=numbers_of(course.jump[:, unit]),
    )


def sprite_of(stored: StoredEvolution, href: str, wanted: int) -> Sprite:
    """A sprite of a unit, of cells that are as large as wanted."""
    count = len(stored.facts.labels)
    side = cell_of(count, wanted)
    return Sprite(href, count * side, 2 * side, pixelated=False)


def large_of(stored: StoredEvolution) -> Sprite:
    """What large sprites are like, without an address."""
    return sprite_of(stored, "", LARGE)


def numbers_of(flags: NDArray[np.bool_]) -> tuple[int, ...]:
    """Where it is so."""
    return tuple(np.flatnonzero(flags).tolist())


def spread(units: Sequence[int], most: int) -> tuple[int, ...]:
    """At most so many of them, evenly spaced."""
    places = np.unique(np.linspace(0, len(units) - 1, min(most, len(units))).round().astype(int))
    return tuple(units[place] for place in places.tolist())
