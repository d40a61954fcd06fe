"""Asks an atlas what the page of a unit says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convscope.atlas.schema import TopRow, UnitRow
from convscope.web.atlas.catalogue import CLASSES, ByClass, Catalogue
from convscope.web.atlas.pages import (
    ClassTops,
    UnitPage,
    UnitPeaks,
)
from convscope.web.atlas.parts import (
    head_of,
    layer_facts,
    methods_of,
    nearest,
    neighbours,
    top_of,
    unit_card,
)
from convscope.web.atlas.snippets import project_command, python_snippet
from convscope.web.atlas.tiles import coarse, projection_sheet
from convscope.web.atlas.trust import trust_of
from convscope.web.pages import Link, Sprite
from convscope.web.urls import UNIT


def unit_page(
    catalogue: Catalogue,
    unit: UnitRow,
    tops: Sequence[TopRow],
    classes: ByClass = (),
    peaks: UnitPeaks | None = None,
) -> UnitPage:
    """The page of a unit, from its row, its strongest activations, those of each class, and its sampled peaks."""
    layer = catalogue.atlas.layer(unit.layer)
    big = coarse(layer, *catalogue.size, big=True)
    ranks = sorted(catalogue.projected.get((unit.layer, unit.unit), ()))
    places = {rank: place for place, rank in enumerate(ranks)}
    sheet = projection_sheet(layer, *catalogue.size, count=len(ranks))
    sprite = Sprite(UNIT.projections(unit.layer, unit.unit), sheet.width, sheet.height, big)
    address = f"{unit.layer}:{unit.unit}"
    around = neighbours(
        catalogue.atlas.units(unit.layer),
        unit.unit,
        lambda near: Link(str(near.unit), UNIT.unit(near.layer, near.unit)),
    )
    trail = (Link(unit.layer, UNIT.layer(unit.layer)),)
    among = catalogue.projected_units[unit.layer] if unit.layer in catalogue.partial else ()
    before, after = nearest(among, unit.unit)
    evolutions = tuple(found for each in catalogue.beside if (found := each.unit(UNIT.root, layer, unit.unit)))
    head = head_of(catalogue, UNIT, address, UNIT.unit(unit.layer, unit.unit), trail, around)
    return UnitPage(
        head=replace(head, sheets=head.sheets + tuple(each.sheet for each in evolutions[:1])),
        address=address,
        snippet=python_snippet(catalogue, unit, projected=bool(ranks)),
        command=project_command(catalogue, tops[0]) if tops and not ranks else None,
        projected_before=None if before is None else Link(str(before), UNIT.unit(unit.layer, before)),
        projected_after=None if after is None else Link(str(after), UNIT.unit(unit.layer, after)),
        layer=layer_facts(catalogue, layer, UNIT),
        unit=unit_card(catalogue, layer, unit, UNIT),
        images=unit.images,
        peak_std=unit.peak_std,
        projections=sprite if ranks else None,
        pixelated=big,
        tops=tuple(top_of(catalogue, layer, row, places.get(row.rank), UNIT) for row in tops),
        peaks=peaks,
        classes=tuple(
            ClassTops(name, tuple(top_of(catalogue, layer, row, None, UNIT) for row in rows)) for name, rows in classes
        ),
        class_limit=CLASSES,
        methods=methods_of(catalogue, layer, unit.unit, UNIT),
        evolutions=evolutions,
        method=catalogue.method,
        trust=trust_of(catalogue, unit.layer),
    )
