"""What ``evolution.json`` says, strictly read, and checked for what the pages rely on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convscope.errors import AtlasFormatError
from convscope.web.result_files import ResultFiles

FACTS = "evolution.json"


@dataclass(frozen=True)
class CurveFacts:
    """The median similarity of a layer's units to their final state."""

    settled: float | None
    units: int  # that have something to compare
    unrelated: float | None  # the same between different units
    median: tuple[float | None, ...]


@dataclass(frozen=True)
class LayerFacts:
    """A layer in a few numbers."""

    layer: str
    units: int
    shown: tuple[int, ...]
    silent_at_the_end: int
    jumps: tuple[float | None, ...]  # share of the units that had a winner before and after
    ranking: CurveFacts
    projection: CurveFacts


@dataclass(frozen=True)
class OrderFacts:
    """Whether lower layers settle first."""

    correlation: float | None
    sentence: str


@dataclass(frozen=True)
class OrdersFacts:
    """By the two measures."""

    ranking: OrderFacts
    projection: OrderFacts


@dataclass(frozen=True)
class ImagesFacts:
    """The image set."""

    name: str
    digest: str
    count: int


@dataclass(frozen=True)
class SkippedImage:
    """An image that was left out."""

    image: str
    reason: str


@dataclass(frozen=True)
class CheckpointFacts:
    """A checkpoint: where its network came from."""

    label: str
    position: float
    model: str | None = None  # None: it was recorded while it was trained
    digest: str | None = None  # of its weights, ops and preprocessing, as in an atlas's manifest; None: not recorded


@dataclass(frozen=True)
class EvolutionFacts:
    """The part of ``evolution.json`` that the pages use."""

    labels: tuple[str, ...]
    positions: tuple[float, ...]
    method: str
    probed: str
    ranked_over: int
    layers: tuple[LayerFacts, ...]
    order: OrdersFacts
    images: ImagesFacts
    skipped: tuple[SkippedImage, ...]
    notes: tuple[str, ...]
    checkpoints: tuple[CheckpointFacts, ...] = ()  # none, or one for each label


def read_facts(files: ResultFiles) -> EvolutionFacts:
    """The facts of a folder; AtlasError if there are none, AtlasFormatError if they are damaged or contradictory."""
    facts = files.picked(EvolutionFacts, FACTS)
    wrong = next(_contradictions(facts), None)
    if wrong is not None:
        raise AtlasFormatError(f"{files.path / FACTS}: {wrong}. Make the result again.")
    return facts


def _contradictions(facts: EvolutionFacts) -> Iterator[str]:
    count = len(facts.labels)
    if count < 2 or len(facts.positions) != count:
        yield f"{count} labels and {len(facts.positions)} positions; expected two or more of each, as many"
    if facts.checkpoints and tuple(each.label for each in facts.checkpoints) != facts.labels:
        yield f"the labels {', '.join(facts.labels)} are not those of the checkpoints"
    if any(after <= before for before, after in zip(facts.positions, facts.positions[1:], strict=False)):
        yield f"the positions {', '.join(f'{each:g}' for each in facts.positions)} do not rise"
    if len({layer.layer for layer in facts.layers}) != len(facts.layers):
        yield "a layer is there twice"
    for layer in facts.layers:
        if {len(layer.jumps), len(layer.ranking.median), len(layer.projection.median)} != {count}:
            yield f"layer {layer.layer} has not {count} jumps and medians, one for each checkpoint"
        if list(layer.shown) != sorted({unit for unit in layer.shown if 0 <= unit < layer.units}):
            yield f"layer {layer.layer} shows units that are not, in rising order, among its {layer.units}"
