"""Pages that were written before, by an export or a comparison, as a place."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from convscope.errors import AtlasError
from convscope.web.export import MARK
from convscope.web.listed import ListedPlace, static_contents
from convscope.web.place import MEDIA
from convscope.web.result_files import ResultFiles
from convscope.web.sources import static_names
from convscope.web.urls import INDEX

SCRIPT = ".js"


def recognised(folder: Path) -> bool:
    """Whether a folder holds exported pages."""
    return ResultFiles(folder).has(MARK)


def exported_place(folder: Path) -> ListedPlace:
    """The place of a folder that ``convscope export`` or ``convscope compare`` wrote; links in it are left out.

    Its scripts are never served, but the program's own of the same names: the folder may be somebody else's.
    """
    there = sorted(_files(folder, ""))
    found = [name for name in there if not name.endswith(SCRIPT)]
    own = static_contents(*static_names())
    scripts = {name: own[name] for name in there if name.endswith(SCRIPT) and name in own}
    if INDEX.index() not in found:
        raise AtlasError(f"the pages in {folder} have no {INDEX.index()}. Export them again.")
    contents = {name: partial(ResultFiles((folder / name).parent).read, Path(name).name) for name in found}
    return ListedPlace("exported pages", folder.resolve().name, INDEX.index(), contents | scripts)


def _files(folder: Path, before: str) -> list[str]:
    names = []
    for entry in folder.iterdir():
        if entry.is_symlink():
            continue
        if entry.is_dir():
            names += _files(entry, f"{before}{entry.name}/")
        elif entry.suffix in MEDIA:
            names.append(f"{before}{entry.name}")
    return names
