"""From models and images to figure 5 and its numbers: one folder for all transforms and models together."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from convscope.engine.graphs import graph_of
from convscope.errors import SettingError
from convscope.figures.invariance import Examples, figure_png
from convscope.figures.invariance_layers import layers_png
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.models import Model
from convscope.pipeline.invariance_parts import drop_parts, load_part, save_part
from convscope.pipeline.invariance_rows import (
    CurveRow,
    LabelRow,
    ScoreRow,
    UnitRow,
    curve_columns,
    label_columns,
    score_rows,
    unit_columns,
)
from convscope.pipeline.results import ResultFolder, model_facts, skips_facts
from convscope.probes.invariance.invariance import Options, Settings, invariance, recipe_for
from convscope.probes.invariance.result import Invariance
from convscope.probes.invariance.summary import Summary, summary_of
from convscope.probes.invariance.transform import PAPER, find_transform, find_values
from convscope.probes.invariance.watched import watched_layers

FACTS = "invariance.json"
"""Written last: a folder that has it is whole."""

Report = Callable[[str, int, int], None]

_FORMAT = 1
"""Of the facts and tables: a folder of another one is not taken for finished."""
_SHOWN = 5
"""Images and values among the examples, as in the paper."""


@dataclass(frozen=True)
class InvarianceAsk:
    """What is asked: ``values`` only for one transform; ``layers`` must exist in every model; see ``invariance``."""

    transforms: tuple[str, ...] = PAPER
    values: tuple[float, ...] | None = None
    layers: tuple[str, ...] | None = None
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not self.transforms or len(set(self.transforms)) < len(self.transforms):
            raise SettingError(
                f"the transforms are {', '.join(self.transforms) or 'none'}; name each once, at least one"
            )
        if self.values is not None and len(self.transforms) > 1:
            raise SettingError(
                f"values were given for {len(self.transforms)} transforms, which count in different units; choose one "
                "transform, or leave the values out"
            )


@dataclass(frozen=True)
class _Job:
    models: Mapping[str, Model]
    images: ImageSet
    ask: InvarianceAsk
    settings: Settings

    @property
    def first(self) -> Model:
        """The model whose view the examples show."""
        return next(iter(self.models.values()))


def measure_invariance(
    models: Sequence[Model],
    images: ImageSet,
    output: str | Path,
    ask: InvarianceAsk = InvarianceAsk(),
    *,
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Path:
    """Compare the models under each transform and write the folder ``output``; one that is finished is kept.

    A run that was stopped goes on behind the last transform that was done for all images.
    Raises the errors of ``invariance``, and SettingError for a folder that holds another result.
    """
    settings = Settings(**ask.options)
    used = [images.entries[index] for index in spread(len(images), settings.limit)]
    job = _Job(_named(models), replace(images, entries=tuple(used)), ask, settings)
    folder = ResultFolder(Path(output), FACTS, _asked(job))
    total = len(used) * len(job.models) * len(ask.transforms)
    if folder.is_finished(overwrite=overwrite):
        report("transform", total, total)
        return folder.path
    started = time.perf_counter()
    found = dict(_found(job, folder, lambda done: report("transform", done, total)))
    measured = time.perf_counter()
    summaries = [summary_of(each, model) for (model, _), each in found.items()]
    _write(job, folder, found, summaries)
    skipped = {name: reason for each in found.values() for name, reason in each.skipped}
    facts = {"summaries": [asdict(summary) for summary in summaries], "skipped": skips_facts([*skipped.items()])}
    folder.finish(facts, {"network": measured - started, "all": time.perf_counter() - started})
    drop_parts(folder.path)
    return folder.path


Found = Mapping[tuple[str, str], Invariance]
"""By model and transform, models first."""


def _found(
    job: _Job, folder: ResultFolder, report: Callable[[int], None]
) -> Iterator[tuple[tuple[str, str], Invariance]]:
    """Each part, recalled if a run that was stopped has left it."""
    for number, (name, transform) in enumerate(product(job.models, job.ask.transforms)):
        before = number * len(job.images)
        found = load_part(folder.path, number, folder.key)
        if found is None:
            options: Options = {**job.ask.options, "limit": None, "report": _from(report, before)}
            found = invariance(job.models[name], job.images, transform, job.ask.values, job.ask.layers, **options)
            save_part(folder.path, number, folder.key, found)
        report(before + len(job.images))
        yield (name, transform), found


def _from(report: Callable[[int], None], before: int) -> Callable[[int, int], None]:
    return lambda done, _: report(before + done)


def _named(models: Sequence[Model]) -> Mapping[str, Model]:
    """Models by spec; those that share one are numbered."""
    seen: Counter[str] = Counter()
    named = {}
    for model in models:
        seen[model.spec] += 1
        again = seen[model.spec]
        named[model.spec if again == 1 else f"{model.spec} ({again})"] = model
    return named


def _asked(job: _Job) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    ask, settings = job.ask, job.settings
    layers = {
        name: [each.address for each in watched_layers(graph_of(model, settings.device), ask.layers)]
        for name, model in job.models.items()
    }
    sizes = {name: (model.preprocessing.height, model.preprocessing.width) for name, model in job.models.items()}
    return {
        "format": _FORMAT,
        "models": {name: dict(model_facts(model)) for name, model in job.models.items()},
        "images": {"name": job.images.name, "count": len(job.images), "digest": job.images.digest},
        "settings": {
            "values": {
                name: {t: find_values(find_transform(t), ask.values, size).tolist() for t in ask.transforms}
                for name, size in sizes.items()
            },
            "layers": layers,
            "border": settings.border,
            "interpolation": settings.interpolation,
            "target": settings.target if isinstance(settings.target, str | int) else list(settings.target),
            "follow": settings.follow,
            "seed": settings.seed,
        },
    }


def _write(job: _Job, folder: ResultFolder, found: Found, summaries: Sequence[Summary]) -> None:
    by_transform = {
        transform: {model: found[model, transform] for model in job.models} for transform in job.ask.transforms
    }
    figure = figure_png(
        by_transform, [_examples(job, transform, by_transform[transform]) for transform in by_transform]
    )
    named = [(model, each) for (model, _), each in found.items()]
    folder.begin()
    folder.write_columns("curves.parquet", CurveRow, [curve_columns(each, model) for model, each in named])
    folder.write_columns("labels.parquet", LabelRow, [p for model, each in named for p in label_columns(each, model)])
    folder.write_columns("units.parquet", UnitRow, [p for model, each in named for p in unit_columns(each, model)])
    folder.write_rows("scores.csv", ScoreRow, [row for summary in summaries for row in score_rows(summary)])
    folder.write("figure.png", figure)
    folder.write("layers.png", layers_png(by_transform))


def _examples(job: _Job, transform: str, found: Mapping[str, Invariance]) -> Examples:
    """A few images as the first model sees them at a few values."""
    shown = next(iter(found.values()))
    places = _evenly(len(shown.values))
    images = _evenly(len(shown.images))
    recipe = recipe_for(job.first, find_transform(transform), shown.values, job.settings)
    few = replace(recipe, inverses=tuple(recipe.inverses[place] for place in places))
    read = [job.images.read(job.images.names.index(shown.images[image])) for image in images]
    return Examples(
        values=tuple(shown.values[places].tolist()),
        images=tuple(images),
        pictures=tuple(few.pictures(picture)[1:] for picture in read),
    )


def _evenly(count: int) -> list[int]:
    return [int(place) for place in np.unique(np.rint(np.linspace(0, count - 1, _SHOWN)))]
