"""Ties atlases and evolutions of one network together, so that the pages of a unit lead from one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convscope.web.atlas.beside import EvolutionBeside
from convscope.web.atlas.place import AtlasPlace
from convscope.web.evolution.beside import AtlasBeside
from convscope.web.evolution.facts import EvolutionFacts
from convscope.web.evolution.place import EvolutionPlace
from convscope.web.place import Place

UNTIED = (
    "This evolution was written without digests of its checkpoints, so it is not known whether one of them is the "
    "network of an atlas that is open beside it. Make it again to have its strips on the pages of the atlas."
)


def connected(places: Mapping[str, Place]) -> dict[str, Place]:
    """The places, where an atlas knows of the evolutions that its network is part of, and they of it.

    An atlas is made from a checkpoint if both say the same digest of weights, ops and preprocessing; names and paths
    prove nothing. The names of the places are those of their folders, side by side.
    """
    atlases = {name: place for name, place in places.items() if isinstance(place, AtlasPlace)}
    evolutions = {name: place for name, place in places.items() if isinstance(place, EvolutionPlace)}
    made = {name: _atlas(place, evolutions) for name, place in atlases.items()}
    return {**places, **made, **{name: _evolution(place, atlases) for name, place in evolutions.items()}}


def _atlas(place: AtlasPlace, evolutions: Mapping[str, EvolutionPlace]) -> AtlasPlace:
    found = ((name, each.stored, _number(place, each.stored.facts)) for name, each in evolutions.items())
    return replace(
        place, beside=tuple(EvolutionBeside(stored, f"../{name}/", at) for name, stored, at in found if at is not None)
    )


def _evolution(place: EvolutionPlace, atlases: Mapping[str, AtlasPlace]) -> EvolutionPlace:
    facts = place.stored.facts
    found = ((name, each.atlas, _number(each, facts)) for name, each in atlases.items())
    beside = tuple(AtlasBeside(atlas, f"../{name}/", facts.labels[at]) for name, atlas, at in found if at is not None)
    unknown = not facts.checkpoints or any(each.digest is None for each in facts.checkpoints)
    return replace(place, beside=beside, notes=(UNTIED,) if atlases and unknown and not beside else ())


def _number(place: AtlasPlace, facts: EvolutionFacts) -> int | None:
    """The last checkpoint that is the atlas's network."""
    digest = place.atlas.manifest.model.digest
    return max((number for number, each in enumerate(facts.checkpoints) if each.digest == digest), default=None)
