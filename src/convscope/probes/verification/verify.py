"""The self-test: everything that convscope computes of a network, computed a second way on the user's own images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
import torch

from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.trace import trace
from convscope.errors import SettingError
from convscope.graph.opgraph import INPUT
from convscope.images import ImageSet
from convscope.models import Model
from convscope.probes.outputs import check_eval
from convscope.probes.trust.measure import layers_to_test
from convscope.probes.verification.compare import (
    Result,
    Seen,
    answering,
    compare_graph,
    compare_method,
    compare_occluders,
    compare_windows,
    device_of,
)
from convscope.probes.verification.eager import watched
from convscope.probes.verification.reference import DEPARTURES
from convscope.probes.verification.result import Verification
from convscope.probes.views import spread_views

Progress = Callable[[int, int], None]

UNITS = 2
"""Units that are carried down from a layer: the strongest, and one drawn from those that answer."""


class Options(TypedDict, total=False):
    """Settings of ``verify_model`` that are given by name."""

    count: int
    """Images, evenly spaced over the set; each layer is tested on one of them, in turn. Default 2."""
    seed: int
    """Which units and places are drawn. Default 0."""
    device: str
    """Where the graph runs; the network's own modules stay where they are. Default ``cpu``."""
    report: Progress
    """Told of progress: (comparisons done, comparisons in all)."""


@dataclass(frozen=True)
class _Settings:
    count: int = 2
    seed: int = 0
    device: str = "cpu"
    report: Progress = lambda done, total: None  # noqa: ARG005

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("seed", 0)):
            number = getattr(self, name)
            if number < least:
                raise SettingError(f"{name} is {number}; expected a whole number of at least {least}")


def verify_model(
    model: Model, images: ImageSet, layers: Sequence[str] | None = None, **options: Unpack[Options]
) -> Verification:
    """Compare what convscope computes of ``model`` with a second way to the same numbers, on some of ``images``.

    For each layer (default: as in a scan) the exported graph is compared with the network's own modules, projections by
    every method with autograd, and windows with whole maps; for the network's result, occluders on windows with the
    network run on whole occluded images. Raises AddressError, ExportError, ImageSetError, ModelError and SettingError.
    """
    asked = _Settings(**options)
    check_eval(model)
    graph = graph_of(model, asked.device)
    chosen = find_layers(graph, layers)
    views = spread_views(images, asked.count, model.preprocessing)
    started = time.perf_counter()
    projected = layers_to_test(graph, layers)
    total = (len(chosen) + 2) * len(views.names) + (len(DEPARTURES) + 1) * len(projected)
    found: list[Result] = []
    for number, (name, pixels) in enumerate(zip(views.names, views.pixels, strict=True)):
        some = projected[number :: len(views.names)]
        image = model.preprocessing.normalise(torch.from_numpy(pixels)[None])
        seen = Seen(name, graph, trace(graph, image, *(layer.node for layer in chosen), graph.output))
        for result in _compared(model, seen, chosen, some, np.random.default_rng([asked.seed, number])):
            found.append(result)
            asked.report(min(len(found), total), total)
    asked.report(total, total)
    addresses = [layer.address for layer in chosen]
    return Verification.ordered(found, addresses, views.names, model.notes, time.perf_counter() - started)


def _compared(
    model: Model, seen: Seen, layers: Sequence[Layer], projected: Sequence[Layer], rng: np.random.Generator
) -> Iterator[Result]:
    """The graph at all ``layers``, projections from ``projected``."""
    places = {layer.address: answering(seen.recorded, layer, UNITS, rng) for layer in projected}
    paths = {seen.graph.by_name[layer.node].module for layer in layers}
    image = seen.recorded.values[INPUT].to(device_of(model.module, seen.recorded.values[INPUT].device))
    yield from compare_graph(seen, layers, *watched(model.module, image, paths))
    yield from compare_windows(seen, projected, places)
    for method in DEPARTURES:
        yield from compare_method(seen, projected, places, method)
    yield from compare_occluders(seen, model, rng)
