"""Finding an image of a set by what a person or another tool calls it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from convscope.errors import PartsError


def finder(names: Sequence[str] | None) -> Callable[[str, str], str]:
    """From (a name, where it is written) to the name in the set; without a set every name is taken as it is.

    A name of the set wins; else a file name that only one image has. Raises PartsError.
    """
    if names is None:
        return lambda name, where: name  # noqa: ARG005
    known, files = frozenset(names), by_file_name(names)

    def find(name: str, where: str) -> str:
        if name in known:
            return name
        candidates = files.get(file_name(name), ())
        if len(candidates) == 1:
            return candidates[0]
        raise PartsError(f"{where}: image {name!r} {_trouble(name, candidates, names)}")

    return find


def by_file_name(names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """File name without folders to the names that end with it."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(file_name(name), []).append(name)
    return {short: tuple(same) for short, same in found.items()}


def file_name(name: str) -> str:
    """The last part of a path, with either kind of slash."""
    return PurePosixPath(name.replace("\\", "/")).name


def _trouble(name: str, candidates: Sequence[str], names: Sequence[str]) -> str:
    if candidates:
        return f"could be any of {', '.join(candidates[:4])}; write the name with its folder"
    close = get_close_matches(name, names, n=3, cutoff=0.4) or list(names[:3])
    return f"is not among the {len(names)} images. Close to it: {', '.join(close)}"
