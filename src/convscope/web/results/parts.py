"""Parts that pages of results are made of."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from PIL import Image

from convscope.errors import AtlasFormatError
from convscope.web.head import make_head
from convscope.web.listed import Maker
from convscope.web.pages import Fact, Head, Link, Picture
from convscope.web.result_files import ResultFiles
from convscope.web.results.values import Download, Figure
from convscope.web.urls import Urls

INDEX, JSON = "index.html", "index.json"
_DEEPEST = 8
"""Objects within objects that are spelled out; deeper ones are a fault."""
_FORMATS = ("PNG", "WEBP")


def result_head(title: str, trail: tuple[Link, ...] = (), root: str = "") -> Head:
    """The head of a result's only page; ``root`` leads to the folder with the program's own files."""
    return make_head(Urls(root).static, title, JSON, trail)


def file_at(name: str) -> str:
    """The address of a file of the result."""
    return f"files/{name}"


def figures_of(files: ResultFiles, titles: Mapping[str, str]) -> tuple[Figure, ...]:
    """Those of the pictures that are there."""
    return tuple(Figure(title, picture_of(files, name)) for name, title in titles.items() if files.has(name))


def picture_of(files: ResultFiles, name: str) -> Picture:
    """A picture and its size; AtlasFormatError if it is none."""
    try:
        with Image.open(io.BytesIO(files.read(name)), formats=_FORMATS) as opened:
            return Picture(file_at(name), opened.width, opened.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise AtlasFormatError(f"{files.path / name} is no picture ({error}). Make the result again.") from error


def downloads_of(files: ResultFiles, holds: Mapping[str, str]) -> tuple[Download, ...]:
    """Those of the files that are there."""
    return tuple(
        Download(name, file_at(name), what, size_of((files.path / name).stat().st_size))
        for name, what in holds.items()
        if files.has(name)
    )


def size_of(count: int) -> str:
    """A number of bytes, in words."""
    if count >= 999_500:
        return f"{count / 1e6:.3g} MB"
    return f"{count / 1e3:.0f} kB" if count >= 9_950 else f"{max(count / 1e3, 0.1):.1f} kB"


def objects(facts: Mapping[str, Any], name: str, where: str) -> list[dict[str, Any]]:
    """The objects that a part of the facts lists, none if there is no such part; AtlasFormatError for anything else."""
    found = facts.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise AtlasFormatError(f"{where}: {name}: expected a list of objects. Make the result again.")
    return found


def spelled(value: object, where: str, name: str = "", deep: int = 0) -> Iterator[Fact]:
    """Every number and word in parsed JSON, with the way to it; AtlasFormatError for what is nested too deeply."""
    if deep > _DEEPEST:
        raise AtlasFormatError(f"{where} is nested too deeply to be shown{f' ({name})' if name else ''}.")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from spelled(inner, where, f"{name}.{key}" if name else str(key), deep + 1)
    elif isinstance(value, list):
        yield Fact(name, ", ".join(_word(each, where, deep + 1) for each in value) or "none")
    else:
        yield Fact(name, _word(value, where, deep))


def _word(value: object, where: str, deep: int) -> str:
    if isinstance(value, dict | list):
        return ", ".join(f"{fact.name} {fact.value}".strip() for fact in spelled(value, where, "", deep))
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def files_at(files: ResultFiles, names: tuple[str, ...], at: str = "") -> Iterator[tuple[str, Maker]]:
    """Those of the files that are there."""
    for name in names:
        if files.has(name):
            yield f"{at}{file_at(name)}", partial(files.read, name)
