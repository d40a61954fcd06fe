"""Each kind of page on a real server with its strict policy: light and dark, wide and narrow, without a complaint.

With ``CONVSCOPE_SCREENSHOTS`` naming a folder, a picture of every page is kept there, for a reviewer to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from convscope.serve.jobs import Jobs
from convscope.serve.live.context import Context
from convscope.serve.opening import open_folders
from convscope.serve.uploads import Bounds, Uploads
from convscope.web.atlas.pages import ImagePage, ImagesPage, IndexPage, LayerPage, UnitPage
from convscope.web.comparison.pages import ComparedLayerPage, ComparisonPage
from convscope.web.evolution.pages import EvolutionLayerPage, EvolutionPage, EvolutionStripPage
from convscope.web.html import TEMPLATES
from convscope.web.live import CorrespondencePage, InvariancePage, OcclusionPage
from convscope.web.problem import ProblemPage
from convscope.web.results.ablation import AblationPage
from convscope.web.results.experiment import ExperimentPage
from convscope.web.results.run import RunPage
from convscope.web.shelf.page import ShelfPage
from tests.serve.asked import CLASSIFIER
from tests.serve.conftest import serving_places
from tests.web.conftest import SIZES, Visit, serious
from tests.web.everything import EPOCHS, write_everything
from tests.web.test_evolution_browser import shown

SECONDS = 30_000
Look = tuple[tuple[int, int], Literal["dark", "light"]]
LOOKS: tuple[Look, ...] = ((SIZES[0], "dark"), (SIZES[1], "light"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that shows one of each, and has the model."""
    opened = open_folders(write_everything(tmp_path_factory.mktemp("everything")), CLASSIFIER)
    jobs = Jobs()
    with serving_places(opened.shelf, Context(CLASSIFIER, opened.asked, jobs, Uploads(Bounds()))) as port:
        yield f"http://127.0.0.1:{port}"
    assert jobs.close(10)


def _told(words: str) -> Callable[[Page], None]:
    return lambda page: expect(page.locator("#told")).to_contain_text(words, timeout=SECONDS)


def _predicted(page: Page) -> None:
    expect(page.locator("#predictions meter")).to_have_count(5)


def _compared(page: Page) -> None:
    """Mark a part on three images, with keys, and run the test."""
    for name in ("disc/1.png", "disc/2.png"):
        page.locator("#choose").get_by_role("button", name=name, exact=True).click()
    tiles = page.locator("#marking svg")
    expect(tiles).to_have_count(3)
    for tile in range(3):
        tiles.nth(tile).focus()
        page.keyboard.press("Enter")
    page.get_by_label("Random draws").fill("3")
    page.get_by_role("button", name="Run the test").click()
    expect(page.locator("#told")).to_contain_text("compared in", timeout=SECONDS)


@dataclass(frozen=True)
class Kind:
    """A kind of page: where one is, and what makes it whole."""

    page: type
    address: str
    fill: Callable[[Page], None] = lambda page: None


