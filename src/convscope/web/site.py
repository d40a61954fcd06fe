"""Writes the pages of an atlas as files that open from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import TABLES
from convscope.errors import AtlasError
from convscope.render import SHEETS
from convscope.web.atlas.place import AtlasPlace
from convscope.web.export import Progress, export_place


@dataclass(frozen=True)
class SiteSummary:
    """What was written."""

    index: Path  # the page to open first
    layers: int
    units: int
    images: int


def export_site(atlas: Atlas, destination: str | Path, progress: Progress = lambda _done, _total: None) -> SiteSummary:
    """Write all pages of an atlas into the folder ``destination``; open its ``index.html`` with any browser.

    The folder appears, or replaces an earlier export, only when all is written: no stale page is left, and a
    run that is stopped changes nothing. Raises AtlasError if the folder holds anything but an earlier export.
    """
    check_apart(atlas, Path(destination).resolve())
    place = AtlasPlace(atlas)
    index = export_place(place, destination, progress)
    layers = atlas.layers()
    units = sum(len(atlas.units(row.layer)) for row in layers)
    return SiteSummary(index, len(layers), units, len(place.catalogue.shown))


def check_apart(atlas: Atlas, target: Path) -> None:
    """Raise AtlasError if pages at ``target`` would lie over files of the atlas."""
    source = atlas.path.resolve()
    inside = {source / name for name in (*TABLES, SHEETS, "work")}
    if target == source or target in source.parents or inside & {target, *target.parents}:
        raise AtlasError(f"the pages cannot go to {target}, which overlaps the atlas in {source}. Name another folder.")
