"""What a network's outputs are, as far as they are classes, and that they are the same each time."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from convscope.errors import ModelError, NumberError
from convscope.finite import is_finite
from convscope.graph.opgraph import OpGraph
from convscope.models import Model


@dataclass(frozen=True)
class Outputs:
    """A network's outputs as far as they are classes: how many, their names, and the one predicted; 0 if none are."""

    count: int
    names: tuple[str, ...]
    predicted: int | None
    are_probabilities: bool = False
    """The output already is a row of probabilities: softmax would be taken twice."""

    def name(self, index: int) -> str:
        """The name of a class, or its number."""
        return self.names[index] if len(self.names) == self.count else f"class {index}"

    def probabilities(self, output: Tensor) -> Tensor:
        """Float (n, classes): the softmax of the output, or the output itself where it already is that."""
        return output.float() if self.are_probabilities else output.float().softmax(1)


def outputs_of(graph: OpGraph, output: Tensor, names: tuple[str, ...]) -> Outputs:
    """The classes of a network by its output for one image; raises NumberError for NaN or infinity."""
    if output.dim() != 2 or output.shape[1] < 2 or not output.is_floating_point():
        return Outputs(0, (), None)
    if not is_finite(output):
        raise NumberError(
            f"{graph.by_name[graph.output].where()} is NaN or infinite for the image as it is. Look for NaN in the "
            "weights, and check how the model is normalised"
        )
    count = output.shape[1]
    ready = bool((output >= 0).all()) and abs(float(output.sum()) - 1) < _SUM_IS_ONE
    return Outputs(count, names if len(names) == count else (), int(output.argmax()), ready)


_SUM_IS_ONE = 1e-4


def check_eval(model: Model) -> None:
    """Raise ModelError for a model in training mode, whose answers are random."""
    training = [name or "the model itself" for name, part in model.module.named_modules() if part.training]
    if training:
        raise ModelError(
            f"the model is in training mode ({training[0]}, {len(training)} modules in all), where dropout and batch "
            "statistics make its answers random. Call model.module.eval() first"
        )
