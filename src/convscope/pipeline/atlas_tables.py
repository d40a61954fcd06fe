"""The first stage of an atlas: the scan, and the tables that keep what it found."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from convscope.atlas.tables import file_of
from convscope.atlas.writer import write_columns, write_table
from convscope.engine.scan import Scan
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.rows import image_rows, layer_rows, peak_columns, top_columns, unit_rows

SCANNED = ("images", "layers", "units", "top", "peaks")
"""Tables that come from the scan; everything after it is made from them."""


def write_scanned(
    folder: Path, sound: Collection[str], model: Model, images: ImageSet, run: Callable[[], Scan]
) -> None:
    """Write those of the tables that are not among the ``sound`` files; if any, ``run`` is called for the scan."""
    missing = {table for table in SCANNED if file_of(table) not in sound}
    if not missing:
        return
    found = run()
    size = (model.preprocessing.height, model.preprocessing.width)
    rows = {"images": image_rows(found, images), "layers": layer_rows(found.layers), "units": unit_rows(found)}
    columns = {"top": top_columns(found, size), "peaks": peak_columns(found)}
    for table in SCANNED:
        if table in rows and table in missing:
            write_table(folder, table, rows[table])
        elif table in missing:
            write_columns(folder, table, columns[table])
