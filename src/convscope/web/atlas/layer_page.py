"""Asks an atlas what the page of a layer says."""

from __future__ import annotations

from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.pages import (
    LayerPage,
)
from convscope.web.atlas.parts import (
    head_of,
    layer_facts,
    neighbours,
    unit_card,
)
from convscope.web.atlas.spectrum import spectrum_panel
from convscope.web.atlas.trust import trust_of
from convscope.web.pages import Link
from convscope.web.urls import FOLDER


def layer_page(catalogue: Catalogue, address: str) -> LayerPage:
    """The page of a layer; AddressError if there is none."""
    atlas, row = catalogue.atlas, catalogue.atlas.layer(address)
    cards = tuple(unit_card(catalogue, row, unit, FOLDER) for unit in atlas.units(address))
    around = neighbours(
        atlas.layers(), catalogue.places[address], lambda near: Link(near.layer, FOLDER.layer(near.layer))
    )
    return LayerPage(
        head=head_of(catalogue, FOLDER, address, FOLDER.layer(address), around=around),
        script=FOLDER.static("units.js"),
        layer=layer_facts(catalogue, row, FOLDER),
        units=cards,
        driven=sum(card.sprite is not None for card in cards),
        projected=sum(card.projected for card in cards),
        labelled=any(card.best_class is not None for card in cards),
        sheet=FOLDER.sheet(address) if address in catalogue.sheets else None,
        method=catalogue.method,
        trust=trust_of(catalogue, address),
        spectrum=spectrum_panel(catalogue.atlas, address),
    )
