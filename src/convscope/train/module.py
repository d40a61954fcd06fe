"""The network under training: its loss, and that every random draw follows from the seed."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR

from convscope.errors import NumberError
from convscope.finite import is_finite
from convscope.train.batches import Batch
from convscope.train.draws import drawn_from
from convscope.train.feeding import Feeding
from convscope.train.optimisers import OPTIMISERS, cycle_share
from convscope.train.recipe import Recipe

CROPS, DROPOUT = range(2)
"""What is drawn."""


class Training(L.LightningModule):
    """``network`` takes centred inputs (n, channels, side, side) and gives logits."""

    def __init__(self, network: nn.Sequential, recipe: Recipe, feeding: Feeding, seed: int) -> None:
        super().__init__()
        self.network = network
        self.recipe = recipe
        self.feeding = feeding
        self.seed = seed

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Mean cross-entropy of a batch; raises NumberError if it is not finite."""
        pixels, labels = batch
        inputs = self.feeding.training(pixels, self._draws(batch_idx, CROPS))
        # What dropout draws depends on the step, not on what happened before a stop.
        torch.manual_seed(self._draws(batch_idx, DROPOUT).initial_seed())
        logits = self.network(inputs)
        loss = F.cross_entropy(logits, labels)
        if not bool(loss.isfinite()):
            raise NumberError(
                f"the loss is {float(loss.detach())} in epoch {self.current_epoch + 1}, step {batch_idx + 1}; "
                f"{first_broken(self.network, inputs)}. All earlier snapshots are kept; lower optimiser.rate"
            )
        wrong = (logits.detach().argmax(1) != labels).float().mean()
        self.log("train_loss", loss, on_step=True, on_epoch=True, batch_size=len(labels))
        self.log("train_error", wrong, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Loss and errors on the middle of each image."""
        pixels, labels = batch
        logits = self.network(self.feeding.middle(pixels))
        found = {"loss": F.cross_entropy(logits, labels), **{k: v.mean() for k, v in errors_of(logits, labels).items()}}
        for name, value in found.items():
            self.log(f"val_{name}", value, batch_size=len(labels), sync_dist=True)

    def configure_optimizers(self) -> Any:
        """Optimiser of the recipe; a cycle is stepped here, a plateau by its callback."""
        optimiser = OPTIMISERS[self.recipe.optimiser.kind](self.network.parameters(), self.recipe.optimiser)
        if self.recipe.schedule.kind != "cycle":
            return optimiser
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimiser, lambda step: cycle_share(step, steps, self.recipe.schedule))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _draws(self, batch: int, purpose: int) -> torch.Generator:
        return drawn_from(self.seed, self.current_epoch, batch, purpose, self.global_rank)


def errors_of(scores: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Float (n,) of zeros and ones by name: ``error``, and ``error_5`` with more than five classes."""
    ranked = scores.topk(min(5, scores.shape[1]), 1).indices == labels[:, None]
    found = {"error": ~ranked[:, 0]}
    if scores.shape[1] > 5:
        found["error_5"] = ~ranked.any(1)
    return {name: wrong.float() for name, wrong in found.items()}


@torch.no_grad()
def first_broken(network: nn.Sequential, inputs: Tensor) -> str:
    """Which layer is the first whose weights or values are NaN or infinite, as a clause."""
    signal = inputs
    for name, stage in network.named_children():
        if any(not is_finite(weight) for weight in stage.parameters()):
            return f"the weights of {name} are NaN or infinite"
        signal = stage(signal)
        if not is_finite(signal):
            return f"{name} is the first layer whose values are NaN or infinite"
    return "the values of all layers are finite, so it is the loss itself that overflows"
