"""Which checkpoints there are, and that they must be of one architecture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from convscope.errors import AddressError, ConvscopeError, ModelError, SettingError, WeightsError
from convscope.images import ImageSet
from convscope.models import Model, Preprocessing, load_model
from convscope.probes.evolution.checkpoint import (
    Checkpoint,
    at_positions,
    file_checkpoints,
    model_checkpoints,
    run_checkpoints,
)
from convscope.probes.evolution.evolve import evolve
from convscope.zoo import ZFNET_SMALL
from convscope.zoo.snapshot import Snapshot, write_snapshot
from tests.engine.make import exact_net, feeding, image_set, pictures
from tests.images.make import noise
from tests.probes.evolution.make import FEEDING, corner_images, exact_run, turning, turning_net


def test_a_run_gives_its_snapshots_by_number(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    for number in (20, 3, 100):
        (folder / f"epoch-{number}.safetensors").touch()
    found = run_checkpoints(tmp_path)
    assert [checkpoint.label for checkpoint in found] == ["epoch 3", "epoch 20", "epoch 100"]
    assert [checkpoint.position for checkpoint in found] == [3, 20, 100]
    assert found[0].model == f"snapshot:{folder / 'epoch-3.safetensors'}"
    assert run_checkpoints(folder) == found
    assert [checkpoint.position for checkpoint in at_positions(found, [100, 3])] == [3, 100]
    with pytest.raises(SettingError, match=r"no checkpoint at 4; there are 3, 20, 100"):
        at_positions(found, [3, 4])


def test_snapshots_by_epoch_and_by_step_stand_at_their_steps(tmp_path: Path) -> None:
    for name, step in (("epoch-0001", 400), ("epoch-0002", 800), ("step-000100", 100), ("step-000400", 400)):
        about = Snapshot(ZFNET_SMALL, ("one", "two"), 28, "bilinear", step // 400, step, "")
        write_snapshot(tmp_path / f"{name}.safetensors", nn.Linear(1, 1), about)
    found = run_checkpoints(tmp_path)
    assert [(checkpoint.label, checkpoint.position) for checkpoint in found] == [
        ("step 100", 100),
        ("step 400", 400),
        ("step 800", 800),
    ]
    safetensors.torch.save_file({"weight": torch.zeros(1)}, tmp_path / "step-000900.safetensors")
    with pytest.raises(SettingError, match="no folder of snapshots"):
        run_checkpoints(tmp_path)


@pytest.mark.parametrize("names", [(), ("epoch-1.safetensors", "step-5.safetensors"), ("best.safetensors",)])
def test_a_folder_without_an_order_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(SettingError, match="no folder of snapshots"):
        run_checkpoints(tmp_path)


def test_files_are_counted_unless_their_names_do() -> None:
    assert [(c.label, c.position) for c in file_checkpoints("m", ["a/first.pt", "b/last.pt"])] == [
        ("first", 1),
        ("last", 2),
    ]
    assert [(c.label, c.position) for c in file_checkpoints("m", ["step-000100.pt", "step-000900.pt"])] == [
        ("step 100", 100),
        ("step 900", 900),
    ]
    assert [c.model for c in model_checkpoints(["a:b", "c:d"])] == ["a:b", "c:d"]


def test_one_network_with_weights_files(tmp_path: Path) -> None:
    net = turning_net(0)
    net.preprocessing = FEEDING  # type: ignore[assignment]
    files = []
    for epoch, angle in ((1, 0.0), (2, 90.0)):
        files.append(tmp_path / f"epoch-{epoch:04d}.safetensors")
        safetensors.torch.save_file(turning_net(angle).state_dict(), files[-1])
    found = evolve(file_checkpoints(net, files), corner_images(), units=["1:0"])
    assert found.labels == ("epoch 1", "epoch 2")
    assert found.layers[0].image[:, 0].tolist() == [0, 1]
    assert found.layers[0].projection.values[0, 0] == pytest.approx(0, abs=1e-6)
    files[0].write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match=r"epoch-0001\.safetensors"):
        evolve(file_checkpoints(net, files), corner_images())


class Unread:
    """A data set that must not be looked at."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, row: int) -> Any:
        if row:
            raise AssertionError("work was done before checkpoints were compared")
        return FIRST


