"""What a unit's page says of its sampled peaks, against counting them one by one."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import expect

from convscope.atlas.reader import Atlas
from convscope.atlas.schema import UnitRow
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.histogram import BINS, HEIGHT, histogram_of, round_numbers
from convscope.web.atlas.likeness import most_alike
from convscope.web.atlas.pages import UnitPeaks
from convscope.web.atlas.parts import sparseness
from convscope.web.atlas.place import AtlasPlace
from convscope.web.atlas.preference import LEAST, MOST, labels_of, preference_of
from convscope.web.atlas.sampled import unit_peaks
from convscope.web.urls import INDEX
from tests.atlas.make import make_atlas
from tests.web.conftest import SIZES, Site, Visit

PEAKS = st.lists(st.floats(-8, 64, width=32), min_size=1, max_size=60)


def told(atlas: Atlas, layer: str, unit: int) -> UnitPeaks:
    catalogue = Catalogue(atlas)
    peaks = catalogue.peaks(layer)
    assert peaks is not None
    return unit_peaks(
        catalogue, atlas.unit(layer, unit), atlas.top(layer, unit), peaks, most_alike(peaks.standard, unit)
    )


@given(peaks=PEAKS, shown=st.lists(st.floats(0.5, 100), max_size=9))
def test_every_peak_is_counted_once_where_it_lies(peaks: list[float], shown: list[float]) -> None:
    found = histogram_of(np.array(peaks, np.float32), shown)
    others = [peak for peak in peaks if peak != 0]
    if not others:
        assert found is None
        return
    assert found is not None
    assert found.zero == pytest.approx(1 - len(others) / len(peaks))
    assert len(found.bars) == BINS
    for number, bar in enumerate(found.bars):
        last = number == BINS - 1
        assert bar.count == sum(bar.low <= peak < bar.high or (last and peak == bar.high) for peak in others)
        assert bar.y + bar.height == pytest.approx(HEIGHT, abs=0.02)
        assert bar.height == pytest.approx(HEIGHT * bar.count / found.highest.count, abs=0.01)
    assert sum(bar.count for bar in found.bars) == len(others)
    assert [mark.value for mark in found.marks] == shown
    places = [bar.x for bar in found.bars] + [tick.x for tick in (*found.ticks, *found.marks)]
    assert -0.01 <= min(places) <= max(places) <= 100.01


@given(low=st.sampled_from([0.0, -0.3, -7.0]), high=st.floats(1e-3, 1e4))
def test_an_axis_has_a_few_round_numbers(low: float, high: float) -> None:
    found = round_numbers(low, high)
    assert 2 <= len(found) <= 7
    assert low - 1e-9 <= found[0] <= found[-1] <= high * (1 + 1e-9)
    assert 0 in found
    step = found[1] - found[0]
    assert f"{step:.0e}"[0] in "125"
    assert np.diff(found) == pytest.approx(step)


@given(
    peaks=st.lists(st.tuples(st.floats(-4, 50, width=32), st.sampled_from([None, *"abcdefghijklmnop"])), min_size=1),
)
def test_classes_are_ranked_by_their_mean_peak(peaks: list[tuple[float, str | None]]) -> None:
    values = np.array([peak for peak, _ in peaks], np.float32)
    found = preference_of(values, labels_of([label for _, label in peaks]))
    groups = defaultdict(list)
    for peak, label in peaks:
        if label is not None:
            groups[label].append(peak)
    if len(groups) < 2 or not values.any():
        assert found is None
        return
    assert found is not None
    enough = {name: np.mean(group, dtype=np.float64) for name, group in groups.items() if len(group) >= LEAST}
    assert (found.known, found.listed, len(found.classes)) == (len(groups), len(enough), min(MOST, len(enough)))
    assert [shown.mean for shown in found.classes] == pytest.approx(sorted(enough.values(), reverse=True)[:MOST])
    for shown in found.classes:
        assert shown.mean == pytest.approx(enough[shown.name])
        assert shown.images == len(groups[shown.name])
        assert -0.01 <= shown.x <= shown.x + shown.width <= 100.02
    assert found.mean == pytest.approx(values.astype(np.float64).mean())


def test_sparseness_is_the_formula_of_vinje_and_gallant() -> None:
    draw = np.random.default_rng(0)
    for peaks in (draw.random(50), np.eye(1, 50)[0], np.ones(50), draw.exponential(size=50) ** 3):
        row = UnitRow("a", 0, 50, peaks.max(), peaks.mean(), peaks.std(), 1.0, False, None, None)
        direct = (1 - (peaks / 50).sum() ** 2 / (peaks**2 / 50).sum()) / (1 - 1 / 50)
        assert sparseness(row) == pytest.approx(direct, abs=1e-12)
    assert sparseness(UnitRow("a", 0, 50, 0.0, 0.0, 0.0, 0.0, True, None, None)) is None
    assert sparseness(UnitRow("a", 0, 1, 2.0, 2.0, 0.0, 1.0, False, None, None)) is None


def test_a_page_tells_of_a_twin_and_of_its_classes(site: Site) -> None:
    peaks = site.atlas.peaks("features.3")
    assert peaks is not None
    found = told(site.atlas, "features.3", 1)
    assert (found.images, found.alone) == (23, None)
    assert (found.similar[0].unit, found.similar[0].twin, found.similar[0].href) == (
        0,
        True,
        "../../units/features.3/0.html",
    )
    direct = np.corrcoef(peaks.values[0], peaks.values[1]).item(1)
    assert found.similar[0].correlation == pytest.approx(direct, abs=1e-4)
    assert found.preference is not None
    assert {shown.name: shown.images for shown in found.preference.classes} == {"cat": 12, "dog": 11}


def test_a_page_says_why_there_are_no_similar_units(site: Site, tmp_path: Path) -> None:
    dead = told(site.atlas, "features.3", 7)
    assert (dead.histogram, dead.preference, dead.similar) == (None, None, ())
    assert dead.alone is not None
    assert dead.alone.startswith("No sampled image drives it above zero")
    few = told(Atlas.open(make_atlas(tmp_path, images=9)), "features.3", 0)
    assert (few.images, few.alone) == (8, "A correlation over fewer than 20 images says nothing, so none is shown.")
    lonely = [told(site.atlas, "features.3", unit).alone for unit in range(2, 7)]
    assert any(words and "which unrelated units reach by chance" in words for words in lonely)


def test_the_page_of_an_older_atlas_says_that_it_has_no_peaks(tmp_path: Path) -> None:
    place = AtlasPlace(Atlas.open(make_atlas(tmp_path, peaks=False)))
    answer = place.answer(INDEX.unit("features.0", 2))
    assert answer is not None
    assert "This atlas keeps the peaks of no single images" in answer.content.decode()
    assert "Similar units" not in answer.content.decode()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_charts_are_drawn_and_lead_to_the_twin(site: Site, visit: Visit, width: int, height: int) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": height})
    page.goto(site.address(INDEX.unit("features.3", 0)))
    chart = page.get_by_role("img", name="Histogram of peaks")
    box = chart.bounding_box()
    assert box is not None
    bars = [bar.bounding_box() for bar in chart.locator("rect.column").all()]
    assert all(
        bar and box["x"] - 1 <= bar["x"] and bar["x"] + bar["width"] <= box["x"] + box["width"] + 1 for bar in bars
    )
    assert sum(bar["height"] > 1 for bar in bars if bar) > 3
    assert chart.locator(".mark").count() == len(site.atlas.top("features.3", 0))
    row = page.locator(".means tbody tr").first
    line, bar = row.locator("line").bounding_box(), row.locator("rect").bounding_box()
    assert line is not None
    assert bar is not None
    assert bar["x"] < line["x"] < bar["x"] + bar["width"]
    page.locator(".alike a").first.click()
    expect(page.locator("#address")).to_have_text("features.3:1")
