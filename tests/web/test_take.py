"""What is saved from a page: tables as they are shown, drawings as they look; from file:// as from a server."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page

from tests.web.conftest import Site, Visit

ON_WHOLE_PIXELS = """drawn => {
  const y = drawn.getBoundingClientRect().y + scrollY;
  document.body.style.paddingTop = `${Math.ceil(y) - y}px`;
}"""
"""On a page a drawing may begin between two rows of pixels, where all its edges are blurred."""
SVG = "{http://www.w3.org/2000/svg}"


def taken(page: Page, within: Locator, kind: str) -> tuple[str, bytes]:
    """The file that a button saves: its name and what it holds."""
    with page.expect_download() as waiting:
        within.locator(f'[data-take="{kind}"]').first.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def pixels(picture: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), np.float64)


def unit_page(visit: Visit, site: Site) -> Locator:
    visit.page.goto(site.address("units/features.3/2.html"))
    return visit.page.locator("main")


def test_a_table_is_saved_with_its_numbers(visit: Visit, site: Site) -> None:
    panel = unit_page(visit, site).locator(".panel", has=visit.page.locator("table.means"))
    name, content = taken(visit.page, panel, "csv")
    assert name == "classes-features.3-2.csv"
    head, *rows = csv.reader(io.StringIO(content.decode()))
    assert head == ["class", "mean peak", "images"]
    shown = [line.inner_text().split() for line in panel.locator("tbody tr").all()]
    assert rows == shown
    assert {row[0] for row in rows} == {"cat", "dog"}
    assert all(float(row[1]) > 0 and int(row[2]) > 0 for row in rows)


def test_numbers_of_a_chart_are_saved_in_full(visit: Visit, site: Site) -> None:
    visit.page.goto(site.address("layers/features.3.html"))
    visit.page.locator("#spectrum > summary").click()
    visit.page.get_by_text("In numbers").click()
    _, content = taken(visit.page, visit.page.locator("#spectrum details"), "csv")
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    spectrum = site.atlas.spectrum("features.3")
    assert spectrum is not None
    assert [float(row["projections"]) for row in rows] == pytest.approx(spectrum.projected, rel=1e-3)
    assert float(rows[16]["from, cycles per pixel"]) == 0.25


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("what", ["histogram", "spectrum", "network"])
def test_a_drawing_is_saved_as_it_looks(visit: Visit, site: Site, tmp_path: Path, what: str, scheme: str) -> None:
    page = visit.page
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    address = {"histogram": "units/features.3/2.html", "spectrum": "layers/features.3.html", "network": "index.html"}
    page.goto(site.address(address[what]))
    if what == "spectrum":
        page.locator("#spectrum > summary").click()
    drawn = page.locator({"histogram": "svg.plot", "spectrum": "svg.chart", "network": "svg.network"}[what]).first
    around = drawn.locator("xpath=ancestor::*[.//*[@data-take]][1]")
    name, content = taken(page, around, "svg")
    assert name.endswith(".svg")
    root = ET.fromstring(content)
    assert root.tag == f"{SVG}svg"
    assert not [
        part for part in root.iter() if "class" in part.attrib or "href" in part.attrib or "style" in part.attrib
    ]
    inner = root.find(f"{SVG}svg")
    assert inner is not None
    drawn.evaluate(ON_WHOLE_PIXELS)
    shown = pixels(drawn.screenshot())
    (tmp_path / "saved.svg").write_bytes(content)
    page.goto((tmp_path / "saved.svg").as_uri())
    left, top, width, height = (float(inner.attrib[side]) for side in ("x", "y", "width", "height"))
    again = pixels(page.screenshot(clip={"x": left, "y": top, "width": width, "height": height}))
    rows, columns = min(len(shown), len(again)), min(shown.shape[1], again.shape[1])
    assert abs(len(shown) - len(again)) <= 1
    assert np.abs(shown[:rows, :columns] - again[:rows, :columns]).mean() < 0.05
    assert np.abs(shown - shown[0, 0]).mean() > 3, "what is drawn differs from empty paper"


def test_a_picture_of_a_drawing_has_its_legend_and_twice_its_pixels(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto(site.address("layers/features.3.html"))
    page.locator("#spectrum > summary").click()
    panel = page.locator("#spectrum .pair")
    _, drawing = taken(page, panel, "svg")
    name, picture = taken(page, panel, "png")
    root = ET.fromstring(drawing)
    words = [part.text for part in root.iter(f"{SVG}text")]
    assert "image patches at the same places" in words
    assert "high" in words
    assert Image.open(io.BytesIO(picture)).size == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
    assert name == "spectrum-features.3.png"
    assert pixels(picture).std() > 5


def test_names_that_a_spreadsheet_would_run_are_saved_as_text(visit: Visit, tmp_path: Path, site: Site) -> None:
    page = visit.page
    page.goto(site.address("index.html"))
    page.locator("main").evaluate(
        """main => {
          main.innerHTML = '<div><table><tr><th>a</th><th></th><th>b</th></tr></table><p class="take">'
            + '<button data-take="csv" data-name="../=x">CSV</button></p></div>';
          for (const cells of [['=1+1', '', '\\u22123.5'], ['-x,"y"', '', '\\u2013'], ['@a', '', '5 %']]) {
            const row = main.querySelector("table").insertRow();
            for (const text of cells) row.insertCell().textContent = text;
          }
        }"""
    )
    name, content = taken(page, page.locator("main"), "csv")
    assert name == "x.csv"
    assert content.decode().split("\r\n") == ["a,b", "'=1+1,-3.5", '"\'-x,""y""",', "'@a,5 %", ""]
