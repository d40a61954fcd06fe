"""Snapshots of a network under training, at the epochs and steps that the recipe names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from convscope.train.module import Training
from convscope.zoo.centre import Centre
from convscope.zoo.snapshot import FOLDER, SUFFIX, Snapshot, whole, write_snapshot


class Snapshots(Callback):
    """Writes ``snapshots/epoch-0005.safetensors`` and ``snapshots/step-000100.safetensors`` into a run's folder."""

    def __init__(self, run: Path, about: Snapshot, centre: Centre) -> None:
        self.folder, self.about, self.centre = run / FOLDER, about, centre

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """The untrained network, where the recipe asks for epoch 0."""
        assert isinstance(pl_module, Training)
        if trainer.global_step == 0 and 0 in pl_module.recipe.snapshots:
            self._write(trainer, pl_module, "epoch-0000", 0)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After the epochs that the recipe names, and after the last."""
        assert isinstance(pl_module, Training)
        epoch = trainer.current_epoch + 1
        if epoch in pl_module.recipe.snapshots or epoch == pl_module.recipe.epochs:
            self._write(trainer, pl_module, f"epoch-{epoch:04d}", epoch)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """After the steps that the recipe names."""
        assert isinstance(pl_module, Training)
        if trainer.global_step in pl_module.recipe.steps:
            self._write(trainer, pl_module, f"step-{trainer.global_step:06d}", trainer.current_epoch)

    def _write(self, trainer: L.Trainer, training: Training, name: str, epoch: int) -> None:
        if trainer.is_global_zero:
            about = replace(self.about, epoch=epoch, step=trainer.global_step)
            write_snapshot(self.folder / f"{name}{SUFFIX}", whole(self.centre, training.network), about)
