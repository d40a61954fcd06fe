"""From images to values: once more by scikit-learn alone, and garbage in what is judged changes nothing learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.svm import LinearSVC

from convscope.errors import AddressError, ImageError, ImageSetError, SettingError
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.probes.transfer.classifiers import FIXED, STRENGTHS
from convscope.probes.transfer.draws import Fold
from convscope.probes.transfer.extract import Extraction
from convscope.probes.transfer.labelled import Labelled, open_labelled
from convscope.probes.transfer.protocol import Protocol
from convscope.probes.transfer.result import Cell, Transfer
from convscope.probes.transfer.transfer import LARGEST_SEED, Ask, decided, prepare, transfer, transfer_prepared
from tests.probes.transfer.make import (
    FEEDING,
    LAYERS,
    SIDE,
    classifier,
    labelled,
    model,
    of_pictures,
    picture,
    write_folders,
    write_voc,
)

PROTOCOL = Protocol("small", per_class=(1, 4), test=5, folds=2)
DATA = labelled([10, 12, 11], strength=25)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Transfer:
    return transfer(model(), DATA, Ask(PROTOCOL), tmp_path_factory.mktemp("features"))


def raw_features(data: Labelled) -> dict[str, NDArray[np.float64]]:
    """Of all images, by the plain module, a row each."""
    net = classifier()
    pixels = np.stack([data.images.read(index) for index in range(len(data.images))]).astype(np.float64)
    normalised = (pixels - np.array(FEEDING.mean)) / np.array(FEEDING.std)
    values = torch.from_numpy(normalised.astype(np.float32)).permute(0, 3, 1, 2)
    made = {"input": values}
    with torch.no_grad():
        for number, module in enumerate(net):
            values = module(values)
            made[str(number)] = values
    return {name: made[name].flatten(1).numpy().astype(np.float64) for name in LAYERS}


def standard(values: NDArray[np.float64], fold: Fold) -> NDArray[np.float64]:
    """By mean and deviation of the training images, over the root of the dimensions."""
    known = values[fold.training]
    varies = np.ptp(known, axis=0) > 0
    scaled = (values[:, varies] - known[:, varies].mean(0)) / known[:, varies].std(0)
    result: NDArray[np.float64] = scaled / np.sqrt(values.shape[1])
    return result


def plain(cell: Cell) -> Any:
    assert cell.strength is not None
    if cell.classifier == "softmax":
        return LogisticRegression(C=cell.strength, max_iter=20_000, tol=1e-8)
    return LinearSVC(C=cell.strength, max_iter=200_000, dual=True, random_state=0, tol=1e-8)


def test_every_value_is_that_of_scikit_learn_on_all_numbers(found: Transfer) -> None:
    features, truth = raw_features(DATA), DATA.marks.argmax(1)
    assert found.layers == tuple(LAYERS)
    assert found.classifiers == ("softmax", "svm")
    assert found.per_class == (1, 4)
    assert len(found.cells) == 4 * 2 * 2 * 2
    differing = 0
    for cell in found.cells:
        fold = found.fold(cell)
        assert cell.columns == LAYERS[cell.layer]
        own = standard(features[cell.layer], fold)
        known = plain(cell).fit(own[fold.training], truth[fold.training])
        predicted = known.predict(own[fold.test])
        # Solvers stop a little apart, so that an image on the border may change sides.
        differing += int((predicted != cell.predicted).sum())
        right = [np.mean(cell.predicted[truth[fold.test] == place] == place) for place in range(3)]
        np.testing.assert_allclose(cell.by_class, right)
        assert cell.value == pytest.approx(balanced_accuracy_score(truth[fold.test], cell.predicted))
    assert differing <= len(found.cells) * 15 * 0.02


def test_what_is_noted(found: Transfer) -> None:
    assert any(note.startswith("C is 10 with 1 images per class") for note in found.notes)
    for cell in found.cells:
        assert cell.validated == (cell.per_class == 4)
        assert cell.validated or cell.strength == FIXED
    assert found.protocol == PROTOCOL
    assert (found.data, found.form, found.skipped) == ("made", "flat", ())
    assert found.names == DATA.images.names


def test_easy_classes_are_told_apart_and_shuffled_ones_are_not(tmp_path: Path) -> None:
    easy = labelled([12] * 3, strength=120)
    ask = Ask(PROTOCOL, layers=("input", "2"), per_class=(5,))
    clear = transfer(model(), easy, ask, tmp_path)
    assert all(cell.value == 1.0 for cell in clear.cells)
    shuffled = replace(easy, marks=np.random.default_rng(0).permutation(easy.marks))
    chance = transfer(model(), shuffled, replace(ask, folds=6), tmp_path)
    row = chance.summary("input", "svm", 5)
    assert row is not None
    assert abs(row.interval.mean - 1 / 3) < 0.2
    # All values of C do equally well: that the first is taken says nothing about the range.
    assert sum(cell.strength == STRENGTHS[0] for cell in clear.cells) > len(clear.cells) / 4
    assert not any(cell.at_end for cell in clear.cells)
    assert not any("C lies at an end" in note for note in clear.notes)


def test_c_at_an_end_is_noted_where_it_is_better_there(found: Transfer) -> None:
    chosen = [cell for cell in found.cells if cell.validated]
    ends = [cell for cell in chosen if cell.at_end]
    assert {cell.strength for cell in ends} <= {STRENGTHS[0], STRENGTHS[-1]}
    noted = [note for note in found.notes if note.startswith("C lies at an end of 0.01 to 1000 in")]
    assert bool(noted) == (len(ends) > len(chosen) / 4)


def test_what_is_judged_is_never_learned_from(tmp_path: Path) -> None:
    """Other pictures in place of all test images: the same C, and the same scores for the pictures that stay."""
    ask = Ask(replace(PROTOCOL, folds=1, per_class=(4,)))
    (fold,) = prepare(DATA, ask, FEEDING, 1, lambda *_: None).folds
    places = DATA.marks.argmax(1).tolist()
    pictures: list[Any] = [DATA.images.read(index) for index in range(len(DATA.images))]
    kept = int(fold.test[3])
    for index in fold.test.tolist():
        if index != kept:
            pictures[index] = picture((places[index] + 1) % 3, 10_000 + index, 130)
    garbage = of_pictures(pictures, places, DATA.classes)
    first = transfer(model(), DATA, ask, tmp_path)
    second = transfer(model(), garbage, ask, tmp_path)
    assert len(first.cells) == 8
    for one, other in zip(first.cells, second.cells, strict=True):
        assert one.strength == other.strength
        assert one.predicted[3] == other.predicted[3]
        assert one.margin[3] == pytest.approx(other.margin[3], rel=1e-4, abs=1e-6)
    assert any((one.predicted != other.predicted).any() for one, other in zip(first.cells, second.cells, strict=True))


def test_the_seed_decides_and_memory_does_not(found: Transfer, tmp_path: Path) -> None:
    again = transfer(model(), DATA, Ask(PROTOCOL, memory=1 << 20), tmp_path)
    assert [cell.value for cell in again.cells] == [cell.value for cell in found.cells]
    other = transfer(model(), DATA, Ask(PROTOCOL, seed=1, layers=("input",)), tmp_path)
    assert [cell.value for cell in other.cells] != [cell.value for cell in found.cells[:8]]


def test_unreadable_images_are_listed_and_others_take_their_place(tmp_path: Path) -> None:
    places = DATA.marks.argmax(1).tolist()
    pictures: list[Any] = [DATA.images.read(index) for index in range(len(DATA.images))]
    pictures[2] = pictures[15] = b"no picture"
    data = of_pictures(pictures, places, DATA.classes)
    made = transfer(model(), data, Ask(PROTOCOL, layers=("7",), classifiers=("svm",)), tmp_path)
    assert [name for name, _ in made.skipped] == ["class 0/002", "class 1/015"]
    assert all(reason.startswith("not an image") for _, reason in made.skipped)
    assert {len(fold.training) for fold in made.folds} == {3, 12}


def test_images_that_the_model_cannot_be_fed_are_listed_too(tmp_path: Path) -> None:
    """A strip whose shorter side cannot be resized, and a picture of channels that the model does not take."""
    places = DATA.marks.argmax(1).tolist()
    pictures: list[Any] = [DATA.images.read(index) for index in range(len(DATA.images))]
    pictures[2], pictures[15] = np.zeros((1, 6_000_000, 1), np.uint8), np.zeros((5, 5, 2), np.uint8)
    data = of_pictures(pictures, places, DATA.classes)
    net = load_model(classifier(), preprocessing=replace(FEEDING, resize=SIDE), classes=DATA.classes)
    made = transfer(net, data, Ask(PROTOCOL, layers=("7",), classifiers=("svm",)), tmp_path)
    assert [name for name, _ in made.skipped] == ["class 0/002", "class 1/015"]
    for index, (_, reason) in zip((2, 15), made.skipped, strict=True):
        with pytest.raises(ImageError) as caught:
            net.preprocessing.view(pictures[index])
        assert reason == str(caught.value)


def test_the_same_picture_on_both_sides_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    data = of_pictures([picture(0, 0)] * 33, DATA.marks.argmax(1).tolist(), DATA.classes)
    with pytest.raises(
        ImageSetError, match=r"^[0-9]+ images to be judged are also trained on, under another name: class 2/"
    ):
        transfer(model(), data, Ask(PROTOCOL), tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_pascal_voc_by_average_precision(tmp_path: Path) -> None:
    write_voc(tmp_path / "voc")
    protocol = Protocol("v", layout="voc", metric="average-precision", inside=("VOCdevkit/VOC2012",))
    data = open_labelled(tmp_path / "voc", protocol)
    made = transfer(model(), data, Ask(protocol, layers=("input",)), tmp_path / "features")
    (fold,) = made.folds
    assert (fold.training.tolist(), fold.test.tolist()) == ([*range(12)], [*range(12, 24)])
    softmax, svm = made.cells
    assert made.per_class == (0,)
    own = standard(raw_features(data)["input"], fold)
    for place in range(3):
        marks = data.marks[:, place]
        known, judged = (part[marks[part] >= 0] for part in (fold.training, fold.test))
        scores = plain(svm).fit(own[known], marks[known]).decision_function(own[judged])
        assert svm.by_class[place] == pytest.approx(average_precision_score(marks[judged], scores), abs=0.05)
    assert softmax.value == pytest.approx(softmax.by_class.mean())
    for changes, option in (({"folds": 5}, "--folds"), ({"test": 3}, "--test"), ({"per_class": (3,)}, "--per-class")):
        with pytest.raises(SettingError, match=option):
            prepare(data, Ask(protocol, **changes), FEEDING, 1, lambda *_: None)


def test_cells_that_are_remembered_are_not_made(tmp_path: Path) -> None:
    ask = Ask(replace(PROTOCOL, folds=1), layers=("7",))
    prepared = prepare(DATA, ask, FEEDING, 1, lambda *_: None)
    first = transfer_prepared(model(), prepared, Extraction(tmp_path))
    kept = {(cell.layer, cell.classifier, cell.per_class): cell for cell in first.cells}
    asked: list[str] = []

    def recall(name: str, fold: Fold, make: object) -> Cell:
        asked.append(name)
        layer, classifier = name.split("|")
        return kept[layer, classifier, fold.per_class]

    reported: list[tuple[str, int, int]] = []
    again = transfer_prepared(
        model(), prepared, Extraction(tmp_path), recall=recall, report=lambda *each: reported.append(each)
    )
    assert again.cells == first.cells
    assert asked == ["7|softmax", "7|svm"] * 2
    assert [entry for entry in reported if entry[0] == "classifiers"] == [("classifiers", n, 4) for n in (1, 2, 3, 4)]


def test_decisions() -> None:
    scores = np.array([[0.1, 0.5, 0.3], [-np.inf, -2.0, -np.inf], [-np.inf] * 3])
    predicted, margin = decided(scores)
    assert predicted.dtype == np.int16
    assert margin.dtype == np.float32
    assert predicted.tolist() == [1, 1, 0]
    np.testing.assert_allclose(margin, [0.2, np.inf, 0.0], rtol=1e-6)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"classifiers": ("forest",)}, "classifiers are softmax, svm, not forest"),
    ({"memory": 1000}, "a limit on memory of 1000 bytes is too small; give at least 1 MiB"),
    ({"seed": -1}, "the seed is -1; it must be 0 to 4294967295"),
    ({"seed": LARGEST_SEED + 1}, "the seed is 4294967296"),
    ({"folds": 0}, "protocol small: test and folds must be at least 1"),
    ({"folds": 1001}, "protocol small: folds must be at most 1,000, not 1,001"),
    ({"test": 0}, "protocol small: test and folds must be at least 1"),
    ({"form": "round"}, "features are flat or pooled, not 'round'"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_settings_that_are_wrong(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        transfer(model(), DATA, Ask(PROTOCOL, **changes), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_the_largest_seed_is_a_seed(tmp_path: Path) -> None:
    assert transfer(model(), DATA, Ask(PROTOCOL, seed=LARGEST_SEED, layers=("7",), folds=1), tmp_path).cells


def test_a_layer_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="no layer 'nothing'"):
        transfer(model(), DATA, Ask(PROTOCOL, layers=("nothing",)), tmp_path)


def test_any_labelled_images_and_a_folder_that_vanishes(found: Transfer, tmp_path: Path) -> None:
    data = write_folders(tmp_path / "data", 6)
    ask = Ask(per_class=(2,), layers=("7",), classifiers=("svm",), folds=2)
    values = [transfer(model(), source, ask) for source in (data, str(data), ImageSet.open(data))]
    kept = transfer(model(), data, ask, tmp_path / "features")
    for made in values:
        assert made.protocol.name == "folders"
        assert [cell.value for cell in made.cells] == [cell.value for cell in kept.cells]


def test_classes_that_are_left_out_are_named(tmp_path: Path) -> None:
    data, ask = labelled([6, 3, 6]), Ask(PROTOCOL, layers=("7",), classifiers=("svm",))
    with pytest.raises(
        ImageSetError, match=r"1 of 3 classes have fewer that can be read: class 1 \(3\)\. .* with --skip-small"
    ):
        transfer(model(), data, ask, tmp_path)
    made = transfer(model(), data, replace(ask, skip_small=True), tmp_path)
    assert made.classes == ("class 0", "class 2")
    assert "left out, because they have too few images: class 1 (3)" in made.notes
    assert {name.partition("/")[0] for name in made.names} == {*made.classes}


def test_a_class_that_few_images_judge_is_named() -> None:
    ask = Ask(replace(PROTOCOL, per_class=(4,), folds=1), layers=("7",), classifiers=("svm",))
    for size, note in ((5, "class 1 is judged by a single image"), (7, "class 1 is judged by 3 images"), (9, None)):
        made = transfer(model(), labelled([9, size, 9]), ask)
        found = [each for each in made.notes if "is judged by" in each]
        assert [each.partition(" in a draw")[0] for each in found] == ([] if note is None else [note])


def test_folders_that_are_none(tmp_path: Path) -> None:
    """Said before any image is read; and what is below a file can be no folder either."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file/inside"):
        with pytest.raises(SettingError, match=r"lies at or below .*file, which is a file"):
            transfer(model(), DATA, Ask(PROTOCOL), place)
