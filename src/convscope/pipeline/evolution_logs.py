"""A record of a network in training as pictures and numbers for TensorBoard, or Weights & Biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.display import Picture, grid
from convscope.errors import SettingError
from convscope.figures.evolution import GAP, projection_tile, tile_of
from convscope.probes.evolution.likeness import alike_rankings
from convscope.probes.evolution.record import LayerRecord, Record
from convscope.probes.evolution.result import jumps_of
from convscope.probes.evolution.study import Study

SIDE = 64


@dataclass(frozen=True)
class News:
    """What is told: a picture and some numbers for each layer, by name."""

    pictures: Mapping[str, Picture]
    numbers: Mapping[str, float]


def log_record(writer: Any, study: Study, record: Record, previous: Record | None, step: int) -> None:
    """Tell a writer of a record; raises SettingError for one that takes no pictures."""
    find_sender(writer)(writer, news_of(study, record, previous), step)


def news_of(study: Study, record: Record, previous: Record | None) -> News:
    """A strip of projections for each layer; with a previous record, also how alike rankings are, and jumps."""
    pictures: dict[str, Picture] = {}
    numbers: dict[str, float] = {}
    for depth, (layer, here) in enumerate(zip(study.layers, record.layers, strict=True)):
        before = None if previous is None else previous.layers[depth]
        jumped = None if before is None else _jumped(before, here)
        if here.drawn:
            pictures[f"evolution/{layer.address}"] = _strip(here, jumped)
        if before is not None and jumped is not None:
            numbers[f"evolution/jumps/{layer.address}"] = float(jumped.mean())
            alike = alike_rankings(before.measured.peaks, here.measured.peaks)
            if not np.isnan(alike).all():
                numbers[f"evolution/ranking/{layer.address}"] = float(np.nanmedian(alike))
    return News(pictures, numbers)


def _jumped(before: LayerRecord, here: LayerRecord) -> NDArray[np.bool_]:
    _, jumped = jumps_of(np.stack([before.measured.image[:, 0], here.measured.image[:, 0]]))
    return np.asarray(jumped)


def _strip(here: LayerRecord, jumped: NDArray[np.bool_] | None) -> Picture:
    tiles = [
        tile_of(
            drawn,
            SIDE,
            projection_tile,
            jumped=drawn is not None and jumped is not None and bool(jumped[drawn.place.unit]),
        )
        for drawn in here.drawn
    ]
    return grid(tiles, len(tiles), GAP)


Sender = Callable[[Any, News, int], None]


def _to_summary_writer(writer: Any, news: News, step: int) -> None:
    for name, picture in news.pictures.items():
        writer.add_image(name, picture, step, dataformats="HWC")
    for name, number in news.numbers.items():
        writer.add_scalar(name, number, step)


def _to_tensorboard_logger(logger: Any, news: News, step: int) -> None:
    _to_summary_writer(logger.experiment, news, step)


def _to_wandb_logger(logger: Any, news: News, step: int) -> None:
    # Without a step: Lightning counts batches there, and steps must not fall.
    for name, picture in news.pictures.items():
        logger.log_image(name, [picture], caption=[f"at {step}"])
    logger.log_metrics(dict(news.numbers))


def _to_wandb_run(run: Any, news: News, step: int) -> None:
    image = import_module("wandb").Image
    run.log(
        {name: image(picture, caption=f"at {step}") for name, picture in news.pictures.items()} | dict(news.numbers)
    )


SENDERS: Mapping[str, Sender] = {
    "SummaryWriter": _to_summary_writer,
    "TensorBoardLogger": _to_tensorboard_logger,
    "WandbLogger": _to_wandb_logger,
    "Run": _to_wandb_run,
}
"""Class name to how it is told: so that none of them needs to be installed."""


def find_sender(writer: Any) -> Sender:
    """How a writer, or one derived from a known kind, is told; raises SettingError for one that is not known."""
    for kind in type(writer).__mro__:
        if kind.__name__ in SENDERS:
            return SENDERS[kind.__name__]
    raise SettingError(
        f"a {type(writer).__name__} cannot be told of records; known are {', '.join(SENDERS)} (of wandb). Leave it out"
    )


def can_tell(writer: Any) -> bool:
    """Whether a writer is of a known kind."""
    return any(kind.__name__ in SENDERS for kind in type(writer).__mro__)
