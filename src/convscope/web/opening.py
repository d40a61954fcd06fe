"""From a folder that convscope wrote to the place that shows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from convscope.atlas.manifest import JOURNAL, MANIFEST
from convscope.atlas.reader import Atlas
from convscope.errors import AtlasError
from convscope.web import exported
from convscope.web.atlas.place import AtlasPlace
from convscope.web.evolution.place import evolution_place, recognised
from convscope.web.place import Place
from convscope.web.results import places as results
from convscope.web.shelf.connect import connected
from convscope.web.shelf.place import names_of


def is_atlas(folder: Path) -> bool:
    """Whether a folder holds an atlas, also one that is not finished."""
    return (folder / MANIFEST).is_file() or (folder / JOURNAL).is_file()


def _atlas_place(folder: Path) -> Place:
    return AtlasPlace(Atlas.open(folder))


KINDS: tuple[tuple[Callable[[Path], bool], Callable[[Path], Place]], ...] = (
    (is_atlas, _atlas_place),
    (recognised, evolution_place),
    (results.recognised_run, results.run_place),
    (results.recognised_ablation, results.ablation_place),
    (results.recognised_experiment, results.experiment_place),
    (exported.recognised, exported.exported_place),
)
"""What tells that a folder is of a kind, and what opens it; the first that holds."""


def open_places(folders: Sequence[Path]) -> dict[str, Place]:
    """The places of all folders by short names of their own, connected; raises as ``open_place``."""
    names = names_of(folder.resolve().name for folder in folders)
    return connected(dict(zip(names, map(open_place, folders), strict=True)))


def open_place(folder: str | Path) -> Place:
    """The place of a folder; raises AtlasError for one that convscope did not write, and for a damaged one."""
    path = Path(folder)
    for holds, open_kind in KINDS:
        if holds(path):
            return open_kind(path)
    if not path.exists():
        raise AtlasError(f"there is no folder {path}")
    raise AtlasError(
        f"there is nothing to show in {path}: it is not a folder that a command of convscope wrote with -o, such as an "
        "atlas, an evolution, a run or a report"
    )
