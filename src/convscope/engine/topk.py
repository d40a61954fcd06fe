"""TopK: the strongest activations of every channel of a layer, as a value that folds.

Merging is associative and commutative and ties go to the lower image, then the lower position, so the answer is the
same for any batch size, order of images, or way of sharing the work.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NOWHERE = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class TopK:
    """The k strongest of each channel, strongest first.

    ``value`` float (channels, k), -inf where there are fewer than k; ``place`` int64 (channels, k) =
    image * positions + row * width + column, NOWHERE where there is none.
    """

    value: Tensor
    place: Tensor

    @classmethod
    def empty(cls, channels: int, k: int) -> TopK:
        """No activation seen yet."""
        value = torch.full((channels, k), -torch.inf)
        return cls(value, torch.full((channels, k), NOWHERE))

    def merge(self, other: TopK) -> TopK:
        """The k strongest of both, k being this one's; the other may hold fewer."""
        k = self.value.shape[1]
        value = torch.cat((self.value, other.value), 1)
        place = torch.cat((self.place, other.place), 1)
        value, place = _ranked(value, place)
        return TopK(value[:, :k].contiguous(), place[:, :k].contiguous())

    def could_enter(self, value: Tensor, place: Tensor) -> Tensor:
        """Which candidates, (channels, any), would change this value: a cheap test before a merge."""
        last, last_place = self.value[:, -1:], self.place[:, -1:]
        return (value > last) | ((value == last) & (place < last_place))

    def at(self, channels: Tensor) -> TopK:
        """Only these channels."""
        return TopK(self.value[channels], self.place[channels])

    def put(self, channels: Tensor, other: TopK) -> TopK:
        """With these channels replaced."""
        return TopK(self.value.index_copy(0, channels, other.value), self.place.index_copy(0, channels, other.place))


def _ranked(value: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Rows sorted by falling value; equal values by rising place."""
    order = place.argsort(dim=1)
    value, place = value.gather(1, order), place.gather(1, order)
    value, order = value.sort(dim=1, descending=True, stable=True)
    return value, place.gather(1, order)


def strongest_per_image(maps: Tensor, peaks: Tensor, images: Tensor, best: TopK) -> TopK:
    """``best`` after a batch, one activation per image.

    ``maps`` (count, channels, height, width); ``peaks`` (count, channels) their maxima; ``images`` int64 (count,) the
    indices of the images. Positions are looked up only for those that enter.
    """
    positions = maps.shape[2] * maps.shape[3]
    value = peaks.T.cpu()
    first = (images * positions).expand_as(value)
    enters = best.could_enter(value, first + positions - 1)
    channels = enters.any(1).nonzero()[:, 0]
    if not len(channels):
        return best
    candidates = _top_of_batch(value[channels], images, best.value.shape[1], enters[channels])
    where = _positions(maps, candidates, channels)
    found = TopK(candidates.value, torch.where(candidates.row < 0, NOWHERE, images[candidates.row] * positions + where))
    return best.put(channels, best.at(channels).merge(found))


@dataclass(frozen=True)
class _Candidates:
    """(channels, up to k): values, strongest first, and the row of the batch that each comes from; -1: none."""

    value: Tensor
    row: Tensor


def _top_of_batch(value: Tensor, images: Tensor, k: int, enters: Tensor) -> _Candidates:
    by_image = images.argsort()
    value = value.masked_fill(~enters, -torch.inf)[:, by_image]
    value, order = value.sort(dim=1, descending=True, stable=True)
    value, row = value[:, :k], by_image[order[:, :k]]
    return _Candidates(value, torch.where(value == -torch.inf, -1, row))


_GATHER_LIMIT = 8_000_000
"""Numbers gathered from maps at a time, to bound the extra memory (32 MB in float32)."""
_DENSE = 0.02
"""Share of a batch's maps from which on they are read image by image: that follows the memory, but costs a loop."""


def _positions(maps: Tensor, candidates: _Candidates, channels: Tensor) -> Tensor:
    """The first position, in reading order, at which each candidate's map has its maximum; 0 for no candidate."""
    rows, columns = (candidates.row >= 0).nonzero(as_tuple=True)
    image, channel = candidates.row[rows, columns].to(maps.device), channels[rows].to(maps.device)
    many = len(rows) > _DENSE * maps.shape[0] * maps.shape[1]
    found = _positions_by_image(maps, image, channel) if many else _positions_one_by_one(maps, image, channel)
    where = torch.zeros_like(candidates.row)
    where[rows, columns] = found.cpu()
    return where


def _positions_one_by_one(maps: Tensor, image: Tensor, channel: Tensor) -> Tensor:
    size = max(1, _GATHER_LIMIT // (maps.shape[2] * maps.shape[3]))
    pieces = [
        _first_maximum(maps[image[start : start + size], channel[start : start + size]].flatten(1), 1)
        for start in range(0, len(image), size)
    ]
    return torch.cat(pieces) if pieces else image.new_zeros(0)


def _positions_by_image(maps: Tensor, image: Tensor, channel: Tensor) -> Tensor:
    """The same with whole rows of channels, which lie side by side in the channels_last layout."""
    where = torch.zeros_like(image)
    for number in image.unique().tolist():  # type: ignore[no-untyped-call]
        mine = (image == number).nonzero()[:, 0]
        by_position = maps[number].permute(1, 2, 0).flatten(0, 1)
        where[mine] = _first_maximum(by_position.index_select(1, channel[mine]), 0)
    return where


def _first_maximum(values: Tensor, axis: int) -> Tensor:
    """Argmax along an axis of a matrix that takes the first of equal maxima on every device."""
    count = torch.arange(values.shape[axis], device=values.device, dtype=torch.int32).unsqueeze(1 - axis)
    return torch.where(values == values.amax(axis, keepdim=True), count, values.shape[axis]).amin(axis).long()


def strongest_positions(maps: Tensor, images: Tensor, best: TopK) -> TopK:
    """``best`` after a batch when one image may contribute several activations; arguments as above."""
    k = best.value.shape[1]
    flat = maps.flatten(2)
    positions = flat.shape[2]
    for row, image in zip(flat.cpu().contiguous(), images, strict=True):
        # A stable sort keeps reading order among equals, which topk does not promise.
        value, order = row.sort(dim=1, descending=True, stable=True)
        value, order = value[:, :k], order[:, :k]
        enters = best.could_enter(value, image * positions + order)
        hit = enters.any(1).nonzero()[:, 0]
        if len(hit):
            best = best.put(hit, best.at(hit).merge(TopK(value[hit], image * positions + order[hit])))
    return best
