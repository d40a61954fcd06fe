"""Filters are kept within the recipe's radius, before anything else looks at the network after a step."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from convscope.train.module import Training
from convscope.train.renormalise import renormalise


class Renormalising(Callback):
    """Renormalises after each step, as the paper does; has to come before callbacks that write the network."""

    def __init__(self, radius: float) -> None:
        self.radius = radius

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:  # noqa: ARG002
        """After the step."""
        assert isinstance(pl_module, Training)
        renormalise(pl_module.network, self.radius)
