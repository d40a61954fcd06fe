"""The callback in a real training with Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from convscope.pipeline.evolution_callback import EvolutionCallback
from convscope.pipeline.evolution_recorder import EvolutionRecorder
from convscope.probes.evolution.study import Settings
from tests.probes.evolution.make import FEEDING, corner_images

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),  # between Lightning and torch
]


class Learner(LightningModule):
    """A network that is itself a Lightning module, with its layers inside."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 4))

    def forward(self, images: Tensor) -> Any:
        return self.network(images)

    def training_step(self, batch: Any, index: int) -> Tensor:
        loss: Tensor = nn.functional.cross_entropy(self(batch[0]), batch[1])
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def loader() -> DataLoader[Any]:
    generator = torch.Generator().manual_seed(0)
    data = TensorDataset(torch.randn(8, 1, 4, 4, generator=generator), torch.arange(8) % 4)
    return DataLoader(data, batch_size=4)


def train(place: Path, epochs: int, *callbacks: EvolutionCallback, loggers: Any = False) -> dict[str, Tensor]:
    module = Learner()
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=loggers,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=place,
    )
    trainer.fit(module, loader())
    return {name: value.clone() for name, value in module.state_dict().items()}


def recorder(place: Path) -> EvolutionRecorder:
    return EvolutionRecorder(place, corner_images(), FEEDING, settings=Settings(units=2))


def test_it_records_before_training_and_behind_chosen_epochs(tmp_path: Path) -> None:
    loggers = [TensorBoardLogger(tmp_path, name="board"), CSVLogger(tmp_path, name="numbers")]
    callback = EvolutionCallback(recorder(tmp_path / "out"), epochs=(1, 3), network=lambda module: module.network)
    watched = train(tmp_path, 3, callback, loggers=loggers)
    assert callback.recorder.count == 3
    assert (tmp_path / "out" / "figure.png").is_file()
    labels = [entry.label for entry in callback.recorder.entries]
    assert labels == ["epoch 0", "epoch 1", "epoch 3"]
    assert list((tmp_path / "board").rglob("events*"))
    plain = train(tmp_path, 3)
    assert all(torch.equal(plain[name], watched[name]) for name in plain)


def test_a_lightning_module_can_be_the_network(tmp_path: Path) -> None:
    callback = EvolutionCallback(recorder(tmp_path / "out"))
    train(tmp_path, 1, callback)
    assert [entry.position for entry in callback.recorder.entries] == [0, 1]
    (layer,) = callback.recorder.evolution().layers
    assert layer.address == "network.1"


def test_a_training_that_records_nothing_ends_without_figures(tmp_path: Path) -> None:
    callback = EvolutionCallback(recorder(tmp_path / "out"), epochs=())
    train(tmp_path, 1, callback)
    assert callback.recorder.count == 1
    assert not (tmp_path / "out" / "figure.png").exists()
