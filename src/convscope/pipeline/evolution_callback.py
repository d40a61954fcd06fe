"""Recording an evolution in a training with Lightning; needs the extra ``train``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from torch import nn

from convscope.errors import MissingExtraError
from convscope.pipeline.evolution_logs import can_tell
from convscope.pipeline.evolution_recorder import EvolutionRecorder

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
except ModuleNotFoundError as error:
    raise MissingExtraError("lightning", "train", "Recording from a Lightning training") from error


def itself(module: LightningModule) -> nn.Module:
    """The Lightning module as the network that is looked at."""
    return module


class EvolutionCallback(Callback):
    """Records before training and behind chosen epochs, tells the trainer's loggers, and finishes with the training.

    ``epochs`` counts from 1; None is every epoch. ``network`` finds the network in the Lightning module, if that is not
    the network itself: ``lambda module: module.network``. Loggers for TensorBoard and Weights & Biases are told, others
    are left out. In a distributed training the first process records.
    """

    def __init__(
        self,
        recorder: EvolutionRecorder,
        epochs: Collection[int] | None = None,
        network: Callable[[Any], nn.Module] = itself,
    ) -> None:
        self.recorder = recorder
        self.epochs = epochs
        self.network = network

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the network as it comes, once: not where a training goes on."""
        loggers = tuple(logger for logger in trainer.loggers if can_tell(logger))
        self.recorder = replace(self.recorder, writers=(*self.recorder.writers, *loggers))
        if trainer.current_epoch == 0 and trainer.global_step == 0:
            self._record(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Record the epoch that has just ended, if it was asked for."""
        epoch = trainer.current_epoch + 1
        if self.epochs is None or epoch in self.epochs:
            self._record(trainer, pl_module, epoch)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Write figures and tables, if there are two records or more."""
        if trainer.is_global_zero and self.recorder.count >= 2:
            self.recorder.finish()

    def _record(self, trainer: Trainer, module: LightningModule, epoch: int) -> None:
        if trainer.is_global_zero:
            self.recorder.record(self.network(module), epoch, f"epoch {epoch}")
