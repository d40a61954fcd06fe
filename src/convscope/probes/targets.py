"""Targets: the one number that is watched while the image is occluded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from convscope.errors import SettingError
from convscope.probes.outputs import Outputs
from convscope.units import UnitAddress

PREDICTED = "predicted"
TRUE = "true"
"""The target that stands for the image's own label, for experiments that know it."""

TargetSpec = str | int | UnitAddress | Sequence[str | int] | Callable[[Any], Any]
"""``predicted``, a class by index or name, several classes, ``LAYER:UNIT[@ROW,COLUMN]``, a function of the output."""


@dataclass(frozen=True)
class Target:
    """What a spec was resolved to: the probability of ``classes`` (summed), or a unit, or a function of the output."""

    name: str
    classes: tuple[int, ...] = ()
    unit: UnitAddress | None = None
    function: Callable[[Any], Any] | None = None

    @property
    def quantity(self) -> str:
        """What its numbers are, in words for an axis."""
        if self.classes:
            return f"P({self.name})"
        return f"activation of {self.name}" if self.unit else self.name


def find_target(spec: TargetSpec, outputs: Outputs) -> Target:
    """The target that a spec means for a network with these outputs; raises SettingError and AddressError."""
    if isinstance(spec, UnitAddress):
        return Target(str(spec), unit=spec)
    if isinstance(spec, str):
        return _from_text(spec, outputs)
    if callable(spec):
        return Target(getattr(spec, "__name__", type(spec).__name__), function=spec)
    wanted = [int(spec)] if isinstance(spec, int | np.integer) else list(spec)
    found = dict.fromkeys(index for part in wanted for index in _from_part(part, outputs))
    if not found:
        raise SettingError("the target is an empty list of classes; name at least one, or leave it out")
    return _classes(tuple(found), outputs)


def _from_part(part: str | int, outputs: Outputs) -> tuple[int, ...]:
    if not isinstance(part, str):
        return (_in_range(int(part), outputs),)
    target = _from_text(part, outputs)
    if not target.classes:
        raise SettingError(
            f"target {part!r} is a unit; several targets can only be classes, whose probabilities add up"
        )
    return target.classes


def _from_text(text: str, outputs: Outputs) -> Target:
    if text == PREDICTED:
        if outputs.predicted is None:
            raise _no_classes(text)
        return _classes((outputs.predicted,), outputs)
    same = [index for index, name in enumerate(outputs.names) if name == text]
    if len(same) > 1:
        raise SettingError(
            f"{len(same)} classes are named {text!r}: {', '.join(map(str, same))}. Give the index instead"
        )
    if same:
        return _classes((_in_range(same[0], outputs),), outputs)
    if text.isascii() and text.isdigit():
        return _classes((_in_range(int(text), outputs),), outputs)
    if ":" in text:
        return Target(text, unit=UnitAddress.parse(text))
    raise _unknown(text, outputs)


def _classes(indices: tuple[int, ...], outputs: Outputs) -> Target:
    return Target(" + ".join(outputs.name(index) for index in indices), classes=indices)


def _in_range(index: int, outputs: Outputs) -> int:
    if not outputs.count:
        raise _no_classes(index)
    if not 0 <= index < outputs.count:
        raise SettingError(f"target {index} is out of range: the network has classes 0 to {outputs.count - 1}")
    return index


def _unknown(text: str, outputs: Outputs) -> SettingError:
    close = get_close_matches(text, outputs.names, n=4, cutoff=0.5)
    hint = f"Did you mean {', '.join(close)}? " if close else ""
    return SettingError(
        f"target {text!r} is no class. {hint}Write {PREDICTED}, a class by its index or name, "
        "or a unit as LAYER:UNIT or LAYER:UNIT@ROW,COLUMN"
    )


def _no_classes(spec: object) -> SettingError:
    return SettingError(
        f"target {spec!r} is a class, and this network's output has no shape (images, classes). "
        "Watch a unit, LAYER:UNIT, or from Python a function of the output"
    )
