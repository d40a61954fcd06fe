"""Page values against the atlas, and templates against page values."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from html import unescape
from typing import Any

import pytest
from jinja2 import meta, nodes

from convscope.errors import AddressError, AtlasFormatError
from convscope.web.atlas import image_pages
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.image_pages import image_page, images_page
from convscope.web.atlas.index_page import index_page
from convscope.web.atlas.layer_page import layer_page
from convscope.web.atlas.unit_page import unit_page
from convscope.web.atlas.words import LIMITS, TITLES
from convscope.web.html import TEMPLATES, environment, number, percent, to_html, to_json
from convscope.web.pages import Page
from tests.web.conftest import HOSTILE, Site


def variables(template: str) -> set[str]:
    """All variables that a template and those it extends take from outside."""
    environment_ = environment()
    assert environment_.loader is not None
    tree = environment_.parse(environment_.loader.get_source(environment_, template)[0])
    parents = {name for name in meta.find_referenced_templates(tree) if name == "base.html"}
    imported = [name for each in tree.find_all(nodes.FromImport) for name in each.names]
    macros = {name if isinstance(name, str) else name[1] for name in imported}
    macros |= {macro.name for macro in tree.find_all(nodes.Macro)}
    found = meta.find_undeclared_variables(tree) - macros
    return found.union(*(variables(str(name)) for name in parents))


@pytest.mark.parametrize("page_type", TEMPLATES, ids=lambda page_type: page_type.__name__)
def test_a_template_uses_exactly_the_fields_of_its_page(page_type: Any) -> None:
    assert variables(TEMPLATES[page_type]) == {field.name for field in fields(page_type)}


@pytest.fixture(scope="module")
def catalogue(site: Site) -> Catalogue:
    return Catalogue(site.atlas)


def every_page(catalogue: Catalogue) -> list[Page]:
    atlas = catalogue.atlas
    unit = atlas.unit("features.3", 2)
    tops = atlas.top("features.3", 2)
    classes = catalogue.classes_of_layer(atlas.layer("features.3"))[2]
    return [
        index_page(catalogue),
        layer_page(catalogue, "features.3"),
        unit_page(catalogue, unit, tops, classes),
        image_page(catalogue, tops[0].image, atlas.top_of_image(tops[0].image)),
        images_page(catalogue),
    ]


def plain(value: Any) -> Any:
    """A page as JSON knows it, by a second way."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def test_json_says_what_the_page_says(catalogue: Catalogue) -> None:
    for page in every_page(catalogue):
        assert json.loads(to_json(page)) == plain(page)
        assert to_html(page).startswith("<!doctype html>")


def test_a_unit_page_tells_its_activations(catalogue: Catalogue) -> None:
    atlas, layer = catalogue.atlas, catalogue.atlas.layer("features.3")
    rows = atlas.top("features.3", 2)
    page = unit_page(catalogue, atlas.unit("features.3", 2), rows)
    assert page.address == "features.3:2"
    assert [top.value for top in page.tops] == [row.value for row in rows]
    for top, row in zip(page.tops, rows, strict=True):
        window, frame = top.window, top.frame
        assert (window.left, window.top) == (row.left, row.top)
        assert (window.left + window.width, window.top + window.height) == (row.right, row.bottom)
        assert (frame.height, frame.width) == (layer.field_height, layer.field_width)
        assert 0 <= frame.left <= window.left <= row.right <= frame.left + frame.width <= 64
        assert 0 <= frame.top <= window.top <= row.bottom <= frame.top + frame.height <= 64
        assert top.clipped == (window != frame)
    assert page.head.previous is not None
    assert page.head.previous.href == "../../units/features.3/1.html"


def test_classes_are_the_strongest_of_each_class(catalogue: Catalogue) -> None:
    classes = catalogue.classes_of_layer(catalogue.atlas.layer(HOSTILE))
    for unit in catalogue.atlas.units(HOSTILE):
        found = dict(classes[unit.unit])
        assert {name: catalogue.atlas.top(HOSTILE, unit.unit, name) for name in found} == found
        assert set(found) == (set() if unit.dead else {"cat", "dog"})


def test_the_index_counts_what_the_layers_hold(catalogue: Catalogue) -> None:
    page = index_page(catalogue)
    assert page.units == 23
    assert [strip.layer.dead for strip in page.layers] == [1, 1, 1]
    assert [len(strip.samples) for strip in page.layers] == [8, 7, 2]
    assert not any(card.dead for strip in page.layers for card in strip.samples)
    assert [(skip.name, skip.reason) for skip in page.skips] == [("broken.jpg", "the file ends too early")]


def test_an_image_page_lists_every_unit_it_drives(catalogue: Catalogue) -> None:
    for image in catalogue.shown:
        rows = catalogue.atlas.top_of_image(image)
        page = image_page(catalogue, image, rows)
        listed = {(layer.layer.text, seen.unit, seen.rank) for layer in page.layers for seen in layer.units}
        assert listed == {(row.layer, row.unit, row.rank) for row in rows}


def test_a_page_of_a_layer_that_is_not_there_is_an_error(catalogue: Catalogue) -> None:
    with pytest.raises(AddressError, match=r"features\.4"):
        layer_page(catalogue, "features.4")


def test_a_long_list_of_images_comes_in_parts(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_pages, "PART", 10)
    parts = [images_page(catalogue, part) for part in range(image_pages.parts_of(catalogue))]
    assert [image.image for page in parts for image in page.images] == list(catalogue.shown)
    assert [len(page.skips) for page in parts] == [1, 0, 0]
    assert [page.head.next and page.head.next.href for page in parts] == [
        "../images/list-1.html",
        "../images/list-2.html",
        None,
    ]


def test_a_method_that_nobody_knows_is_a_damaged_atlas(site: Site) -> None:
    strange = replace(site.atlas, manifest=replace(site.atlas.manifest, method="magic"))
    with pytest.raises(AtlasFormatError, match="'magic' is none of deconvnet, gradient, guided_backprop"):
        index_page(Catalogue(strange))


@pytest.mark.parametrize("method", TITLES)
def test_every_method_says_what_it_does_not_show(site: Site, method: str) -> None:
    told = Catalogue(replace(site.atlas, manifest=replace(site.atlas.manifest, method=method)))
    page = unescape(to_html(index_page(told)))
    assert "What these pictures do not show" in page
    assert all(limit in page for limit in LIMITS[method])
    assert "activation atlas" in page


def test_numbers_in_words() -> None:
    assert number(-0.123456) == "\N{MINUS SIGN}0.1235"
    assert number(12345.6) == "1.235e+04"
    assert [percent(share) for share in (0.0, 0.0004, 0.5, 0.9996, 1.0)] == [
        "0%",
        "<0.1%",
        "50%",
        ">99.9%",
        "100%",
    ]
