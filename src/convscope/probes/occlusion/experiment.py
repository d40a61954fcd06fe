"""One occlusion experiment, made ready: everything that is fixed for an image, and what is measured at a place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.changed import Changed, Read, sums, value_at, whole
from convscope.engine.layers import Layer, check_inside, find_layers
from convscope.engine.occluders import Occluders
from convscope.engine.sweep import sweep
from convscope.errors import NumberError, SettingError
from convscope.finite import is_finite
from convscope.graph.opgraph import OpGraph
from convscope.probes.outputs import Outputs
from convscope.probes.targets import Target
from convscope.units import UnitAddress

TARGET, LABEL, LABEL_PROBABILITY = "target", "label", "label_probability"
Measured = Mapping[str, NDArray[Any]]
"""Name of a quantity to its numbers, one per place asked for, in that order."""
Report = Callable[[int], None]
"""Told how many places are done."""


@dataclass(frozen=True)
class Step:
    """What was measured at some of the places, in their order."""

    places: tuple[int, ...]
    values: Measured


@dataclass(frozen=True)
class Reading:
    """How outputs become probabilities, and the target a number: ``node`` is read by ``read``, then scored."""

    outputs: Outputs
    node: str
    read: Read
    score: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Experiment:
    """Measures at places of the occluder; ``maps`` are the (node, unit) whose sums are wanted."""

    graph: OpGraph
    image: Tensor
    occluders: Occluders
    reading: Reading
    maps: tuple[tuple[str, int], ...]

    def measure(self, places: Sequence[int], report: Report) -> Measured:
        """The quantities at ``places``; raises NumberError where the target is NaN or infinite."""
        found: dict[str, NDArray[Any]] = {}
        where = {place: row for row, place in enumerate(places)}
        done = 0
        for step in self.steps(places):
            rows = [where[place] for place in step.places]
            for name, numbers in step.values.items():
                found.setdefault(name, np.zeros(len(places), numbers.dtype))[rows] = numbers
            done += len(rows)
            report(done)
        return found

    def steps(self, places: Sequence[int]) -> Iterator[Step]:
        """The same some places at a time, in the order in which they become known."""
        reads: dict[str, tuple[str, Read]] = {TARGET: (self.reading.node, self.reading.read)}
        reads |= {sums_of(number): (node, sums) for number, (node, _) in enumerate(self.maps)}
        if self.reading.outputs.count:
            reads["output"] = (self.graph.output, whole)
        for answers in sweep(self.graph, self.image, self.occluders, reads, places):
            values = {name: numbers.cpu().numpy() for name, numbers in self._numbers(answers.values).items()}
            if not np.isfinite(values[TARGET]).all():
                raise NumberError("the target is NaN or infinite under an occluder. Look for NaN in the weights")
            yield Step(answers.places, values)

    def _numbers(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = {TARGET: self.reading.score(values[TARGET]).float()}
        for number, (_, unit) in enumerate(self.maps):
            found[sums_of(number)] = values[sums_of(number)][:, unit].float()
        if "output" in values:
            best = self.reading.outputs.probabilities(values["output"]).max(1)
            found |= {LABEL: best.indices, LABEL_PROBABILITY: best.values}
        return found


def sums_of(number: int) -> str:
    """The name under which the sums of the map ``number`` are measured."""
    return f"sums {number}"


def reading_of(graph: OpGraph, target: Target, outputs: Outputs) -> Reading:
    """How to read a target off the graph; raises AddressError for a unit that is not there."""
    if target.unit is not None:
        node, read = _unit(graph, target.unit)
        return Reading(outputs, node, read, lambda values: values)
    score = _called(target) if target.function else _summed(outputs, target.classes)
    return Reading(outputs, graph.output, whole, score)


def _summed(outputs: Outputs, classes: tuple[int, ...]) -> Callable[[Tensor], Tensor]:
    return lambda output: outputs.probabilities(output)[:, list(classes)].sum(1)


def _called(target: Target) -> Callable[[Tensor], Tensor]:
    def score(output: Tensor) -> Tensor:
        assert target.function is not None
        values = target.function(output)
        if not isinstance(values, Tensor) or values.shape != output.shape[:1]:
            met = list(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise SettingError(
                f"the target {target.name} gave {met} for an output of shape {list(output.shape)}; "
                f"expected a tensor of shape [{len(output)}], one number per image"
            )
        return values.detach()

    return score


def _unit(graph: OpGraph, address: UnitAddress) -> tuple[str, Read]:
    (layer,) = find_layers(graph, [address.layer])
    check_inside(layer, address)
    if address.position is None:
        return layer.node, _largest(address.unit)
    return layer.node, value_at(address.unit, *address.position)


def _largest(unit: int) -> Read:
    def read(base: Tensor | None, changed: Changed) -> Tensor:
        return whole(base, changed)[:, unit].flatten(1).amax(1)

    return read


def strongest_map(value: Tensor, layer: Layer) -> tuple[int, tuple[int, int]]:
    """The unit with the largest activation of a layer's (1, units, height, width), and where it is."""
    if not is_finite(value):
        raise NumberError(
            f"layer {layer.address!r} gives NaN or infinity for the unoccluded image. Look for NaN in the weights, and "
            "check how the model is normalised"
        )
    unit, place = divmod(int(value[0].flatten().argmax()), layer.height * layer.width)
    return unit, divmod(place, layer.width)
