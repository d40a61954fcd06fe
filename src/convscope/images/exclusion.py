"""Lists of images to leave out, as ``convscope overlap`` writes them or a person does: JSON Lines.

One object per line, ``{"image": NAME}`` at least. Not CSV: a name may begin with ``=`` or hold a line break, and a
spreadsheet would run the one and break the other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path

from convscope.errors import ExclusionError, ImageError
from convscope.images.files import read_file
from convscope.images.imageset import ImageSet
from convscope.strict import Reader

FORM = 'Expected one JSON object per line: {"image": "NAME IN THE SET"}, perhaps with sha256, partner, reason'
_SHOWN = 120
"""Characters of a line or a name from a file that an error repeats."""


@dataclass(frozen=True)
class Excluded:
    """An image to leave out: its name in its set, the digest of its content if known, and why."""

    image: str
    sha256: str | None = None
    partner: str | None = None
    reason: str | None = None


def write_exclusion(excluded: Iterable[Excluded]) -> bytes:
    """The list as a file: UTF-8, a line each, without empty fields."""
    lines = ({name: value for name, value in asdict(each).items() if value is not None} for each in excluded)
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def read_exclusion(path: str | Path) -> tuple[Excluded, ...]:
    """The list in a file; raises ExclusionError, which names the line. Empty lines are passed over."""
    try:
        text = read_file(Path(path)).decode("utf-8-sig")
    except ImageError as error:
        raise ExclusionError(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise ExclusionError(f"{path} is not UTF-8 text (byte {error.start}). {FORM}") from error
    lines = enumerate(text.split("\n"), 1)
    return tuple(_entry(line, f"line {number} of {path}") for number, line in lines if line.strip())


def _entry(line: str, where: str) -> Excluded:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ExclusionError(f"{where} is {line[:_SHOWN]!r}. {FORM}") from error
    return Reader(ExclusionError, optional=True).decode(Excluded, value, where)


def without(images: ImageSet, excluded: Sequence[Excluded]) -> ImageSet:
    """The set less these images; raises ExclusionError, see ``remaining``."""
    return images.select(remaining(images, excluded))


def remaining(images: ImageSet, excluded: Sequence[Excluded]) -> list[int]:
    """Indices of all other images; each is looked up by its whole name, its content compared where the list has it.

    Raises ExclusionError if a name does not occur or the content is another one, since the list is then of another set,
    and if no image is left.
    """
    places = defaultdict[str, list[int]](list)
    for index, name in enumerate(images.names):
        places[name].append(index)
    unknown = [each.image for each in excluded if each.image not in places]
    if unknown:
        raise ExclusionError(_unknown(unknown, images))
    for each in excluded:
        for index in places[each.image]:
            if each.sha256 is not None and images.content(index)[0] != each.sha256:
                raise ExclusionError(
                    f"{each.image[:_SHOWN]!r} of {images.name} has another content than the image in the list of "
                    "images to leave out, so the list is of another set, or of an earlier state. Run `convscope "
                    "overlap` again"
                )
    left_out = {index for each in excluded for index in places[each.image]}
    kept = [index for index in range(len(images)) if index not in left_out]
    if not kept:
        raise ExclusionError(f"the list leaves out all {len(images)} images of {images.name}")
    return kept


def _unknown(unknown: Sequence[str], images: ImageSet) -> str:
    first = unknown[0]
    close = get_close_matches(first[:_SHOWN], images.names[:10_000], n=2, cutoff=0.4) or list(images.names[:2])
    count = "a name" if len(unknown) == 1 else f"{len(unknown)} names"
    return (
        f"the list of images to leave out has {count} that {images.name} has not, such as {first[:_SHOWN]!r} "
        f"(there are {', '.join(map(repr, close))}), so it is of another set. Run `convscope overlap` on the "
        "images from which they are to be left out"
    )
