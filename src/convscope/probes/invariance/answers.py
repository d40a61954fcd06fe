"""The network's answer to each transformed image: its label, and the probability of the class that is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from convscope.errors import SettingError
from convscope.graph.opgraph import OpGraph
from convscope.probes.labels import true_class
from convscope.probes.outputs import Outputs, outputs_of
from convscope.probes.targets import PREDICTED, TRUE, find_target

ClassSpec = str | int | Sequence[str | int]
"""``predicted``, ``true``, a class by index or name, or several, whose probabilities add up."""


@dataclass(frozen=True)
class Watch:
    """The class to watch: ``predicted`` or ``true``, or the same ``classes`` for all images."""

    names: tuple[str, ...]
    """Class names of the network, empty if unknown."""
    count: int
    spec: str
    classes: tuple[int, ...] = ()

    def classes_of(self, label: str | None, predicted: int) -> tuple[int, ...]:
        """The classes for one image."""
        if self.classes:
            return self.classes
        return (predicted,) if self.spec == PREDICTED else (true_class(label, self.names),)

    def check(self, label: str | None) -> None:
        """Raise ImageError for an image whose label is not exactly one class, where that is what is watched."""
        if self.spec == TRUE:
            true_class(label, self.names)


@dataclass(frozen=True)
class Answers:
    """For the rows of one image: the most probable class and the probability of the watched one."""

    label: NDArray[np.int64]
    probability: NDArray[np.float32]


def find_watch(graph: OpGraph, names: tuple[str, ...], target: ClassSpec) -> Watch | None:
    """What to watch; None for a network without class output. Raises SettingError and AddressError."""
    node = graph.by_name.get(graph.output)
    shape = node.shape if node is not None else None
    count = shape[1] if shape is not None and len(shape) == 2 and shape[1] > 1 else 0
    known = Outputs(count, names if len(names) == count else (), None)
    if not count:
        if target == PREDICTED:
            return None
        raise SettingError(
            f"target {target!r} is a class, and this network's output has no shape (images, classes); leave the "
            "target out"
        )
    if isinstance(target, str) and target in (PREDICTED, TRUE):
        return Watch(known.names, count, target)
    found = find_target(target, known)
    if not found.classes:
        raise SettingError(
            f"target {target!r} is a unit. Here the layers are watched anyway; give {PREDICTED}, {TRUE} or a class"
        )
    return Watch(known.names, count, found.name, found.classes)


def reader_of(graph: OpGraph, output: Tensor, watch: Watch) -> Outputs:
    """How this network's output becomes probabilities, from that for one image."""
    return outputs_of(graph, output, watch.names)


def answers(outputs: Outputs, output: Tensor, watch: Watch, label: str | None) -> Answers:
    """The answers to an image's rows, of which the first is the image as it is; ``output`` is (rows, classes)."""
    probabilities = outputs.probabilities(output)
    labels = probabilities.argmax(1)
    classes = watch.classes_of(label, int(labels[0]))
    return Answers(labels.numpy(), probabilities[:, list(classes)].sum(1).numpy())
