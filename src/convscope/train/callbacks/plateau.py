"""The learning rate falls when the validation error has stopped falling (Zeiler & Fergus 2013, section 3, by hand)."""

from __future__ import annotations

import math
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from convscope.train.recipe import Schedule


class Plateau(Callback):
    """Times ``factor`` after ``patience`` epochs without a new lowest error; goes on exactly after a stop.

    The trainer steps schedules of this kind after the state for a resumption is saved, and would lose one.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.lowest = math.inf
        self.waited = 0

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Compare with the lowest error so far."""
        if self.falls_after(float(trainer.callback_metrics["val_error"])):
            for group in trainer.optimizers[0].param_groups:
                group["lr"] *= self.schedule.factor

    def falls_after(self, error: float) -> bool:
        """Whether the rate falls after an epoch with this validation error."""
        if error < self.lowest:
            self.lowest, self.waited = error, 0
            return False
        self.waited += 1
        if self.waited < self.schedule.patience:
            return False
        self.waited = 0
        return True

    def state_dict(self) -> dict[str, Any]:
        """For a resumption."""
        return {"lowest": self.lowest, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a resumption."""
        self.lowest, self.waited = float(state_dict["lowest"]), int(state_dict["waited"])
