"""Batches of images, decoded by threads ahead of the network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.allowance import images_at_once
from convscope.errors import ImageError
from convscope.images import ImageSet
from convscope.models import Preprocessing


@dataclass(frozen=True)
class Outcome:
    """What became of one image: its size in pixels, or why it was left out."""

    image: int
    width: int | None = None
    height: int | None = None
    skipped: str | None = None


@dataclass(frozen=True)
class Batch:
    """``views`` uint8 (count, height, width, channels) of the images ``index`` int64 (count,), and every outcome."""

    views: Tensor
    index: Tensor
    outcomes: tuple[Outcome, ...]


View = NDArray[np.uint8]


def read_view(images: ImageSet, index: int, preprocessing: Preprocessing) -> tuple[Outcome, View | None]:
    """One image as the model sees it, uint8 (height, width, channels); or the reason why there is none."""
    try:
        picture = images.read(index)
        view = preprocessing.view(picture)
    except ImageError as error:
        return Outcome(index, skipped=str(error)), None
    height, width = picture.shape[:2]
    return Outcome(index, width, height), view


def batches(
    images: ImageSet, indices: Sequence[int], preprocessing: Preprocessing, batch_size: int, workers: int
) -> Iterator[Batch]:
    """The images ``indices`` in order, ``batch_size`` at a time, the next two batches being decoded meanwhile.

    Where less memory is allowed, batches are smaller.
    """
    batch_size = images_at_once(batch_size)
    chunks = iter([indices[i : i + batch_size] for i in range(0, len(indices), batch_size)])
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="decode") as pool:

        def submit(chunk: Sequence[int]) -> list[Future[tuple[Outcome, View | None]]]:
            return [pool.submit(read_view, images, index, preprocessing) for index in chunk]

        ahead = deque(submit(chunk) for chunk in islice(chunks, 2))
        while ahead:
            ready = [future.result() for future in ahead.popleft()]
            ahead.extend(submit(chunk) for chunk in islice(chunks, 1))
            yield _batch(ready, preprocessing)


def _batch(ready: Sequence[tuple[Outcome, View | None]], preprocessing: Preprocessing) -> Batch:
    good = [(outcome.image, view) for outcome, view in ready if view is not None]
    shape = (0, preprocessing.height, preprocessing.width, preprocessing.channels)
    views = np.stack([view for _, view in good]) if good else np.zeros(shape, np.uint8)
    index = torch.tensor([image for image, _ in good], dtype=torch.int64)
    return Batch(torch.from_numpy(views), index, tuple(outcome for outcome, _ in ready))
