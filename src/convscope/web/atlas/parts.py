"""Parts that several pages are made of, from rows of the atlas."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from convscope.atlas.schema import LayerRow, TopRow, UnitRow
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.pages import MethodPicture
from convscope.web.atlas.pieces import LayerFacts, Skip, Top, UnitCard
from convscope.web.atlas.tiles import card_sheet, coarse, frame_of, is_whole, projection_sheet, window_of
from convscope.web.atlas.words import TITLES
from convscope.web.head import Around, make_head
from convscope.web.pages import Head, ImageLink, Link, Picture, Sprite
from convscope.web.urls import Urls, json_of

Item = TypeVar("Item")


def head_of(
    catalogue: Catalogue,
    urls: Urls,
    title: str,
    page: str,
    trail: tuple[Link, ...] = (),
    around: Around = (None, None),
) -> Head:
    """What all pages share; ``page`` is its own address, ``trail`` what lies between it and the index."""
    spec = catalogue.atlas.manifest.model.spec
    way = () if page == urls.index() else (Link(spec, urls.index()), *trail)
    head = make_head(urls.static, f"{title} \N{MIDDLE DOT} {spec}", json_of(page), way, around, ["atlas.css"])
    return replace(head, asks=catalogue.asks.pages(urls) if catalogue.asks else ())


def methods_of(catalogue: Catalogue, layer: LayerRow, unit: int, urls: Urls) -> tuple[MethodPicture, ...]:
    """The strongest activation of a unit by all methods, where there is a server with the model to make them."""
    if catalogue.asks is None or (layer.layer, unit) not in catalogue.driven:
        return ()
    side = projection_sheet(layer, *catalogue.size, count=1).cell
    pictures = ((title, catalogue.asks.projection(urls, layer.layer, unit, 0, name)) for name, title in TITLES.items())
    return tuple(MethodPicture(title, href, side, side) for title, href in pictures)


def neighbours(items: Sequence[Item], place: int, link: Callable[[Item], Link]) -> tuple[Link | None, Link | None]:
    """Links to the items before and after ``place``."""
    before = link(items[place - 1]) if place > 0 else None
    after = link(items[place + 1]) if place + 1 < len(items) else None
    return before, after


def nearest(ordered: Sequence[int], number: int) -> tuple[int | None, int | None]:
    """The last below ``number`` and the first above it."""
    below, above = bisect_left(ordered, number), bisect_right(ordered, number)
    return ordered[below - 1] if below else None, ordered[above] if above < len(ordered) else None


def layer_facts(catalogue: Catalogue, row: LayerRow, urls: Urls) -> LayerFacts:
    """A layer in words and numbers."""
    return LayerFacts(
        address=row.layer,
        href=urls.layer(row.layer),
        op=row.op,
        units=row.units,
        dead=catalogue.dead[row.layer],
        height=row.height,
        width=row.width,
        field_height=row.field_height,
        field_width=row.field_width,
        stride_y=row.stride_y,
        stride_x=row.stride_x,
        whole=is_whole(row, *catalogue.size),
        gated=row.gated,
    )


def card_sprite(catalogue: Catalogue, layer: LayerRow, unit: int, urls: Urls) -> Sprite:
    """The small sprite of a unit that has top activations."""
    sheet = card_sheet(layer, *catalogue.size, projected=(layer.layer, unit) in catalogue.projected)
    return Sprite(urls.card(layer.layer, unit), sheet.width, sheet.height, coarse(layer, *catalogue.size, big=False))


def unit_card(catalogue: Catalogue, layer: LayerRow, unit: UnitRow, urls: Urls) -> UnitCard:
    """A unit in a list of units."""
    key = (layer.layer, unit.unit)
    return UnitCard(
        unit=unit.unit,
        href=urls.unit(*key),
        sprite=card_sprite(catalogue, layer, unit.unit, urls) if key in catalogue.driven else None,
        projected=key in catalogue.projected,
        peak_max=unit.peak_max,
        peak_mean=unit.peak_mean,
        active=unit.active,
        dead=unit.dead,
        best_class=unit.best_class,
        selectivity=unit.selectivity,
        sparseness=sparseness(unit),
    )


def sparseness(unit: UnitRow) -> float | None:
    """How few of the images a unit's peaks come from: 0 if all drive it alike, 1 if one does; Vinje & Gallant 2000.

    (1 - mean(r)^2 / mean(r^2)) / (1 - 1 / n), from the statistics over all n images, for peaks that are not negative.
    None if the mean is not above zero, or of one image.
    """
    if unit.peak_mean <= 0 or unit.images < 2:
        return None
    square = unit.peak_mean**2
    return (1 - square / (square + unit.peak_std**2)) / (1 - 1 / unit.images)


def image_link(catalogue: Catalogue, image: int, urls: Urls) -> ImageLink:
    """An image, wherever it is mentioned; AddressError if there is none."""
    row = catalogue.atlas.image(image)
    shot = catalogue.shots.get(image)
    picture = Picture(urls.picture(image, shot.encoding), shot.width, shot.height) if shot else None
    return ImageLink(image, row.name, row.label, urls.image(image), picture)


def top_of(catalogue: Catalogue, layer: LayerRow, row: TopRow, place: int | None, urls: Urls) -> Top:
    """One activation; ``place`` is that of its projection in the unit's sprite, None if it has none."""
    sheet = projection_sheet(layer, *catalogue.size, count=1)
    return Top(
        rank=row.rank,
        value=row.value,
        y=row.y,
        x=row.x,
        image=image_link(catalogue, row.image, urls),
        window=window_of(row),
        frame=frame_of(row, layer, *catalogue.size),
        clipped=row.clipped,
        cell=None if place is None else sheet.box(place),
    )


def skip_list(catalogue: Catalogue) -> tuple[Skip, ...]:
    """The images that were left out."""
    return tuple(Skip(row.image, row.name, row.skipped or "") for row in catalogue.atlas.skipped())
