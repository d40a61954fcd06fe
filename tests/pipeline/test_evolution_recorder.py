"""Recording a network while it is trained: it stays as it is, and what is written is what checkpoints would give."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from convscope.errors import ModelError, SettingError
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.pipeline.evolution_logs import SENDERS, can_tell, find_sender
from convscope.pipeline.evolution_recorder import EvolutionRecorder
from convscope.probes.evolution.evolve import evolve
from convscope.probes.evolution.record import NONE
from convscope.probes.evolution.study import Settings
from tests.engine.make import Data, exact_net, feeding, float_net, image_set, pictures
from tests.probes.evolution.make import FEEDING, SHOWN, corner_images, exact_run, turning, turning_net

FILES = {
    "figure.png", "patches.png", "curves.png", "evolution.webp", "evolution.gif", "evolution.parquet", "curves.csv",
    "projections.npz", "evolution.json",
}  # fmt: skip


def test_records_give_what_checkpoints_give(tmp_path: Path) -> None:
    images = image_set(pictures(6))
    recorder = EvolutionRecorder(tmp_path, images, feeding(), settings=Settings(units=1))
    for seed in range(3):
        recorder.record(exact_net(seed=seed), seed)
    found, expected = recorder.finish(), evolve(exact_run(), images, units=1)
    assert (found.probed, expected.probed) == ("first", "final")
    assert found.labels == ("0", "1", "2")
    for a, b in zip(found.layers, expected.layers, strict=True):
        for name in ("image", "value", "y", "x", "jump", "overlap"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        np.testing.assert_array_equal(a.ranking.values, b.ranking.values)
        assert a.shown == tuple(sorted(a.shown))
        assert all(a.image[0, unit] != NONE for unit in a.shown)  # those that are active when recording begins
        assert [place.image for place in a.probes if place] == [a.image[0, unit] for unit in a.shown]
    assert FILES | {"recording.json", "records"} == {path.name for path in tmp_path.iterdir()}
    facts = json.loads((tmp_path / "evolution.json").read_text())
    assert facts["probed"] == "first"


def test_projections_are_compared_where_the_first_winners_are(tmp_path: Path) -> None:
    recorder = EvolutionRecorder(tmp_path, corner_images(), FEEDING, settings=Settings(units=SHOWN))
    for position, angle in ((1, 0.0), (2, 60.0), (3, 90.0)):
        recorder.record(turning_net(angle), position, f"epoch {position}")
    (layer,) = recorder.evolution().layers
    np.testing.assert_allclose(layer.projection.values[:, 0], np.cos(np.deg2rad([90, 30, 0])), atol=1e-6)
    assert layer.image[:, 0].tolist() == [0, 1, 1]
    assert layer.probes[0] is not None
    assert layer.probes[0].image == 0


class Restless(Data):
    """A data set that draws from every global generator, as augmentations do."""

    def __getitem__(self, row: int) -> Any:
        random.random()
        np.random.rand()
        torch.rand(1)
        return super().__getitem__(row)


def states() -> tuple[Any, str, list[int]]:
    return random.getstate(), str(np.random.get_state(legacy=True)), torch.get_rng_state().tolist()


def test_the_network_in_training_and_all_generators_stay_as_they_were(tmp_path: Path) -> None:
    net = float_net().train()
    net[1].requires_grad_(False)
    loss = net(torch.randn(2, 3, 32, 32)).sum()
    loss.backward()
    values = {name: value.clone() for name, value in net.state_dict().items()}
    gradients = [None if p.grad is None else p.grad.clone() for p in net.parameters()]
    flags = [p.requires_grad for p in net.parameters()]
    images = ImageSet.open(Restless(pictures(5)))
    before = states()
    EvolutionRecorder(tmp_path, images, feeding(), settings=Settings(units=2)).record(net, 0)
    assert states() == before
    assert all(part.training for part in net.modules())
    assert [p.requires_grad for p in net.parameters()] == flags
    for name, value in net.state_dict().items():
        assert torch.equal(value, values[name])
    for parameter, gradient in zip(net.parameters(), gradients, strict=True):
        assert (parameter.grad is None) == (gradient is None)
        if parameter.grad is not None and gradient is not None:
            assert torch.equal(parameter.grad, gradient)
    assert not any(part._forward_hooks for part in net.modules())


def test_training_gives_the_same_weights_with_and_without_a_recorder(tmp_path: Path) -> None:
    def trained(recorder: EvolutionRecorder | None) -> dict[str, torch.Tensor]:
        net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 2))
        torch.manual_seed(0)
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        for parameter in net.parameters():
            nn.init.normal_(parameter)
        for step in range(3):
            optimiser.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(net(torch.randn(4, 1, 4, 4)), torch.randint(2, (4,))))
            optimiser.step()
            if recorder is not None:
                recorder.record(net, step)
        return dict(net.state_dict())

    recorder = EvolutionRecorder(tmp_path, corner_images(), FEEDING, settings=Settings(units=1))
    plain, watched = trained(None), trained(recorder)
    assert recorder.count == 3
    assert all(torch.equal(plain[name], watched[name]) for name in plain)


def test_a_recording_goes_on_in_another_process_and_replaces_a_position(tmp_path: Path) -> None:
    def recorder(**changes: Any) -> EvolutionRecorder:
        return EvolutionRecorder(tmp_path, corner_images(), FEEDING, settings=Settings(units=SHOWN), **changes)

    first = recorder()
    first.record(turning_net(0), 1)
    first.record(turning_net(70), 2)
    second = recorder()
    assert second.count == 2
    with pytest.raises(SettingError, match="at least one of them made in this process"):
        second.evolution()
    second.record(turning_net(20), 2)  # training was stopped and this epoch is done again
    second.record(turning_net(90), 3)
    assert second.evolution().layers[0].image[:, 0].tolist() == [0, 0, 1]
    recorder().record(turning_net(0), 1)  # the very same beginning
    with pytest.raises(SettingError, match="a recording that begins with '1', of other weights"):
        recorder().record(turning_net(5), 1)
    with pytest.raises(SettingError, match="of other images, layers or settings"):
        EvolutionRecorder(tmp_path, corner_images(), FEEDING, settings=Settings(units=["1:0"])).record(
            turning_net(0), 5
        )
    assert recorder().count == 3
    over = recorder(overwrite=True)
    over.record(turning_net(5), 1)
    assert over.count == 1
    (tmp_path / "recording.json").write_text("{")
    with pytest.raises(SettingError, match=r"recording\.json is not JSON"):
        recorder().record(turning_net(0), 1)


def test_a_beginning_with_other_weights_replaces_nothing_unasked(tmp_path: Path) -> None:
    def recorder(**changes: Any) -> EvolutionRecorder:
        return EvolutionRecorder(tmp_path, corner_images(), FEEDING, settings=Settings(units=SHOWN), **changes)

    first = recorder()
    first.record(turning_net(0), 0)
    first.record(turning_net(70), 1)
    with pytest.raises(SettingError, match="a recording that begins with '0', of other weights"):
        first.record(turning_net(5), 0)
    assert first.evolution().layers[0].image[:, 0].tolist() == [0, 1]
    over = recorder(overwrite=True)
    over.record(turning_net(0), 0)
    over.record(turning_net(70), 1)
    over.record(turning_net(5), 0)  # trained again, in the same notebook
    assert over.count == 1
    over.record(turning_net(70), 1)
    assert over.evolution().layers[0].image[:, 0].tolist() == [0, 1]


def test_another_architecture_is_refused_and_the_recording_stays(tmp_path: Path) -> None:
    recorder = EvolutionRecorder(tmp_path, corner_images(), FEEDING)
    recorder.record(turning_net(0), 1)
    with pytest.raises(ModelError, match="checkpoint '2' is of another architecture than '1'"):
        recorder.record(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), 2)
    assert recorder.count == 1
    with pytest.raises(SettingError, match="has 1 records"):
        recorder.finish()


def test_tensorboard_gets_a_strip_and_two_numbers_for_each_layer(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

    with SummaryWriter(tmp_path / "board") as writer:
        recorder = EvolutionRecorder(
            tmp_path / "out", corner_images(), FEEDING, settings=Settings(units=SHOWN), writers=(writer,)
        )
        for checkpoint in turning()[2:4]:
            assert not isinstance(checkpoint.model, str)
            recorder.record(checkpoint.model, checkpoint.position)
    board = EventAccumulator(str(tmp_path / "board"), size_guidance={"images": 0})
    board.Reload()
    assert board.Tags()["images"] == ["evolution/1"]
    assert [event.step for event in board.Images("evolution/1")] == [5, 10]
    assert {(event.height, event.width) for event in board.Images("evolution/1")} == {(64, 3 * 68 - 4)}
    jumps = [event.value for event in board.Scalars("evolution/jumps/1")]
    assert jumps == pytest.approx([1 / 3])
    assert len(board.Scalars("evolution/ranking/1")) == 1


class Told:
    """What Weights & Biases would be told; its package is not needed for that."""

    def __init__(self) -> None:
        self.images: list[tuple[str, NDArray[np.uint8]]] = []
        self.metrics: list[dict[str, float]] = []

    def log_image(self, key: str, images: list[Any], caption: list[str]) -> None:
        assert len(images) == len(caption)
        self.images += [(key, image) for image in images]

    def log_metrics(self, metrics: dict[str, float]) -> None:
        self.metrics.append(metrics)


def test_writers_are_known_by_their_kind_and_others_refused(tmp_path: Path) -> None:
    logger = type("MyLogger", (type("WandbLogger", (Told,), {}),), {})()
    recorder = EvolutionRecorder(tmp_path, corner_images(), FEEDING, writers=(logger,))
    for position, angle in ((1, 0.0), (2, 90.0)):
        recorder.record(turning_net(angle), position)
    assert [key for key, _ in logger.images] == ["evolution/1"] * 2
    assert logger.metrics[1]["evolution/jumps/1"] == pytest.approx(1 / 3)
    assert find_sender(logger) is SENDERS["WandbLogger"]
    assert not can_tell(3)
    with pytest.raises(SettingError, match="a int cannot be told of records; known are SummaryWriter"):
        find_sender(3)


def test_a_run_of_weights_and_biases_gets_its_own_kind_of_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the package: what is passed, not what the service makes of it."""
    package = ModuleType("wandb")
    package.Image = lambda picture, caption: (picture.shape, caption)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", package)
    told: list[dict[str, Any]] = []
    run = type("Run", (), {"log": lambda self, entries: told.append(entries)})()
    recorder = EvolutionRecorder(tmp_path, corner_images(), FEEDING, settings=Settings(units=SHOWN), writers=(run,))
    for position, angle in ((1, 0.0), (2, 90.0)):
        recorder.record(turning_net(angle), position)
    assert told[0] == {"evolution/1": ((64, 3 * 68 - 4, 3), "at 1")}
    assert told[1]["evolution/jumps/1"] == pytest.approx(1 / 3)


def test_a_model_that_is_ready_is_taken_as_it_is(tmp_path: Path) -> None:
    recorder = EvolutionRecorder(tmp_path, corner_images())
    model = load_model(turning_net(0), preprocessing=FEEDING)
    record = recorder.record(model, 1)
    assert record.layers[0].measured.image[:2, 0].tolist() == [0, 2]
