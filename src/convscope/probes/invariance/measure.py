"""The experiment's one loop: batches go through the network, and each layer is compared as it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.allowance import PAIR, images_at_once
from convscope.engine.forward import Forward, prepare
from convscope.errors import NumberError
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.probes.invariance.answers import Answers, Watch, answers, reader_of
from convscope.probes.invariance.compare import Squares, as_rows, compare, compare_moved
from convscope.probes.invariance.follow import Sources, sources_of
from convscope.probes.invariance.passes import Group, Pass, Recipe, Skip, passes
from convscope.probes.invariance.watched import Watched

Progress = Callable[[int, int], None]
"""(images done, images in all)."""


@dataclass(frozen=True)
class Experiment:
    """All that is fixed before the first image; ``followed`` are places in the recipe's inverses."""

    graph: OpGraph
    images: ImageSet
    recipe: Recipe
    watched: tuple[Watched, ...]
    watch: Watch | None
    followed: tuple[int, ...]
    batch: int
    device: str


@dataclass
class UnitMean:
    """A running mean for each unit, over what is not NaN."""

    total: Squares
    count: NDArray[np.int64]

    @classmethod
    def empty(cls, units: int) -> UnitMean:
        """Of nothing yet."""
        return cls(np.zeros(units), np.zeros(units, np.int64))

    def add(self, values: Squares) -> None:
        """Take in values (count, units)."""
        self.total += np.nansum(values, axis=0)
        self.count += np.isfinite(values).sum(0)

    @property
    def mean(self) -> NDArray[np.float32]:
        """Float32 (units,), NaN where nothing was taken in."""
        nothing = np.full(self.total.shape, np.nan)
        mean: Squares = np.divide(self.total, self.count, out=nothing, where=self.count > 0)
        return mean.astype(np.float32)


@dataclass
class LayerRecord:
    """What is kept of a layer: distances (images, values) by row of the set, and running means of its units."""

    watched: Watched
    names: tuple[str, ...]
    """Of the images."""
    sources: Mapping[int, Sources | None]
    distance: NDArray[np.float32]
    normalised: NDArray[np.float32]
    units: UnitMean
    still: UnitMean
    moved: UnitMean
    unrelated: list[float] = field(default_factory=list)
    previous: Tensor | None = None
    """The features of the image before, as it is: one image's, to compare with the next."""

    def add(self, group: Group, rows: Tensor) -> None:
        """Take in one image's part of a batch, rows (count, positions, units); raises NumberError."""
        reference, met = rows[group.row], rows[group.rows]
        apart = compare(met, reference)
        distance = apart.distance()
        if not np.isfinite(distance).all():
            raise self._not_finite(group)
        values = slice(group.values.start, group.values.stop)
        self.distance[group.image, values] = distance
        self.normalised[group.image, values] = apart.normalised()
        by_unit = apart.normalised_units()
        self.units.add(by_unit)
        self._follow(group, met, reference, by_unit)
        if group.values.start == 0:
            self._meet(reference)

    def _follow(self, group: Group, met: Tensor, reference: Tensor, by_unit: Squares) -> None:
        chosen = [number for number, value in enumerate(group.values) if value in self.sources]
        if chosen:
            sources = [self.sources[group.values[number]] for number in chosen]
            self.still.add(by_unit[chosen])
            self.moved.add(compare_moved([met[number] for number in chosen], reference, sources).normalised_units())

    def _meet(self, reference: Tensor) -> None:
        if self.previous is not None:
            self.unrelated += compare(reference[None], self.previous).normalised().tolist()
        self.previous = reference.clone()

    def _not_finite(self, group: Group) -> NumberError:
        return NumberError(
            f"layer {self.watched.address!r} gives NaN, infinite or very large activations for the image "
            f"{self.names[group.image]!r} or one of its transforms, which have no distance. Look for NaN in the "
            "weights, and check how the model is normalised"
        )


@dataclass(frozen=True)
class Measured:
    """Records in the order of the watched layers, answers by image, and what had to be left out."""

    layers: tuple[LayerRecord, ...]
    answers: Mapping[int, Sequence[Answers]]
    skipped: tuple[Skip, ...]
    notes: tuple[str, ...]


def measure(experiment: Experiment, order: Sequence[int], report: Progress) -> Measured:
    """Run the images ``order``; raises NumberError for NaN or infinity."""
    run = Run.of(experiment)
    given: dict[int, list[Answers]] = {}
    skipped: list[Skip] = []
    seen: set[int] = set()
    for met in passes(experiment.images, order, experiment.recipe, images_at_once(experiment.batch, PAIR)):
        if isinstance(met, Skip):
            skipped.append(met)
        else:
            for group, answer in zip(met.groups, run.take_in(met), strict=False):
                given.setdefault(group.image, []).append(answer)
            seen.update(group.image for group in met.groups)
        report(len(seen) + len(skipped), len(order))
    return Measured(tuple(run.records.values()), given, tuple(skipped), run.notes)


@dataclass
class Run:
    """An experiment under way: the network made ready, and what is kept of each layer, by node."""

    experiment: Experiment
    forward: Forward
    records: Mapping[str, LayerRecord]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiment: Experiment) -> Run:
        """Before the first image."""
        records = {each.node: _empty_record(experiment, each) for each in experiment.watched}
        shown = dict.fromkeys([*records, *([experiment.graph.output] if experiment.watch else [])])
        return cls(experiment, prepare(experiment.graph, list(shown), experiment.device), records)

    def take_in(self, met: Pass) -> list[Answers]:
        """Run one batch; the answers to each of its groups, none for a network without class output."""
        output: list[Tensor] = []

        def visit(node: str, values: Tensor) -> None:
            if node == self.experiment.graph.output and self.experiment.watch is not None:
                output.append(values.float().cpu())
            if node in self.records:
                rows = as_rows(values)
                for group in met.groups:
                    self.records[node].add(group, rows)

        self.forward(self.experiment.recipe.preprocessing.normalise(met.views), visit)
        return self._answers(met, output[0]) if output else []

    def _answers(self, met: Pass, output: Tensor) -> list[Answers]:
        watch = self.experiment.watch
        assert watch is not None
        outputs = reader_of(self.experiment.graph, output[:1], watch)
        if outputs.are_probabilities:
            self.notes = ("the output already is a row of probabilities and was taken as it is, without softmax",)
        labels = self.experiment.images.labels
        return [answers(outputs, output[g.row : g.rows.stop], watch, labels[g.image]) for g in met.groups]


def _empty_record(experiment: Experiment, watched: Watched) -> LayerRecord:
    recipe = experiment.recipe
    view = (recipe.preprocessing.height, recipe.preprocessing.width)
    sources: dict[int, Sources | None] = {}
    for value in experiment.followed if watched.places is not None else ():
        assert watched.places is not None
        found = sources_of(watched.places, recipe.inverses[value], view)
        sources[value] = None if found is None else found.to(torch.device(experiment.device))
    shape = (len(experiment.images), len(recipe.inverses))
    return LayerRecord(
        watched,
        experiment.images.names,
        sources,
        distance=np.zeros(shape, np.float32),
        normalised=np.zeros(shape, np.float32),
        units=UnitMean.empty(watched.units),
        still=UnitMean.empty(watched.units),
        moved=UnitMean.empty(watched.units),
    )
