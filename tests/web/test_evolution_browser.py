"""The scrubber in a real browser, opened from disk: keys, slider, play, toggle, strips."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from convscope.web.evolution.place import evolution_place
from convscope.web.evolution.urls import ROOT
from convscope.web.export import export_place
from tests.web.conftest import SIZES, Visit
from tests.web.make_evolution import HOSTILE, LABELS, made_up, write_shown

LAST = len(LABELS) - 1
PAGES = {
    "evolution": ROOT.index(),
    "layer": ROOT.layer("conv1"),
    "hostile layer": ROOT.layer(HOSTILE),
    "layer without pictures": ROOT.layer("conv3"),
    "strip": ROOT.strip(HOSTILE, 0),
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evolution")
    export_place(evolution_place(write_shown(folder / "made", made_up())), folder / "site")
    return folder / "site"


def opened(visit: Visit, pages: Path, name: str, size: tuple[int, int] = SIZES[1]) -> Page:
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    visit.page.goto(f"{pages.as_uri()}/{name}")
    visit.page.wait_for_load_state()
    return visit.page


def shown(page: Page) -> int:
    """The checkpoint that tiles show, from where their sprites lie."""
    place: float = page.evaluate("""() => {
        const frame = document.querySelector(".frame").getBoundingClientRect();
        return (frame.left - document.querySelector(".frame img").getBoundingClientRect().left) / frame.width;
    }""")
    assert place == pytest.approx(round(place), abs=0.02)
    return round(place)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_disk_and_fits(pages: Path, visit: Visit, name: str, size: tuple[int, int]) -> None:
    visit.page.emulate_media(color_scheme="dark" if size == SIZES[0] else "light")
    page = opened(visit, pages, PAGES[name], size)
    page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    for rule in ("complete && image.naturalWidth > 0", "hasAttribute('width')", "hasAttribute('alt')"):
        assert page.evaluate(f"[...document.images].every((image) => image.{rule})")
    assert page.title() != "owned"


def test_arrow_keys_on_the_slider_move_all_units(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.layer("conv1"))
    assert shown(page) == LAST
    slider = page.get_by_role("slider", name="Checkpoint")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert shown(page) == LAST - 1
    expect(page.locator("#now")).to_have_text(re.compile(r"^epoch 5 · \d+ of \d winners changed$"))
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^epoch 5: "))
    expect(page.locator("#marks .now")).to_have_attribute("data-label", "epoch 5")
    page.keyboard.press("Home")
    assert shown(page) == 0
    expect(page.locator("#now")).to_have_text("epoch 0 · the first")
    page.keyboard.press("End")
    assert shown(page) == LAST
    assert page.url.endswith("conv1.html")


def test_keys_turn_anywhere_and_the_curve_follows(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.layer("conv1"))
    places = [float(place) for place in (page.locator(".chart .now").get_attribute("data-places") or "").split()]
    for number in (3, 2, 1, 0, 0):
        page.keyboard.press(",")
        assert shown(page) == number
        assert float(page.locator(".chart .now").get_attribute("x1") or "") == places[number]
    page.keyboard.press(".")
    assert shown(page) == 1
    page.reload()
    assert shown(page) == 1
    page.get_by_role("link", name="→").click()
    page.wait_for_url(re.compile("#at=1$"))
    assert shown(page) == 1


def test_the_slider_is_dragged_and_a_mark_is_clicked(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.layer("conv1"))
    box = page.locator("#at").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 8, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=4)
    assert shown(page) == 2
    page.mouse.up()
    page.locator("#marks .number").nth(1).click()
    assert shown(page) == 1


def test_play_goes_through_all_and_stops(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.layer("conv1"))
    button = page.get_by_role("button", name="Play")
    button.click()
    assert shown(page) == 0
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator("#now")).to_have_text(re.compile("^epoch 9"), timeout=10_000)
    expect(button).to_be_visible()
    button.click()
    page.get_by_role("button", name="Pause").click()
    assert shown(page) < LAST


def test_who_wants_no_movement_steps(pages: Path, visit: Visit) -> None:
    visit.page.emulate_media(reduced_motion="reduce")
    page = opened(visit, pages, ROOT.layer("conv1"))
    button = page.get_by_role("button", name="Step")
    for number in (0, 1, 2):
        button.click()
        assert shown(page) == number
    page.wait_for_timeout(900)
    assert shown(page) == 2


def test_projections_are_exchanged_for_patches(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.layer("conv1"))
    frame, picture = page.locator(".frame").first, page.locator(".frame img").first

    def down() -> float:
        boxes = frame.bounding_box(), picture.bounding_box()
        assert boxes[0] is not None
        assert boxes[1] is not None
        return round((boxes[0]["y"] - boxes[1]["y"]) / boxes[0]["height"], 2)

    assert down() == 0
    page.get_by_label("patches").check()
    assert down() == 1
    page.keyboard.press("t")
    assert down() == 0
    assert page.get_by_label("projections").is_checked()


@pytest.mark.parametrize("size", SIZES)
def test_a_unit_opens_its_strip(pages: Path, visit: Visit, size: tuple[int, int]) -> None:
    page = opened(visit, pages, ROOT.layer("conv1"), size)
    page.locator("[data-unit='1']").click()
    drawer = page.locator("#drawer")
    expect(drawer).to_be_visible()
    expect(page.get_by_role("heading", name="conv1:1")).to_be_visible()
    expect(drawer.locator("[data-row='peak'] .at")).to_have_count(len(LABELS))
    expect(drawer.locator("[data-row='peak'] .at").first).to_have_text("silent")
    assert page.evaluate("""() => [...document.querySelectorAll("#drawer image")].every(
        (image) => image.getAttribute("href").endsWith("1-large.webp"))""")
    page.keyboard.press(",")
    expect(drawer.locator("thead .now")).to_have_text("5")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(page.locator("[data-unit='1']")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="own page").click()
    page.wait_for_url(re.compile(r"strips/conv1/1\.html$"))
    expect(page.get_by_role("row", name="strongest activation")).to_contain_text("none")


def test_units_without_pictures_carry_marks(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.layer("conv3"))
    page.keyboard.press(",")
    for number in range(LAST - 1, -1, -1):
        for item in page.locator(".bare li").all():
            jumps = (item.get_attribute("data-jumps") or "").split()
            assert ("jumped" in (item.get_attribute("class") or "")) == (str(number) in jumps)
        page.keyboard.press(",")
    expect(page.locator(".bare .silent")).to_have_text(["1"])


def test_the_page_of_all_layers_scrubs_too(pages: Path, visit: Visit) -> None:
    page = opened(visit, pages, ROOT.index())
    page.keyboard.press(",")
    assert shown(page) == LAST - 1
    page.get_by_role("link", name="conv1", exact=True).click()
    page.wait_for_url(re.compile(r"conv1\.html#at=3$"))
    assert shown(page) == LAST - 1


def test_without_script_the_last_checkpoint_is_shown(pages: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{pages.as_uri()}/{ROOT.layer('conv1')}")
    assert page.locator("#scrub").is_hidden()
    frame, picture = page.locator(".frame").first.bounding_box(), page.locator(".frame img").first.bounding_box()
    assert frame is not None
    assert picture is not None
    assert picture["x"] + picture["width"] == pytest.approx(frame["x"] + frame["width"], abs=0.5)
    assert picture["width"] == pytest.approx(frame["width"] * len(LABELS), rel=0.02)
    page.locator("[data-unit='1']").click()
    assert page.url.endswith("strips/conv1/1.html")
    context.close()
