"""Measures of a trained network, against the network run picture by picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.errors import SettingError
from convscope.models import load_model
from convscope.train.ablation.curves import CURVES
from convscope.train.ablation.measured import MEASURED, Measured, measure, read_measured
from convscope.train.ablation.measures import MEASURES, Seen
from convscope.train.ablation.sample import splits_of, spread_over
from convscope.train.result import Trained
from convscope.train.run import train
from convscope.train.size import size_of
from tests.train.make import draw_splits, tiny

COUNT = 6
RECIPE = tiny(
    epochs=12,
    optimiser__rate=0.02,
    network__edit__without=[6, 7],
    network__edit__widths={str(number): 8 for number in range(1, 6)},
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_splits(tmp_path_factory.mktemp("place") / "data", each=8, held_out=4)


@pytest.fixture(scope="module")
def trained(place: Path) -> Trained:
    """Small and shallow, so that it learns to tell at least two classes apart."""
    return train(RECIPE, splits_of(place, None, None, 0), place.parent / "run")


@pytest.fixture(scope="module")
def seen(place: Path, trained: Trained) -> Seen:
    images = spread_over(splits_of(place, None, None, 0).validation, COUNT)
    return Seen(load_model(f"snapshot:{trained.last}"), images)


def predicted(seen: Seen, views: list[np.ndarray]) -> list[int]:
    pixels = torch.from_numpy(np.stack(views)).float()[:, None]
    with torch.no_grad():
        return list(seen.model.module(pixels).argmax(1).tolist())


def views_of(seen: Seen) -> list[np.ndarray]:
    return [seen.model.preprocessing.view(seen.images.read(index))[..., 0] for index in range(len(seen.images))]


def moved(view: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Content moved down and to the right; what comes in is mirrored."""
    padded = np.pad(view, 4, mode="reflect")
    side = view.shape[0]
    return padded[4 - rows : 4 - rows + side, 4 - columns : 4 - columns + side]


def test_shift_consistency_is_the_share_that_stays(seen: Seen) -> None:
    views = views_of(seen)
    own = predicted(seen, views)
    assert len({*own}) > 1
    steps = [(n, 0) for n in (-3, -2, -1, 1, 2, 3)] + [(0, n) for n in (-3, -2, -1, 1, 2, 3)]
    same = [np.equal(predicted(seen, [moved(view, *step) for view in views]), own).mean() for step in steps]
    assert MEASURES["shift"].of(seen) == pytest.approx(np.mean(same))


def test_quarter_turns_of_the_curves_are_the_turned_pictures(seen: Seen) -> None:
    views = views_of(seen)
    own = predicted(seen, views)
    labels = [seen.model.classes.index(str(label)) for label in seen.images.labels]
    kept, wrong = CURVES["turn-kept"].of(seen), CURVES["turn-error"].of(seen)
    assert list(kept) == list(wrong) == [str(angle) for angle in range(-180, 181, 15)]
    for quarters in range(-2, 3):
        turned = predicted(seen, [np.rot90(view, quarters) for view in views])
        assert kept[str(90 * quarters)] == pytest.approx(np.equal(turned, own).mean())
        assert wrong[str(90 * quarters)] == pytest.approx(1 - np.equal(turned, labels).mean())


def test_numbers_are_means_of_the_curves(seen: Seen) -> None:
    kept, wrong = CURVES["turn-kept"].of(seen), CURVES["turn-error"].of(seen)
    assert MEASURES["turn"].of(seen) == pytest.approx(np.mean([kept[each] for each in ("-30", "-15", "15", "30")]))
    assert MEASURES["turn-error"].of(seen) == pytest.approx(np.mean(list(wrong.values())))


def test_dead_units_are_those_that_no_image_moves(seen: Seen) -> None:
    signal = torch.from_numpy(np.stack(views_of(seen))).float()[:, None]
    dead = units = 0
    with torch.no_grad():
        for name, stage in seen.model.module.named_children():
            signal = stage(signal)
            if name.startswith("relu"):
                dead += int((signal.transpose(0, 1).flatten(1).amax(1) == 0).sum())
                units += signal.shape[1]
    assert MEASURES["dead"].of(seen) == pytest.approx(dead / units)


def test_frequencies_and_aliasing_are_those_of_the_diagnosis(seen: Seen) -> None:
    found = seen.diagnosis
    assert found.first is not None
    assert found.first.spectra is not None
    assert MEASURES["mid-band"].of(seen) == found.first.spectra.covered
    assert MEASURES["aliasing"].of(seen) == pytest.approx(np.mean([op.above for op in found.strided]))


def test_layers_change_by_what_the_experiment_says(seen: Seen) -> None:
    found = CURVES["turn-layers"].of(seen)
    assert next(iter(found)).endswith("1")
    assert [*found][-1] == "fc8"
    assert seen.turned.relative is not None
    assert [*found.values()] == pytest.approx(seen.turned.relative.tolist())


def test_only_what_is_missing_is_measured(place: Path, trained: Trained) -> None:
    images = splits_of(place, None, None, 0).validation
    path = trained.path / MEASURED
    assert read_measured(trained.path, COUNT) == Measured(COUNT)
    first = measure(trained, images, COUNT, ["shift"], [])
    assert [*first.measures] == ["shift"]
    path.write_text(json.dumps({"images": COUNT, "measures": {"shift": 0.123}, "curves": {}}))
    second = measure(trained, images, COUNT, ["shift", "turn"], ["turn-kept"])
    assert second.measures["shift"] == 0.123
    assert second == read_measured(trained.path, COUNT)
    assert [*second.curves] == ["turn-kept"]
    written = path.stat().st_mtime_ns
    assert measure(trained, images, COUNT, ["turn"], []) == second
    assert path.stat().st_mtime_ns == written
    assert read_measured(trained.path, COUNT + 1) == Measured(COUNT + 1), "numbers of other images do not count"
    path.write_text("{")
    with pytest.raises(SettingError, match=r"is not JSON: .* remove it"):
        read_measured(trained.path, COUNT)


def test_the_size_is_that_of_the_trained_network(trained: Trained) -> None:
    size = size_of(RECIPE.architecture, 3)
    assert (size.parameters, size.multiply_adds) == (trained.parameters, trained.multiply_adds)
