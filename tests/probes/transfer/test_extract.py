"""Features in one pass: those of the plain module, in files that are named by all that decides them."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from convscope.errors import AddressError, ImageSetError, NumberError, SettingError
from convscope.images import ImageSet
from convscope.models import Model, load_model
from convscope.probes.transfer.extract import Extraction, Wanted, bytes_per_image, extract, wanted_features
from convscope.probes.transfer.stored import Stored
from tests.probes.transfer.make import CLASSES, FEEDING, LAYERS, classifier, model, of_pictures, picture

PICTURES = [picture(number, number) for number in range(7)]
IMAGES = of_pictures(PICTURES, [0] * 7).images
BYTES_AN_IMAGE = LAYERS["input"] + 4 * (LAYERS["2"] + LAYERS["4"] + LAYERS["7"])


def contents_of(images: ImageSet, indices: Sequence[int] = range(7)) -> dict[int, str]:
    return {index: images.pixel_digest(index) for index in indices}


def extracted(
    folder: Path,
    net: Model | None = None,
    images: ImageSet = IMAGES,
    layers: Sequence[str] | None = None,
    indices: Sequence[int] = range(7),
    **how: object,
) -> dict[str, Stored]:
    net = net or model()
    settings = replace(Extraction(folder, batch_size=3), **how)  # type: ignore[arg-type]  # a few of its fields
    wanted = wanted_features(net, layers, settings.form)
    return dict(extract(net, images, contents_of(images, indices), wanted, settings))


def layer_of(net: nn.Sequential, place: int) -> Any:
    return net[place]


def values(stored: Stored) -> NDArray[Any]:
    return stored.read(np.arange(stored.rows), slice(0, stored.columns))


def plainly() -> dict[str, torch.Tensor]:
    """Every module's output, by hooks, and the pixels as they are."""
    net, found = classifier(), dict[str, torch.Tensor]()
    stacked = (np.stack(PICTURES).astype(np.float64) - np.array(FEEDING.mean)) / np.array(FEEDING.std)
    inputs = torch.from_numpy(stacked.astype(np.float32)).permute(0, 3, 1, 2)
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out.detach()}))
        for name, module in net.named_children()
    ]
    with torch.no_grad():
        net(inputs)
    for hook in hooks:
        hook.remove()
    return {"input": torch.from_numpy(np.stack(PICTURES)).permute(0, 3, 1, 2), **found}


def flat(values: torch.Tensor) -> torch.Tensor:
    return (values.permute(0, 2, 3, 1) if values.ndim == 4 else values).flatten(1)


def test_the_default_is_the_input_and_every_stage(tmp_path: Path) -> None:
    found = extracted(tmp_path)
    assert {name: stored.columns for name, stored in found.items()} == LAYERS
    expected = plainly()
    for name, stored in found.items():
        assert stored.rows == 7
        np.testing.assert_allclose(values(stored), flat(expected[name]), atol=1e-5)


def test_means_of_maps(tmp_path: Path) -> None:
    found = extracted(tmp_path, form="pooled")
    expected = plainly()
    # Pixels and vectors stay as they are.
    assert {name: stored.columns for name, stored in found.items()} == {"input": 432, "2": 4, "4": 5, "7": 6}
    for name in ("2", "4"):
        np.testing.assert_allclose(values(found[name]), expected[name].mean((2, 3)), atol=1e-5)
    np.testing.assert_allclose(values(found["input"]), flat(expected["input"]), atol=1e-6)
    np.testing.assert_allclose(values(found["7"]), expected["7"], atol=1e-5)


