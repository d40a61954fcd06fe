"""Every kind of page under axe-core, light and dark: nothing serious."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser

from convscope.web.urls import INDEX
from tests.web.conftest import Site, serious

PAGES = {
    "index": INDEX.index(),
    "layer": INDEX.layer("features.0"),
    "unit": INDEX.unit("features.3", 2),
    "image": INDEX.image(3),
    "images": INDEX.images(),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_serious(site: Site, browser: Browser, name: str, scheme: Literal["light", "dark"]) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(site.address(PAGES[name]))
    assert serious(page) == []
    page.close()


def test_the_check_bites(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>t</title><main><img src='data:,'><p style='color:#ccc'>pale</p></main>")
    assert {found.split(":")[0] for found in serious(page)} >= {"image-alt", "color-contrast"}
    page.close()
