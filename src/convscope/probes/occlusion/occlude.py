"""Occlusion: a network's answers while a patch is slid over the image (Zeiler & Fergus 2013, section 4.2, figure 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack, overload

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.engine.changed import Changed
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.layers import layers as default_layers
from convscope.engine.occluders import Occluders
from convscope.engine.project import Way, project_units, window_of
from convscope.engine.trace import Trace, trace
from convscope.errors import AddressError, NumberError
from convscope.graph.opgraph import OpGraph
from convscope.models import Model
from convscope.probes.fills import fill_name, fill_picture
from convscope.probes.occlusion.experiment import (
    LABEL,
    LABEL_PROBABILITY,
    TARGET,
    Experiment,
    Reading,
    reading_of,
    strongest_map,
    sums_of,
)
from convscope.probes.occlusion.grid import Grid, Patch, make_grid
from convscope.probes.occlusion.map import ErrorEstimate, Labels, LayerResponse, OcclusionMap
from convscope.probes.occlusion.refine import Approximate, refine
from convscope.probes.outputs import check_eval, outputs_of
from convscope.probes.targets import PREDICTED, Target, TargetSpec, find_target
from convscope.rules.coverage import coverage
from convscope.rules.windows import first_unknown

Picture = NDArray[np.uint8]
Progress = Callable[[int, int], None]
"""(places done, places in all); in approximate mode the second is the most that it can become."""


@dataclass(frozen=True)
class Watched:
    """A network under observation for one view: its graph, the view as its input, all its values, and the target."""

    graph: OpGraph
    recorded: Trace
    image: torch.Tensor
    view: Picture
    target: Target
    reading: Reading
    unoccluded: float


def watch(model: Model, picture: Picture, target: TargetSpec, layers: Sequence[str], device: str) -> Watched:
    """Run the unoccluded picture and resolve the target; raises the errors of ``occlude``."""
    check_eval(model)
    graph = graph_of(model, device)
    view = model.preprocessing.view(np.asarray(picture))
    image = model.preprocessing.normalise(torch.from_numpy(view)[None]).to(device)
    recorded = trace(graph, image, graph.output, *layers)
    outputs = outputs_of(graph, recorded.values[graph.output], model.classes)
    found = find_target(target, outputs)
    reading = reading_of(graph, found, outputs)
    if reading.node not in recorded.values:
        recorded = trace(graph, image, graph.output, *layers, reading.node)
    value = recorded.values[reading.node]
    unoccluded = float(reading.score(reading.read(None, Changed(value)))[0])
    if not np.isfinite(unoccluded):
        raise NumberError(f"the target {found.name} is {unoccluded} without an occluder. Look for NaN in the weights")
    return Watched(graph, recorded, image, view, found, reading, unoccluded)


class Options(TypedDict, total=False):
    """Settings of ``occlude`` that are given by name."""

    target: TargetSpec
    """What is watched; default ``predicted``."""
    layers: Sequence[str] | None
    """Layers whose strongest map is summed and projected; default None: the last."""
    method: str
    """How it is projected; default ``auto``."""
    approximate: Approximate | None
    """Measure some places and interpolate the others; default None: measure all."""
    device: str
    """Where the network runs; default ``cpu``."""
    report: Progress
    """Told of progress."""


@dataclass(frozen=True)
class _Settings:
    patch: Patch | None
    stride: int | tuple[int, int] | None
    fill: str | Picture
    target: TargetSpec = PREDICTED
    layers: Sequence[str] | None = None
    method: str = "auto"
    approximate: Approximate | None = None
    device: str = "cpu"
    report: Progress = lambda done, total: None  # noqa: ARG005


@overload
def occlude(
    model: Model,
    image: Picture,
    patch: Patch | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str | Picture = "grey",
    **options: Unpack[Options],
) -> OcclusionMap: ...
@overload
def occlude(
    model: Model,
    image: Sequence[Picture],
    patch: Patch | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str | Picture = "grey",
    **options: Unpack[Options],
) -> tuple[OcclusionMap, ...]: ...
def occlude(
    model: Model,
    image: Picture | Sequence[Picture],
    patch: Patch | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str | Picture = "grey",
    **options: Unpack[Options],
) -> OcclusionMap | tuple[OcclusionMap, ...]:
    """Slide an occluder over a picture, uint8 (height, width, channels) of any size, and watch ``target``.

    Several pictures give as many maps. ``patch`` (a side, (height, width), or a bool mask; default a fourteenth of the
    shorter side), ``stride`` (default half the patch) and ``fill`` are in pixels of what the model sees. For each of
    ``layers`` the strongest map of the unoccluded image is summed at each place and projected. Options: ``target``,
    ``layers``, ``method``, ``approximate``, ``device``, ``report``, see ``Options``. Raises SettingError, AddressError,
    ImageError, NumberError, ModelError and CoverageError.
    """
    asked = _Settings(patch, stride, fill, **options)
    if isinstance(image, np.ndarray):
        return _occlude(model, image, asked, asked.report)
    pictures = list(image)
    shares = [_share(asked.report, number, len(pictures)) for number in range(len(pictures))]
    return tuple(_occlude(model, picture, asked, share) for picture, share in zip(pictures, shares, strict=True))


def _share(report: Progress, number: int, count: int) -> Progress:
    # All pictures of a call have the same grid, so a picture is an equal share of the work.
    return lambda done, total: report(number * total + done, count * total)


@dataclass(frozen=True)
class Begun:
    """All that is known before the first occluder: the grid, the fill as a picture, each layer's strongest map."""

    seen: Watched
    chosen: tuple[Layer, ...]
    grid: Grid
    fill: Picture
    responses: tuple[LayerResponse, ...]
    """Their sums and projections are still empty."""
    experiment: Experiment
    notes: tuple[str, ...]

    def projected(self) -> tuple[LayerResponse, ...]:
        """The responses with their projections, which take about as long as the pass over the image."""
        return tuple(
            _projected(self.seen, layer, each) for layer, each in zip(self.chosen, self.responses, strict=True)
        )


