"""Invariance: how features change while an image is shifted, magnified or turned (Zeiler & Fergus 2013, figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from convscope.engine.graphs import graph_of
from convscope.errors import ImageError, ImageSetError, SettingError
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.models import Model
from convscope.probes.invariance.answers import ClassSpec, Watch, find_watch
from convscope.probes.invariance.measure import Experiment, LayerRecord, Measured, Progress, measure
from convscope.probes.invariance.passes import Recipe
from convscope.probes.invariance.pictures import CROP, FILTERS, check_border, magnified, margin_for
from convscope.probes.invariance.result import Answer, Invariance, UnitChange, WatchedLayer
from convscope.probes.invariance.transform import Numbers, Transform, find_transform, find_values
from convscope.probes.invariance.watched import Watched, watched_layers
from convscope.probes.outputs import check_eval
from convscope.probes.targets import PREDICTED

Pictures = ImageSet | Sequence[NDArray[np.uint8]]


class Options(TypedDict, total=False):
    """Settings of ``invariance`` that are given by name."""

    border: str
    """What shows where the image has ended: reflect (the default), wrap, crop, or a plain colour."""
    interpolation: str
    """bicubic (the default) or bilinear."""
    target: ClassSpec
    """The class whose probability is watched: ``predicted`` (the default), ``true``, an index or a name."""
    follow: int
    """At how many of the values maps are also compared moved along; default 3, 0 for none."""
    limit: int | None
    """Use so many images, evenly spread over the set; default None: all."""
    seed: int
    """Decides the order in which images meet, and the intervals; default 0."""
    batch_size: int
    """Views per pass; default 40. Results do not depend on it beyond rounding."""
    device: str
    """Where the network runs; default ``cpu``."""
    report: Progress
    """Told of progress."""


@dataclass(frozen=True)
class Settings:
    """The same, made complete."""

    border: str = "reflect"
    interpolation: str = "bicubic"
    target: ClassSpec = PREDICTED
    follow: int = 3
    limit: int | None = None
    seed: int = 0
    batch_size: int = 40
    device: str = "cpu"
    report: Progress = lambda done, total: None  # noqa: ARG005

    def __post_init__(self) -> None:
        for holds, rule in (
            (
                self.interpolation in FILTERS,
                f"interpolation is one of {', '.join(FILTERS)}, not {self.interpolation!r}",
            ),
            (self.follow >= 0, f"follow is a number of values, not {self.follow}"),
            (self.limit is None or self.limit >= 1, f"the limit is {self.limit}; use at least 1 image"),
            (self.seed >= 0, f"the seed is {self.seed}; it must not be negative"),
            (self.batch_size >= 2, f"batch_size is {self.batch_size}; an image and its transform need at least 2"),
        ):
            if not holds:
                raise SettingError(rule)


def invariance(
    model: Model,
    images: Pictures,
    transform: str = "translate-y",
    values: Sequence[float] | None = None,
    layers: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Invariance:
    """Compare the features of each image, transformed by each value, with those of the image as it is.

    ``transform`` is translate-x (pixels to the right), translate-y (down), scale (about the centre) or rotate (degrees,
    counter-clockwise); ``values`` default to the axes of the paper's figure 5. ``layers`` are addresses of maps or
    vectors; default: the default layers and the classifier's. Pixels are those of what the model sees. Options: see
    ``Options``. Images that cannot be used are listed. Raises SettingError, AddressError, ImageSetError, NumberError,
    ModelError and ExportError.
    """
    settings = Settings(**options)
    check_eval(model)
    source = images if isinstance(images, ImageSet) else ImageSet.open(images)
    chosen = find_transform(transform)
    numbers = find_values(chosen, values, (model.preprocessing.height, model.preprocessing.width))
    graph = graph_of(model, settings.device)
    experiment = Experiment(
        graph=graph,
        images=source,
        recipe=recipe_for(model, chosen, numbers, settings),
        watched=watched_layers(graph, layers),
        watch=find_watch(graph, model.classes, settings.target),
        followed=followed_places(chosen, numbers, settings.follow),
        batch=settings.batch_size,
        device=settings.device,
    )
    order, refused = _order(source, experiment.watch, settings)
    measured = measure(experiment, order, settings.report)
    refused |= {skip.image: skip.reason for skip in measured.skipped}
    used = [index for index in sorted(order) if index not in refused]
    if not used:
        raise _nothing_usable(source, refused)
    units = tuple(_unit_change(record) for record in measured.layers)
    shape = (len(used), len(experiment.watched), len(numbers))
    return Invariance(
        transform=transform,
        values=numbers,
        border=settings.border,
        interpolation=settings.interpolation,
        seed=settings.seed,
        layers=tuple(_layer(graph, each) for each in experiment.watched),
        images=tuple(source.names[index] for index in used),
        labels=tuple(source.labels[index] for index in used),
        distance=np.stack([record.distance[used] for record in measured.layers], 1).reshape(shape),
        normalised=np.stack([record.normalised[used] for record in measured.layers], 1).reshape(shape),
        unrelated=_unrelated(measured),
        units=units,
        followed=tuple(float(numbers[place]) for place in experiment.followed),
        answer=_answer(experiment.watch, measured, used),
        skipped=tuple((source.names[index], refused[index]) for index in sorted(refused)),
        notes=(*model.notes, *measured.notes, *_remarks(model, experiment, settings)),
    )


def recipe_for(model: Model, transform: Transform, values: Numbers, settings: Settings) -> Recipe:
    """How this experiment makes its pictures; raises SettingError."""
    preprocessing = model.preprocessing
    check_border(settings.border, preprocessing)
    inverses = tuple(transform.inverse(float(value)) for value in values)
    margin = margin_for(inverses, (preprocessing.height, preprocessing.width))
    return Recipe(preprocessing, inverses, margin, settings.border, settings.interpolation)


def followed_places(transform: Transform, values: Numbers, count: int) -> tuple[int, ...]:
    """Places of at most ``count`` values other than the identity, evenly spaced."""
    moving = [place for place, value in enumerate(values) if value != transform.identity]
    return tuple(moving[place] for place in spread(len(moving), count)) if count else ()


def _order(images: ImageSet, watch: Watch | None, settings: Settings) -> tuple[list[int], dict[int, str]]:
    """Images in a random order, so that neighbours are no relatives; and those without the class to watch."""
    refused: dict[int, str] = {}
    chosen = spread(len(images), settings.limit)
    for index in chosen:
        try:
            if watch is not None:
                watch.check(images.labels[index])
        except ImageError as error:
            refused[index] = str(error)
    left = [index for index in chosen if index not in refused]
    return [left[place] for place in np.random.default_rng(settings.seed).permutation(len(left))], refused


def _nothing_usable(images: ImageSet, refused: dict[int, str]) -> ImageSetError:
    first = min(refused)
    return ImageSetError(f"no image of {images.name} can be used; {images.names[first]}: {refused[first]}")


def _layer(graph: OpGraph, watched: Watched) -> WatchedLayer:
    height, width = watched.places.size if watched.places is not None else (None, None)
    return WatchedLayer(watched.address, watched.units, height, width, watched.node == graph.output)


def _unit_change(record: LayerRecord) -> UnitChange:
    if not record.sources:
        return UnitChange(record.units.mean, None, None)
    return UnitChange(record.units.mean, record.still.mean, record.moved.mean)


def _unrelated(measured: Measured) -> Numbers | None:
    if not measured.layers[0].unrelated:
        return None
    return np.array([np.mean(record.unrelated) for record in measured.layers])


def _answer(watch: Watch | None, measured: Measured, used: Sequence[int]) -> Answer | None:
    if watch is None:
        return None
    parts = [measured.answers[index] for index in used]
    # Every part of an image begins with its answer to the image as it is.
    label = np.array([np.concatenate([part.label[1:] for part in image]) for image in parts])
    probability = np.array([np.concatenate([part.probability[1:] for part in image]) for image in parts])
    return Answer(
        watched=watch.spec,
        label=label,
        probability=probability,
        own_label=np.array([image[0].label[0] for image in parts]),
        own_probability=np.array([image[0].probability[0] for image in parts]),
        classes=watch.names,
    )


def _remarks(model: Model, experiment: Experiment, settings: Settings) -> list[str]:
    notes = []
    if settings.border == CROP:
        margin = experiment.recipe.margin
        larger = magnified(model.preprocessing, margin)
        notes.append(
            f"border crop: the image as it is is the middle of a view {margin} pixels larger to each side, and so "
            f"magnified {larger.height / model.preprocessing.height:.2f} times"
        )
    return notes
