"""An atlas on the same shelf as an evolution, made from the network of one of its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.atlas.reader import Atlas
from convscope.web.evolution.pages import UnitInAtlas
from convscope.web.urls import Urls


@dataclass(frozen=True)
class AtlasBeside:
    """Where a unit of an evolution is found again."""

    atlas: Atlas
    folder: str  # of its pages, from that of the evolution
    label: str  # of the checkpoint

    def unit(self, root: str, layer: str, unit: int) -> UnitInAtlas | None:
        """The unit, for a page from which ``root`` leads to the evolution's folder; None if it is not in the atlas."""
        if not any(row.layer == layer and 0 <= unit < row.units for row in self.atlas.layers()):
            return None
        return UnitInAtlas(self.atlas.manifest.model.spec, self.label, Urls(f"{root}{self.folder}").unit(layer, unit))
