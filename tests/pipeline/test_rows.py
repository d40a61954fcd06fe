"""The tables' rows against the window algebra, numpy, and the formula of selectivity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from convscope.engine.layers import Layer
from convscope.engine.loading import Outcome
from convscope.engine.sampled import Sample, SampledPeaks
from convscope.engine.scan import Scan
from convscope.engine.tally import Statistics, Tally
from convscope.engine.topk import NOWHERE, TopK
from convscope.pipeline import rows as making
from convscope.pipeline.rows import image_rows, layer_rows, peak_columns, top_columns, unit_rows
from convscope.window import Field
from tests.engine.make import image_set, pictures

ROWS, COLUMNS = Field(11, 4, -5), Field(7, 3, -2)
LAYER = Layer("body.relu", "node", "relu", 3, 8, 9, ROWS, COLUMNS, gated=False)
WHOLE = Layer("late", "other", "add", 3, 8, 9, Field(30, 0, 0), Field(28, 0, 0), gated=True)
SIZE = (30, 28)


def scan_of(layer: Layer, tally: Tally, classes: tuple[str, ...] = ()) -> Scan:
    return Scan((layer,), {layer.address: tally}, (Outcome(0, 5, 6), Outcome(1, skipped="why")), classes)


def all_places(layer: Layer) -> Tally:
    """Unit 0 holds every position of image 2, unit 1 one place, unit 2 none."""
    positions = layer.height * layer.width
    place = torch.full((3, positions), NOWHERE)
    place[0] = torch.arange(positions) + 2 * positions
    place[1, 0] = positions
    value = torch.where(place == NOWHERE, -torch.inf, torch.arange(positions).flip(0).float())
    return Tally(TopK(value, place), Statistics.empty(3, 0), {}, SampledPeaks(3))


def columns(layer: Layer) -> dict[str, Any]:
    (found,) = top_columns(scan_of(layer, all_places(layer)), SIZE)
    return dict(found)


@pytest.mark.parametrize("layer", [LAYER, WHOLE])
def test_windows_are_clipped_as_the_algebra_says(layer: Layer) -> None:
    found = columns(layer)
    for row in range(len(found["y"])):
        tall, wide = layer.rows.window(int(found["y"][row])), layer.columns.window(int(found["x"][row]))
        rows, across = tall.clip(SIZE[0]), wide.clip(SIZE[1])
        box = [int(found[name][row]) for name in ("top", "left", "bottom", "right")]
        assert box == [rows.start, across.start, rows.stop, across.stop]
        assert bool(found["clipped"][row]) == ((rows, across) != (tall, wide))
    assert found["clipped"].any() == (layer is LAYER)


def test_top_rows_are_in_order_and_hold_only_what_was_found() -> None:
    found = columns(LAYER)
    # Of unit 0 the last of the 72 is 0: no activation, so it is left out.
    assert found["unit"].tolist() == [0] * 71 + [1]
    assert found["rank"].tolist() == [*range(71), 0]
    assert found["image"].tolist() == [2] * 71 + [1]
    assert (found["y"] * 9 + found["x"]).tolist() == [*range(71), 0]
    assert found["value"].tolist() == [*reversed(range(1, 72)), 71]
    assert (found["layer"], found["among"]) == ("body.relu", None)


def test_each_class_follows_under_its_name() -> None:
    tally = Tally(TopK.empty(3, 2), Statistics.empty(3, 2), {1: TopK.empty(3, 1), 0: TopK.empty(3, 1)}, SampledPeaks(3))
    found = list(top_columns(scan_of(LAYER, tally, ("cat", "dog")), SIZE))
    assert [batch["among"] for batch in found] == [None, "cat", "dog"]


def test_layers_and_images_are_told_in_full() -> None:
    (row,) = layer_rows((LAYER,))
    assert (row.layer, row.depth, row.op, row.units, row.height, row.width) == ("body.relu", 0, "relu", 3, 8, 9)
    assert (row.field_height, row.field_width, row.stride_y, row.stride_x) == (11, 7, 4, 3)
    assert (row.start_y, row.start_x, row.gated) == (-5, -2, False)
    source = image_set(pictures(2), [1, 0], ["cat", "dog"])
    first, second = image_rows(scan_of(LAYER, all_places(LAYER)), source)
    assert (first.image, first.name, first.label, first.width, first.height) == (0, "0", "dog", 5, 6)
    assert (second.label, second.width, second.skipped) == ("cat", None, "why")


def peaks_of(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of 3 units in 12 images, the last unit silent; labels 0, 2, or none (-1)."""
    draw = np.random.default_rng(seed)
    peaks = draw.normal(size=(12, 3)).astype(np.float32)
    peaks[:, 2] = 0
    return peaks, np.array([0, 2, -1] * 4)


