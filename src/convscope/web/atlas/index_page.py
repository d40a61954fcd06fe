"""Asks an atlas what its first page says."""

from __future__ import annotations

from convscope.atlas.schema import LayerRow
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.drawing import drawing_of
from convscope.web.atlas.pages import (
    IndexPage,
    LayerStrip,
)
from convscope.web.atlas.parts import (
    head_of,
    layer_facts,
    skip_list,
    unit_card,
)
from convscope.web.atlas.pieces import Rule
from convscope.web.atlas.spectrum import spectrum_of
from convscope.web.atlas.trust import trust_of
from convscope.web.pages import Fact, Link
from convscope.web.urls import INDEX

SAMPLES = 8
"""Units of a layer on the index."""
SKIPS = 20
"""Skipped images on the index."""


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


def _strip(catalogue: Catalogue, row: LayerRow) -> LayerStrip:
    among = catalogue.projected if catalogue.projected_units[row.layer] else catalogue.driven
    units = [unit for unit in catalogue.atlas.units(row.layer) if (row.layer, unit.unit) in among]
    count = min(SAMPLES, len(units))
    chosen = [units[(2 * n + 1) * len(units) // (2 * count)] for n in range(count)]
    cards = tuple(unit_card(catalogue, row, unit, INDEX) for unit in chosen)
    return LayerStrip(
        layer=layer_facts(catalogue, row, INDEX),
        trust=trust_of(catalogue, row.layer),
        spectrum=spectrum_of(catalogue.atlas, row.layer),
        samples=cards,
    )


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
