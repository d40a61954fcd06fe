"""Images with what they show, ready to be split: from class folders, or from a copy of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from convscope.errors import ImageSetError, SettingError
from convscope.images import ImageSet
from convscope.images.entry import Entry, printable
from convscope.images.exclusion import Excluded, remaining
from convscope.images.file import read_source
from convscope.images.files import local_file, read_file
from convscope.images.imageset import GREY
from convscope.probes.transfer.metrics import Marks
from convscope.probes.transfer.protocol import Protocol

VOC_PARTS = ("train", "val")
_SHOWN = 5
_VOC_MARKS = {"1": 1, "-1": 0, "0": -1}
"""As the files have it: present, absent, present but difficult."""


@dataclass(frozen=True)
class Labelled:
    """``marks`` int8 (images, classes): 1 the class is there, 0 not, -1 undecided; ``parts`` where the set has its own
    (``train`` and ``val``). ``notes``: what was left out.
    """

    images: ImageSet
    classes: tuple[str, ...]
    marks: Marks
    parts: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the image set."""
        return self.images.name

    def select(self, rows: Sequence[int], columns: Sequence[int] | None = None) -> Labelled:
        """These images, and these classes (None: all), in this order."""
        places = range(len(self.classes)) if columns is None else columns
        return Labelled(
            self.images.select(rows),
            tuple(self.classes[place] for place in places),
            self.marks[np.ix_(rows, places)],
            None if self.parts is None else tuple(self.parts[row] for row in rows),
            self.notes,
        )

    def without(self, excluded: Sequence[Excluded]) -> Labelled:
        """Less the images of a list, which a note counts; raises ExclusionError for a list of another set."""
        kept = self.select(remaining(self.images, excluded))
        count = len(self.images) - len(kept.images)
        said = f"left out, as the list says: {count} image{'' if count == 1 else 's'}"
        return replace(kept, notes=(*self.notes, said)) if count else kept


def open_labelled(data: str | Path | object, protocol: Protocol) -> Labelled:
    """The images of a data set as its protocol wants them; raises ImageSetError for a copy that is not whole.

    ``data``: a folder (of the classes, or of the data set around them), what ``ImageSet.open`` takes, or an image set.
    """
    if isinstance(data, ImageSet):
        return by_label(data, protocol)
    source = _inside(Path(data), protocol) if isinstance(data, str | Path) else data
    return _LAYOUTS[protocol.layout](source, protocol)


def _inside(data: Path, protocol: Protocol) -> Path:
    return next((data / name for name in protocol.inside if (data / name).is_dir()), data)


def by_label(images: ImageSet, protocol: Protocol) -> Labelled:
    """One class for each image; raises ImageSetError without labels, with a single class, or with other counts."""
    _check_whole(images, protocol, len(images.classes))
    if None in images.labels:
        lacking = images.names[images.labels.index(None)]
        raise ImageSetError(
            f"{images.name} has images without a label, first {lacking!r}; sort them into one folder per class"
        )
    chosen = images.select([i for i, label in enumerate(images.labels) if label not in protocol.without])
    classes = tuple(name for name in images.classes if name in set(chosen.labels))
    if len(classes) < 2:
        raise ImageSetError(
            f"{images.name} has {len(classes)} class{'' if len(classes) == 1 else 'es'} with images; to tell classes "
            "apart there must be at least two. Give a folder with one folder per class"
        )
    place = {name: number for number, name in enumerate(classes)}
    marks = np.zeros((len(chosen), len(classes)), np.int8)
    marks[np.arange(len(chosen)), [place[str(label)] for label in chosen.labels]] = 1
    return Labelled(chosen, classes, marks)


def _folders(source: object, protocol: Protocol) -> Labelled:
    images = ImageSet.open(source)
    found = by_label(images, protocol)
    return replace(found, notes=_empty(source, images)) if isinstance(source, Path) and source.is_dir() else found


def _empty(folder: Path, images: ImageSet) -> tuple[str, ...]:
    """A note on the class folders that hold no image; none where the folder's classes come from elsewhere."""
    inside = {printable(each.name) for each in folder.iterdir() if each.is_dir() and not each.is_symlink()}
    empty = sorted(name for name in inside - {*images.classes} if not name.startswith("."))
    if not empty or inside.isdisjoint(images.classes):
        return ()
    more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
    return (f"no class, because the folder holds no image: {', '.join(empty[:_SHOWN])}{more}",)


