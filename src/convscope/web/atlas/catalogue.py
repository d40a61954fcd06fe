"""What many pages ask of an atlas, read once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from itertools import groupby
from pathlib import Path

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import LayerRow, TopRow, UnitRow
from convscope.errors import AtlasFormatError
from convscope.render import SHEETS, sheet_name
from convscope.web.asks import Asks
from convscope.web.atlas.beside import EvolutionBeside
from convscope.web.atlas.layer_peaks import LayerPeaks, layer_peaks
from convscope.web.atlas.pieces import Method
from convscope.web.atlas.words import LIMITS, SCALING, SENTENCES, TITLES
from convscope.web.urls import SUFFIXES

CLASSES = 12
"""No more classes than so many on a unit's page: those that drive it most."""

LAYERS = 16
"""Layers whose peaks are kept: 4 MB each for 512 units and a sample of 1,000 images."""

_STRONGEST_CLASSES = """
SELECT * EXCLUDE (best, place) FROM (
  SELECT *, dense_rank() OVER (PARTITION BY unit ORDER BY best DESC, among) AS place FROM (
    SELECT *, max(value) OVER (PARTITION BY unit, among) AS best FROM top
    WHERE layer = {layer} AND among IS NOT NULL
  )
) WHERE place <= {count} ORDER BY unit, place, rank
"""

ByClass = tuple[tuple[str, tuple[TopRow, ...]], ...]


@dataclass(frozen=True)
class Shot:
    """Format and size of a stored picture."""

    encoding: str
    width: int
    height: int


@dataclass(frozen=True)
class Catalogue:
    """An atlas, with answers about all of it that are kept; AtlasFormatError where it makes no sense."""

    atlas: Atlas
    asks: Asks | None = None
    """Where live questions are asked, if there is a server with the model."""
    beside: tuple[EvolutionBeside, ...] = ()
    """Evolutions that the atlas's network is part of, open beside it."""

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of the model's input."""
        model = self.atlas.manifest.model
        return model.input_height, model.input_width

    @cached_property
    def method(self) -> Method:
        """How the pictures were made, in words."""
        name = self.atlas.manifest.method
        if name not in TITLES:
            raise AtlasFormatError(f"manifest.json, method: {name!r} is none of {', '.join(sorted(TITLES))}.")
        return Method(name, TITLES[name], SENTENCES[name], LIMITS[name], SCALING, self.atlas.manifest.notes)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Place of each layer in the order from input to output, from 0."""
        return {row.layer: place for place, row in enumerate(self.atlas.layers())}

    @cached_property
    def dead(self) -> Mapping[str, int]:
        """Number of dead units of each layer."""
        return {name: sum(unit.dead for unit in self.atlas.units(name)) for name in self.places}

    @cached_property
    def shots(self) -> Mapping[int, Shot]:
        """The stored pictures, by image."""
        table = self.atlas.columns("pictures", "image", "format", "width", "height").sort_by("image")
        found = {row["image"]: Shot(row["format"], row["width"], row["height"]) for row in table.to_pylist()}
        for image, shot in found.items():
            if shot.encoding not in SUFFIXES:
                raise AtlasFormatError(
                    f"pictures, image {image}, column format: {shot.encoding!r} is neither jpeg nor png."
                )
        return found

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The images that have a page: they have a picture, or are among the strongest of some unit."""
        images = self.atlas.columns("top", "image").column("image").unique()
        return tuple(sorted({*images.to_pylist(), *self.shots}))

    @cached_property
    def images(self) -> frozenset[int]:
        """The same, to ask whether an image is among them."""
        return frozenset(self.shown)

    @cached_property
    def projected(self) -> Mapping[tuple[str, int], frozenset[int]]:
        """Ranks of the activations that have projections, by layer and unit."""
        table = self.atlas.columns("projections", "layer", "unit", "rank")
        found = defaultdict(set)
        for layer, unit, rank in zip(*(column.to_pylist() for column in table.columns), strict=True):
            found[layer, unit].add(rank)
        return {key: frozenset(ranks) for key, ranks in found.items()}

    @cached_property
    def projected_units(self) -> Mapping[str, tuple[int, ...]]:
        """Channels of the units that have projections, in order, by layer."""
        return {layer: tuple(sorted(u for name, u in self.projected if name == layer)) for layer in self.places}

    @cached_property
    def partial(self) -> frozenset[str]:
        """Layers of which some units with top activations were projected, and others not."""
        driven = Counter(layer for layer, _ in self.driven)
        return frozenset(layer for layer, units in self.projected_units.items() if 0 < len(units) < driven[layer])

    @cached_property
    def peaks(self) -> Callable[[str], LayerPeaks | None]:
        """The peaks of a layer, made ready; None if the atlas has none. Those of the latest layers are kept."""
        return lru_cache(maxsize=LAYERS)(partial(layer_peaks, self.atlas))

    @cached_property
    def sheets(self) -> Mapping[str, Path]:
        """Contact sheets that lie in the atlas's folder, by layer."""
        folder = self.atlas.path / SHEETS
        paths = {row.layer: folder / sheet_name(row) for row in self.atlas.layers()}
        # A link could lead to any file of this machine, which must not end up in pages that are passed on.
        return {layer: path for layer, path in paths.items() if path.is_file() and not path.is_symlink()}

    @cached_property
    def driven(self) -> frozenset[tuple[str, int]]:
        """Layer and unit of all units that have top activations."""
        table = self.atlas.columns("top", "layer", "unit", "among")
        overall = table.filter(table.column("among").is_null()).select(["layer", "unit"]).group_by(["layer", "unit"])
        columns = (column.to_pylist() for column in overall.aggregate([]).columns)
        return frozenset(zip(*columns, strict=True))

    def classes_of_unit(self, unit: UnitRow) -> ByClass:
        """The strongest activations of a unit within the ``CLASSES`` classes that drive it most."""
        found = self.atlas.top_by_class(unit.layer, unit.unit) if self.atlas.manifest.data.classes else {}
        return tuple(sorted(found.items(), key=lambda each: (-each[1][0].value, each[0]))[:CLASSES])

    def classes_of_layer(self, layer: LayerRow) -> Mapping[int, ByClass]:
        """The same of every unit of a layer, all at once."""
        quoted = "'" + layer.layer.replace("'", "''") + "'"
        table = self.atlas.query(_STRONGEST_CLASSES.format(layer=quoted, count=CLASSES))
        rows = [TopRow(**row) for row in table.to_pylist()]
        grouped = {
            unit: tuple((among or "", tuple(tops)) for among, tops in groupby(group, key=lambda row: row.among))
            for unit, group in groupby(rows, key=lambda row: row.unit)
        }
        return defaultdict(tuple, grouped)
