"""A network as jobs see it: what its passes, walks down and sweeps take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convscope.engine.allowance import USUAL
from convscope.engine.footprint import Footprint, footprint
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.graph.opgraph import OpGraph
from convscope.models import Model
from convscope.resources.demand import Step
from convscope.resources.pace import slowness
from convscope.resources.stored import area

PASS, DESCENT = "images", "signals"
SWEEP = "places"
AHEAD = 3
"""Batches of views that are held: the one in work and those decoded meanwhile."""
WORKING = 1.3
"""What ops take for themselves beside their operands and results, as a factor."""
DESCENDING, SWEEPING = 5, 6
"""Bytes in use for one of the signals of a walk down, and of the places of a sweep."""
DOWN = 0.5
"""Time of a walk down whole maps, as a part of the pass up to its layer."""
DECODING = 60_000_000
"""Bytes that a thread takes to decode a photograph of some ten million pixels."""


@dataclass(frozen=True)
class Net:
    """A model made ready to be asked about."""

    model: Model
    graph: OpGraph
    layers: tuple[Layer, ...]
    found: Footprint

    @classmethod
    def of(cls, model: Model, layers: Sequence[str] | None, device: str) -> Net:
        """Up to these layers (addresses; None: the default ones)."""
        graph = graph_of(model, device)
        chosen = find_layers(graph, layers)
        return cls(model, graph, chosen, footprint(graph, [layer.node for layer in chosen]))

    @classmethod
    def whole(cls, model: Model, device: str) -> Net:
        """Up to the model's result, with no layer in mind."""
        graph = graph_of(model, device)
        return cls(model, graph, (), footprint(graph, [graph.output]))

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the input."""
        return self.model.preprocessing.height, self.model.preprocessing.width

    @property
    def view(self) -> int:
        """Bytes of an image as the model sees it."""
        return self.size[0] * self.size[1] * self.model.preprocessing.channels

    def slowness(self) -> float:
        """See ``pace.slowness``."""
        return slowness(self.graph, tuple(self.found.reached), self.found)

    def passing(self, batch: int, workers: int, state: int = 0, least: int = 1) -> Step:
        """Forward passes of ``least`` to ``batch`` images, decoded by ``workers`` threads, beside ``state`` bytes."""
        each = int(WORKING * self.found.alive) + (AHEAD + 4) * self.view
        fixed = self.found.weights + workers * DECODING + state
        smallest = "one image" if least == 1 else f"{least} images"
        ways = f"decode with fewer than {workers} threads (--workers)" if workers > 1 else ""
        return Step(f"a forward pass of {smallest}", PASS, fixed, each, least, batch, ways)

    def descending(self, count: int, state: int = 0) -> Step:
        """Walks down from ``count`` activations of one image, whose values are all kept, beside ``state`` bytes."""
        widest = self.found.widest
        usual = max(min(USUAL.signals, count * widest), widest)
        fixed = int(WORKING * self.found.kept) + state
        return Step("one projection", DESCENT, fixed, DESCENDING, widest, usual)

    def sweeping(self) -> Step:
        """A sweep of occluders over one image."""
        fixed = self.found.weights + int(WORKING * self.found.kept)
        usual = max(USUAL.places, self.found.widest)
        return Step("the occlusion of one place", SWEEP, fixed, SWEEPING, self.found.widest, usual)

    def down(self, layer: Layer) -> float:
        """Predicted seconds of a walk down from one activation of a layer."""
        share = area(layer, self.size) / (self.size[0] * self.size[1])
        return DOWN * share * self.found.reached[layer.node]
