"""The state from which a stopped run goes on, written after every epoch."""

from __future__ import annotations

import zipfile
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint

from convscope.errors import WeightsError

LAST = "last.ckpt"


class Resumption(Checkpoint):
    """Writes ``last.ckpt`` whole or not at all: a stop while it is written leaves the one before.

    Being a ``Checkpoint``, it is called after the other callbacks, when all that belongs to the epoch has happened.
    """

    def __init__(self, run: Path) -> None:
        self.path = run / LAST

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:  # noqa: ARG002
        """Save beside the last one, then take its place."""
        # All processes take part in saving; the name has to be the same for each.
        temporary = self.path.with_suffix(".tmp")
        try:
            trainer.save_checkpoint(temporary, weights_only=False)
            if trainer.is_global_zero:
                temporary.replace(self.path)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise WeightsError(
                f"{self.path}, from which a stopped run goes on, could not be written ({error}). What was there is "
                "whole; make room and run the same command again"
            ) from error


def check_state(path: Path) -> int:
    """The steps that are done; raises WeightsError unless the state is as it was written. Nothing in it is run."""
    try:
        with zipfile.ZipFile(path) as archive:
            if (bad := archive.testzip()) is not None:
                raise ValueError(f"{bad} has other bytes than were written")
        return int(torch.load(path, map_location="cpu", weights_only=True, mmap=True)["global_step"])
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        raise WeightsError(
            f"{path}, from which a stopped run goes on, is damaged ({type(error).__name__}: "
            f"{str(error).partition(chr(10))[0]}). Remove it, and the run begins anew, or train in another folder"
        ) from error
