"""Which reader serves which source."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from convscope.errors import ImageSetError
from convscope.images.dataset import read_dataset
from convscope.images.entry import Listing
from convscope.images.folder import is_image_name, read_folder, read_image
from convscope.images.idx import is_idx_file, is_idx_folder, read_idx_file, read_idx_folder
from convscope.images.listfile import read_list
from convscope.images.table import read_table


class Kind(NamedTuple):
    """A kind of path: what to call it, how it is told, and its reader."""

    what: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Listing]


KINDS = (
    Kind("a folder of *-images-idx3-ubyte.gz files", is_idx_folder, read_idx_folder),
    Kind("a folder of images", Path.is_dir, read_folder),
    Kind("a *-images-idx3-ubyte.gz file", is_idx_file, read_idx_file),
    Kind("a .txt list of images", lambda path: path.suffix.lower() == ".txt", read_list),
    Kind("a .parquet file", lambda path: path.suffix.lower() == ".parquet", read_table),
    Kind("one image file", lambda path: is_image_name(path.name), read_image),
)
"""The first that matches is taken."""

ACCEPTED = ", ".join(kind.what for kind in KINDS) + ", or a data set object with len(data) and data[i]"


def read_source_of_any_kind(source: object) -> Listing:
    """The listing of a path or data set object; raises ``ImageSetError`` if it is no source of images."""
    if not isinstance(source, str | os.PathLike):
        return read_dataset(source)
    _require_file_or_folder(os.fsdecode(source))
    path = Path(os.fsdecode(source)).absolute()  # images are read later, perhaps from another working folder
    for kind in KINDS:
        if kind.matches(path):
            return kind.read(path)
    raise ImageSetError(f"{path} is no known source of images. Expected {ACCEPTED}.")


def _require_file_or_folder(path: str) -> None:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 — Path("") would be the current folder
    except (OSError, ValueError) as error:
        raise ImageSetError(f"{path!r} does not exist or cannot be reached. Expected {ACCEPTED}.") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise ImageSetError(f"{path!r} is neither a file nor a folder. Expected {ACCEPTED}.")
