"""An evolution as a place: its pages, sprites and files by address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

from convscope.web.evolution.beside import AtlasBeside
from convscope.web.evolution.build import FILES, SCRIPT, evolution_page, layer_page, strip_page
from convscope.web.evolution.facts import FACTS
from convscope.web.evolution.parts import name_of, numbers_of
from convscope.web.evolution.sprites import LARGE, SMALL, paint_course
from convscope.web.evolution.stored import StoredEvolution, open_evolution
from convscope.web.evolution.urls import ROOT
from convscope.web.listed import ListedPlace, Maker, static_contents
from convscope.web.place import Answer
from convscope.web.result_files import ResultFiles
from convscope.web.shown import shown
from convscope.web.sources import COMMON

PAINTED = 4096
"""Sprites kept, about 10 kB each."""


def recognised(folder: Path) -> bool:
    """Whether a folder holds a finished evolution."""
    return ResultFiles(folder).has(FACTS)


@dataclass(frozen=True)
class EvolutionPlace:
    """The pages of an evolution, which lead to the atlases ``beside`` it."""

    stored: StoredEvolution
    beside: tuple[AtlasBeside, ...] = ()
    notes: tuple[str, ...] = ()
    """On what is beside it."""

    @property
    def kind(self) -> str:
        """What it is."""
        return "evolution"

    @property
    def title(self) -> str:
        """Its images."""
        return name_of(self.stored)

    @property
    def first(self) -> str:
        """The page of the evolution."""
        return ROOT.index()

    @cached_property
    def listed(self) -> ListedPlace:
        """All that it holds, by address."""
        contents = dict(_contents(self)) | static_contents(*COMMON, "evolution.css", SCRIPT)
        return ListedPlace(self.kind, self.title, self.first, contents)

    def names(self) -> Iterator[str]:
        """All addresses."""
        return self.listed.names()

    def answer(self, name: str) -> Answer | None:
        """What stands at an address, None if there is nothing."""
        return self.listed.answer(name)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Every address with what stands there."""
        return self.listed.answers()


def evolution_place(folder: str | Path) -> EvolutionPlace:
    """The place of a folder that ``convscope evolve`` wrote; raises the errors of ``open_evolution``."""
    return EvolutionPlace(open_evolution(folder))


def _contents(place: EvolutionPlace) -> Iterator[tuple[str, Maker]]:
    stored = place.stored
    yield from shown(ROOT.index(), partial(evolution_page, stored, place.notes))
    paint = lru_cache(PAINTED)(partial(paint_course, stored.archive))
    for depth, layer in enumerate(stored.facts.layers):
        address, course = layer.layer, stored.courses[depth]
        yield from shown(ROOT.layer(address), partial(layer_page, stored, address))
        for unit in layer.shown:
            yield from shown(ROOT.strip(address, unit), partial(strip_page, stored, address, unit, place.beside))
            about = depth, unit, tuple(course.there[:, unit].tolist()), numbers_of(course.jump[:, unit])
            yield ROOT.small(address, unit), partial(paint, *about, SMALL)
            yield ROOT.large(address, unit), partial(paint, *about, LARGE)
    for name in FILES:
        if stored.files.has(name):
            yield ROOT.file(name), partial(stored.files.read, name)
