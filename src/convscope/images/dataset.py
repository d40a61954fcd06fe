"""A data set object in the manner of torchvision: ``len(data)`` and ``data[i]`` giving (image, label)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from convscope.errors import ImageError, ImageSetError
from convscope.images.entry import Content, Entry, Listing
from convscope.images.labels import name_labels

_one_at_a_time = threading.RLock()
"""Nothing promises that threads may read a data set side by side; FakeData, for one, sets the global seed."""


def read_dataset(data: Any) -> Listing:
    """The items in their order, named by their number; images are fetched when they are read.

    Labels come from ``data.targets`` if that is what the items would give, else each item is fetched once.
    Names of classes come from ``data.classes``, else from the labels. Raises ``ImageSetError`` for an empty
    data set, items that hold no image, or labels that are no classes.
    """
    _require_dataset(data)
    labels, classes = name_labels(_raw_labels(data), getattr(data, "classes", None) or ())
    entries = tuple(Entry(str(row), label, partial(_load, data, row)) for row, label in enumerate(labels))
    return Listing(type(data).__name__, entries, classes if any(labels) else ())


def _require_dataset(data: Any) -> None:
    kind = type(data).__name__
    methods = (getattr(data, method, None) for method in ("__len__", "__getitem__"))
    if isinstance(data, Mapping) or not all(map(callable, methods)):
        raise ImageSetError(
            f"An object of type {kind} is no source of images: expected a path, "
            "or a data set with len(data) and data[i] giving (image, label)."
        )
    if len(data) == 0:
        raise ImageSetError(f"The data set {kind} is empty; expected at least one image.")
    try:
        image, _ = _item(data, 0)
    except ImageError:  # one bad item does not condemn the set
        return
    if not isinstance(image, Image.Image) and image.dtype.kind not in "buif":
        raise ImageSetError(
            f"Item 0 of the data set {kind} is not an image. Expected (image, label) with a PIL image, "
            "an array [height, width, channels] or a tensor [channels, height, width]. "
            "For paths, write a .txt list."
        )


def _raw_labels(data: Any) -> list[object]:
    targets = getattr(data, "targets", None)
    if targets is not None and len(targets) == len(data) and getattr(data, "target_transform", None) is None:
        return list(targets)
    return [_label(data, row) for row in range(len(data))]


def _label(data: Any, row: int) -> object:
    try:
        return _item(data, row)[1]
    except ImageError:  # the image will be listed as skipped, with this reason
        return None


def _load(data: Any, row: int) -> Content:
    image: Content = _item(data, row)[0]
    return image


def _item(data: Any, row: int) -> tuple[Any, object]:
    """Picture or array of an item, and its label; an item that is no pair is an image without label."""
    try:
        with _one_at_a_time:
            item = data[row]
            pair = isinstance(item, tuple | list) and len(item) > 1
            return (_fetched(item[0]), item[1]) if pair else (_fetched(item), None)
    except Exception as error:  # a stranger's code, whose text may hold paths or addresses
        raise ImageError(f"the data set raised {type(error).__name__}") from error


def _fetched(image: Any) -> Any:
    if isinstance(image, Image.Image):
        image.load()
        return image
    if not callable(getattr(image, "detach", None)):
        return np.asarray(image)
    values = np.asarray(image.detach().cpu())
    return np.moveaxis(values, 0, -1) if values.ndim == 3 else values
