"""Spectra on the pages of an atlas: what is drawn and said is what the table holds."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from playwright.sync_api import expect

from convscope.atlas.reader import Atlas
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.index_page import index_page
from convscope.web.atlas.layer_page import layer_page
from convscope.web.atlas.spectrum import spectrum_of, spectrum_panel
from convscope.web.html import to_html
from tests.atlas.make import make_atlas
from tests.web.conftest import SIZES, Site, Visit, serious

LAYER = "features.3"


def test_bands_and_curves_are_those_of_the_table(site: Site) -> None:
    rows = [row for row in pq.read_table(site.atlas.path / "spectra.parquet").to_pylist() if row["layer"] == LAYER]
    found = spectrum_of(site.atlas, LAYER)
    assert found is not None
    for name, bands, path in (
        ("projected", found.projected, found.spark.projected),
        ("patch", found.patch, found.spark.patch),
    ):
        shares = [row[name] for row in rows]
        assert bands.low == pytest.approx(sum(shares[:8]), abs=1e-6)
        assert bands.mid == pytest.approx(sum(shares[8:16]), abs=1e-6)
        assert bands.high == pytest.approx(sum(shares[16:]), abs=1e-6)
        points = [tuple(map(float, each)) for each in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
        assert [x for x, _ in points] == pytest.approx([3 * ring + 1.5 for ring in range(46)], abs=0.6)
        assert [y for _, y in points] == pytest.approx([29 - 28 * share / max(shares) for share in shares], abs=0.1)
    assert list(found.spark.borders) == [24, 48]
    assert found.units == 7


def test_the_chart_of_a_layer_holds_every_ring_and_says_what_it_does_not_show(site: Site) -> None:
    catalogue = Catalogue(site.atlas)
    panel = spectrum_panel(catalogue.atlas, LAYER)
    assert panel is not None
    rows = [row for row in pq.read_table(site.atlas.path / "spectra.parquet").to_pylist() if row["layer"] == LAYER]
    assert [ring.projected for ring in panel.rings] == [row["projected"] for row in rows]
    assert [(ring.low, ring.high) for ring in panel.rings] == [(n / 64, (n + 1) / 64) for n in range(46)]
    assert panel.longest == catalogue.atlas.layer(LAYER).field_height
    assert [border.name for border in panel.chart.borders] == ["mid", "high"]
    # The borders lie where rings 8 and 16 begin: half a ring before their middles.
    for border, ring in zip(panel.chart.borders, (8, 16), strict=True):
        assert border.x == pytest.approx((panel.chart.places[ring - 1] + panel.chart.places[ring]) / 2, abs=0.02)
    page = to_html(layer_page(catalogue, LAYER))
    assert "What it does not show" in page
    assert f"windows of {panel.longest} pixels" in page


def test_an_older_atlas_says_nothing(tmp_path: Path) -> None:
    catalogue = Catalogue(Atlas.open(make_atlas(tmp_path, size=16)))
    assert spectrum_panel(catalogue.atlas, LAYER) is None
    for page in (index_page(catalogue), layer_page(catalogue, LAYER)):
        assert "pectr" not in to_html(page)


def look(visit: Visit) -> None:
    """Nothing wrong so far, and nothing that axe-core minds; it asks for style sheets, which file:// refuses."""
    assert visit.complaints == []
    assert serious(visit.page) == []
    visit.complaints.clear()


@pytest.mark.parametrize(("size", "scheme"), [(SIZES[0], "dark"), (SIZES[1], "light")])
def test_an_open_spectrum_fits_and_is_accessible(visit: Visit, site: Site, size: tuple[int, int], scheme: str) -> None:
    page = visit.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(site.address(f"layers/{LAYER}.html"))
    page.locator("#spectrum > summary").click()
    page.get_by_text("In numbers").click()
    expect(page.locator("#spectrum tbody tr")).to_have_count(46)
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= size[0]
    look(visit)
    page.goto(site.address("index.html"))
    expect(page.locator(".spark").first).to_have_attribute(
        "aria-label", re.compile(r"Spectrum of the projections: \d+% low")
    )
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= size[0]
    look(visit)
