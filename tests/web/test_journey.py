"""One way through an atlas, step by step as a visitor goes it: on a server, and from files on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import expect

from convscope.atlas.reader import Atlas
from convscope.web.export import export_place
from convscope.web.opening import open_places
from convscope.web.shelf.place import Shelf
from tests.serve.conftest import serving_places
from tests.web.conftest import SIZES, Site, Visit
from tests.web.make_evolution import LABELS, made_up, write_numbers
from tests.web.test_browser import cards, press

LAYERS = (("features.0", 12, 12), ("features.3", 8, 8))


@pytest.fixture(scope="module")
def shelf(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """An atlas, and the evolution that ends with its network."""
    digests = ["0" * 64] * (len(LABELS) - 1) + [site.atlas.manifest.model.digest]
    growth = write_numbers(tmp_path_factory.mktemp("journey") / "growth", made_up(LAYERS), digests)
    return Shelf(open_places([site.atlas.path, growth]))


@pytest.fixture(scope="module", params=["server", "disk"])
def begin(request: pytest.FixtureRequest, shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the folder with the list of places."""
    if request.param == "server":
        with serving_places(shelf) as port:
            yield f"http://127.0.0.1:{port}"
    else:
        yield export_place(shelf, tmp_path_factory.mktemp("pages") / "site").parent.as_uri()


@pytest.mark.parametrize(("size", "scheme"), [(SIZES[0], "dark"), (SIZES[1], "light")])
def test_the_journey(
    begin: str, site: Site, visit: Visit, size: tuple[int, int], scheme: Literal["dark", "light"]
) -> None:
    visit.own = (begin, "data:,")
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    visit.page.emulate_media(color_scheme=scheme)
    for step in (to_the_layer, through_its_units, to_a_unit_and_the_next, to_how_it_came_about, to_an_image_and_back):
        step(visit, begin, site.atlas)
        visit.page.wait_for_load_state()  # what is measured before style sheets are there is not the page
        assert visit.page.evaluate("document.scrollingElement.scrollWidth") <= size[0], step.__name__
    paper = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", paper))) < 3 * 128) == (scheme == "dark")


def to_the_layer(visit: Visit, begin: str, atlas: Atlas) -> None:
    page = visit.page
    page.goto(f"{begin}/index.html")
    page.get_by_role("link", name="zfnet").click()
    expect(page.locator("h1")).to_contain_text("has learned")
    page.get_by_role("link", name="features.0", exact=True).click()
    expect(page.locator("h1")).to_have_text("features.0")
    press(page, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def through_its_units(visit: Visit, begin: str, atlas: Atlas) -> None:
    page, units = visit.page, atlas.units("features.0")
    assert cards(visit) == list(range(12))
    page.get_by_label("Sort by").select_option("strongest peak")
    strongest = sorted(units, key=lambda row: (-row.peak_max, row.unit))
    assert cards(visit) == [row.unit for row in strongest]
    page.get_by_label("Best class contains").fill("do")
    assert cards(visit) == [row.unit for row in strongest if row.best_class == "dog"]
    page.get_by_label("Show", exact=True).select_option("dead units")
    expect(page.locator("#none")).to_be_visible()
    page.get_by_role("button", name="Show all 12").click()
    assert len(cards(visit)) == 12


def to_a_unit_and_the_next(visit: Visit, begin: str, atlas: Atlas) -> None:
    find = visit.page.get_by_label("Unit", exact=True)
    press(visit.page, "/")
    expect(find).to_be_focused()
    visit.page.keyboard.type("999")
    expect(visit.page.locator("#none")).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(find).not_to_be_focused()
    expect(find).to_have_value("")
    visit.page.get_by_label("Show", exact=True).select_option("dead units")
    assert 3 not in cards(visit)
    press(visit.page, "/")
    visit.page.keyboard.type("features.0:3")
    assert cards(visit) == [3]  # a unit that is asked for is found whatever else is shown
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#address")).to_have_text("features.0:3")
    press(visit.page, "ArrowRight")
    expect(visit.page.locator("#address")).to_have_text("features.0:4")


def to_how_it_came_about(visit: Visit, begin: str, atlas: Atlas) -> None:
    page = visit.page
    expect(page.get_by_role("heading", name="How it came about")).to_be_visible()
    expect(page.locator(".course [aria-current]")).to_have_text("9")
    page.locator('a[href$="strips/features.0/4.html"]').click()
    expect(page.get_by_text("In the atlas of zfnet, made from this network at epoch 9")).to_be_visible()
    page.get_by_role("link", name="features.0:4", exact=True).click()
    expect(page.locator("#address")).to_have_text("features.0:4")


def to_an_image_and_back(visit: Visit, begin: str, atlas: Atlas) -> None:
    page = visit.page
    name = atlas.image(atlas.top("features.0", 4)[0].image).name
    page.get_by_role("link", name=name, exact=True).first.click()
    expect(page.locator("h1")).to_have_text(name)
    page.locator('a[href="../units/features.0/4.html"]').click()
    expect(page.locator("#address")).to_have_text("features.0:4")
    page.go_back()
    expect(page.locator("h1")).to_have_text(name)
    page.go_back()
    press(page, "u")
    expect(page.locator("h1")).to_have_text("features.0")
    press(page, "u")
    expect(page.locator("h1")).to_contain_text("has learned")
    press(page, "u")
    expect(page.locator("h1")).to_contain_text("laces")
