"""The whole experiment: against a slow, direct evaluation of the formula, and on drawn faces whose parts are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from convscope.errors import AddressError, ModelError, PartsError, SettingError
from convscope.images import ImageSet
from convscope.images.boxes import Part
from convscope.models import Preprocessing, load_model
from convscope.probes.correspondence import covers as covers_module
from convscope.probes.correspondence.correspond import correspond
from convscope.probes.correspondence.result import Correspondence
from convscope.probes.correspondence.signs import CHANCE
from tests import faces
from tests.faces import PARTS, random_net, trained_net

WHOLE = Preprocessing(12, 12, None, "nearest", (0.0,) * 3, (1.0,) * 3, True)
"""Pixels pass as they are, so that with whole weights every feature is a whole number and float32 is exact."""


def whole_net() -> nn.Sequential:
    """Small whole numbers as weights."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 6), nn.ReLU(), nn.Linear(6, 3))
    )
    for value in net.parameters():
        value.data = torch.randint(-2, 3, value.shape).float()
    return net.eval().requires_grad_(False)


@lru_cache
def whole_pictures() -> tuple[NDArray[np.uint8], ...]:
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, 256, (12, 12, 3)).astype(np.uint8) for _ in range(4))


BOXES = {
    "eye": [(1, 1, 4, 4), (2, 0, 5, 3), (6, 6, 9, 8), (0, 5, 2, 7)],
    "nose": [(5, 5, 8, 9), (7, 7, 10, 11), (1, 2, 4, 6), (8, 0, 11, 3)],
}


class Pictures:
    """A data set of arrays, named by number."""

    def __init__(self, pictures: Any) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.fromarray(self.pictures[index]), 0


def image_set(pictures: Any) -> ImageSet:
    return ImageSet.open(Pictures(pictures))


def marked(images: ImageSet, boxes: Mapping[str, Sequence[Sequence[float]]]) -> list[Part]:
    return [
        Part(images.names[number], name, (box[0], box[1], box[2], box[3]))
        for name, listed in boxes.items()
        for number, box in enumerate(listed)
    ]


def slow_delta(part: nn.Module, covers: Sequence[tuple[int, int, int, int]], zero: str) -> float:
    """Delta by the formula: every image, every pair, every dimension, in double precision."""
    signs = []
    for picture, (left, top, right, bottom) in zip(whole_pictures(), covers, strict=True):
        shown = picture.copy()
        shown[top:bottom, left:right] = 128
        two = torch.from_numpy(np.stack((picture, shown))).permute(0, 3, 1, 2).double()
        features = part(two).flatten(1)
        signs.append((features[0] - features[1]).sign().tolist())
    total, pairs = 0.0, 0
    for i, one in enumerate(signs):
        for j, other in enumerate(signs):
            if i == j:
                continue
            terms = []
            for a, b in zip(one, other, strict=True):
                if zero == "positive":
                    terms.append((a if a else 1) != (b if b else 1))
                elif zero == "own" or (a and b):
                    terms.append(a != b)
            total += sum(terms) / len(terms) if terms else CHANCE
            pairs += 1
    return total / pairs


@pytest.mark.parametrize("zero", ["own", "positive", "skip"])
def test_delta_is_the_formula(zero: str) -> None:
    images = image_set(whole_pictures())
    made = load_model(whole_net(), preprocessing=WHOLE)
    found = correspond(made, images, marked(images, BOXES), ["1", "2", "5", "6"], zero=zero, draws=3, permutations=9)
    assert [row.layer for row in found.rows] == [layer for layer in "1256" for _ in BOXES]
    for row in found.rows:
        part = whole_net()[: int(row.layer) + 1].double()
        assert row.delta == pytest.approx(slow_delta(part, BOXES[row.part], zero), abs=1e-12)


def test_random_regions_are_measured_like_parts() -> None:
    """What was drawn is marked as a part in a second run, and must give the same number."""
    images = image_set(whole_pictures())
    made = load_model(whole_net(), preprocessing=WHOLE)
    parts = marked(images, BOXES)
    found = correspond(made, images, parts, draws=1, permutations=9)
    drawn = {"eye": [example.random for example in found.examples]}
    boxes = {name: [(left, top, right, bottom) for top, left, bottom, right in rows] for name, rows in drawn.items()}
    again = correspond(made, images, marked(images, boxes), draws=1, permutations=9)
    for layer, _ in found.layers:
        assert again.row(layer, "eye").delta == pytest.approx(found.row(layer, "eye").random_delta)
        assert found.random_delta(layer) == pytest.approx(np.mean([found.row(layer, p).random_delta for p in BOXES]))


