"""Batches of transformed pictures, made by threads ahead of the network.

Every group of a batch begins with the image as it is, so that what it is compared with went through the same pass and
nothing has to be kept between passes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.cores import cores
from convscope.errors import ImageError
from convscope.images import ImageSet
from convscope.models import Preprocessing
from convscope.probes.invariance.pictures import canvas_of, transformed
from convscope.probes.invariance.transform import Inverse

_AHEAD = 3
"""Images that are made ready while the network runs."""


@dataclass(frozen=True)
class Recipe:
    """How an image becomes its transformed views."""

    preprocessing: Preprocessing
    inverses: tuple[Inverse, ...]
    margin: int
    border: str
    interpolation: str

    def pictures(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view as it is and then transformed by each value, uint8 (1 + values, height, width, channels)."""
        canvas = canvas_of(picture, self.border, self.margin, self.preprocessing)
        inside = slice(self.margin, canvas.shape[0] - self.margin), slice(self.margin, canvas.shape[1] - self.margin)
        moved = [transformed(canvas, self.margin, inverse, self.interpolation) for inverse in self.inverses]
        return np.stack([canvas[inside], *moved])


@dataclass(frozen=True)
class Group:
    """Rows of a batch that belong together: ``row`` is image ``image`` as it is, those behind it ``values``."""

    image: int
    row: int
    values: range

    @property
    def rows(self) -> slice:
        """The transformed rows."""
        return slice(self.row + 1, self.row + 1 + len(self.values))


@dataclass(frozen=True)
class Pass:
    """One batch, uint8 (count, height, width, channels)."""

    views: Tensor
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Skip:
    """An image that cannot be used, and why."""

    image: int
    reason: str


Made = NDArray[np.uint8] | Skip


def passes(images: ImageSet, order: Sequence[int], recipe: Recipe, batch: int) -> Iterator[Pass | Skip]:
    """The images ``order``, each in groups of its values; a batch has at most ``batch`` rows, but at least 2."""
    waiting: list[tuple[Group, NDArray[np.uint8]]] = []
    for index, made in _made(images, order, recipe):
        if isinstance(made, Skip):
            yield made
            continue
        for values in chunks(len(recipe.inverses), max(batch - 1, 1)):
            rows = made[[0, *(1 + number for number in values)]]
            if waiting and sum(len(each) for _, each in waiting) + len(rows) > batch:
                yield _joined(waiting)
                waiting = []
            waiting.append((Group(index, sum(len(each) for _, each in waiting), values), rows))
    if waiting:
        yield _joined(waiting)


def chunks(count: int, most: int) -> list[range]:
    """``range(count)`` in the fewest parts of at most ``most``, as equal as can be."""
    parts = -(-count // most)
    ends = [round(count * part / parts) for part in range(parts + 1)]
    return [range(start, stop) for start, stop in pairwise(ends)]


def _joined(waiting: Sequence[tuple[Group, NDArray[np.uint8]]]) -> Pass:
    views = np.concatenate([rows for _, rows in waiting])
    return Pass(torch.from_numpy(views), tuple(group for group, _ in waiting))


def _made(images: ImageSet, order: Sequence[int], recipe: Recipe) -> Iterator[tuple[int, Made]]:
    indices = iter(order)
    with ThreadPoolExecutor(cores(), thread_name_prefix="transform") as pool:

        def submit(index: int) -> tuple[int, Future[Made]]:
            return index, pool.submit(_make, images, index, recipe)

        ahead = deque(submit(index) for index in islice(indices, _AHEAD))
        while ahead:
            index, future = ahead.popleft()
            made = future.result()
            ahead.extend(submit(following) for following in islice(indices, 1))
            yield index, made


def _make(images: ImageSet, index: int, recipe: Recipe) -> Made:
    try:
        return recipe.pictures(images.read(index))
    except ImageError as error:
        return Skip(index, str(error))
