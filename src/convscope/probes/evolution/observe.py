"""One checkpoint: a pass over all images, then the projections of the units that are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from convscope.engine.layers import Layer
from convscope.engine.question import Question
from convscope.engine.scan import scan
from convscope.engine.topk import NOWHERE, TopK
from convscope.models import Model
from convscope.probes.evolution.pictures import Pictures, pictures_of
from convscope.probes.evolution.record import NONE, LayerRecord, Measured, Numbers, Record
from convscope.probes.evolution.study import Choice, Progress, Study, choose, place_of

Skips = tuple[tuple[int, str], ...]


def observe(model: Model, digest: str, study: Study, choice: Choice | None, report: Progress) -> tuple[Record, Choice]:
    """The record of one checkpoint, and what was shown: ``choice``, or without one what its own winners decide.

    Raises NumberError for activations that are not finite, ImageSetError if no image can be read.
    """
    fed = replace(model, preprocessing=study.preprocessing)
    measured, skipped = measure(fed, study, report)
    choice = choice or choose(study, measured)
    winners = [
        [place_of(study, layer, found, unit) for unit in units]
        for layer, found, units in zip(study.layers, measured, choice.shown, strict=True)
    ]
    made = pictures_of(fed, study, winners, choice.probes)
    layers = tuple(_layer_record(made, depth, found, choice.shown[depth]) for depth, found in enumerate(measured))
    return Record(digest, layers, skipped), choice


def _layer_record(made: Pictures, depth: int, found: Measured, shown: Sequence[int]) -> LayerRecord:
    places = [(depth, number) for number in range(len(shown))]
    apart = np.array([made.apart.get(place, np.nan) for place in places], np.float32)
    return LayerRecord(
        found,
        tuple(made.winners.get(place) for place in places),
        tuple(made.probes.get(place) for place in places),
        apart,
    )


def measure(model: Model, study: Study, report: Progress) -> tuple[tuple[Measured, ...], Skips]:
    """One pass over all images: winners of every unit, and peaks in the images of the sample."""
    column = torch.full((len(study.images),), -1)
    column[torch.from_numpy(study.sample)] = torch.arange(len(study.sample))
    peaks = {layer.node: torch.full((layer.units, len(study.sample)), torch.nan) for layer in study.layers}

    def watch(node: str, maps: Tensor, images: Tensor) -> None:
        columns = column[images]
        mine = columns >= 0
        if mine.any():
            peaks[node][:, columns[mine]] = maps[mine.to(maps.device)].amax((2, 3)).float().cpu().T

    found = scan(
        model,
        study.seen,
        [layer.address for layer in study.layers],
        question=Question(study.settings.top),
        batch_size=study.settings.batch_size,
        workers=study.settings.workers,
        device=study.settings.device,
        report=report,
        watch=watch,
    )
    measured = tuple(
        _measured(layer, found.tallies[layer.address].top, peaks[layer.node].numpy()) for layer in study.layers
    )
    return measured, tuple((outcome.image, str(outcome.skipped)) for outcome in found.skipped)


def _measured(layer: Layer, top: TopK, peaks: Numbers) -> Measured:
    """Winners by image and position; what is not above zero is no activation."""
    value, place = top.value.numpy(), top.place.numpy()
    there = (place != NOWHERE) & (value > 0)
    image, position = np.divmod(np.where(there, place, 0), layer.height * layer.width)
    y, x = np.divmod(position, layer.width)
    return Measured(np.where(there, image, NONE), np.where(there, value, np.float32(0)), y, x, peaks)
