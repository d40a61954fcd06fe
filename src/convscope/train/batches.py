"""Batches of stored images with their labels, in an order that follows from the seed and the epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from convscope.engine.loading import read_view
from convscope.errors import ImageError, SettingError
from convscope.models import Preprocessing
from convscope.train.draws import drawn_from
from convscope.train.survey import Surveyed

Batch = tuple[Tensor, Tensor]
"""uint8 pixels (n, channels, resize, resize), int64 labels (n,)."""


class Stored(Dataset[Batch]):
    """Batches by lists of numbers, from memory or decoded once more."""

    def __init__(self, surveyed: Surveyed, views: Preprocessing, classes: Sequence[str]) -> None:
        self.surveyed = surveyed
        self.views = views
        place = {name: number for number, name in enumerate(classes)}
        labels = [surveyed.images.labels[index] for index in surveyed.usable]
        self.labels = torch.tensor([place[label] for label in labels if label is not None])

    def __len__(self) -> int:
        return len(self.surveyed.usable)

    def __getitem__(self, numbers: Sequence[int]) -> Batch:
        where = torch.tensor(numbers)
        if self.surveyed.pixels is not None:
            return self.surveyed.pixels[where], self.labels[where]
        return torch.stack([self._decoded(number) for number in numbers]), self.labels[where]

    def _decoded(self, number: int) -> Tensor:
        index = self.surveyed.usable[number]
        outcome, view = read_view(self.surveyed.images, index, self.views)
        if view is None:
            name = self.surveyed.images.names[index]
            raise ImageError(f"{name} could be read before, and no longer: {outcome.skipped}")
        return torch.from_numpy(view).permute(2, 0, 1)


@dataclass(frozen=True)
class Share:
    """Which of ``world`` processes this is; each takes every ``world``-th image of a batch."""

    rank: int = 0
    world: int = 1


class Order(Sampler[list[int]]):
    """Lists of at most ``batch`` numbers below ``count``: shuffled by seed and epoch, or in order without a seed.

    Of several processes each takes its share of every batch. Processes must take equally many steps, so a shuffled
    last batch that does not give one image to each is left out. ``done`` steps were taken before a stop.
    """

    def __init__(self, count: int, batch: int, seed: int | None, share: Share, done: int = 0) -> None:
        self.count, self.batch, self.seed, self.share = count, batch, seed, share
        self.epoch = done // max(1, len(self))
        """The first: processes that decode are told what to fetch before the trainer says which epoch it is."""

    def set_epoch(self, epoch: int) -> None:
        """Tell which epoch is next; the trainer calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(range(0, self._used(), self.batch))

    def __iter__(self) -> Iterator[list[int]]:
        if self.seed is None:
            numbers = list(range(self.count))
        else:
            numbers = torch.randperm(self.count, generator=drawn_from(self.seed, self.epoch)).tolist()
        for start in range(0, self._used(), self.batch):
            yield numbers[start : start + self.batch][self.share.rank :: self.share.world]

    def _used(self) -> int:
        last = self.count % self.batch
        return self.count - last if 0 < last < self.share.world else self.count


class Batches(L.LightningDataModule):
    """The two loaders of a run; ``stored`` holds ``training`` and ``validation``, ``done`` steps are behind it."""

    def __init__(self, stored: Mapping[str, Stored], batch: int, seed: int, workers: int, done: int = 0) -> None:
        super().__init__()
        self.stored, self.batch, self.seed, self.workers, self.done = stored, batch, seed, workers, done

    def train_dataloader(self) -> DataLoader[Any]:
        """Shuffled anew in every epoch."""
        return self._loader("training", self.seed)

    def val_dataloader(self) -> DataLoader[Any]:
        """In order."""
        return self._loader("validation", None)

    def _loader(self, part: str, seed: int | None) -> DataLoader[Any]:
        assert self.trainer is not None
        share = Share(self.trainer.global_rank, self.trainer.world_size)
        data = self.stored[part]
        if min(self.batch, len(data)) < share.world:
            raise SettingError(
                f"{len(data)} {part} images in batches of {self.batch} cannot be shared by {share.world} devices"
            )
        order = Order(len(data), self.batch, seed, share, self.done)
        workers = 0 if data.surveyed.pixels is not None else self.workers
        return DataLoader(data, batch_size=None, sampler=order, num_workers=workers, persistent_workers=workers > 0)
