"""The pages in a real browser, opened from disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from convscope.atlas.reader import Atlas
from convscope.web.atlas.parts import sparseness
from convscope.web.site import export_site
from convscope.web.urls import INDEX
from tests.atlas.make import make_atlas
from tests.web.conftest import HOSTILE, SIZES, Site, Visit

PAGES = {
    "index": INDEX.index(),
    "layer": INDEX.layer("features.0"),
    "hostile layer": INDEX.layer(HOSTILE),
    "unit": INDEX.unit("features.3", 2),
    "dead unit": INDEX.unit("features.3", 7),
    "hostile unit": INDEX.unit(HOSTILE, 1),
    "image": INDEX.image(3),
    "images": INDEX.images(),
}


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_from_disk_and_fits(site: Site, visit: Visit, name: str, width: int, height: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    page.goto(site.address(PAGES[name]))
    page.keyboard.press("End")
    page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("[...document.images].every((image) => image.hasAttribute('width'))")
    assert page.evaluate("[...document.images].every((image) => image.hasAttribute('alt'))")
    assert page.title() != "owned"
    assert visit.requests


def press(page: Page, key: str) -> None:
    """Press a key once the page's script, which is deferred, listens."""
    page.wait_for_load_state()
    page.keyboard.press(key)


def cards(visit: Visit) -> list[int]:
    """Shown units of a layer's page, in order."""
    return [int(card.get_attribute("data-unit") or "") for card in visit.page.locator("#units li:visible").all()]


def test_a_layer_is_sorted_and_filtered(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.layer("features.0")))
    assert cards(visit) == list(range(12))
    units = site.atlas.units("features.0")
    page.get_by_label("Sort by").select_option("strongest peak")
    assert cards(visit) == [row.unit for row in sorted(units, key=lambda row: (-row.peak_max, row.unit))]
    page.get_by_label("Sort by").select_option("class selectivity")
    assert cards(visit)[-1] == 11
    page.get_by_label("Show", exact=True).select_option("dead units")
    assert cards(visit) == [11]
    page.get_by_label("Show", exact=True).select_option("living units")
    page.get_by_label("Best class contains").fill("DO")
    assert cards(visit) == [row.unit for row in units if row.best_class == "dog"]
    expect(page.locator("#count")).to_have_text("5 of 12 units")
    page.get_by_label("Best class contains").fill("zebra")
    expect(page.locator("#none")).to_be_visible()


def test_a_unit_is_found_by_number_or_address(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.layer("features.0")))
    press(page, "/")
    found = page.get_by_label("Unit", exact=True)
    expect(found).to_be_focused()
    found.press_sequentially("1")
    assert cards(visit) == [1, 10, 11]
    page.get_by_label("Sort by").select_option("sparseness")
    assert cards(visit)[0] == 1  # the very unit comes first in any order
    for typed, expected in (("features.0:1", 3), ("features.0:11", 1), ("features.0", 12), ("features.3:1", 0)):
        found.fill(typed)
        assert len(cards(visit)) == expected, typed
    page.get_by_role("button", name="Show all 12").click()
    assert len(cards(visit)) == 12
    found.fill(" features.0:3 ")
    found.press("Enter")
    expect(page.locator("#address")).to_have_text("features.0:3")


def test_a_number_is_a_unit_even_where_the_layer_is_called_by_a_number(visit: Visit, tmp_path: Path) -> None:
    export_site(Atlas.open(make_atlas(tmp_path / "a", [("1", 130)], images=4, size=8, raw=None)), tmp_path / "site")
    visit.page.goto((tmp_path / "site" / INDEX.layer("1")).as_uri())
    found = visit.page.get_by_label("Unit", exact=True)
    for typed, expected in (("1", [1, *range(10, 20), *range(100, 130)]), ("1:12", [12, *range(120, 130)])):
        found.fill(typed)
        assert cards(visit) == expected
    visit.page.get_by_label("Sort by").select_option("mean peak")
    found.fill("")
    assert cards(visit) == list(range(130))  # over two lists


