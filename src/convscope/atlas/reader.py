"""Reading an atlas: every question a page asks, answered from the files."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from convscope.atlas.encoded import read_picture
from convscope.atlas.look import TILE, UnitView, atlas_html
from convscope.atlas.manifest import JOURNAL, MANIFEST, Manifest, read_manifest
from convscope.atlas.peaks import Peaks, peaks_of_rows
from convscope.atlas.projection import Projection
from convscope.atlas.query import run_query
from convscope.atlas.schema import (
    ImageRow,
    LayerRow,
    PeakRow,
    PictureRow,
    ProjectionRow,
    SpectrumRow,
    TopRow,
    TrustRow,
    UnitRow,
)
from convscope.atlas.spectra import LayerSpectrum, spectrum_of_rows
from convscope.atlas.store import check_name, damage_named, merge_rows, open_tables, read_rows, rows_of
from convscope.atlas.tables import row_type_of
from convscope.atlas.tiles import crop
from convscope.display import Picture, blank, fit
from convscope.errors import AddressError, AtlasError, AtlasFormatError
from convscope.units import UnitAddress

__all__ = ["Atlas", "Projection", "UnitView", "decode_picture"]

LAYERS = 32
"""Layers whose strongest activations are kept after they were asked for: 300 kB each for 512 units."""


@dataclass(frozen=True)
class Atlas:
    """A finished atlas, opened for reading; safe to use from several threads.

    Methods raise AddressError for a layer, unit or image that is not there, and AtlasFormatError, naming file
    and column, where a file turns out to be damaged.
    """

    path: Path
    manifest: Manifest
    _tables: Mapping[str, ds.Dataset] = field(repr=False, compare=False)

    @staticmethod
    def open(path: str | Path) -> Atlas:
        """The atlas in folder ``path``, its manifest and columns checked.

        Raises AtlasError if there is none, AtlasFormatError if it is unfinished, damaged or too new.
        """
        folder = Path(path)
        check_name(folder)
        if (folder / MANIFEST).exists():
            manifest = read_manifest(folder)
            return Atlas(folder, manifest, open_tables(folder, manifest.format_version))
        if (folder / JOURNAL).exists():
            raise AtlasFormatError(
                f"the atlas in {folder} is unfinished: its writer was stopped or is still at work. "
                "Run the same `convscope atlas` command again: it goes on where it stopped."
            )
        raise AtlasError(f"there is no atlas in {folder} (no {MANIFEST}). Make one with: convscope atlas MODEL IMAGES")

    def layers(self) -> tuple[LayerRow, ...]:
        """All layers, from input to output."""
        return self._layers

    def layer(self, address: str) -> LayerRow:
        """The layer with this address."""
        for row in self._layers:
            if row.layer == address:
                return row
        names = [row.layer for row in self._layers]
        close = difflib.get_close_matches(address, names, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else f"Its layers: {', '.join(names)}."
        raise AddressError(f"this atlas has no layer {address!r}. {hint}")

    def units(self, layer: str) -> tuple[UnitRow, ...]:
        """All units of a layer, in the order of their channels."""
        return self._units[self.layer(layer).layer]

    def unit(self, layer: str, unit: int) -> UnitRow:
        """One unit of a layer."""
        rows = self.units(layer)
        for row in rows:
            if row.unit == unit:
                return row
        raise AddressError(f"layer {layer} has no unit {unit}; its units are 0 to {len(rows) - 1}.")

    def top(self, layer: str, unit: int, among: str | None = None) -> tuple[TopRow, ...]:
        """The strongest activations of a unit, strongest first, among all images or those of one class."""
        self.unit(layer, unit)
        if among is None:
            rows = rows_of(self._tops(layer).filter(ds.field("unit") == unit), TopRow)
        else:
            where = (ds.field("layer") == layer) & (ds.field("unit") == unit) & (ds.field("among") == among)
            rows = iter(read_rows(self._tables["top"], TopRow, where))
        return tuple(sorted(rows, key=lambda row: row.rank))

    def top_of_layer(self, layer: str) -> dict[int, tuple[TopRow, ...]]:
        """The strongest activations, among all images, of every unit of a layer; a unit may have none."""
        units = self.units(layer)
        ordered = sorted(rows_of(self._tops(layer), TopRow), key=lambda row: (row.unit, row.rank))
        found = {unit: tuple(group) for unit, group in groupby(ordered, key=lambda row: row.unit)}
        return {row.unit: found.get(row.unit, ()) for row in units}

    def top_by_class(self, layer: str, unit: int) -> Mapping[str, tuple[TopRow, ...]]:
        """The strongest activations of a unit among the images of each class, strongest first."""
        self.unit(layer, unit)
        where = (ds.field("layer") == layer) & (ds.field("unit") == unit) & ds.field("among").is_valid()
        ordered = sorted(read_rows(self._tables["top"], TopRow, where), key=lambda row: (row.among or "", row.rank))
        return {name: tuple(rows) for name, rows in groupby(ordered, key=lambda row: row.among or "")}

    def top_of_image(self, index: int) -> tuple[TopRow, ...]:
        """Where the image is among a unit's strongest: best ranks first, then from input to output."""
        self.image(index)
        depth = {row.layer: row.depth for row in self._layers}
        rows = read_rows(self._tables["top"], TopRow, (ds.field("image") == index) & ds.field("among").is_null())
        if unknown := {row.layer for row in rows} - set(depth):
            raise AtlasFormatError(
                f"{self.path / 'top.parquet'}, column layer: {min(unknown)!r} is not in layers.parquet. "
                "Restore the files, or make the atlas again."
            )
        return tuple(sorted(rows, key=lambda row: (row.rank, depth[row.layer], row.unit)))

    def projection(self, layer: str, unit: int, rank: int) -> Projection | None:
        """The projection of a unit's top activation ``rank``; None if it was not made or not kept."""
        self.unit(layer, unit)
        where = (ds.field("layer") == layer) & (ds.field("unit") == unit) & (ds.field("rank") == rank)
        rows = read_rows(self._tables["projections"], ProjectionRow, where)
        return Projection.unpack(rows[0]) if rows else None

    def projections(self, layer: str, unit: int) -> tuple[Projection, ...]:
        """The projections of a unit that were kept, by rank."""
        self.unit(layer, unit)
        where = (ds.field("layer") == layer) & (ds.field("unit") == unit)
        rows = sorted(read_rows(self._tables["projections"], ProjectionRow, where), key=lambda row: row.rank)
        return tuple(map(Projection.unpack, rows))

    def look(self, address: str | UnitAddress) -> UnitView:
        """A unit at a glance, e.g. ``atlas.look("features.28:12")``; in a notebook it shows itself."""
        wanted = address if isinstance(address, UnitAddress) else UnitAddress.parse(address)
        if wanted.position is not None:
            raise AddressError(
                f"{wanted} names a position, but an atlas keeps the strongest positions of a unit only. "
                f"Look at {wanted.layer}:{wanted.unit}, or use convscope project for any position."
            )
        layer, unit = self.layer(wanted.layer), self.unit(wanted.layer, wanted.unit)
        top = self.top(layer.layer, unit.unit)
        return UnitView(
            layer=layer,
            unit=unit,
            method=self.manifest.method,
            top=top,
            names=tuple(self.image(row.image).name for row in top),
            projections=self.projections(layer.layer, unit.unit),
            patches=tuple(map(self._patch, top)),
        )

    def _patch(self, row: TopRow) -> Picture:
        kept = row.image in self._pictured
        return fit(crop(self.picture(row.image), row), TILE) if kept else blank(TILE)

    def _repr_html_(self) -> str:
        return atlas_html(self.manifest, ((layer, self.units(layer.layer)) for layer in self.layers()))

    def projections_of_layer(self, layer: str) -> Iterator[tuple[int, tuple[Projection, ...]]]:
        """Unit by unit, in order, the projections of a layer by rank; a unit without any is left out."""
        where = ds.field("layer") == self.layer(layer).layer
        rows = merge_rows(self._tables["projections"], ProjectionRow, where, key=lambda row: (row.unit, row.rank))
        last = -1
        for unit, group in groupby(rows, key=lambda row: row.unit):
            if unit < last:
                raise AtlasFormatError(
                    f"{self.path / 'projections'}, column unit: rows of layer {layer} are not sorted "
                    f"({unit} after {last}). Make the atlas again."
                )
            last = unit
            yield unit, tuple(Projection.unpack(row) for row in group)

    def image(self, index: int) -> ImageRow:
        """One image of the set."""
        rows = self._images
        if not 0 <= index < len(rows):
            raise AddressError(f"this atlas has no image {index}; its images are 0 to {len(rows) - 1}.")
        return rows[index]

    def images(self) -> tuple[ImageRow, ...]:
        """All images of the set, in its order, the skipped ones too."""
        return self._images

    def skipped(self) -> tuple[ImageRow, ...]:
        """The images that were left out; each says why."""
        return tuple(row for row in self._images if row.skipped is not None)

    def picture(self, index: int) -> NDArray[np.uint8]:
        """What the model saw of an image: uint8 [h, w, c], c = 1 for grey and 3 for colour."""
        return decode_picture(self.picture_row(index))

    def picture_row(self, index: int) -> PictureRow:
        """The picture of an image, encoded; AddressError if none was kept."""
        self.image(index)
        rows = read_rows(self._tables["pictures"], PictureRow, ds.field("image") == index)
        if not rows:
            raise AddressError(f"this atlas keeps no picture of image {index}: it is not among any unit's strongest.")
        return rows[0]

    def picture_rows(self) -> Iterator[PictureRow]:
        """All pictures, encoded; read in one pass, so much faster than one by one."""
        return merge_rows(self._tables["pictures"], PictureRow, ds.field("image") >= 0, key=lambda row: row.image)

    def pictured(self) -> tuple[int, ...]:
        """The images that have a picture, in order."""
        return self._pictured

    def trust(self, layer: str) -> tuple[TrustRow, ...]:
        """The sanity scores of a layer's pictures, one row per test; none if it was not tested."""
        return self._trust.get(self.layer(layer).layer, ())

    def peaks(self, layer: str) -> Peaks | None:
        """The peaks of a layer's units in a sample of the images; None if the atlas, an older one, has none."""
        row, table = self.layer(layer), self._tables["peaks"]
        with damage_named(table, PeakRow):
            if not table.count_rows():
                return None
            found = table.to_table(columns=["unit", "image", "value"], filter=ds.field("layer") == row.layer)
        try:
            return peaks_of_rows(row.units, len(self._images), *(column.to_numpy() for column in found.columns))
        except AtlasFormatError as error:
            raise AtlasFormatError(f"{self.path / 'peaks.parquet'}, layer {row.layer}: {error}") from error

    def spectrum(self, layer: str) -> LayerSpectrum | None:
        """How fine the patterns of a layer's projections are; None if the atlas, an older one, does not say."""
        return self._spectra.get(self.layer(layer).layer)

    def columns(self, table: str, *names: str) -> pa.Table:
        """Some columns of a whole table, in the order of its files, without pictures and projections being read."""
        kind = row_type_of(table)
        with damage_named(self._tables[table], kind):
            return self._tables[table].to_table(columns=list(names))

    @cached_property
    def _tops(self) -> Callable[[str], pa.Table]:
        """The strongest activations among all images, layer by layer; those of the latest layers are kept."""
        return lru_cache(maxsize=LAYERS)(self._tops_of)

    def _tops_of(self, layer: str) -> pa.Table:
        with damage_named(self._tables["top"], TopRow):
            return self._tables["top"].to_table(filter=(ds.field("layer") == layer) & ds.field("among").is_null())

    def query(self, sql: str) -> pa.Table:
        """The answer to one SQL query over the tables, in DuckDB's dialect, with no access to anything else.

        Raises AtlasError if the query is wrong or asks for more.
        """
        return run_query(self._tables, sql)

    @cached_property
    def _layers(self) -> tuple[LayerRow, ...]:
        return tuple(sorted(read_rows(self._tables["layers"], LayerRow), key=lambda row: row.depth))

    @cached_property
    def _units(self) -> dict[str, tuple[UnitRow, ...]]:
        rows = sorted(read_rows(self._tables["units"], UnitRow), key=lambda row: (row.layer, row.unit))
        found = {layer: tuple(group) for layer, group in groupby(rows, key=lambda row: row.layer)}
        return {row.layer: found.get(row.layer, ()) for row in self._layers}

    @cached_property
    def _images(self) -> tuple[ImageRow, ...]:
        rows = tuple(sorted(read_rows(self._tables["images"], ImageRow), key=lambda row: row.image))
        if any(row.image != index for index, row in enumerate(rows)):
            raise AtlasFormatError(f"{self.path / 'images.parquet'}, column image: is not 0, 1, 2, … without gaps.")
        return rows

    @cached_property
    def _trust(self) -> dict[str, tuple[TrustRow, ...]]:
        found: dict[str, tuple[TrustRow, ...]] = {}
        for row in read_rows(self._tables["trust"], TrustRow):
            found[row.layer] = (*found.get(row.layer, ()), row)
        return found

    @cached_property
    def _spectra(self) -> dict[str, LayerSpectrum]:
        rows = read_rows(self._tables["spectra"], SpectrumRow)
        try:
            return {layer: spectrum_of_rows(tuple(group)) for layer, group in groupby(rows, key=lambda row: row.layer)}
        except AtlasFormatError as error:
            raise AtlasFormatError(f"{self.path / 'spectra.parquet'}: {error}") from error

    @cached_property
    def _pictured(self) -> tuple[int, ...]:
        return tuple(sorted(set(self.columns("pictures", "image").column("image").to_pylist())))


def decode_picture(row: PictureRow) -> NDArray[np.uint8]:
    """The pixels of a stored picture, uint8 [h, w, c]; AtlasFormatError if it is not what its row says."""
    if row.format not in ("jpeg", "png"):
        raise AtlasFormatError(f"pictures, image {row.image}, column format: {row.format!r} is neither jpeg nor png.")
    try:
        return read_picture(row.encoded, row.format, (row.width, row.height))
    except ValueError as error:
        raise AtlasFormatError(f"pictures, image {row.image}, column encoded: {error}.") from error
