"""One image, value by value: how far each layer has moved, and what the network answers, as it becomes known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.allowance import PAIR, images_at_once
from convscope.engine.forward import Forward, prepare
from convscope.engine.graphs import graph_of
from convscope.errors import NumberError
from convscope.finite import is_finite
from convscope.models import Model
from convscope.probes.invariance.compare import as_rows, compare
from convscope.probes.invariance.invariance import Options, Settings, recipe_for
from convscope.probes.invariance.passes import Recipe, chunks
from convscope.probes.invariance.transform import Numbers, find_transform, find_values
from convscope.probes.invariance.watched import Watched, watched_layers
from convscope.probes.outputs import check_eval, outputs_of


@dataclass(frozen=True)
class Moved:
    """The image transformed by one value: its view uint8 (height, width, channels), each layer's normalised distance,
    float64 (layers,), and float32 (classes,) probabilities, None without class output.
    """

    value: float
    view: NDArray[np.uint8]
    normalised: NDArray[np.float64]
    probabilities: NDArray[np.float32] | None


@dataclass(frozen=True)
class OneImage:
    """An image made ready: its views, the values, and the layers that are compared."""

    model: Model
    recipe: Recipe
    views: NDArray[np.uint8]
    """uint8 (1 + values, height, width, channels): as it is, then transformed."""
    values: Numbers
    watched: tuple[Watched, ...]
    device: str

    def steps(self, batch: int) -> Iterator[Moved]:
        """The image at each value, in rising order; a pass has at most ``batch`` views, but at least 2, of which the
        first is the image as it is.
        """
        graph = graph_of(self.model, self.device)
        shown = dict.fromkeys([*(each.node for each in self.watched), graph.output])
        run = prepare(graph, list(shown), self.device)
        for part in chunks(len(self.values), images_at_once(batch, PAIR) - 1):
            rows = [0, *(1 + number for number in part)]
            yield from self._pass(run, rows)

    def _pass(self, run: Forward, rows: Sequence[int]) -> Iterator[Moved]:
        graph = graph_of(self.model, self.device)
        distances: dict[str, NDArray[np.float64]] = {}
        shares: list[NDArray[np.float32] | None] = []
        addresses = {each.node: each.address for each in self.watched}

        def visit(node: str, values: Tensor) -> None:
            if node == graph.output:
                outputs = outputs_of(graph, values[:1].float().cpu(), self.model.classes)
                shares.append(outputs.probabilities(values.float().cpu()).numpy() if outputs.count else None)
            if node not in addresses:
                return
            vectors = as_rows(values)
            if not is_finite(vectors):
                raise NumberError(
                    f"layer {addresses[node]!r} gives NaN or infinity for this image. Look for NaN in the "
                    "weights, and check how the model is normalised"
                )
            distances[node] = compare(vectors, vectors[0]).normalised()

        run(self.model.preprocessing.normalise(torch.from_numpy(self.views[rows])), visit)
        for place, row in enumerate(rows[1:], start=1):
            moved = np.array([distances[each.node][place] for each in self.watched])
            share = shares[0]
            yield Moved(float(self.values[row - 1]), self.views[row], moved, None if share is None else share[place])


def one_image(
    model: Model,
    picture: NDArray[np.uint8],
    transform: str = "translate-y",
    values: Sequence[float] | None = None,
    layers: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> OneImage:
    """One picture, uint8 (height, width, channels), made ready for what ``invariance`` measures, to follow it value by
    value; takes the same settings, of which border, interpolation and device matter, and raises the same errors.
    """
    settings = Settings(**options)
    check_eval(model)
    chosen = find_transform(transform)
    numbers = find_values(chosen, values, (model.preprocessing.height, model.preprocessing.width))
    recipe = recipe_for(model, chosen, numbers, settings)
    watched = watched_layers(graph_of(model, settings.device), layers)
    return OneImage(model, recipe, recipe.pictures(picture), numbers, watched, settings.device)
