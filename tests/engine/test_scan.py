"""The scan: against sorting everything, and the same however the work is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convscope.engine import scan as scanning
from convscope.engine.journal import load_part
from convscope.engine.loading import Outcome
from convscope.engine.part import Part
from convscope.engine.question import Question
from convscope.engine.scan import Scan, scan
from convscope.engine.topk import NOWHERE
from convscope.errors import AddressError, ExportError, ImageSetError, NumberError, SettingError
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.models import Model, load_model
from tests.engine.make import (
    DEAD,
    LAYERS,
    Data,
    exact_model,
    exact_net,
    feeding,
    full_sort,
    image_set,
    maps_of,
    pictures,
)
from tests.engine.test_journal import same_tally
from tests.engine.test_topk import listed

COUNT = 40
NAMES = ("cat", "dog", "never", "owl")
LABELS = [(0, 1, 3)[number % 3] for number in range(COUNT)]
QUESTION = Question(top=5, per_class=3, sample=17)


@pytest.fixture(scope="module")
def model() -> Model:
    return exact_model()


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return image_set(pictures(COUNT), LABELS, NAMES)


@pytest.fixture(scope="module")
def reference(model: Model, images: ImageSet) -> Scan:
    return scan(model, images, question=QUESTION)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "_PART_AT_LEAST", 9)


def same(one: Scan, other: Scan) -> bool:
    return (
        one.layers == other.layers
        and one.outcomes == other.outcomes
        and one.classes == other.classes
        and all(same_tally(one.tallies[name], other.tallies[name]) for name in one.tallies)
    )


@pytest.mark.parametrize("per_image", ["one", "many"])
@pytest.mark.parametrize("top", [1, 9, 60])
def test_agrees_with_a_full_sort(model: Model, images: ImageSet, per_image: str, top: int) -> None:
    found = scan(model, images.head(10), question=Question(top, per_image, per_class=2), batch_size=4)
    many = per_image == "many"
    for layer in found.layers:
        maps = maps_of(exact_net(), layer.address, pictures(COUNT)[:10])
        tally, positions = found.tallies[layer.address], layer.height * layer.width
        assert listed(tally.top, positions) == full_sort(maps, top, range(10), many=many)
        for number, best in tally.by_class.items():
            mine = [image for image in range(10) if LABELS[image] == number]
            assert listed(best, positions) == full_sort(maps[mine], 2, mine, many=many)


def test_holds_what_it_was_asked_for(reference: Scan, images: ImageSet) -> None:
    assert [layer.address for layer in reference.layers] == list(LAYERS)
    assert reference.classes == NAMES
    assert sorted(reference.tallies["1"].by_class) == [0, 1, 3]
    assert [outcome.image for outcome in reference.outcomes] == list(range(COUNT))
    assert reference.skipped == ()
    for layer in reference.layers:
        sampled, peaks = reference.tallies[layer.address].sampled.joined()
        assert sampled.tolist() == spread(COUNT, 17)
        assert torch.equal(peaks, maps_of(exact_net(), layer.address, pictures(COUNT))[sampled].amax((2, 3)))
    assert reference.tallies["4"].statistics.active[DEAD] == 0
    assert reference.tallies["4"].top.place[DEAD].tolist() == [i * 49 for i in range(5)]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_batch_size_and_workers_make_no_difference(
    model: Model, images: ImageSet, reference: Scan, batch_size: int, workers: int
) -> None:
    found = scan(model, images, question=QUESTION, batch_size=batch_size, workers=workers)
    assert same(found, reference)


@pytest.mark.usefixtures("small_parts")
def test_parts_merge_in_any_order(model: Model, images: ImageSet, reference: Scan, tmp_path: Path) -> None:
    assert same(scan(model, images, question=QUESTION, journal=tmp_path), reference)
    parts = scanning._partition(COUNT)
    assert [len(part) for part in parts] == [9, 9, 9, 9, 4]
    nothing = Part(tuple(QUESTION.empty(layer, len(NAMES), COUNT) for layer in reference.layers), ())
    loaded = [load_part(tmp_path / f"scan-{number:05d}.npz", part, nothing) for number, part in enumerate(parts)]
    whole = nothing
    for number in (3, 0, 4, 1, 2):
        part = loaded[number]
        assert part is not None
        whole = whole.merge(part)
    assert all(map(same_tally, whole.tallies, reference.tallies.values()))


class Watched(Data):
    """Counts how often each image is fetched; raises once it was asked for too many."""

    def __init__(self, *args: Any, patience: int = 10**9) -> None:
        super().__init__(*args)
        self.fetched: list[int] = []
        self.targets = self.labels
        self.patience = patience

    def __getitem__(self, row: int) -> Any:
        self.fetched.append(row)
        return super().__getitem__(row)


@pytest.mark.usefixtures("small_parts")
def test_a_stopped_scan_goes_on_behind_its_last_whole_part(
    model: Model, images: ImageSet, reference: Scan, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        assert total == COUNT
        if done == 20:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        scan(model, images, question=QUESTION, batch_size=2, journal=tmp_path, report=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan-00000.npz", "scan-00001.npz"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    (tmp_path / "scan-00002.tmp").write_bytes(b"half a part")
    data = Watched(pictures(COUNT), LABELS, NAMES)
    resumed = ImageSet.open(data)
    data.fetched.clear()
    assert same(scan(model, resumed, question=QUESTION, batch_size=2, journal=tmp_path), reference)
    assert sorted(data.fetched) == list(range(18, COUNT))
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


@pytest.mark.usefixtures("small_parts")
def test_a_damaged_part_is_scanned_again_and_only_that(
    model: Model, images: ImageSet, reference: Scan, tmp_path: Path
) -> None:
    scan(model, images, question=QUESTION, journal=tmp_path)
    part = tmp_path / "scan-00003.npz"
    part.write_bytes(part.read_bytes()[:-30])
    data = Watched(pictures(COUNT), LABELS, NAMES)
    again = ImageSet.open(data)
    data.fetched.clear()
    assert same(scan(model, again, question=QUESTION, journal=tmp_path), reference)
    assert sorted(data.fetched) == list(range(27, 36))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("journal", [False, True])
def test_progress_rises_from_image_to_image_and_ends_at_the_total(
    model: Model, images: ImageSet, tmp_path: Path, journal: bool
) -> None:
    said: list[tuple[int, int]] = []
    for _ in range(2):
        said.clear()
        where = tmp_path if journal else None
        scan(model, images, batch_size=4, journal=where, report=lambda *p: said.append(p))
        done = [step for step, _ in said]
        assert done == sorted(done)
        assert done[-1] == COUNT
        assert {total for _, total in said} == {COUNT}


def test_parts_are_few_for_millions_of_images_and_cover_them() -> None:
    for count in (0, 1, 255, 256, 257, 100_000, 1_281_167):
        parts = scanning._partition(count)
        starts, stops = [part.start for part in parts], [part.stop for part in parts]
        assert [0, *stops] == [*starts, count]
        assert len(parts) <= 64


def test_layers_in_any_order_and_twice_give_the_order_of_the_network(
    model: Model, images: ImageSet, reference: Scan
) -> None:
    assert same(scan(model, images, ["4", "1", "4"], question=QUESTION), reference)
    only = scan(model, images, ["4"], question=QUESTION)
    assert [layer.address for layer in only.layers] == ["4"]
    assert same_tally(only.tallies["4"], reference.tallies["4"])


def test_one_image(model: Model, images: ImageSet) -> None:
    found = scan(model, images.head(1))
    assert (found.tallies["1"].top.place[:, 1:] == NOWHERE).all()
    assert (found.tallies["1"].top.place[:, 0] < 1024).all()


def test_an_image_without_a_label_is_of_no_class(model: Model) -> None:
    entries = image_set(pictures(4), [0, 1, 0, 1], ["", "dog"]).entries
    unlabelled = tuple(replace(entry, label=None) for entry in entries[:1])
    mixed = ImageSet("mixed", (*unlabelled, *entries[1:]), ("", "dog"), (0, 0, 0))
    assert scan(model, mixed).tallies["1"].statistics.class_count.tolist() == [1, 2]


def test_bad_images_are_left_out_and_said(model: Model) -> None:
    mixed = [*pictures(5), *pictures(2, channels=4)]
    found = scan(model, image_set(mixed), batch_size=2)
    assert [outcome.image for outcome in found.skipped] == [5, 6]
    assert found.tallies["1"].statistics.count.tolist() == [5]
    assert found.outcomes[0] == Outcome(0, 32, 32)


def test_no_good_image_is_an_error_with_the_first_reason(model: Model) -> None:
    with pytest.raises(ImageSetError, match=r"none of the 3 images of 'Data'.*'0'.*4 channels"):
        scan(model, image_set(pictures(3, channels=4)))


def test_settings_that_make_no_sense_are_refused(model: Model, images: ImageSet) -> None:
    wrong: Sequence[tuple[str, dict[str, Any]]] = [
        ("top must be at least 1", {"top": 0}),
        ("per_class and sample at least 0, not 9, -1 and 0", {"per_class": -1}),
        ("not 9, 0 and -2", {"sample": -2}),
        ("one, many", {"per_image": "few"}),
    ]
    for message, setting in wrong:
        with pytest.raises(SettingError, match=message):
            Question(**setting)
    for work in ({"batch_size": 0}, {"workers": 0}, {"batch_size": -3}):
        with pytest.raises(SettingError, match="at least 1"):
            scan(model, images, **work)  # type: ignore[arg-type]


@pytest.mark.parametrize(("layers", "message"), [(["nowhere"], "nowhere"), ([], "no layer was named")])
def test_layers_that_are_not_there_are_refused(model: Model, images: ImageSet, layers: list[str], message: str) -> None:
    with pytest.raises(AddressError, match=message):
        scan(model, images, layers)


def test_nan_in_the_weights_names_layer_and_image_and_changes_nothing(images: ImageSet) -> None:
    net = exact_net()
    net.get_parameter("3.weight").data[2, 1, 0, 0] = torch.nan
    broken = load_model(net, preprocessing=feeding())
    before = {name: entry.clone() for name, entry in broken.module.state_dict().items()}
    with pytest.raises(NumberError, match=r"layer '4' gives NaN.* for 32 of 32 images, first '0'"):
        scan(broken, images)
    assert not broken.module.training
    for name, entry in broken.module.state_dict().items():
        torch.testing.assert_close(entry, before[name], rtol=0, atol=0, equal_nan=True)


def test_a_number_that_only_one_image_overflows_names_that_image() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU())
    net.get_parameter("0.weight").data.fill_(1e38)
    made = [np.zeros((32, 32, 3), np.uint8) for _ in range(5)]
    made[3][:] = 255
    with pytest.raises(NumberError, match=r"for 1 of 5 images, first '3'"):
        scan(load_model(net, preprocessing=feeding()), image_set(made))


@pytest.mark.parametrize("kind", [torch.float16, torch.float64, torch.bfloat16])
def test_other_precisions_are_refused_with_what_to_do(images: ImageSet, kind: torch.dtype) -> None:
    model = load_model(exact_net().to(kind), preprocessing=feeding())
    with pytest.raises(ExportError, match=rf"{kind}.*\.float\(\)"):
        scan(model, images)


def test_the_same_network_with_another_input_size_has_other_maps(model: Model, images: ImageSet) -> None:
    scan(model, images.head(1))
    smaller = replace(model, preprocessing=feeding(size=16))
    assert scan(smaller, images.head(1)).layers[0].height == 16


@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(channels: int) -> None:
    made = pictures(6, channels)
    found = scan(exact_model(channels), image_set(made), question=Question(3))
    maps = maps_of(exact_net(channels), "4", made)
    assert listed(found.tallies["4"].top, 49) == full_sort(maps, 3, range(6))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = exact_net()

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.body(images)
        return features.mean((2, 3)), features


def test_a_model_with_several_outputs(images: ImageSet) -> None:
    found = scan(load_model(Two(), preprocessing=feeding()), images, ["body.1"])
    assert listed(found.tallies["body.1"].top, 1024) == full_sort(
        maps_of(exact_net(), "1", pictures(COUNT)), 9, range(COUNT)
    )


def test_a_watcher_sees_the_maps_of_every_image_once(model: Model, images: ImageSet, tmp_path: Path) -> None:
    seen: dict[tuple[str, int], torch.Tensor] = {}

    def watch(node: str, maps: torch.Tensor, index: torch.Tensor) -> None:
        for number, image in enumerate(index.tolist()):
            assert (node, image) not in seen
            seen[node, image] = maps[number].amax((1, 2)).clone()

    found = scan(model, images, journal=tmp_path, watch=watch, batch_size=7)
    assert len(seen) == len(found.layers) * COUNT
    for layer, address in zip(found.layers, LAYERS, strict=True):
        expected = maps_of(exact_net(), address, pictures(COUNT)).amax((2, 3))
        for image in range(COUNT):
            assert torch.equal(seen[layer.node, image], expected[image])
    seen.clear()
    assert same(scan(model, images, journal=tmp_path, watch=watch), found)
    assert not seen  # all parts were in the journal