def begin(
    model: Model,
    image: Picture,
    patch: Patch | None = None,
    stride: int | tuple[int, int] | None = None,
    fill: str | Picture = "grey",
    **options: Unpack[Options],
) -> Begun:
    """What ``occlude`` does before it moves the occluder, for whoever wants to see values as they become known:
    ``begun.experiment.steps(places)`` measures at places of the grid, numbered row by row. Raises the same errors.
    """
    return _begin(model, image, _Settings(patch, stride, fill, **options))


def _begin(model: Model, picture: Picture, asked: _Settings) -> Begun:
    check_eval(model)
    chosen = chosen_layers(graph_of(model, asked.device), asked.layers)
    size = (model.preprocessing.height, model.preprocessing.width)
    grid = make_grid(size, asked.patch, asked.stride)
    seen = watch(model, picture, asked.target, [layer.node for layer in chosen], asked.device)
    fill = fill_picture(asked.fill, seen.view, model.preprocessing)
    shown = model.preprocessing.normalise(torch.from_numpy(fill)[None]).to(asked.device)
    occluders = Occluders(grid.rows, grid.columns, torch.from_numpy(grid.mask).to(asked.device), shown)
    responses, notes = _responses(seen, chosen, asked.method)
    maps = tuple((layer.node, response.unit) for layer, response in zip(chosen, responses, strict=True))
    experiment = Experiment(seen.graph, seen.image, occluders, seen.reading, maps)
    return Begun(seen, chosen, grid, fill, tuple(responses), experiment, (*model.notes, *notes))


