"""An evolution on the same shelf as an atlas, one of whose checkpoints is the atlas's network."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.atlas.schema import LayerRow
from convscope.web.atlas.pages import UnitEvolution
from convscope.web.evolution.pages import EvolutionStrip
from convscope.web.evolution.parts import method_of, name_of
from convscope.web.evolution.stored import StoredEvolution
from convscope.web.evolution.strip import strip_of
from convscope.web.evolution.urls import EvolutionUrls
from convscope.web.pages import Link

SHEET = "evolution.css"


@dataclass(frozen=True)
class EvolutionBeside:
    """Where a unit of an atlas is seen to come about."""

    stored: StoredEvolution
    folder: str  # of its pages, from that of the atlas
    at: int  # number of the checkpoint that is the atlas's network

    def unit(self, root: str, layer: LayerRow, unit: int) -> UnitEvolution | None:
        """The unit, for a page from which ``root`` leads to the atlas's folder; None if the evolution is not of it."""
        urls = EvolutionUrls(f"{root}{self.folder}")
        strip = strip_of(self.stored, layer.layer, unit, urls)
        if strip is None or self.stored.layer(layer.layer)[0].units != layer.units:
            return None
        return UnitEvolution(
            name=name_of(self.stored),
            page=_page(strip, urls),
            sheet=urls.static(SHEET),
            here=self.at,
            method=method_of(self.stored),
            strip=strip,
        )


def _page(strip: EvolutionStrip, urls: EvolutionUrls) -> Link:
    """Only a unit that was drawn has a page of its own."""
    drawn = strip.sprite is not None
    return Link(f"{strip.layer}:{strip.unit}", strip.href) if drawn else Link(strip.layer, urls.layer(strip.layer))
