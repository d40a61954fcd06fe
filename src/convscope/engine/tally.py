"""Tally: all that a scan remembers of one layer; merges like TopK does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from convscope.engine.sampled import NO_SAMPLE, Sample, SampledPeaks
from convscope.engine.topk import TopK, strongest_per_image, strongest_positions
from convscope.errors import NumberError
from convscope.finite import is_finite


@dataclass(frozen=True)
class Statistics:
    """Sums over the peaks (strongest activation per image) of each channel, kept in float64.

    All of shape (channels,), but ``class_peak`` (classes, channels) and ``class_count`` (classes,).
    """

    count: Tensor
    peak_sum: Tensor
    square_sum: Tensor
    peak_max: Tensor
    active: Tensor
    class_peak: Tensor
    class_count: Tensor

    @classmethod
    def empty(cls, channels: int, classes: int) -> Statistics:
        """No image seen yet."""
        zero = torch.zeros(channels, dtype=torch.float64)
        return cls(
            count=torch.zeros(1, dtype=torch.int64),
            peak_sum=zero,
            square_sum=zero,
            peak_max=torch.full((channels,), -torch.inf, dtype=torch.float64),
            active=torch.zeros(channels, dtype=torch.int64),
            class_peak=torch.zeros(classes, channels, dtype=torch.float64),
            class_count=torch.zeros(classes, dtype=torch.int64),
        )

    @classmethod
    def of(cls, peaks: Tensor, classes: Tensor, class_total: int) -> Statistics:
        """Of one batch: ``peaks`` (count, channels), ``classes`` int64 (count,), -1 for none."""
        wide = peaks.double()
        known = classes >= 0
        per_class = torch.zeros(class_total, peaks.shape[1], dtype=torch.float64)
        return cls(
            count=torch.tensor([len(wide)]),
            peak_sum=wide.sum(0),
            square_sum=wide.square().sum(0),
            peak_max=wide.amax(0),
            active=(wide > 0).sum(0),
            class_peak=per_class.index_add(0, classes[known], wide[known]),
            class_count=torch.bincount(classes[known], minlength=class_total),
        )

    def merge(self, other: Statistics) -> Statistics:
        """Of both sets of images."""
        return Statistics(
            count=self.count + other.count,
            peak_sum=self.peak_sum + other.peak_sum,
            square_sum=self.square_sum + other.square_sum,
            peak_max=torch.maximum(self.peak_max, other.peak_max),
            active=self.active + other.active,
            class_peak=self.class_peak + other.class_peak,
            class_count=self.class_count + other.class_count,
        )


@dataclass(frozen=True)
class Tally:
    """The top activations of a layer among all images and, on demand, among the images of each class."""

    top: TopK
    statistics: Statistics
    by_class: Mapping[int, TopK]
    sampled: SampledPeaks
    many: bool = False
    """True if one image may contribute several activations."""
    class_k: int = 0
    """How many to keep per class; 0: none."""

    @classmethod
    def empty(
        cls,
        channels: int,
        k: int,
        classes: int = 0,
        *,
        many: bool = False,
        class_k: int = 0,
        sample: Sample = NO_SAMPLE,
    ) -> Tally:
        """No image seen yet."""
        sampled = SampledPeaks(channels, sample)
        return cls(TopK.empty(channels, k), Statistics.empty(channels, classes), {}, sampled, many, class_k)

    def after(self, maps: Tensor, images: Tensor, classes: Tensor) -> Tally:
        """With one more batch: ``maps`` (count, channels, height, width), ``images`` and ``classes`` int64 (count,)."""
        peaks = maps.amax((2, 3))
        host = peaks.float().cpu()
        # The peak shows NaN and infinity; minus infinity hides below it, and is ranked only if an image gives many.
        if not is_finite(maps if self.many else host):
            raise NumberError("an activation is NaN or infinite")
        total = len(self.statistics.class_count)
        return Tally(
            top=self._ranked(maps, host, images, self.top),
            statistics=self.statistics.merge(Statistics.of(host, classes, total)),
            by_class=self._classes_after(maps, host, images, classes),
            sampled=self.sampled.after(host, images),
            many=self.many,
            class_k=self.class_k,
        )

    def _ranked(self, maps: Tensor, peaks: Tensor, images: Tensor, best: TopK) -> TopK:
        return strongest_positions(maps, images, best) if self.many else strongest_per_image(maps, peaks, images, best)

    def _classes_after(self, maps: Tensor, peaks: Tensor, images: Tensor, classes: Tensor) -> Mapping[int, TopK]:
        if not self.class_k:
            return self.by_class
        found = dict(self.by_class)
        for number in sorted(set(classes[classes >= 0].tolist())):
            mine = classes == number
            best = found.get(number, TopK.empty(maps.shape[1], self.class_k))
            found[number] = self._ranked(maps[mine.to(maps.device)], peaks[mine], images[mine], best)
        return found

    def merge(self, other: Tally) -> Tally:
        """Of both sets of images."""
        by_class = dict(self.by_class)
        for number, top in other.by_class.items():
            by_class[number] = by_class[number].merge(top) if number in by_class else top
        return Tally(
            self.top.merge(other.top),
            self.statistics.merge(other.statistics),
            by_class,
            self.sampled.merge(other.sampled),
            self.many,
            self.class_k,
        )