def _occlude(model: Model, picture: Picture, asked: _Settings, report: Progress) -> OcclusionMap:
    begun = _begin(model, picture, asked)
    seen, grid = begun.seen, begun.grid
    grids, exact, error = _measure(begun.experiment, grid, asked.approximate, report)
    return OcclusionMap(
        view=seen.view,
        fill=begun.fill,
        fill_name=fill_name(asked.fill),
        grid=grid,
        target=seen.target,
        unoccluded=seen.unoccluded,
        target_grid=grids[TARGET],
        outputs=seen.reading.outputs,
        labels=Labels(grids[LABEL], grids[LABEL_PROBABILITY]) if LABEL in grids else None,
        layers=tuple(replace(response, sums=grids[sums_of(n)]) for n, response in enumerate(begun.projected())),
        exact=exact,
        error=error,
        notes=(*begun.notes, *_remarks(seen, grid, error)),
    )


def _measure(
    experiment: Experiment, grid: Grid, approximate: Approximate | None, report: Progress
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_], ErrorEstimate | None]:
    total = grid.shape[0] * grid.shape[1]
    if approximate is None:
        found = experiment.measure(range(total), lambda done: report(done, total))
        grids = {name: values.reshape(grid.shape) for name, values in found.items()}
        return grids, np.ones(grid.shape, np.bool_), None
    counted = [0]

    def measure(places: Sequence[int]) -> Any:
        before = counted[0]
        counted[0] += len(places)
        return experiment.measure(places, lambda done: report(before + done, total))

    refined = refine(measure, grid.shape, approximate)
    report(total, total)
    return refined.grids, refined.exact, refined.error


def _responses(seen: Watched, chosen: Sequence[Layer], method: str) -> tuple[list[LayerResponse], tuple[str, ...]]:
    """Each layer's strongest map without an occluder; the sums and the projection are filled in later."""
    responses, notes = [], []
    for layer in chosen:
        value = seen.recorded.values[layer.node]
        unit, (y, x) = strongest_map(value, layer)
        covered = coverage(seen.graph, [layer.node], method)
        if bool((value[0, unit] < 0).any()):
            notes.append(
                f"the map {layer.address}:{unit} has negative values, which count in its sums: it is not rectified"
            )
        if covered.refused:
            use = covered.refused[0]
            notes.append(f"no projection of {layer.address}: {use.op} at {use.address} has no rule ({use.reason})")
        responses.append(
            LayerResponse(
                layer=layer.address,
                unit=unit,
                peak=float(value[0, unit, y, x]),
                position=(y, x),
                window=window_of(layer, y, x, seen.view.shape[:2]),
                unoccluded=float(value[0, unit].sum()),
                sums=np.zeros((0, 0), np.float32),
                method=None if covered.refused else covered.method,
                projection=None,
            )
        )
    return responses, tuple(notes)


def _projected(seen: Watched, layer: Layer, response: LayerResponse) -> LayerResponse:
    if response.method is None:
        return response
    (projection,) = project_units(seen.recorded, layer, [(response.unit, *response.position)], Way(response.method))
    return replace(response, projection=projection)


def chosen_layers(graph: OpGraph, addresses: Sequence[str] | None) -> tuple[Layer, ...]:
    """The layers with these addresses; None is the last default layer. Raises AddressError."""
    if addresses is not None:
        return find_layers(graph, addresses)
    found = default_layers(graph)
    if not found:
        raise AddressError(
            "this model has no convolution whose result is a feature map to sum up; name one with layers "
            "(`convscope layers MODEL --all` lists them)"
        )
    return found[-1:]


def _remarks(seen: Watched, grid: Grid, error: ErrorEstimate | None) -> list[str]:
    notes = []
    unknown = first_unknown(seen.graph)
    if unknown is not None:
        notes.append(
            f"{unknown.where()} has no rule for windows: from there on, whole maps were computed, which is slower"
        )
    if seen.reading.outputs.are_probabilities:
        notes.append("the output already is a row of probabilities and was taken as it is, without softmax")
    if np.isnan(grid.spread(np.zeros(grid.shape))).any():
        notes.append("no occluder covers some pixels: the stride is larger than the patch, or the mask has gaps")
    if error is not None:
        notes.append(f"approximate: values between computed places are interpolated; error of the target: {error}")
    return notes
