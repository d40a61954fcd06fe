"""From what a source gives as labels to class names."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Sequence

from convscope.errors import ImageSetError
from convscope.images.entry import printable

NO_LABEL = -1
"""How Hugging Face and torchvision mark an image without label among numbered ones."""


def name_labels(values: Sequence[object], declared: Iterable[object]) -> tuple[list[str | None], tuple[str, ...]]:
    """Names of the labels, and all class names: those ``declared``, else those that occur, numbers by size.

    A label is a string, a number (of a declared class, or its own name), or none: ``None`` or -1.
    Raises ``ImageSetError`` for a label of another type or without class.
    """
    classes = _distinct(declared)
    known = frozenset(classes)
    labels = [_named(value, classes, known) for value in values]
    if classes:
        return labels, classes
    return labels, tuple(sorted({label for label in labels if label is not None}, key=_by_number))


def _named(value: object, classes: tuple[str, ...], known: frozenset[str]) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        name = printable(value)
        if known and name not in known:
            raise ImageSetError(
                f"A label is {name[:200]!r}, but the {len(classes)} declared classes are {', '.join(classes[:4])}…. "
                "Where several share a name, label by number."
            )
        return name
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # any integer-like: numpy's, a tensor's
    except (TypeError, ValueError) as error:
        raise ImageSetError(
            f"A label is of type {type(value).__name__}; expected a class, as an integer or a string."
        ) from error
    if number == NO_LABEL:
        return None
    if number < 0 or (classes and number >= len(classes)):
        raise ImageSetError(f"A label is {number}, but the classes are numbered 0 to {len(classes) - 1}.")
    return classes[number] if classes else str(number)


def _distinct(declared: Iterable[object]) -> tuple[str, ...]:
    """Class names as text; a name that several classes share (ImageNet has two cranes) gets its number."""
    names = [printable(", ".join(map(str, name)) if isinstance(name, list | tuple) else str(name)) for name in declared]
    times = Counter(names)
    return tuple(f"{name} ({number})" if times[name] > 1 else name for number, name in enumerate(names))


def _by_number(label: str) -> tuple[int, int, str]:
    return (0, int(label), label) if label.isdecimal() and label.isascii() else (1, 0, label)