def _voc(source: object, protocol: Protocol) -> Labelled:
    """Of VOC's own folders: ``ImageSets/Main/CLASS_PART.txt`` says which image shows what."""
    if not isinstance(source, Path) or not (source / "ImageSets" / "Main").is_dir():
        given = source if isinstance(source, Path) else f"an object of {type(source).__name__}"
        raise ImageSetError(f"{given} is no copy of PASCAL VOC: it has no folder ImageSets/Main")
    main = source / "ImageSets" / "Main"
    classes = tuple(sorted(path.stem.removesuffix("_trainval") for path in main.glob("*_trainval.txt")))
    parts = _voc_parts(main)
    row = {name: number for number, name in enumerate(parts)}
    marks = np.zeros((len(parts), len(classes)), np.int8)
    for column, each in enumerate(classes):
        for part in VOC_PARTS:
            expected = [name for name, own in parts.items() if own == part]
            for name, mark in _voc_marks(main / f"{each}_{part}.txt", expected).items():
                marks[row[name], column] = mark
    entries = tuple(
        Entry(f"{name}.jpg", None, partial(read_file, source / "JPEGImages" / f"{name}.jpg")) for name in parts
    )
    if not entries or len(classes) < 2:
        raise ImageSetError(f"{main} lists {len(entries)} images of {len(classes)} classes; at least two are needed")
    images = ImageSet(printable(source.name), entries, (), GREY)
    _check_whole(images, protocol, len(classes))
    return Labelled(images, classes, marks, tuple(parts.values()))


def _voc_parts(main: Path) -> dict[str, str]:
    """The part of each image; raises ImageSetError for one that is in both."""
    found: dict[str, str] = {}
    for part in VOC_PARTS:
        path = main / f"{part}.txt"
        for name in _voc_names(path):
            if found.get(name, part) != part:
                raise ImageSetError(
                    f"{path} names {name!r}, which {found[name]}.txt has as well; nothing may be trained on and judged"
                )
            if name in found:
                raise ImageSetError(f"{path} names {name!r} twice")
            found[name] = part
    return found


def _voc_names(path: Path) -> list[str]:
    names = [line.split()[0] for line in _lines(path)]
    if strange := next((name for name in names if not name.replace("_", "").isalnum() or not name.isascii()), None):
        raise ImageSetError(f"{path} has a line {strange[:40]!r}; expected the name of an image, as in 2008_000008")
    return names


def _voc_marks(path: Path, expected: Sequence[str]) -> dict[str, int]:
    """Of every image of a part: one that is missing would count as without the class."""
    found: dict[str, int] = {}
    known, part = frozenset(expected), f"{path.stem.rpartition('_')[2]}.txt"
    for line in _lines(path):
        words = line.split()
        if len(words) != 2 or words[1] not in _VOC_MARKS:
            raise ImageSetError(f"{path} has a line {line[:40]!r}; expected an image and 1, -1 or 0")
        if words[0] not in known or words[0] in found:
            raise ImageSetError(
                f"{path} names {words[0]!r}{' twice' if words[0] in found else f', which {part} lacks'}"
            )
        found[words[0]] = _VOC_MARKS[words[1]]
    if lacking := next((name for name in expected if name not in found), None):
        raise ImageSetError(f"{path} names {len(found)} of the {len(expected)} images of {part}, not {lacking!r}")
    return found


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in read_source(local_file(path)).decode("ascii").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise ImageSetError(f"{path} is not plain text (byte {error.start})") from error


_LAYOUTS: Mapping[str, Callable[[object, Protocol], Labelled]] = {"folders": _folders, "voc": _voc}


def _check_whole(images: ImageSet, protocol: Protocol, classes: int) -> None:
    for what, found, expected in (("images", len(images), protocol.images), ("classes", classes, protocol.classes)):
        if expected is not None and found != expected:
            raise ImageSetError(
                f"{images.name} has {found:,} {what}, and {protocol.title or protocol.name} has {expected:,}; this "
                "copy is not whole, or another edition. For a part of it, use --protocol folders"
            )
    if protocol.digest is not None and images.digest != protocol.digest:
        raise ImageSetError(
            f"the content of {images.name} has the digest {images.digest[:12]}…, and protocol {protocol.name} expects "
            f"{protocol.digest[:12]}…: an image, a name or a label is another one"
        )


DOWNLOADS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "Caltech101": ({},),
    "Caltech256": ({},),
    "VOCDetection": ({"year": "2012", "image_set": "trainval"},),
}
"""Classes of ``torchvision.datasets``, and what each call is given."""


def fetch(data: Path, protocol: Protocol) -> None:
    """Download the protocol's data set into the folder ``data``, by torchvision, which checks what it gets.

    Raises SettingError for a protocol that names none, ImageSetError if it cannot be had.
    """
    known = DOWNLOADS.get(protocol.download or "")
    if known is None:
        raise SettingError(
            f"protocol {protocol.name} names {protocol.download or 'no data set'} to download; torchvision is asked "
            f"for {', '.join(DOWNLOADS)}. Give a folder that holds the data"
        )
    from torchvision import datasets

    data.mkdir(parents=True, exist_ok=True)
    try:
        for options in known:
            getattr(datasets, str(protocol.download))(str(data), download=True, **options)
    except (RuntimeError, OSError) as error:
        raise ImageSetError(
            f"torchvision could not fetch {protocol.title} into {data}: {error}. Fetch it by other means, and give the "
            "folder that holds it"
        ) from error