def unit_table(peaks: np.ndarray, labels: np.ndarray) -> list[Any]:
    statistics = Statistics.of(torch.from_numpy(peaks), torch.from_numpy(labels), 3)
    tally = Tally(TopK.empty(3, 1), statistics, {}, SampledPeaks(3))
    return list(unit_rows(scan_of(LAYER, tally, ("cat", "never", "dog"))))


@pytest.mark.parametrize("seed", range(5))
def test_unit_rows_against_numpy_and_the_formula(seed: int) -> None:
    peaks, labels = peaks_of(seed)
    for unit, row in enumerate(unit_table(peaks, labels)):
        mine = peaks[:, unit].astype(np.float64)
        assert (row.layer, row.unit, row.images) == ("body.relu", unit, 12)
        assert row.peak_max == mine.max()
        assert row.peak_mean == pytest.approx(mine.mean(), abs=1e-12)
        assert row.peak_std == pytest.approx(mine.std(), abs=1e-7)
        assert (row.active, row.dead) == ((mine > 0).mean(), not (mine > 0).any())
        means = {name: mine[labels == number].mean() for name, number in (("cat", 0), ("dog", 2))}
        name = max(means, key=lambda key: means[key])
        best = max(means[name], 0)
        rest = max(mine[labels != {"cat": 0, "dog": 2}[name]].mean(), 0)
        if best + rest == 0:
            assert (row.best_class, row.selectivity) == (None, None)
        else:
            assert row.best_class == name
            assert row.selectivity == pytest.approx((best - rest) / (best + rest), abs=1e-9)


@pytest.mark.parametrize("labels", [np.full(12, -1), np.full(12, 1), np.array([-1, 2] * 6)])
def test_no_preference_without_two_classes(labels: np.ndarray) -> None:
    rows = unit_table(peaks_of()[0], labels)
    assert {(row.best_class, row.selectivity) for row in rows} == {(None, None)}


@pytest.mark.parametrize("at_once", [1, 7, 1 << 20])
def test_sampled_peaks_become_rows_sorted_by_unit_and_image(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "PEAKS_PER_BATCH", at_once)
    peaks = torch.arange(12.0).reshape(4, 3)
    sampled = SampledPeaks(3, Sample(9, 4)).after(peaks[2:], torch.tensor([5, 7]))
    sampled = sampled.merge(SampledPeaks(3, Sample(9, 4)).after(peaks[:2], torch.tensor([1, 3])))
    tally = Tally(TopK.empty(3, 1), Statistics.empty(3, 0), {}, sampled)
    batches = list(peak_columns(scan_of(LAYER, tally)))
    assert len(batches) == {1: 3, 7: 3, 1 << 20: 1}[at_once]
    found = [
        row
        for batch in batches
        for row in zip(*(batch[name].tolist() for name in ("unit", "image", "value")), strict=True)
    ]
    numbers = {1: 0, 3: 1, 5: 2, 7: 3}
    assert found == [(unit, image, float(peaks[numbers[image], unit])) for unit in range(3) for image in (1, 3, 5, 7)]
    assert {batch["layer"] for batch in batches} == {"body.relu"}
