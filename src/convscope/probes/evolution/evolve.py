"""Evolution of features during training (Zeiler & Fergus 2013, section 4, figure 4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from convscope.images import ImageSet
from convscope.probes.evolution.assemble import Moments, assemble
from convscope.probes.evolution.checkpoint import Checkpoint, run_checkpoints
from convscope.probes.evolution.journal import Shelf
from convscope.probes.evolution.observe import observe
from convscope.probes.evolution.result import FINAL, Evolution
from convscope.probes.evolution.series import Series, examine
from convscope.probes.evolution.study import Progress, Settings, Study, choose, study_of


class Options(TypedDict, total=False):
    """Settings of ``evolve`` that are given by name; see ``Settings`` for defaults."""

    top: int
    """How many of a unit's strongest images are compared with the final ones."""
    method: str
    """How projections are made: auto, deconvnet, guided_backprop or gradient."""
    unpool: str
    """sum, last or none."""
    ranked: int | None
    """By how many images, drawn by lot, rankings are compared; None: all."""
    seed: int
    """Decides which units are shown and which images rank."""
    batch_size: int
    """Images per forward pass."""
    workers: int | None
    """Threads that decode images."""
    device: str
    """Where the network runs."""
    journal: Path | None
    """A folder that keeps each finished checkpoint, for one list of checkpoints, image set and settings only."""
    report: Progress
    """Told of (images done, images in all checkpoints)."""


def evolve(
    checkpoints: str | Path | Sequence[Checkpoint],
    images: ImageSet,
    layers: Sequence[str] | None = None,
    units: int | Sequence[str] = 6,
    **options: Unpack[Options],
) -> Evolution:
    """Follow every unit of ``layers`` (default: all) through training: its strongest image, and how settled it is.

    ``checkpoints`` is a list from early to late, or the folder of a training run, whose snapshots are taken; they are
    loaded one at a time, and each needs one pass over the images. The numbers are of all units; pictures are made of
    ``units``: so many of each layer, drawn by lot among those that are active in the end, or those with these addresses
    (``conv3:12``). Options: see ``Options``. Before any work, all checkpoints are compared: raises ModelError for
    one of another architecture, SettingError, AddressError, CoverageError, the errors of ``load_model``; ImageSetError
    and NumberError.
    """
    settings = Settings(units, **options)
    if isinstance(checkpoints, str | Path):
        checkpoints = run_checkpoints(checkpoints)
    series = examine(checkpoints, layers, units, (settings.method, settings.unpool), settings.device)
    return evolve_series(series, images, settings)


def evolve_series(series: Series, images: ImageSet, settings: Settings) -> Evolution:
    """The same for checkpoints that were examined.

    The last checkpoint comes first, because its winners decide which units are shown and where projections are
    compared.
    """
    study = study_of(series.subject, images, settings)
    final = len(series.checkpoints) - 1
    shelf = Shelf.open(settings.journal, question_of(study, series.digests[final]))
    choice = None
    for done, number in enumerate((final, *range(final))):
        record = shelf.find(number, series.digests[number])
        if record is None:
            model = series.checkpoints[number].load()
            record, _ = observe(model, series.digests[number], study, choice, _share(settings.report, done, final + 1))
            shelf.put(number, record)
        choice = choice or choose(study, [layer.measured for layer in record.layers])
        settings.report((done + 1) * len(images), (final + 1) * len(images))
    assert choice is not None
    moments = Moments(
        tuple(checkpoint.label for checkpoint in series.checkpoints),
        tuple(checkpoint.position for checkpoint in series.checkpoints),
        FINAL,
        series.notes,
    )
    return assemble(study, choice, moments, shelf.get)


def question_of(study: Study, anchor: str) -> str:
    """All that a record depends on but its own checkpoint; ``anchor`` is the one whose winners decide what is shown."""
    layers = [(layer.address, layer.units, layer.height, layer.width) for layer in study.layers]
    return json.dumps([layers, dict(study.settings.asked), len(study.images), anchor])


def _share(report: Progress, done: int, checkpoints: int) -> Progress:
    return lambda images, total: report(done * total + images, checkpoints * total)