def test_the_result_says_what_was_done() -> None:
    images = image_set(whole_pictures())
    made = load_model(whole_net(), preprocessing=WHOLE)
    told: list[tuple[int, int]] = []
    found = correspond(
        made,
        images,
        [part for part in marked(images, BOXES) if (part.image, part.name) != (images.names[3], "nose")],
        draws=4,
        permutations=9,
        report=lambda done, total: told.append((done, total)),
    )
    assert repr(found) == "<Correspondence: 2 layers, 2 parts, 4 images>"
    assert found.layers == (("2", 100), ("5", 6))
    assert found.parts == ("eye", "nose")
    assert found.row("2", "nose").images == (0, 1, 2)
    assert told[-1] == (4 * 5 + 3 * 5, 4 * 5 + 3 * 5)
    assert "fewer than 5 images show eye, nose" in found.notes[-1]
    assert [example.image for example in found.examples] == [*images.names]
    assert found.examples[0].covers == {"eye": (1, 1, 4, 4), "nose": (5, 5, 9, 8)}
    assert (found.examples[0].fill == 128).all()
    row = found.row("2", "eye")
    assert row.random_distances.shape == (4, 4, 4)
    assert (row.distances == row.distances.T).all()
    assert row.interval is not None
    assert row.interval[0] <= row.delta <= row.interval[1]
    assert row.difference == pytest.approx(row.delta - row.random_delta)
    pairs = row.distances[np.triu_indices(4, 1)]
    assert row.spread("pairs") == pytest.approx(np.std(pairs, ddof=1))
    assert row.spread("images") == pytest.approx(np.std(row.distances.sum(1) / 3, ddof=1))
    assert row.spread("draws") is None
    assert row.random_spread("draws") == pytest.approx(np.std(row.random_deltas, ddof=1))
    assert 0 < row.changed < 1


def test_the_same_seed_gives_the_same_result_and_another_one_other_draws() -> None:
    images = image_set(whole_pictures())
    made = load_model(whole_net(), preprocessing=WHOLE)
    parts = marked(images, BOXES)
    first, again, other = (correspond(made, images, parts, draws=3, permutations=99, seed=s) for s in (1, 1, 2))
    assert (first.rows[0].random_deltas == again.rows[0].random_deltas).all()
    assert (first.rows[0].p, first.rows[0].interval) == (again.rows[0].p, again.rows[0].interval)
    assert (first.rows[0].random_deltas != other.rows[0].random_deltas).any()
    assert first.rows[0].delta == other.rows[0].delta


def test_two_images_are_enough_and_have_no_interval() -> None:
    images = image_set(whole_pictures()[:2])
    boxes = {"eye": BOXES["eye"][:2]}
    found = correspond(load_model(whole_net(), preprocessing=WHOLE), images, marked(images, boxes), draws=2)
    assert found.rows[0].interval is None
    assert found.rows[0].difference_interval is None
    assert found.rows[0].spread("pairs") is None


