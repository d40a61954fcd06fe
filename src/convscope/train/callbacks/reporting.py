"""Progress of a run for whoever waits: steps done of all steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

Report = Callable[[str, int, int], None]
"""(stage, done, total)."""


class Reporting(Callback):
    """Calls ``report`` after each step."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        """One more step."""
        self.report("train", trainer.global_step, int(trainer.estimated_stepping_batches))
