"""The pages of a comparison in a real browser, opened from disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from convscope.web.comparison.build import compared_layer
from convscope.web.comparison.place import ComparisonPlace
from convscope.web.comparison.urls import OVERVIEW
from convscope.web.export import export_place
from tests.web.comparison import make_place
from tests.web.conftest import HOSTILE, SIZES, Visit

PAGES = {
    "overview": OVERVIEW.index(),
    "layer": OVERVIEW.pair("features.0", "features.0"),
    "hostile layers": OVERVIEW.pair(HOSTILE, "features.0"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> ComparisonPlace:
    return make_place(tmp_path_factory.mktemp("comparison"))


@pytest.fixture(scope="module")
def folder(place: ComparisonPlace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_place(place, tmp_path_factory.mktemp("pages") / "site").parent


def units(visit: Visit) -> list[int]:
    """Shown units of A, in order."""
    return [int(card.get_attribute("data-unit") or "") for card in visit.page.locator("#units li:visible").all()]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_disk_and_fits(folder: Path, visit: Visit, name: str, width: int, height: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    page.goto((folder / PAGES[name]).as_uri())
    page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("[...document.images].every((image) => image.hasAttribute('width') && image.alt)")
    assert page.evaluate("document.querySelectorAll('[style], script:not([src])').length") == 0
    assert page.title() != "owned"


def test_matches_are_sorted_and_filtered(folder: Path, place: ComparisonPlace, visit: Visit) -> None:
    page = visit.page
    page.goto((folder / PAGES["layer"]).as_uri())
    matches = compared_layer(place.compared, 0).matches
    assert units(visit) == [match.first.unit for match in matches]
    page.get_by_label("Sort by").select_option("channel of A")
    assert units(visit) == list(range(9))
    page.get_by_label("Show", exact=True).select_option("mutual matches")
    assert units(visit) == sorted(match.first.unit for match in matches if match.mutual)
    page.get_by_label("Show", exact=True).select_option("no counterpart")
    alone = sorted(match.first.unit for match in matches if not match.counterpart and not match.first.dead)
    assert units(visit) == alone
    page.reload()
    assert units(visit) == alone
    page.get_by_label("Show", exact=True).select_option("dead units")
    assert units(visit) == [8]
    expect(page.locator("#count")).to_have_text("1 of 9 units")
    page.get_by_role("button", name="Show all 9").click()
    page.get_by_label("Unit of A").fill("5")
    assert units(visit) == [5]


def test_the_way_from_the_overview_through_the_layers(folder: Path, visit: Visit) -> None:
    page = visit.page
    page.goto((folder / "index.html").as_uri())
    expect(page.locator("svg.heat rect.pair-of")).to_have_count(3)
    page.locator(".layers h3 a").first.click()
    expect(page.locator("h1")).to_have_text("features.0")
    page.wait_for_load_state()
    page.keyboard.press("ArrowRight")
    expect(page.locator("h1")).to_have_text(HOSTILE)
    page.wait_for_load_state()
    page.keyboard.press("u")
    expect(page.locator("h1")).to_have_text("Two networks, unit by unit")