PAGES: Mapping[str, Kind] = {
    "shelf": Kind(ShelfPage, "index.html"),
    "index": Kind(IndexPage, "at/atlas/index.html"),
    "layer": Kind(LayerPage, "at/atlas/layers/features.14.html"),
    "unit": Kind(UnitPage, "at/atlas/units/features.14/1.html"),
    "image": Kind(ImagePage, "at/atlas/images/3.html", _predicted),
    "images": Kind(ImagesPage, "at/atlas/images/list-0.html"),
    "occlusion": Kind(OcclusionPage, "live/occlusion.html?at=atlas&image=1&patch=8&stride=2", _told("places in")),
    "invariance": Kind(InvariancePage, "live/invariance.html?at=atlas&image=1&transform=rotate", _told("values in")),
    "correspondence": Kind(CorrespondencePage, "live/correspondence.html?at=atlas&image=5", _compared),
    "evolution": Kind(EvolutionPage, "at/evolution/index.html"),
    "evolution-layer": Kind(EvolutionLayerPage, "at/evolution/layers/features.14.html"),
    "evolution-unit": Kind(EvolutionStripPage, "at/evolution/strips/features.14/1.html"),
    "comparison": Kind(ComparisonPage, "at/comparison/index.html"),
    "comparison-layer": Kind(ComparedLayerPage, "at/comparison/layers/features.14.html"),
    "run": Kind(RunPage, "at/run/index.html"),
    "ablation": Kind(AblationPage, "at/ablation/index.html"),
    "report": Kind(ExperimentPage, "at/report/index.html"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_and_can_be_used_by_all(served: str, visit: Visit, name: str) -> None:
    page, kind = visit.page, PAGES[name]
    visit.own = (served, "data:", "blob:")
    answer = page.goto(f"{served}/{kind.address}")
    assert answer is not None
    assert answer.status == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    kind.fill(page)
    for (width, height), scheme in LOOKS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme)
        loaded(page)
        keep(page, f"{name}-{width}")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every((image) => image.hasAttribute('width'))")
        assert serious(page) == []


def test_no_kind_of_page_is_left_out(served: str, visit: Visit) -> None:
    assert {kind.page for kind in PAGES.values()} == set(TEMPLATES) - {ProblemPage}
    visit.own = (served, "data:")
    visit.page.goto(f"{served}/at/atlas/nothing.html")
    expect(visit.page.locator("h1")).to_have_text("There is nothing here")
    keep(visit.page, "problem")
    assert serious(visit.page) == []
    assert all("404" in complaint for complaint in visit.complaints)
    visit.complaints.clear()


def test_the_check_bites(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>t</title><main><img src='data:,'><p style='color:#ccc'>pale</p></main>")
    assert {found.split(":")[0] for found in serious(page)} >= {"image-alt", "color-contrast"}
    page.close()


def loaded(page: Page) -> None:
    """Wait for all pictures that can be seen, also those further down; fails for one that cannot be shown."""
    page.evaluate("""async () => {
      const seen = [...document.images].filter((image) => image.checkVisibility());
      seen.forEach((image) => { image.loading = 'eager'; });
      await Promise.all(seen.map((image) => image.decode()));
    }""")


def keep(page: Page, name: str) -> None:
    """Keep a picture of the whole page, where a folder for them is named."""
    if folder := os.environ.get("CONVSCOPE_SCREENSHOTS"):
        size = page.viewport_size
        assert size is not None
        # What lies outside of the window is not drawn: such pages have thousands of pictures.
        height: int = page.evaluate("document.scrollingElement.scrollHeight")
        page.set_viewport_size({"width": size["width"], "height": height})
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
        page.set_viewport_size(size)


def test_the_scrubber_moves_all_units_under_the_policy_of_the_server(served: str, visit: Visit) -> None:
    """It draws by a style sheet that it makes, which takes no inline style."""
    visit.own = (served, "data:")
    page = visit.page
    page.goto(f"{served}/{PAGES['evolution-layer'].address}")
    loaded(page)
    for number in range(len(EPOCHS) - 1, 0, -1):
        assert shown(page) == number
        page.keyboard.press(",")
    page.get_by_role("slider", name="Checkpoint").press("End")
    assert shown(page) == len(EPOCHS) - 1
    page.locator("[data-unit='1']").click()
    expect(page.locator("#drawer [data-row='peak'] .at")).to_have_count(len(EPOCHS))
    page.get_by_role("link", name="own page").click()
    page.get_by_role("link", name="features.14:1", exact=True).click()
    expect(page.locator("#address")).to_have_text("features.14:1")
    expect(page.get_by_role("columnheader", name="10", exact=True)).to_have_attribute("aria-current", "true")
    page.get_by_role("region", name="over all checkpoints").locator("..").locator("..").get_by_role("link").click()
    expect(page).to_have_url(f"{served}/{PAGES['evolution-unit'].address}")
