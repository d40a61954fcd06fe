"""The projections of one checkpoint, image by image: one forward pass for all that starts in an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from convscope.engine.graphs import graph_of
from convscope.engine.loading import View, read_view
from convscope.engine.project import project_signals, project_units
from convscope.engine.trace import Trace, trace
from convscope.errors import ImageSetError, NumberError, about
from convscope.finite import is_finite
from convscope.models import Model
from convscope.probes.evolution.likeness import cosine
from convscope.probes.evolution.record import Box, Drawn, Numbers, Place
from convscope.probes.evolution.study import Study

Key = tuple[int, int]
"""Number of the layer, and of the unit among those shown."""
Places = Sequence[Sequence[Place | None]]
"""By layer and shown unit."""


@dataclass(frozen=True)
class Pictures:
    """By layer and shown unit: the winner, the projection at the fixed place, and how like another unit's that is."""

    winners: dict[Key, Drawn]
    probes: dict[Key, Numbers]
    apart: dict[Key, float]


@dataclass(frozen=True)
class _Task:
    key: Key
    place: Place


def pictures_of(model: Model, study: Study, winners: Places, probes: Places) -> Pictures:
    """Project every unit at its winner, and at its fixed place; raises NumberError for what is not finite."""
    made = Pictures({}, {}, {})
    won, fixed = _by_image(winners), _by_image(probes)
    for image in sorted(won.keys() | fixed.keys()):
        with about(f"image {study.images.names[image]!r}"):
            _add_pictures(made, model, study, image, won.get(image, []), fixed.get(image, []))
    return made


def _add_pictures(
    made: Pictures, model: Model, study: Study, image: int, tasks: Sequence[_Task], tests: Sequence[_Task]
) -> None:
    view = _view(model, study, image)
    nodes = {study.layers[task.key[0]].node for task in (*tasks, *tests)}
    pixels = model.preprocessing.normalise(torch.from_numpy(view)[None])
    recorded = trace(graph_of(model, study.settings.device), pixels, *sorted(nodes))
    for depth in sorted({task.key[0] for task in tasks}):
        made.winners.update(_winners(recorded, study, depth, [t for t in tasks if t.key[0] == depth], view))
    for task in tests:
        made.probes[task.key], made.apart[task.key] = _probe(recorded, study, task)


def _by_image(places: Places) -> dict[int, list[_Task]]:
    found: dict[int, list[_Task]] = {}
    for depth, line in enumerate(places):
        for number, place in enumerate(line):
            if place is not None:
                found.setdefault(place.image, []).append(_Task((depth, number), place))
    return found


def _view(model: Model, study: Study, image: int) -> View:
    outcome, view = read_view(study.seen, image, model.preprocessing)
    if view is None:
        raise ImageSetError(
            f"image {study.images.names[image]!r} could be read before and cannot be now: {outcome.skipped}. Restore "
            "it and start again"
        )
    return view


def _winners(
    recorded: Trace, study: Study, depth: int, tasks: Sequence[_Task], view: View
) -> Iterator[tuple[Key, Drawn]]:
    """The units' own activations, carried down as ``project`` does."""
    layer = study.layers[depth]
    maps = recorded.values[layer.node]
    places = [(task.place.unit, task.place.y, task.place.x) for task in tasks]
    for task, pixels in zip(tasks, project_units(recorded, layer, places, study.subject.way), strict=True):
        place = task.place
        value = float(maps[0, place.unit, place.y, place.x])
        cut = _cut(pixels, place.box, layer.address)
        top, left, bottom, right = place.box
        yield task.key, Drawn(place, value, cut, view[top:bottom, left:right].copy())


def _probe(recorded: Trace, study: Study, task: _Task) -> tuple[Numbers, float]:
    """A signal of 1 for the unit at its fixed place, and how like the same of another unit it is.

    1, because the unit may be silent there at this checkpoint; a factor does not change a cosine.
    """
    layer, place = study.layers[task.key[0]], task.place
    other = (place.unit + 1) % layer.units
    signals = recorded.values[layer.node].new_zeros(2, layer.units)
    signals[0, place.unit] = signals[1, other] = 1
    own, foreign = (
        _cut(pixels, place.box, layer.address)
        for pixels in project_signals(recorded, layer, signals, (place.y, place.x), study.subject.way)
    )
    return own, cosine(own, foreign) if other != place.unit else float("nan")


def _cut(pixels: Numbers, box: Box, layer: str) -> Numbers:
    top, left, bottom, right = box
    cut = pixels[top:bottom, left:right].copy()
    if not is_finite(torch.from_numpy(cut)):
        raise NumberError(f"a projection from layer {layer!r} is NaN or infinite. Look for NaN in the weights")
    return cut
