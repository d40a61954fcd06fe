"""Files of marked parts, as a person or an annotation tool writes them: CSV, JSON, or COCO, told apart by content.

Each entry names an image, a part and a box in pixels of that picture, turned upright.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from convscope.errors import ImageError, PartsError
from convscope.images.boxes import COLUMNS, FORMS, Part, box_of, entries
from convscope.images.coco import from_coco
from convscope.images.files import read_file
from convscope.images.named import finder


def read_parts(path: str | Path, names: Sequence[str] | None = None, *, side: float | None = None) -> tuple[Part, ...]:
    """The parts of a CSV, JSON or COCO file, in its order; raises PartsError that names the line or the entry.

    With the ``names`` of an image set, images are looked up in it, by name or by a file name that occurs once. An
    unknown image is an error, but in COCO, where images that are not in the set are left aside. There, a keypoint that
    is marked as visible becomes a square of ``side`` pixels, a box gets the name of its category, and of several of a
    kind on one image that of the largest annotation counts; in the other forms a part stands once for each image.
    """
    text = _text(Path(path))
    if text.lstrip()[:1] not in ("{", "["):
        parts = tuple(_each_once(_from_csv(text, path), names))
    else:
        value = _parsed(text, path)
        listed = isinstance(value, list)
        parts = tuple(_each_once(_from_list(value, path), names) if listed else from_coco(value, path, names, side))
    if not parts:
        raise PartsError(f"{path} marks no part on these images. {FORMS}")
    return parts


def _text(path: Path) -> str:
    try:
        return read_file(path).decode("utf-8-sig")
    except ImageError as error:
        raise PartsError(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise PartsError(f"{path} is not UTF-8 text (byte {error.start}). {FORMS}") from error


def _parsed(text: str, path: str | Path) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise PartsError(f"{path} is not JSON: {error}. {FORMS}") from error


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that a box can have")


Entry = tuple[str, object, object, object]
"""Where it stands, and what is said of image, part and box."""


def _from_csv(text: str, path: str | Path) -> Iterator[Entry]:
    # Not split into lines first: a quoted name may hold a line break.
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        if sorted(header) != sorted(COLUMNS):
            raise PartsError(f"{path} begins with {','.join(header)[:80]!r}. {FORMS}")
        for row in rows:
            if any(cell.strip() for cell in row):
                yield _entry(header, row, f"line {rows.line_num} of {path}")
    except csv.Error as error:
        raise PartsError(f"line {rows.line_num} of {path} is not CSV: {error}. {FORMS}") from error


def _entry(header: Sequence[str], row: Sequence[str], where: str) -> Entry:
    if len(row) != len(header):
        raise PartsError(f"{where} has {len(row)} cells, expected {len(header)}: {','.join(header)}")
    cells = dict(zip(header, (cell.strip() for cell in row), strict=True))
    return where, cells["image"], cells["part"], [_number(cells[side]) for side in COLUMNS[2:]]


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text  # the box is refused as a whole, and shown


def _from_list(value: object, path: str | Path) -> Iterator[Entry]:
    for number, entry in enumerate(entries(value, str(path))):
        where = f"entry {number} of {path}"
        if set(entry) != {"image", "part", "box"}:
            raise PartsError(f"{where} has the fields {', '.join(entry) or 'none'}; expected image, part, box")
        yield where, entry["image"], entry["part"], entry["box"]


def _each_once(listed: Iterator[Entry], names: Sequence[str] | None) -> Iterator[Part]:
    find = finder(names)
    seen: set[tuple[str, str]] = set()
    for where, image, name, box in listed:
        if not isinstance(image, str) or not isinstance(name, str) or not image or not name:
            raise PartsError(f"{where}: image {image!r}, part {name!r}; expected two names")
        found = find(image, where)
        if (found, name) in seen:
            raise PartsError(f"{where}: the {name!r} of {found!r} is marked a second time; keep one of the two")
        seen.add((found, name))
        yield Part(found, name, box_of(box, where))
