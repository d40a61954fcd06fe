"""An atlas with projections for some units only, and with names that try to break out."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect
from typer.main import get_command

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import ImageRow
from convscope.cli.main import app
from convscope.errors import AtlasFormatError
from convscope.render import SHEETS, sheet_name
from convscope.web.atlas.catalogue import CLASSES, Catalogue
from convscope.web.atlas.image_pages import image_page
from convscope.web.atlas.index_page import index_page
from convscope.web.atlas.layer_page import layer_page
from convscope.web.atlas.pages import UnitPage
from convscope.web.atlas.parts import nearest
from convscope.web.atlas.snippets import project_command
from convscope.web.atlas.unit_page import unit_page
from convscope.web.html import to_html
from convscope.web.site import export_site
from convscope.web.urls import INDEX
from tests.atlas.make import make_atlas
from tests.web.conftest import HOSTILE, SIZES, Site, Visit
from tests.web.test_browser import cards, press
from tests.web.test_site import Links, own_scripts, pages_of


@pytest.fixture(scope="module")
def catalogue(partial_site: Site) -> Catalogue:
    return Catalogue(partial_site.atlas)


def page_of(catalogue: Catalogue, layer: str, unit: int) -> UnitPage:
    return unit_page(catalogue, catalogue.atlas.unit(layer, unit), catalogue.atlas.top(layer, unit))


def test_samples_come_from_the_projected_units(catalogue: Catalogue) -> None:
    page = index_page(catalogue)
    assert page.partial
    assert [[card.unit for card in strip.samples] for strip in page.layers] == [[1, 2], [0], [1, 2]]
    assert "among those that were projected" in to_html(page)


def test_a_unit_without_projections_says_how_to_make_one(catalogue: Catalogue) -> None:
    pages = [page_of(catalogue, "conv1", unit) for unit in range(9)]
    assert [page.command is None for page in pages] == [False, True, True, *[False] * 5, True]
    assert [page.projections is not None for page in pages] == [False, True, True, *[False] * 6]
    around = [(page.projected_before, page.projected_after) for page in pages]
    texts = [tuple(link and link.text for link in links) for links in around]
    assert texts == [(None, "1"), (None, "2"), ("1", None), *[("2", None)] * 6]


def test_the_command_is_one_that_the_program_takes(catalogue: Catalogue) -> None:
    top = catalogue.atlas.top("conv2", 5)[0]
    words = shlex.split(project_command(catalogue, top))
    assert words[:2] == ["convscope", "project"]
    command = get_command(app).get_command(None, "project")  # type: ignore[attr-defined]
    given = command.make_context("project", words[2:]).params
    assert given["model"] == catalogue.atlas.manifest.model.spec
    assert str(given["image"]) == str(Path(catalogue.atlas.image(top.image).name))
    assert given["unit"] == f"conv2:5@{top.y},{top.x}"
    assert (given["method"], given["unpool"]) == ("deconvnet", "sum")


def test_a_name_that_looks_like_an_option_is_none(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    top = catalogue.atlas.top("conv2", 5)[0]
    monkeypatch.setattr(Atlas, "image", lambda self, index: ImageRow(index, "--output=x", None, 1, 1, None))
    settings = replace(catalogue.atlas.manifest.settings, unpool="last")
    told = Catalogue(replace(catalogue.atlas, manifest=replace(catalogue.atlas.manifest, settings=settings)))
    words = shlex.split(project_command(told, top))
    given = get_command(app).get_command(None, "project").make_context("project", words[2:]).params  # type: ignore[attr-defined]
    assert (str(given["image"]), given["unpool"], str(given["output"])) == ("--output=x", "last", "projection.png")


def test_the_snippet_gets_what_the_page_shows(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(catalogue.atlas.path.parent)
    for unit in (1, 5):
        page = page_of(catalogue, "conv1", unit)
        values: dict[str, object] = {}
        exec(page.snippet, values)
        assert values["strongest"] == catalogue.atlas.top("conv1", unit)
        assert ("projection" in values) == (page.projections is not None)


@pytest.mark.parametrize("number", range(-1, 8))
def test_nearest(number: int) -> None:
    ordered = (0, 3, 5)
    below, above = [n for n in ordered if n < number], [n for n in ordered if n > number]
    assert nearest(ordered, number) == (max(below, default=None), min(above, default=None))


def test_an_image_is_not_repeated_for_units_that_see_all_of_it(catalogue: Catalogue) -> None:
    projected = {("conv1", 1), ("conv1", 2), ("conv2", 1), ("conv2", 2)}
    repeated = 0
    for image in catalogue.shown:
        page = image_page(catalogue, image, catalogue.atlas.top_of_image(image))
        repeated += sum(len(row.others) for row in page.layers)
        for row in page.layers:
            for seen in row.units:
                assert (seen.projection is not None) == ((row.layer.text, seen.unit) in projected)
                assert seen.place == (seen.rank if seen.projection else None)
                assert seen.projection or not seen.whole
            for seen in row.others:
                assert seen.whole
                assert seen.projection is None
    rows = [row for layer in catalogue.places for tops in catalogue.atlas.top_of_layer(layer).values() for row in tops]
    whole = [row for row in rows if (row.top, row.left, row.bottom, row.right) == (0, 0, 10, 10)]
    assert repeated == sum((row.layer, row.unit) not in projected for row in whole) > 50


def test_the_limit_of_classes_is_said(catalogue: Catalogue) -> None:
    tops = catalogue.atlas.top("conv1", 1)
    page = unit_page(catalogue, catalogue.atlas.unit("conv1", 1), tops, (("cat", tops),))
    assert f"at most {CLASSES}" in to_html(page)


def test_contact_sheets_travel_with_the_pages(partial_site: Site, catalogue: Catalogue) -> None:
    assert layer_page(catalogue, "small").sheet is None
    for layer in (catalogue.atlas.layer(name) for name in ("conv1", "conv2")):
        page = layer_page(catalogue, layer.layer)
        assert page.sheet == f"../sheets/{layer.layer}.png"
        original = catalogue.atlas.path / SHEETS / sheet_name(layer)
        assert (partial_site.folder / "layers" / page.sheet).read_bytes() == original.read_bytes()


def test_a_sheet_that_is_none_is_refused_and_a_link_is_left_out(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 2),)))
    sheet = atlas.path / SHEETS / sheet_name(atlas.layer("conv1"))
    sheet.parent.mkdir()
    (tmp_path / "secret").write_text("secret")
    sheet.symlink_to(tmp_path / "secret")
    export_site(atlas, tmp_path / "site")
    assert not (tmp_path / "site" / "sheets").exists()
    sheet.unlink()
    shutil.copy(tmp_path / "secret", sheet)
    with pytest.raises(AtlasFormatError, match=r"000-conv1\.png is not a PNG"):
        export_site(atlas, tmp_path / "site")


def test_hostile_names_stay_words(partial_site: Site) -> None:
    for page in pages_of(partial_site):
        links = Links(page)
        assert links.handlers == []
        assert own_scripts(page, links.scripts)
        for href in links.found:
            assert href == "data:," or href.startswith("#") or (page.parent / href).resolve().is_file(), href
    assert all("owned" not in path.name for path in partial_site.folder.rglob("*"))


PAGES = {
    "index": INDEX.index(),
    "layer": INDEX.layer("conv1"),
    "projected unit": INDEX.unit("conv1", 1),
    "unit": INDEX.unit("conv1", 4),
    "unit of whole images": INDEX.unit("conv2", 4),
    "image": INDEX.image(3),
    "images": INDEX.images(),
}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits(partial_site: Site, visit: Visit, name: str, width: int, height: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": height})
    visit.page.goto(partial_site.address(PAGES[name]))
    assert visit.page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert visit.page.title() != "owned"


@pytest.mark.parametrize("name", ["layer", "projected unit", "unit", "unit of whole images"])
def test_pictures_come_first_on_a_small_screen(partial_site: Site, visit: Visit, name: str) -> None:
    visit.page.set_viewport_size({"width": 360, "height": 740})
    visit.page.goto(partial_site.address(PAGES[name]))
    first = visit.page.locator("main img, main svg").first.bounding_box()
    assert first is not None
    assert first["y"] < 500
    expect(visit.page.locator(".note").first).to_be_hidden()
    visit.page.get_by_text("Note on these pictures").click()
    expect(visit.page.locator(".note").first).to_be_visible()


def test_a_layer_shows_projected_units_first_and_all_on_demand(partial_site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(partial_site.address(PAGES["layer"]))
    assert cards(visit) == [1, 2]
    expect(page.locator("#count")).to_have_text("2 of 9 units")
    button = page.get_by_role("button", name="Show all 9")
    button.focus()
    press(page, "Enter")
    assert cards(visit) == list(range(9))
    assert page.url.endswith("#show=all")
    expect(button).to_be_hidden()
    expect(page.get_by_label("Show", exact=True)).to_be_focused()
    page.reload()
    assert cards(visit) == list(range(9))
    page.get_by_label("Show", exact=True).select_option("dead units")
    assert cards(visit) == [8]
    page.get_by_label("Show", exact=True).select_option("with projections")
    assert cards(visit) == [1, 2]
    page.evaluate("location.hash = 'show=living'")
    expect(page.locator("#count")).to_have_text("8 of 9 units")


def test_keys_lead_to_the_next_projected_unit(partial_site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(partial_site.address(INDEX.unit("conv1", 7)))
    expect(page.locator("main > p").first).to_contain_text("Not projected. Nearest projected: \N{LEFTWARDS ARROW} 2")
    press(page, "p")
    expect(page.locator("#address")).to_have_text("conv1:2")
    press(page, "p")
    expect(page.locator("#address")).to_have_text("conv1:1")
    press(page, "n")
    expect(page.locator("#address")).to_have_text("conv1:2")


def test_hostile_names_are_shown_as_they_are(partial_site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(partial_site.address(PAGES["image"]))
    expect(page.locator("h1")).to_have_text(partial_site.atlas.image(3).name)
    expect(page.locator("dd").first).to_have_text(f"dog{HOSTILE}")
    page.goto(partial_site.address(PAGES["images"]))
    expect(page.locator("td").last).to_have_text(f"the file ends too early{HOSTILE}")
