"""Sanity tests of projections: how far they depend on the weights, the unit, the signal and the image.

Weights re-initialised from the top down, after Adebayo et al. 2018; other units and a random positive signal at the
same place, after Mahendran & Vedaldi 2016 and Nie et al. 2018. A unit's signal is 1 whatever its activation was,
so that pictures differ by the way down alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.project import Way
from convscope.errors import SettingError
from convscope.graph.fold import replace_nodes
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.models import Model
from convscope.probes.outputs import check_eval
from convscope.probes.trust.cascade import plan_cascade, upper
from convscope.probes.trust.pairs import Bench, Pairs, Progress, collect
from convscope.probes.trust.result import CascadeStep, LayerTrust, Likeness, Trust
from convscope.probes.trust.similarity import Similarity
from convscope.probes.trust.spots import find_spots
from convscope.probes.trust.verdicts import TESTS, WEIGHT
from convscope.probes.views import Views, spread_views
from convscope.rules.coverage import coverage
from convscope.rules.projection import METHODS

ALL = "all"
LAYERS = 8
"""Layers that are tested where none is named."""


class Options(TypedDict, total=False):
    """Settings of ``trust`` that are given by name."""

    method: str
    """``all`` (the default), ``auto``, or one method."""
    count: int
    """Images that are looked at; default 4."""
    units: int
    """Units at each place; default 5."""
    steps: int
    """Steps of each layer's cascade; default 4."""
    unpool: str
    """How pooling goes down; default ``sum``."""
    seed: int
    """Of the new weights and the random signals; default 0."""
    device: str
    """Where the network runs; default ``cpu``."""
    report: Progress
    """Told of progress: (passes done, passes in all)."""


@dataclass(frozen=True)
class Settings:
    """See ``Options``; raises SettingError for numbers that leave nothing to compare."""

    method: str = ALL
    count: int = 4
    units: int = 5
    steps: int = 4
    unpool: str = "sum"
    seed: int = 0
    device: str = "cpu"
    report: Progress = lambda done, total: None  # noqa: ARG005

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("units", 1), ("steps", 1), ("seed", 0)):
            number = getattr(self, name)
            if number < least:
                raise SettingError(f"{name} is {number}; expected a whole number of at least {least}")


def trust(
    model: Model,
    images: ImageSet | Sequence[NDArray[np.uint8]],
    layers: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Trust:
    """How far a network's projections depend on its weights, on the unit, on the signal and on the image.

    ``images`` is a set, or pictures, uint8 (height, width, channels) of any size; a few, evenly spaced, are looked at.
    Without ``layers`` (addresses), eight are taken, from input to output. Options: ``method``, ``count``, ``units``,
    ``steps``, ``unpool``, ``seed``, ``device``, ``report``, see ``Options``. Raises AddressError, CoverageError,
    ImageSetError, ModelError, NumberError and SettingError.
    """
    asked = Settings(**options)
    check_eval(model)
    graph = graph_of(model, asked.device)
    chosen = layers_to_test(graph, layers)
    source = images if isinstance(images, ImageSet) else ImageSet.open(list(images))
    return measure(model, spread_views(source, asked.count, model.preprocessing), chosen, asked)


def layers_to_test(graph: OpGraph, addresses: Sequence[str] | None) -> tuple[Layer, ...]:
    """The layers with these addresses; None: some of the default ones, evenly spaced. Raises AddressError."""
    found = find_layers(graph, addresses)
    if addresses is not None or len(found) <= LAYERS:
        return found
    return tuple(found[round(number * (len(found) - 1) / (LAYERS - 1))] for number in range(LAYERS))


def measure(model: Model, views: Views, layers: Sequence[Layer], asked: Settings) -> Trust:
    """The tests on these views; raises CoverageError if a named method, or every method, is refused everywhere."""
    whole = graph_of(model, asked.device)
    ways, notes = _ways(whole, layers, asked)
    nodes = [layer.node for layer in layers]
    graph = replace_nodes(whole, whole.ancestors(*nodes))
    shown = model.preprocessing.normalise(torch.from_numpy(views.pixels)).to(asked.device)
    cascade = plan_cascade(graph, layers, asked.steps)
    spots = find_spots(graph, layers, shown, asked.units, views.names)
    bench = Bench(graph, shown, tuple(layers), ways, spots, cascade, asked.seed)
    pairs = collect(bench, asked.report)
    rows = tuple(
        _row(bench, pairs, method, number)
        for method in METHODS
        for number, layer in enumerate(layers)
        if any(way.method == method for way in ways[layer.address])
    )
    return Trust(rows, views.names, (*notes, *(f"left out {name}: {reason}" for name, reason in views.skipped)))


def _ways(graph: OpGraph, layers: Sequence[Layer], asked: Settings) -> tuple[dict[str, tuple[Way, ...]], list[str]]:
    """The ways down from each layer, by address, and what was left out because an op has no rule."""
    found: dict[str, tuple[Way, ...]] = {layer.address: () for layer in layers}
    notes = []
    for method in METHODS if asked.method == ALL else [asked.method]:
        covered = coverage(graph, [layer.node for layer in layers], method)
        way = Way(covered.method, asked.unpool)
        for layer in layers:
            refused = coverage(graph, [layer.node], way.method).refused
            if refused:
                notes.append(
                    f"{way.method} of {layer.address} was left out: {refused[0].op} at {refused[0].address} has no "
                    f"rule ({refused[0].reason})"
                )
            else:
                found[layer.address] += (way,)
    if not any(found.values()):
        covered.check()
    return found, notes


def _row(bench: Bench, pairs: Pairs, method: str, number: int) -> LayerTrust:
    address, steps = bench.layers[number].address, bench.cascade.steps[number]
    by_step = [pairs.get((method, address, step.network), []) for step in steps]
    by_test = {test: pairs.get((method, address, test), []) for test in TESTS}
    by_test[WEIGHT] = [pair for _, found in zip(upper(steps), by_step, strict=False) for pair in found]
    return LayerTrust(
        method,
        address,
        tuple(likeness_of(found) for found in by_test.values()),
        tuple(
            CascadeStep(step.count, step.total, step.lowest, likeness_of(found))
            for step, found in zip(steps, by_step, strict=True)
        ),
    )


def likeness_of(pairs: Sequence[Similarity | None]) -> Likeness:
    """The mean of the pairs that can be compared; None is one that cannot."""
    full = [pair for pair in pairs if pair is not None]
    rank, absolute, ssim = (_mean([getattr(pair, name) for pair in full]) for name in ("rank", "absolute", "ssim"))
    spread = float(np.std([pair.rank for pair in full])) if full else float("nan")
    return Likeness(rank, absolute, ssim, spread, len(full), len(pairs) - len(full))


def _mean(numbers: Sequence[float]) -> float:
    known = [number for number in numbers if not np.isnan(number)]
    return float(np.mean(known)) if known else float("nan")