def test_means_are_not_taken_twice() -> None:
    """The means of the last map are what the last linear layer reads."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    loaded = load_model(net, preprocessing=FEEDING, classes=CLASSES)
    assert [each.address for each in wanted_features(loaded, None, "flat")] == ["input", "1", "2"]
    assert [(each.address, each.columns) for each in wanted_features(loaded, None, "pooled")] == [
        ("input", 432),
        ("1", 4),
    ]
    assert [each.address for each in wanted_features(loaded, ["1", "2"], "pooled")] == ["1", "2"]


def test_any_layers_and_any_images_in_their_order(tmp_path: Path) -> None:
    found = extracted(tmp_path, layers=["6", "1", "input"], indices=[5, 2])
    assert list(found) == ["input", "1", "6"]
    for name, stored in found.items():
        np.testing.assert_allclose(values(stored), flat(plainly()[name][[5, 2]]), atol=1e-5)
    (alone,) = extracted(tmp_path, layers=["input"]).values()
    np.testing.assert_allclose(values(alone), flat(plainly()["input"]))


def test_layers_that_are_none() -> None:
    assert [each.address for each in wanted_features(model(), ["input", "3", "input"], "flat")] == ["input", "3"]
    with pytest.raises(AddressError, match="no layer was named"):
        wanted_features(model(), [], "flat")
    with pytest.raises(AddressError, match="no layer 'nothing'"):
        wanted_features(model(), ["input", "nothing"], "flat")
    assert bytes_per_image([Wanted("a", "a", 10), Wanted("input", None, 3)]) == 43
    with pytest.raises(SettingError, match="features are flat or pooled, not 'round'"):
        Extraction(Path(), "round")


def names(found: dict[str, Stored]) -> set[str]:
    return {stored.path.name for stored in found.values()}


def test_what_was_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in (stored.path for stored in extracted(tmp_path).values())}
    assert len({path.name for path in tmp_path.iterdir()}) == 4
    monkeypatch.setattr(ImageSet, "read", lambda *_: pytest.fail("an image was read again"))
    contents = dict(enumerate(DIGESTS))
    again = extract(model(), IMAGES, contents, wanted_features(model(), None, "flat"), Extraction(tmp_path))
    assert {stored.path: stored.path.stat().st_mtime_ns for stored in again.values()} == before


DIGESTS = [IMAGES.pixel_digest(index) for index in range(7)]


def test_a_layer_more_leaves_the_others_alone(tmp_path: Path) -> None:
    first = extracted(tmp_path, layers=["1", "input"])
    made = {stored.path: stored.path.stat().st_mtime_ns for stored in first.values()}
    second = extracted(tmp_path, layers=["1", "input", "3"])
    assert {path: path.stat().st_mtime_ns for path in made} == made
    np.testing.assert_allclose(values(second["3"]), flat(plainly()["3"]), atol=1e-5)


def test_the_key_changes_with_all_that_decides_and_nothing_else(tmp_path: Path) -> None:
    known = names(extracted(tmp_path))
    assert names(extracted(tmp_path, model(seed=1))).isdisjoint(known), "other weights"
    nudged = classifier()
    with torch.no_grad():
        layer_of(nudged, 0).bias[0] += 1e-6
    assert names(extracted(tmp_path, load_model(nudged, preprocessing=FEEDING, classes=CLASSES))).isdisjoint(known)
    fed = load_model(classifier(), preprocessing=replace(FEEDING, mean=(0.0, 0.0, 0.0)), classes=CLASSES)
    assert names(extracted(tmp_path, fed)).isdisjoint(known), "other preprocessing"
    changed = [each.copy() for each in PICTURES]
    changed[4][0, 0, 0] ^= 1
    assert names(extracted(tmp_path, images=of_pictures(changed, [0] * 7).images)).isdisjoint(known), "another pixel"
    assert names(extracted(tmp_path, indices=[1, 0, 2, 3, 4, 5, 6])).isdisjoint(known), "another order"
    assert names(extracted(tmp_path, form="pooled")).isdisjoint(known), "another form"
    assert len(known) == 4, "another layer"
    # The same content under other names and labels, and another size of batches, give the same files.
    assert names(extracted(tmp_path, images=of_pictures(PICTURES, [2] * 7).images, batch_size=7)) == known


class StopRequested(Exception):  # noqa: N818  # no error
    """As a user stops a run."""


@pytest.mark.parametrize("after", [3, 6])
def test_a_pass_that_was_stopped_goes_on(tmp_path: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    net, wanted = model(), wanted_features(model(), None, "flat")

    def stop(done: int, _total: int) -> None:
        if done == after:
            raise StopRequested

    with pytest.raises(StopRequested):
        extract(net, IMAGES, contents_of(IMAGES), wanted, Extraction(tmp_path, batch_size=3), stop)
    assert {path.suffix for path in tmp_path.iterdir()} == {".part"}
    read: list[int] = []
    original = ImageSet.read

    def noted(self: ImageSet, index: int) -> NDArray[Any]:
        read.append(index)
        return original(self, index)

    monkeypatch.setattr(ImageSet, "read", noted)
    reported: list[int] = []
    contents = dict(enumerate(DIGESTS))
    found = extract(
        net, IMAGES, contents, wanted, Extraction(tmp_path, batch_size=3), lambda done, _: reported.append(done)
    )
    assert sorted(read) == [*range(after, 7)]
    assert reported[0] > after
    monkeypatch.undo()
    whole = extracted(tmp_path / "other")
    for name, stored in found.items():
        np.testing.assert_allclose(values(stored), values(whole[name]), atol=1e-6)
    assert {path.suffix for path in tmp_path.iterdir()} == {".features", ""}


def test_an_image_that_can_no_longer_be_read(tmp_path: Path) -> None:
    labelled = of_pictures([*PICTURES[:4], b"no picture", *PICTURES[5:]], [0] * 7)
    contents = dict(enumerate(DIGESTS))
    wanted = wanted_features(model(), ["1"], "flat")
    with pytest.raises(ImageSetError, match="blue/004 could be read before, and no longer: not an image"):
        extract(model(), labelled.images, contents, wanted, Extraction(tmp_path, batch_size=2))
    # Once it is back, what was made before it is kept.
    (stored,) = extract(model(), IMAGES, contents, wanted, Extraction(tmp_path, batch_size=2)).values()
    np.testing.assert_allclose(values(stored), flat(plainly()["1"]), atol=1e-5)


def test_features_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    net = classifier()
    with torch.no_grad():
        layer_of(net, 3).weight[0, 0, 0, 0] = torch.inf
    sick = load_model(net, preprocessing=FEEDING, classes=CLASSES)
    with pytest.raises(NumberError) as caught:
        extracted(tmp_path, sick)
    assert str(caught.value).startswith("layer '4' gives NaN or infinite features for ")
    assert "first 'blue/000'" in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".features"]


def test_sums_that_overflow_are_no_nan(tmp_path: Path) -> None:
    net = classifier()
    with torch.no_grad():
        layer_of(net, 0).weight.zero_()
        layer_of(net, 0).bias.fill_(3e38)
    huge = load_model(net, preprocessing=FEEDING, classes=CLASSES)
    (stored,) = extracted(tmp_path, huge, layers=["1"]).values()
    assert (values(stored) == np.float32(3e38)).all()


Usage = namedtuple("Usage", "total used free")


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need = 7 * BYTES_AN_IMAGE
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, need - 1))
    with pytest.raises(
        SettingError, match=r"has 0\.0 GB free; the largest layer is '2' with 144 numbers an image"
    ) as caught:
        extracted(tmp_path)
    assert "take means of maps with --pooled" in str(caught.value)
    assert not [*tmp_path.iterdir()]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 1))
    with pytest.raises(SettingError, match=r"Choose layers with --layers, or another disk with --features"):
        extracted(tmp_path, form="pooled")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, need))
    extracted(tmp_path)


def test_what_was_begun_has_its_room_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 6:
            raise StopRequested

    contents, wanted = contents_of(IMAGES), wanted_features(model(), None, "flat")
    with pytest.raises(StopRequested):
        extract(model(), IMAGES, contents, wanted, Extraction(tmp_path, batch_size=3), stop)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, BYTES_AN_IMAGE))
    extracted(tmp_path)
