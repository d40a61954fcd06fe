"""Labels of images and classes of a model: which is whose is told by the name, so there must be one of that name."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.errors import ImageError


def true_class(label: str | None, names: Sequence[str]) -> int:
    """The class of this name; raises ImageError where there is not one."""
    if (reason := unclear(label, names)) is not None:
        raise ImageError(
            f"{reason}, so there is no true class to watch; name folders (or labels) after classes, or choose a target"
        )
    return names.index(str(label))


def unclear(label: str | None, names: Sequence[str]) -> str | None:
    """Why a label is not the name of one class, in words for a list of what was left out; None if it is."""
    if label is None:
        return "it has no label"
    count = names.count(label)
    if count == 1:
        return None
    if count:
        return f"its label {label!r} is the name of {count} of the model's {len(names)} classes"
    return f"its label {label!r} is not among the model's {len(names)} class names"
