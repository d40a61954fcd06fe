"""An evolution as a place: its pages, sprites and files by address."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path

from convscope.web.evolution.build import FILES, SCRIPT, evolution_page, layer_page, strip_page
from convscope.web.evolution.facts import FACTS
from convscope.web.evolution.parts import name_of, numbers_of
from convscope.web.evolution.sprites import LARGE, SMALL, paint_course
from convscope.web.evolution.stored import StoredEvolution, open_evolution
from convscope.web.evolution.urls import ROOT
from convscope.web.listed import ListedPlace, Maker, static_contents
from convscope.web.result_files import ResultFiles
from convscope.web.shown import shown
from convscope.web.sources import COMMON

PAINTED = 4096
"""Sprites kept, about 10 kB each."""


def recognised(folder: Path) -> bool:
    """Whether a folder holds a finished evolution."""
    return ResultFiles(folder).has(FACTS)


def evolution_place(folder: str | Path) -> ListedPlace:
    """The place of a folder that ``convscope evolve`` wrote; raises the errors of ``open_evolution``."""
    stored = open_evolution(folder)
    contents = dict(_contents(stored)) | static_contents(*COMMON, "evolution.css", SCRIPT)
    return ListedPlace("evolution", name_of(stored), ROOT.index(), contents)


def _contents(stored: StoredEvolution) -> Iterator[tuple[str, Maker]]:
    yield from shown(ROOT.index(), partial(evolution_page, stored))
    paint = lru_cache(PAINTED)(partial(paint_course, stored.archive))
    for depth, layer in enumerate(stored.facts.layers):
        address, course = layer.layer, stored.courses[depth]
        yield from shown(ROOT.layer(address), partial(layer_page, stored, address))
        for unit in layer.shown:
            yield from shown(ROOT.strip(address, unit), partial(strip_page, stored, address, unit))
            about = depth, unit, tuple(course.there[:, unit].tolist()), numbers_of(course.jump[:, unit])
            yield ROOT.small(address, unit), partial(paint, *about, SMALL)
            yield ROOT.large(address, unit), partial(paint, *about, LARGE)
    for name in FILES:
        if stored.files.has(name):
            yield ROOT.file(name), partial(stored.files.read, name)
