"""The course of a run as two CSV files: the loss of every step, and the figures of every epoch."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from convscope.atomic import replacing
from convscope.errors import SettingError
from convscope.regular import read_text

STEPS, EPOCHS = "steps.csv", "epochs.csv"


class Records(Callback):
    """After a stop, rows of the epoch that has to be run again are taken away first, so nothing is there twice."""

    def __init__(self, run: Path) -> None:
        self.steps, self.epochs = run / STEPS, run / EPOCHS
        self.begun = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Keep what was recorded up to the step from which the run goes on."""
        if trainer.is_global_zero:
            for path in (self.steps, self.epochs):
                keep_until(path, trainer.global_step)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """For the seconds of an epoch."""
        self.begun = time.monotonic()

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, *_: Any) -> None:  # noqa: ARG002
        """One row for the step."""
        if trainer.is_global_zero:
            rate = trainer.optimizers[0].param_groups[0]["lr"]
            _append(self.steps, {**_place(trainer), "loss": float(outputs["loss"]), "rate": rate})

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """One row for the epoch."""
        if trainer.is_global_zero:
            met = trainer.callback_metrics
            figures = {name: float(met[name]) for name in FIGURES if name in met}
            _append(self.epochs, {**_place(trainer), **figures, "seconds": round(time.monotonic() - self.begun, 3)})


def _place(trainer: L.Trainer) -> dict[str, float]:
    return {"step": trainer.global_step, "epoch": trainer.current_epoch + 1}


FIGURES = ("train_loss", "train_error", "val_loss", "val_error", "val_error_5")


def keep_until(path: Path, last: int) -> None:
    """Take away the rows after step ``last``, and one that was being written when the process was killed.

    Raises SettingError for a file that no run has written.
    """
    if not path.exists():
        return
    try:
        header, *rows = read_text(path).splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and int(row.partition(",")[0]) <= last]
    except ValueError as error:
        raise _damaged(path, error) from error
    if not header.endswith("\n"):  # killed before the first row was whole
        path.unlink()
        return
    with replacing(path) as temporary:
        temporary.write_text("".join([header, *kept]), "utf-8")


def seconds_of(run: Path) -> float:
    """What all epochs of a run took; raises SettingError if their record is damaged."""
    path = run / EPOCHS
    try:
        found = [float(row["seconds"]) for row in csv.DictReader(io.StringIO(read_text(path)))]
        if not found or not math.isfinite(sum(found)):
            raise ValueError(f"the seconds of {len(found)} epochs are {sum(found)}")
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise _damaged(path, error) from error
    return sum(found)


def _damaged(path: Path, error: Exception) -> SettingError:
    return SettingError(
        f"{path} is missing or damaged ({type(error).__name__}: {error}), so what the run did is not known. Train in "
        "another folder, or remove this one"
    )


def _append(path: Path, row: Mapping[str, float]) -> None:
    new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