FIRST = noise(4, 4, 3)


def other(**changes: Any) -> Checkpoint:
    wide = nn.Sequential(nn.Conv2d(3, changes.get("channels", 8), 3, padding=1), nn.ReLU())
    rest = list(exact_net()[2:]) if changes.get("channels", 8) == 8 else []
    fed = changes.get("fed", feeding())
    return Checkpoint("odd one", 9, load_model(nn.Sequential(*wide, *rest), preprocessing=fed))


def strided() -> Checkpoint:
    net = exact_net()
    net[0] = nn.Conv2d(3, 8, 3, padding="same", padding_mode="zeros", dilation=2)
    return Checkpoint("odd one", 9, load_model(net, preprocessing=feeding()))


def shorter() -> Checkpoint:
    return Checkpoint("odd one", 9, load_model(exact_net()[:2], preprocessing=feeding()))


FED = Preprocessing(32, 32, None, "nearest", (0.0,) * 3, (2.0,) * 3, True)
ODD: list[tuple[Any, str]] = [
    (
        lambda: other(channels=7),
        r"'odd one' is of another architecture than '0': first difference: conv2d at '0' giving 7 x 32 x 32, where "
        r"conv2d at '0' giving 8 x 32 x 32 was expected",
    ),
    (shorter, r"it has 2 ops, and 5 are expected"),
    (strided, r"the same ops are wired differently, or have other settings"),
    (lambda: other(fed=FED), r"'odd one' is fed in another way than '0': .*std=\(2\.0"),
]


@pytest.mark.parametrize(("make", "message"), ODD)
def test_another_architecture_is_refused_before_any_work(make: Any, message: str, tmp_path: Path) -> None:
    checkpoints = (*exact_run(2), make())
    with pytest.raises(ModelError, match=message):
        evolve(checkpoints, ImageSet.open(Unread()), journal=tmp_path / "journal")
    assert not (tmp_path / "journal").exists()


WRONG: list[tuple[dict[str, Any], type[ConvscopeError], str]] = [
    ({"units": -1}, SettingError, "units is a number per layer"),
    ({"units": []}, SettingError, "no unit was named"),
    ({"top": 0}, SettingError, "top is the number"),
    ({"ranked": 2}, SettingError, "rankings need at least 3"),
    ({"seed": -1}, SettingError, "the seed is -1"),
    ({"units": ["1:9"]}, AddressError, "units 0 to 2, not 9"),
    ({"units": ["1"]}, AddressError, "not a unit address"),
    ({"units": ["0:1"], "layers": ["1"]}, AddressError, "unit 0:1 is in none of the chosen layers"),
]


@pytest.mark.parametrize(("asked", "error", "message"), WRONG)
def test_settings_that_mean_nothing(asked: dict[str, Any], error: type[ConvscopeError], message: str) -> None:
    with pytest.raises(error, match=message):
        evolve(turning(), corner_images(), **asked)


def test_a_note_says_which_checkpoints_it_is_of() -> None:
    trained, random = exact_run(2)
    assert isinstance(random.model, Model)
    odd = replace(random, model=replace(random.model, notes=("all of them", "weights are random")))
    assert isinstance(trained.model, Model)
    plain = replace(trained, model=replace(trained.model, notes=("all of them",)))
    found = evolve([plain, odd], image_set(pictures(3)), units=0)
    assert found.notes == ("all of them", "1: weights are random")


def test_a_list_without_order_is_refused() -> None:
    one, two = turning()[:2]
    with pytest.raises(SettingError, match="at least 2 checkpoints, and 1"):
        evolve([one], corner_images())
    with pytest.raises(SettingError, match="'epoch 1' at 1 comes after 'epoch 2' at 2"):
        evolve([two, one], corner_images())
    with pytest.raises(SettingError, match="two checkpoints are labelled 'a'"):
        evolve([Checkpoint("a", 0, one.model), Checkpoint("a", 1, two.model)], corner_images())
