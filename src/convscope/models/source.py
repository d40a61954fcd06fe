"""What a source of models is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from convscope.errors import ModelError
from convscope.models.preprocessing import Preprocessing
from convscope.models.spec import NO_WEIGHTS, Spec


@dataclass(frozen=True)
class Order:
    """A model to be built, and what the user brings along.

    ``file``: the weights are in a file; ``outputs``: their number, if asked for; ``fed``: the preprocessing.
    """

    spec: Spec
    file: bool
    outputs: int | None
    fed: bool

    @property
    def pretrained(self) -> bool:
        """True if the source itself has to provide the weights."""
        return not self.file and self.spec.variant != NO_WEIGHTS

    @property
    def stated(self) -> bool:
        """True if what the source says of its own weights also holds for the weights that will be used."""
        return not self.file or self.spec.variant not in (None, NO_WEIGHTS)


@dataclass(frozen=True)
class Built:
    """An architecture with what its source states; ``trained`` is False where the weights are random.

    ``spare`` are prefixes of entries that a weights file may hold and that evaluation does not need.
    """

    module: nn.Module
    preprocessing: Preprocessing | None
    classes: tuple[str, ...]
    trained: bool
    spare: tuple[str, ...] = ()


Source = Callable[[Order], Built]


def download_failed(spec: Spec, error: Exception) -> ModelError:
    """The error for weights that could not be fetched, with the ways out."""
    return ModelError(
        f"the weights of {spec} could not be downloaded ({type(error).__name__}: {error}). Without the "
        "internet, give "
        f"the file that you have as weights, or use {spec.scheme}:{spec.name}@{NO_WEIGHTS} for random "
        "weights."
    )