def test_a_layer_is_sorted_by_sparseness(site: Site, visit: Visit) -> None:
    visit.page.goto(site.address(INDEX.layer("features.0")))
    visit.page.get_by_label("Sort by").select_option("sparseness")
    known = {row.unit: sparseness(row) for row in site.atlas.units("features.0")}
    assert cards(visit) == sorted(known, key=lambda unit: (-(known[unit] or 0), unit))


def test_an_order_survives_reloading_and_going_back(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.layer("features.0")))
    page.get_by_label("Best class contains").fill("cat")
    before = cards(visit)
    assert page.url.endswith("#word=cat")
    page.reload()
    assert cards(visit) == before
    page.locator("#units li:visible a").first.click()
    page.go_back()
    assert cards(visit) == before


def test_an_address_with_nonsense_is_ignored(site: Site, visit: Visit) -> None:
    visit.page.goto(site.address(INDEX.layer("features.0")) + "#sort=nonsense&submit=1&__proto__=2")
    assert cards(visit) == list(range(12))


def test_keys_lead_from_unit_to_unit_and_up(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.unit("features.0", 0)))
    press(page, "ArrowLeft")
    press(page, "ArrowRight")
    expect(page.locator("#address")).to_have_text("features.0:1")
    press(page, "ArrowLeft")
    expect(page.locator("#address")).to_have_text("features.0:0")
    press(page, "u")
    expect(page.locator("h1")).to_have_text("features.0")
    press(page, "ArrowRight")
    expect(page.locator("h1")).to_have_text("features.3")
    press(page, "u")
    expect(page.locator("h1")).to_contain_text("has learned")


def test_items_take_the_focus_by_keys(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.layer("features.0")))
    press(page, "j")
    press(page, "j")
    press(page, "Enter")
    expect(page.locator("#address")).to_have_text("features.0:1")


def test_typing_into_the_filter_is_not_a_command(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.layer("features.0")))
    page.get_by_label("Best class contains").press("u")
    expect(page.locator("h1")).to_have_text("features.0")


def test_the_window_is_drawn_where_the_unit_looks(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.unit("features.3", 2)))
    row = site.atlas.top("features.3", 2)[0]
    drawn = page.locator("svg.whole").first
    outer, inner = drawn.bounding_box(), drawn.locator("rect.window").last.bounding_box()
    assert outer is not None
    assert inner is not None
    scale = outer["width"] / 64
    assert inner["x"] - outer["x"] == pytest.approx(row.left * scale, abs=2)
    assert inner["y"] - outer["y"] == pytest.approx(row.top * scale, abs=2)
    assert inner["width"] == pytest.approx((row.right - row.left) * scale, abs=4)


def test_pointing_at_a_projection_lights_its_patch(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.unit("features.3", 2)))
    page.locator('.nine [data-rank="1"]').first.hover()
    assert page.locator(".lit").count() == 3
    expect(page.locator(".lit").first).to_have_attribute("data-rank", "1")


def test_hostile_names_are_shown_as_they_are(site: Site, visit: Visit) -> None:
    page = visit.page
    page.goto(site.address(INDEX.unit(HOSTILE, 1)))
    expect(page.locator("#address")).to_have_text(re.compile(re.escape("<script>document.title='owned'</script>")))
    assert page.evaluate("document.scripts.length") == 2
    press(page, "u")
    expect(page.locator("h1")).to_contain_text("<script>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "layer", "unit"])
def test_words_have_enough_contrast(site: Site, visit: Visit, name: str, scheme: str) -> None:
    page = visit.page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(site.address(PAGES[name]))
    colours = page.evaluate(_COLOURS)
    assert colours
    for words, ink, paper in colours:
        assert contrast(ink, paper) >= 4.5, (words, ink, paper)


_COLOURS = """() => {
  const opaque = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const paper = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(paper)) return paper;
    }
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    found.push([walker.currentNode.data.trim(), getComputedStyle(node).color, opaque(node)]);
  }
  return found;
}"""


def contrast(ink: str, paper: str) -> float:
    """Contrast ratio of two CSS colours as WCAG 2 defines it."""
    bright, dark = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
