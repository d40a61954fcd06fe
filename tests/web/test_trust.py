"""The badge beside pictures: from the stored scores, in words, and only where there is something to judge."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from convscope.atlas.reader import Atlas
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.layer_page import layer_page
from convscope.web.atlas.trust import trust_of
from convscope.web.atlas.unit_page import unit_page
from convscope.web.html import hundredths, to_html
from convscope.web.urls import INDEX
from tests.atlas.make import make_atlas
from tests.web.conftest import HOSTILE, Site, Visit


@pytest.fixture(scope="module")
def catalogue(site: Site) -> Catalogue:
    return Catalogue(site.atlas)


def test_a_badge_says_what_the_atlas_says(catalogue: Catalogue) -> None:
    found = trust_of(catalogue, "features.0")
    rows = {row.test: row for row in catalogue.atlas.trust("features.0")}
    assert found is not None
    assert (found.badge, found.level) == ("do not read as the unit's meaning", "poor")
    assert found.sentence == rows["unit"].sentence
    assert [test.name for test in found.tests] == ["unit", "signal", "weight", "image"]
    for test in found.tests:
        row = rows[test.name]
        assert (test.rank, test.pairs, test.verdict) == (row.rank, row.pairs, row.verdict)
    assert trust_of(catalogue, "features.3") is None


def test_badges_differ_in_sign_and_words_and_not_by_colour_alone(tmp_path: Path) -> None:
    layers = tuple((name, 2) for name in ("a", "untested", "b", "c", "d"))
    catalogue = Catalogue(Atlas.open(make_atlas(tmp_path / "a", layers=layers)))
    found = [trust_of(catalogue, layer) for layer in "abcd"]
    assert [trust and trust.level for trust in found] == ["poor", "good", "fair", "unknown"]
    assert len({trust and trust.mark for trust in found}) == 4
    assert [trust and trust.badge for trust in found][3] == "of a later version"


def test_scores_of_another_method_are_not_those_of_these_pictures(catalogue: Catalogue) -> None:
    manifest = replace(catalogue.atlas.manifest, method="gradient")
    assert trust_of(Catalogue(replace(catalogue.atlas, manifest=manifest)), "features.0") is None


def test_layer_and_unit_pages_show_it_beside_projections_only(catalogue: Catalogue, partial_site: Site) -> None:
    atlas = catalogue.atlas
    shown = [
        to_html(layer_page(catalogue, "features.0")),
        to_html(unit_page(catalogue, atlas.unit("features.0", 2), atlas.top("features.0", 2))),
        to_html(unit_page(catalogue, atlas.unit(HOSTILE, 1), atlas.top(HOSTILE, 1))),
    ]
    for html in shown:
        assert '<details class="trust ' in html
        assert '<td class="number">0.93</td>' in html
        assert '<td class="number">\N{MINUS SIGN}0.12</td>' in html
        assert '<td class="number">not measured</td>' in html
    assert "<script>document" not in shown[2]
    assert HOSTILE in unescape(shown[2])
    bare = Catalogue(partial_site.atlas)
    without = [
        to_html(layer_page(catalogue, "features.3")),
        to_html(unit_page(catalogue, atlas.unit("features.0", 11), ())),
        to_html(unit_page(bare, bare.atlas.unit("conv1", 5), bare.atlas.top("conv1", 5))),
    ]
    assert not any('<details class="trust ' in html for html in without)


def test_the_exported_json_has_the_numbers(site: Site) -> None:
    page = json.loads((site.folder / INDEX.unit("features.0", 2)).with_suffix(".json").read_text())
    assert page["trust"]["tests"][0]["rank"] == pytest.approx(0.93)
    assert json.loads((site.folder / INDEX.unit("features.3", 2)).with_suffix(".json").read_text())["trust"] is None


def test_the_numbers_open_on_demand(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.unit("features.0", 2)))
    badge = page.locator("details.trust")
    assert badge.locator("summary").inner_text().startswith("\N{WARNING SIGN} do not read")
    assert not badge.locator("table").is_visible()
    badge.locator("summary").press("Enter")
    assert badge.locator("table").is_visible()


def test_correlations_in_words() -> None:
    assert [hundredths(value) for value in (-0.126, -0.001, 0.5, 1.0)] == ["\N{MINUS SIGN}0.13", "0.00", "0.50", "1.00"]