def test_black_pictures_of_one_colour_work() -> None:
    images = image_set([np.zeros((12, 12, 3), np.uint8)] * 4)
    found = correspond(load_model(whole_net(), preprocessing=WHOLE), images, marked(images, BOXES), fill="0", draws=2)
    assert all(row.delta == 0 and row.changed == 0 and row.p == 1 for row in found.rows)


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    images = image_set(whole_pictures())
    made = load_model(whole_net(), preprocessing=WHOLE)
    parts = marked(images, BOXES)
    for options, message in (
        ({"zero": "x"}, "zero is 'x'; choose one of own, positive, skip"),
        ({"where": "x"}, "where is 'x'; choose one of anywhere, elsewhere, swapped"),
        ({"spread": "x"}, "spread is 'x'; choose one of pairs, images, draws"),
        ({"draws": 0}, "draws is 0"),
        ({"permutations": 0}, "permutations is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"fill": "red"}, "fill 'red'"),
    ):
        with pytest.raises(SettingError, match=message):
            correspond(made, images, parts, **options)
    with pytest.raises(AddressError, match="no layer '77'"):
        correspond(made, images, parts, ["77"])
    with pytest.raises(PartsError, match="no part 'tail'"):
        correspond(made, images, parts, only=["tail"])
    for box in ((3.0, 3.0, 3.0, 9.0), (0.0, 0.0, math.nan, 9.0)):
        with pytest.raises(PartsError, match="part 'eye' of"):
            correspond(made, images, [*parts, Part(images.names[0], "eye", box)])
    with pytest.raises(ModelError, match="training mode"):
        correspond(replace(made, module=whole_net().train()), images, parts)
    monkeypatch.setattr(covers_module, "MOST_OCCLUSIONS", 20)
    with pytest.raises(SettingError, match="4 images with 5 random draws are 24 occlusions of 106 dimensions"):
        correspond(made, images, parts, draws=5)


def test_parts_may_be_a_file(tmp_path: Path) -> None:
    images = image_set(whole_pictures())
    path = tmp_path / "parts.csv"
    rows = [f"{images.names[n]},eye,{','.join(map(str, box))}" for n, box in enumerate(BOXES["eye"])]
    path.write_text("\n".join(["image,part,left,top,right,bottom", *rows]))
    made = load_model(whole_net(), preprocessing=WHOLE)
    found = correspond(made, images, path, draws=1, permutations=9)
    direct = correspond(made, images, marked(images, {"eye": BOXES["eye"]}), draws=1, permutations=9)
    assert found.rows[0].delta == direct.rows[0].delta


@lru_cache
def owls(count: int) -> tuple[ImageSet, tuple[Part, ...]]:
    """Faces of one animal at varied places, sizes and tilts, before varied backgrounds."""
    drawn = faces.faces(count, seed=5, classes=[faces.CLASSES.index("owl")])
    images = image_set(drawn.pictures)
    boxes = {name: [tuple(box) for box in drawn.boxes[:, number].tolist()] for number, name in enumerate(PARTS)}
    return images, tuple(marked(images, boxes))


TOP, HIDDEN = "10", "13"


@lru_cache
def on_owls(weights: str, where: str) -> Correspondence:
    images, parts = owls(30)
    net = trained_net() if weights == "trained" else random_net(int(weights))
    return correspond(faces.model(net), images, parts, [TOP, HIDDEN], draws=10, where=where, permutations=999)


@pytest.mark.parametrize("part", PARTS[:2])
@pytest.mark.parametrize("layer", [TOP, HIDDEN])
def test_a_trained_network_knows_the_eyes_and_it_is_not_the_place(layer: str, part: str) -> None:
    for where in ("anywhere", "elsewhere", "swapped"):
        row = on_owls("trained", where).row(layer, part)
        assert row.difference_interval is not None
        assert row.difference < row.difference_interval[1] < 0
        assert row.p <= 0.01


RANDOM = ("0", "1", "2")


@pytest.mark.parametrize("part", PARTS[:2])
@pytest.mark.parametrize("layer", [TOP, HIDDEN])
def test_a_random_network_has_less_than_half_of_it(layer: str, part: str) -> None:
    """Not nothing: the eyes look alike, bright around dark, and so random features of them agree a little."""
    untrained = min(on_owls(seed, "swapped").row(layer, part).difference for seed in RANDOM)
    assert 2 * untrained > on_owls("trained", "swapped").row(layer, part).difference
    assert untrained > -0.08


@pytest.mark.parametrize("seed", RANDOM)
def test_a_random_network_knows_nothing_of_a_part_that_does_not_stand_out(seed: str) -> None:
    for layer in (TOP, HIDDEN):
        row = on_owls(seed, "swapped").row(layer, "nose")
        assert row.p > 0.01
        assert abs(row.difference) < 0.02


def test_compared_with_regions_anywhere_a_random_network_seems_to_know_parts_too() -> None:
    """Why ``swapped`` exists: the place alone makes answers agree."""
    found = on_owls("0", "anywhere")
    assert found.row(TOP, "left eye").p <= 0.01
    assert found.row(TOP, "left eye").difference < -0.03
    assert any("--where swapped" in note for note in found.notes)


def test_parts_at_one_place_cannot_be_told_from_their_place() -> None:
    images, parts = owls(30)
    same = [replace(part, box=parts[0].box) for part in parts if part.name == "nose"]
    found = correspond(faces.model(random_net()), images, same, draws=2, where="swapped", permutations=99)
    assert found.row(TOP, "nose").difference == pytest.approx(0)
    assert found.row(TOP, "nose").p == 1
    assert found.notes[-1].startswith("nose: at nearly the same place")
