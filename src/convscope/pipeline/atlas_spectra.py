"""The spectra of an atlas's layers, from the projections and pictures that it already holds: no image set, no model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from convscope.atlas.projection import Projection
from convscope.atlas.reader import decode_picture
from convscope.atlas.schema import LayerRow, PictureRow, ProjectionRow
from convscope.atlas.spectra import LayerSpectrum, spectrum_of_units, spectrum_rows
from convscope.atlas.store import damage_named, merge_rows, open_tables, read_rows
from convscope.atlas.writer import write_table
from convscope.errors import AtlasFormatError
from convscope.pipeline.picture_spectrum import picture_spectrum
from convscope.spectrum import RINGS

UNITS, RANKS = 32, 3
"""Units of a layer, and projections of each: enough for a mean, at a second or two for a layer that sees much."""

Tables = Mapping[str, ds.Dataset]
Shares = NDArray[np.float64]


def add_spectra(folder: Path, report: Callable[[str, int, int], None]) -> None:
    """Measure every layer that has projections, and write the table; the other tables are there already."""
    tables = open_tables(folder)
    layers = sorted(read_rows(tables["layers"], LayerRow), key=lambda row: row.depth)
    found = []
    for done, row in enumerate(layers, start=1):
        spectrum = layer_spectrum(tables, row.layer)
        found += [] if spectrum is None else list(spectrum_rows(row.layer, spectrum))
        report("spectrum", done, len(layers))
    write_table(folder, "spectra", found)


def layer_spectrum(tables: Tables, layer: str) -> LayerSpectrum | None:
    """The spectrum of a layer; None if none of its projections shows a pattern."""
    units: dict[int, list[tuple[Shares, Shares]]] = defaultdict(list)
    for unit, projected, patch in _pairs(tables, layer):
        units[unit].append((projected, patch))
    if not units:
        return None
    means = [np.mean(pairs, 0) for pairs in units.values()]
    return spectrum_of_units([mean[0] for mean in means], [mean[1] for mean in means])


def _pairs(tables: Tables, layer: str) -> Iterator[tuple[int, Shares, Shares]]:
    """Unit, and the shares of one of its projections and of the patch of the image in the same box."""
    chosen = _chosen(tables, layer)
    if not chosen:
        return
    where = _strongest(layer) & ds.field("unit").isin(chosen)
    table = tables["projections"]
    with damage_named(table, ProjectionRow):
        images = table.to_table(columns=["image"], filter=where)["image"].unique().to_pylist()
    pictures = {row.image: row for row in read_rows(tables["pictures"], PictureRow, ds.field("image").isin(images))}
    for row in merge_rows(table, ProjectionRow, where, key=lambda row: (row.unit, row.rank)):
        if row.image not in pictures:
            raise AtlasFormatError(f"pictures: image {row.image} is missing, in which {layer}:{row.unit} is projected.")
        projected = _projected(row)
        patch = picture_spectrum(_patch(row, decode_picture(pictures[row.image])))
        if projected is not None and patch is not None:
            yield row.unit, projected, patch


def _strongest(layer: str) -> ds.Expression:
    return (ds.field("layer") == layer) & (ds.field("rank") < RANKS)


def _chosen(tables: Tables, layer: str) -> list[int]:
    """At most ``UNITS`` units that have projections, evenly spaced by channel."""
    with damage_named(tables["projections"], ProjectionRow):
        column = tables["projections"].to_table(columns=["unit"], filter=_strongest(layer))["unit"]
    return evenly(column.unique().to_pylist())


def evenly(units: Collection[int]) -> list[int]:
    """At most ``UNITS`` of them, evenly spaced."""
    ordered = sorted(units)
    count = min(UNITS, len(ordered))
    return [ordered[(2 * number + 1) * len(ordered) // (2 * count)] for number in range(count)]


def _projected(row: ProjectionRow) -> Shares | None:
    """As it was measured before the projection was stored; else, in older and smaller atlases, from what is stored."""
    if row.spectrum is None:
        return picture_spectrum(Projection.unpack(row).pixels)
    shares = np.frombuffer(row.spectrum, "<f4") if len(row.spectrum) == 4 * RINGS else np.zeros(0)
    if not np.isfinite(shares).all() or not np.isclose(shares.sum(), 1, atol=1e-3):
        raise AtlasFormatError(
            f"projections, {row.layer}:{row.unit}, rank {row.rank}, column spectrum: these are not the shares of "
            f"{RINGS} rings. Make the atlas again."
        )
    return shares.astype(np.float64)


def _patch(box: ProjectionRow, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[box.top : box.top + box.height, box.left : box.left + box.width]
