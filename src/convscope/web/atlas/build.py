"""Asks an atlas what each page says: one function per kind of page."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby

from convscope.atlas.schema import ImageRow, LayerRow, TopRow, UnitRow
from convscope.web.catalogue import CLASSES, ByClass, Catalogue
from convscope.web.drawing import drawing_of
from convscope.web.pages import (
    Appearance,
    ClassTops,
    Fact,
    ImagePage,
    ImagesPage,
    IndexPage,
    LayerAppearances,
    LayerPage,
    LayerStrip,
    Link,
    Rule,
    Sprite,
    UnitPage,
    UnitPeaks,
)
from convscope.web.parts import (
    card_sprite,
    head_of,
    image_link,
    layer_facts,
    methods_of,
    nearest,
    neighbours,
    skip_list,
    top_of,
    unit_card,
)
from convscope.web.snippets import project_command, python_snippet
from convscope.web.tiles import COLUMNS, coarse, frame_of, projection_sheet, window_of
from convscope.web.trust import trust_of
from convscope.web.urls import FOLDER, INDEX, UNIT

SAMPLES = 8
"""Units of a layer on the index."""
SKIPS = 20
"""Skipped images on the index."""
PART = 500
"""Images on one page of the list of images."""


def index_page(catalogue: Catalogue) -> IndexPage:
    """The page of the atlas."""
    atlas, manifest = catalogue.atlas, catalogue.atlas.manifest
    skips = skip_list(catalogue)
    return IndexPage(
        head=head_of(catalogue, INDEX, "Atlas", INDEX.index()),
        name=manifest.model.spec,
        units=sum(row.units for row in atlas.layers()),
        partial=bool(catalogue.partial),
        drawing=drawing_of(
            ((row, INDEX.layer(row.layer), catalogue.dead[row.layer]) for row in atlas.layers()), catalogue.size
        ),
        layers=tuple(_strip(catalogue, row) for row in atlas.layers()),
        method=catalogue.method,
        model=_model_facts(catalogue),
        data=_data_facts(catalogue),
        notes=manifest.model.notes,
        rules=tuple(Rule(use.op, use.kind, use.rule, use.count) for use in manifest.rules),
        provenance=_provenance(catalogue),
        images=Link("All images of the atlas", INDEX.images()),
        skips=skips[:SKIPS],
        skipped=len(skips),
    )


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
    )


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
    return UnitPage(
        head=head_of(catalogue, UNIT, address, UNIT.unit(unit.layer, unit.unit), trail, around),
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
        method=catalogue.method,
        trust=trust_of(catalogue, unit.layer),
    )


def image_page(catalogue: Catalogue, image: int, tops: Iterable[TopRow]) -> ImagePage:
    """The page of an image, from the activations with which it is among the strongest of a unit."""
    row = catalogue.atlas.image(image)
    ordered = sorted(tops, key=lambda top: (catalogue.places[top.layer], top.unit, top.rank))
    place = bisect_left(catalogue.shown, image)
    asks = catalogue.asks if image in catalogue.shots else None
    return ImagePage(
        head=head_of(
            catalogue,
            FOLDER,
            row.name,
            FOLDER.image(image),
            (Link("Images", FOLDER.images(place // PART)),),
            neighbours(catalogue.shown, place, lambda near: Link(f"image {near}", FOLDER.image(near))),
        ),
        asks=asks.pages(FOLDER, image=image) if asks else (),
        predict=asks.prediction(FOLDER, image) if asks else None,
        script=asks.script(FOLDER, "image.js") if asks else None,
        image=image_link(catalogue, image, FOLDER),
        size=_size(row),
        count=len({(top.layer, top.unit) for top in ordered}),
        layers=tuple(
            _layer_appearances(catalogue, layer, group) for layer, group in groupby(ordered, key=lambda top: top.layer)
        ),
    )


def images_page(catalogue: Catalogue, part: int = 0) -> ImagesPage:
    """Part of the list of images, counted from 0."""
    parts = parts_of(catalogue)
    around = neighbours(range(parts), part, lambda near: Link(f"part {near + 1}", FOLDER.images(near)))
    chosen = catalogue.shown[part * PART : (part + 1) * PART]
    return ImagesPage(
        head=head_of(catalogue, FOLDER, "Images", FOLDER.images(part), around=around),
        part=part + 1,
        parts=parts,
        count=len(catalogue.shown),
        images=tuple(image_link(catalogue, image, FOLDER) for image in chosen),
        skips=skip_list(catalogue) if part == 0 else (),
    )


def parts_of(catalogue: Catalogue) -> int:
    """Pages that the list of images takes; one even if it is empty."""
    return max(1, -(-len(catalogue.shown) // PART))


def _strip(catalogue: Catalogue, row: LayerRow) -> LayerStrip:
    among = catalogue.projected if catalogue.projected_units[row.layer] else catalogue.driven
    units = [unit for unit in catalogue.atlas.units(row.layer) if (row.layer, unit.unit) in among]
    count = min(SAMPLES, len(units))
    chosen = [units[(2 * n + 1) * len(units) // (2 * count)] for n in range(count)]
    cards = tuple(unit_card(catalogue, row, unit, INDEX) for unit in chosen)
    return LayerStrip(layer_facts(catalogue, row, INDEX), trust_of(catalogue, row.layer), cards)


def _layer_appearances(catalogue: Catalogue, layer: str, tops: Iterable[TopRow]) -> LayerAppearances:
    seen = [_appearance(catalogue, layer, top) for top in tops]
    bare = [appearance.whole and appearance.projection is None for appearance in seen]
    return LayerAppearances(
        Link(layer, FOLDER.layer(layer)),
        tuple(appearance for appearance, plain in zip(seen, bare, strict=True) if not plain),
        tuple(appearance for appearance, plain in zip(seen, bare, strict=True) if plain),
    )


def _appearance(catalogue: Catalogue, layer: str, top: TopRow) -> Appearance:
    row, window = catalogue.atlas.layer(layer), window_of(top)
    ranks = sorted(catalogue.projected.get((layer, top.unit), ()))[: COLUMNS**2]
    place = ranks.index(top.rank) if top.rank in ranks else None
    return Appearance(
        unit=top.unit,
        href=FOLDER.unit(layer, top.unit),
        rank=top.rank,
        value=top.value,
        window=window,
        frame=frame_of(top, row, *catalogue.size),
        whole=(window.height, window.width) == catalogue.size,
        projection=None if place is None else card_sprite(catalogue, row, top.unit, FOLDER),
        place=place,
        pixelated=coarse(row, *catalogue.size, big=True),
    )


def _size(row: ImageRow) -> str:
    return f"{row.width}\N{MULTIPLICATION SIGN}{row.height}" if row.width and row.height else "unknown"


def _model_facts(catalogue: Catalogue) -> tuple[Fact, ...]:
    model = catalogue.atlas.manifest.model
    return (
        Fact("architecture", model.architecture),
        Fact(
            "input: height, width, channels",
            "\N{MULTIPLICATION SIGN}".join(map(str, (model.input_height, model.input_width, model.input_channels))),
        ),
        Fact("classes", str(len(model.classes)) if model.classes else "not known"),
    )


def _data_facts(catalogue: Catalogue) -> tuple[Fact, ...]:
    data = catalogue.atlas.manifest.data
    return (
        Fact("images", data.name),
        Fact("in the set", str(data.images)),
        Fact("skipped", str(data.skipped)),
        Fact("labelled classes", str(len(data.classes)) if data.classes else "no labels"),
    )


def _provenance(catalogue: Catalogue) -> tuple[Fact, ...]:
    manifest = catalogue.atlas.manifest
    settings = manifest.settings
    return (
        Fact("made", manifest.created),
        Fact("key", manifest.key),
        Fact("weights", manifest.model.digest),
        Fact("data set", manifest.data.digest),
        Fact("activations per unit", f"{settings.top}, {settings.per_image} per image"),
        Fact("unpooling", settings.unpool),
        *(Fact(name, version) for name, version in sorted(manifest.versions.items())),
    )
