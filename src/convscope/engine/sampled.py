"""The peaks of a sample of the images, kept one by one: a fold, as the tally is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from convscope.images.spread import spread


@dataclass(frozen=True)
class Sample:
    """At most ``limit`` of ``images`` images, evenly spread; which ones is decided by these two numbers alone."""

    images: int = 0
    limit: int = 0

    def holds(self, images: Tensor) -> Tensor:
        """Which of ``images``, int64 (count,), are in the sample: bool (count,)."""
        return torch.isin(images, self._indices)

    @cached_property
    def _indices(self) -> Tensor:
        return torch.tensor(spread(self.images, self.limit), dtype=torch.int64)


NO_SAMPLE = Sample()


@dataclass(frozen=True)
class SampledPeaks:
    """The peaks of the images of ``sample`` that were seen, in the pieces in which they came.

    A piece is (images int64 (count,), peaks float32 (count, channels)). Pieces are joined only once, at the end, so
    that folding a thousand images does not copy the first of them a thousand times.
    """

    channels: int
    sample: Sample = NO_SAMPLE
    pieces: tuple[tuple[Tensor, Tensor], ...] = ()

    def after(self, peaks: Tensor, images: Tensor) -> SampledPeaks:
        """With one more batch: ``peaks`` float32 (count, channels), ``images`` int64 (count,)."""
        mine = self.sample.holds(images)
        return self._with((images[mine], peaks[mine])) if mine.any() else self

    def merge(self, other: SampledPeaks) -> SampledPeaks:
        """Of both sets of images."""
        return self._with(*other.pieces)

    def _with(self, *more: tuple[Tensor, Tensor]) -> SampledPeaks:
        return SampledPeaks(self.channels, self.sample, self.pieces + more)

    def joined(self) -> tuple[Tensor, Tensor]:
        """(images int64 (n,), rising; peaks float32 (n, channels)): the same however the work was cut."""
        images = torch.cat([torch.empty(0, dtype=torch.int64), *(images for images, _ in self.pieces)])
        peaks = torch.cat([torch.empty(0, self.channels), *(peaks for _, peaks in self.pieces)])
        order = images.argsort()
        return images[order], peaks[order]
