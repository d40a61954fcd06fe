"""An evolution as it lies in its folder: facts, what happened to every unit, and the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from convscope.errors import AddressError
from convscope.probes.evolution.labels import headings
from convscope.web.evolution.archive import Archive
from convscope.web.evolution.course import LayerCourse, read_courses
from convscope.web.evolution.facts import EvolutionFacts, LayerFacts, read_facts
from convscope.web.result_files import ResultFiles


@dataclass(frozen=True)
class StoredEvolution:
    """What ``convscope evolve`` or a recorder wrote; made by ``open_evolution``."""

    files: ResultFiles
    facts: EvolutionFacts
    courses: tuple[LayerCourse, ...]
    archive: Archive

    @cached_property
    def short(self) -> tuple[str, tuple[str, ...]]:
        """The word that all labels begin with, and the rest of each."""
        return headings(self.facts.labels)

    @cached_property
    def depths(self) -> dict[str, int]:
        """Address of a layer to its place among the layers."""
        return {layer.layer: depth for depth, layer in enumerate(self.facts.layers)}

    def layer(self, address: str) -> tuple[LayerFacts, LayerCourse]:
        """Facts and course of a layer; AddressError if it was not looked at."""
        if address not in self.depths:
            raise AddressError(f"the evolution has no layer {address!r}; it has {', '.join(self.depths)}")
        depth = self.depths[address]
        return self.facts.layers[depth], self.courses[depth]


def open_evolution(folder: str | Path) -> StoredEvolution:
    """The evolution in a folder; AtlasError if there is no finished one, AtlasFormatError if it is damaged.

    Pictures are read when they are asked for.
    """
    files = ResultFiles(Path(folder))
    facts = read_facts(files)
    return StoredEvolution(files, facts, read_courses(files, facts), Archive(files))
