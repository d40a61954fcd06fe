"""How an atlas and its units show themselves in a notebook: a table, and a unit at a glance."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from convscope.atlas.manifest import Manifest
from convscope.atlas.projection import Projection
from convscope.atlas.schema import LayerRow, TopRow, UnitRow
from convscope.atlas.tiles import unit_block, unit_tiles
from convscope.display import PERCENTILE, Picture, blank, to_png

TILE = 72
"""Pixels of a tile: nine in a square are about as high as a notebook's output may be without scrolling."""
COLUMNS = 3


@dataclass(frozen=True)
class UnitView:
    """A unit at a glance: its strongest activations, their projections beside their patches, its statistics.

    ``names`` are the images of ``top``, in its order; ``patches`` its receptive windows cut out of them, uint8
    (TILE, TILE, 3), blank where the atlas keeps no picture; ``projections`` may be fewer than ``top``.
    """

    layer: LayerRow
    unit: UnitRow
    method: str
    top: tuple[TopRow, ...]
    names: tuple[str, ...]
    projections: tuple[Projection, ...]
    patches: tuple[Picture, ...]

    def __str__(self) -> str:
        return f"{self.unit.layer}:{self.unit.unit}"

    def picture(self) -> Picture:
        """Projections on the left, patches on the right, strongest first, row by row; uint8 (height, width, 3)."""
        empty = [blank(TILE)] * COLUMNS**2
        tiles = unit_tiles(self.top, self.projections, TILE)
        return unit_block(tiles or empty, self.patches or empty, COLUMNS)

    def _repr_png_(self) -> bytes:
        return to_png(self.picture())

    def _repr_html_(self) -> str:
        title = f"{self}: {self.method.replace('_', ' ')} projections beside patches"
        source = b64encode(self._repr_png_()).decode()
        strongest = _table(
            ("rank", "activation", "position", "image"),
            ((row.rank, f"{row.value:.4g}", f"{row.y}, {row.x}", name) for row, name in self._ranked()),
        )
        return (
            f'<p><b>{escape(str(self))}</b></p><img alt="{escape(title)}" src="data:image/png;base64,{source}">'
            f"{_table(('statistic', 'value'), self._statistics())}{strongest}<p>{self._caption()}</p>"
        )

    def _ranked(self) -> Iterable[tuple[TopRow, str]]:
        return zip(self.top, self.names, strict=True)

    def _statistics(self) -> Sequence[tuple[str, object]]:
        unit = self.unit
        best = [] if unit.best_class is None else [("strongest class", unit.best_class)]
        index = [] if unit.selectivity is None else [("selectivity", f"{unit.selectivity:.3g}")]
        return [
            ("images", unit.images),
            ("strongest peak", f"{unit.peak_max:.4g}"),
            ("mean peak", f"{unit.peak_mean:.4g} (standard deviation {unit.peak_std:.4g})"),
            ("active", "never: a dead unit" if unit.dead else f"in {unit.active:.1%} of the images"),
            ("receptive field", field_in_words(self.layer)),
            *best,
            *index,
        ]

    def _caption(self) -> str:
        if not self.projections:
            return "No projections were kept for this unit."
        return f"Grey is zero; full contrast is the {PERCENTILE:g}th percentile of the absolute values shown."


def field_in_words(layer: LayerRow) -> str:
    """A layer's receptive field, e.g. ``11 x 11 pixels``."""
    size = "whole image" if layer.stride_y == 0 else f"{layer.field_height} x {layer.field_width} pixels"
    return f"{size}, gated" if layer.gated else size


def atlas_html(manifest: Manifest, layers: Iterable[tuple[LayerRow, Sequence[UnitRow]]]) -> str:
    """An atlas as two small tables: what it was made from, and its layers."""
    data = manifest.data
    facts = [
        ("model", f"{manifest.model.spec} ({manifest.model.architecture})"),
        ("data", f"{data.name}: {data.images} images, {data.skipped} skipped"),
        ("method", manifest.method.replace("_", " ")),
        *(("note", note) for note in manifest.notes),
    ]
    rows = (
        (row.layer, f"{row.height} x {row.width}", row.units, sum(unit.dead for unit in units), field_in_words(row))
        for row, units in layers
    )
    return _table(("atlas", ""), facts) + _table(("layer", "map", "units", "dead", "receptive field"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """An HTML table; every text is escaped here and nowhere else."""
    lines = [_line("th", head), *(_line("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _line(tag: str, cells: Sequence[object]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"
