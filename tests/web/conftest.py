"""A small exported site, one with hostile names, and a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from convscope.atlas.reader import Atlas
from convscope.render import SHEETS, write_sheets
from convscope.web.site import export_site
from tests.atlas.make import make_atlas

HOSTILE = "../../x\"'><script>document.title='owned'</script>#1 \N{SNOWMAN}/é"
SIZES = ((360, 740), (1440, 900))


@dataclass(frozen=True)
class Site:
    """An atlas and its pages."""

    atlas: Atlas
    folder: Path

    def address(self, name: str) -> str:
        return f"{self.folder.as_uri()}/{name}"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Three layers, one of them with a hostile address."""
    folder = tmp_path_factory.mktemp("web")
    layers = (("features.0", 12), ("features.3", 8), (HOSTILE, 3))
    atlas = Atlas.open(make_atlas(folder / "atlas", layers=layers, per_class=3, spectra=True))
    export_site(atlas, folder / "site")
    return Site(atlas, folder / "site")


@pytest.fixture(scope="session")
def partial_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Two of eight living units projected, none of the layer between; hostile names.

    The units of the last layer see whole images.
    """
    folder = tmp_path_factory.mktemp("partial")
    layers = (("conv1", 9), ("small", 2), ("conv2", 9))
    made = make_atlas(folder / "atlas", layers=layers, size=10, per_class=2, suffix=HOSTILE, projected=2)
    atlas = Atlas.open(made)
    write_sheets(atlas, folder / "atlas" / SHEETS)
    export_site(atlas, folder / "site")
    return Site(atlas, folder / "site")


@dataclass
class Visit:
    """A page in the browser and all that it complained about or asked for."""

    page: Page
    complaints: list[str]
    requests: list[str]
    own: tuple[str, ...] = ("file://", "data:,")
    """What addresses may begin with."""


def complain(visit: Visit, request: Request) -> None:
    # A picture that is still loading when the reader moves on is aborted, which is no fault of the page.
    if request.failure != "net::ERR_ABORTED":
        visit.complaints.append(f"{request.failure}: {request.url}")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    page = browser.new_page()
    found = Visit(page, [], [])
    page.on("console", lambda message: found.complaints.append(message.text))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("requestfailed", lambda request: complain(found, request))
    page.on("request", lambda request: found.requests.append(request.url))
    yield found
    page.close()
    assert found.complaints == []
    assert all(url.startswith(found.own) for url in found.requests), found.requests


def serious(page: Page) -> list[str]:
    """What axe-core finds on a page that is serious or critical: rule, and where."""
    # Without preloading: that asks for style sheets by request, which a page on disk may not.
    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
