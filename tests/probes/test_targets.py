"""From what a person writes to the number that is watched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convscope.errors import AddressError, SettingError
from convscope.probes.outputs import Outputs
from convscope.probes.targets import find_target
from convscope.units import UnitAddress
from tests.probes.make import CLASSES

OUTPUTS = Outputs(5, CLASSES, 1)
NONE = Outputs(0, (), None)


@pytest.mark.parametrize(
    ("spec", "classes", "name"),
    [
        ("predicted", (1,), "dog"),
        ("cat", (0,), "cat"),
        ("2", (2,), "owl"),
        ("7", (4,), "7"),
        (3, (3,), "owl"),
        (np.int64(3), (3,), "owl"),
        ([np.int64(3), 0], (3, 0), "owl + cat"),
        (["cat", 1, "0"], (0, 1), "cat + dog"),
        (("predicted", 4), (1, 4), "dog + 7"),
    ],
)
def test_classes(spec: Any, classes: tuple[int, ...], name: str) -> None:
    found = find_target(spec, OUTPUTS)
    assert (found.classes, found.name, found.quantity) == (classes, name, f"P({name})")


def test_classes_without_names_are_numbered() -> None:
    assert find_target(3, Outputs(5, (), 0)).name == "class 3"


def test_units_and_functions() -> None:
    assert find_target("a.b:3@1,2", NONE).unit == UnitAddress("a.b", 3, (1, 2))
    assert find_target(UnitAddress("a", 1), OUTPUTS).quantity == "activation of a:1"
    found = find_target(sum, NONE)
    assert (found.function, found.name) == (sum, "sum")


@pytest.mark.parametrize(
    ("spec", "outputs", "error", "message"),
    [
        (5, OUTPUTS, SettingError, "classes 0 to 4"),
        (-1, OUTPUTS, SettingError, "out of range"),
        ("99", OUTPUTS, SettingError, "99 is out of range"),
        ("owl", OUTPUTS, SettingError, "2 classes are named 'owl': 2, 3"),
        ("cot", OUTPUTS, SettingError, "Did you mean cat"),
        ("", OUTPUTS, SettingError, "no class"),
        ([], OUTPUTS, SettingError, "empty list"),
        (["cat", "a:1"], OUTPUTS, SettingError, "'a:1' is a unit"),
        ("a:b", OUTPUTS, AddressError, "not a unit address"),
        ("predicted", NONE, SettingError, "no shape"),
        (1, NONE, SettingError, "LAYER:UNIT"),
    ],
)
def test_what_is_no_target_is_refused(spec: Any, outputs: Outputs, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find_target(spec, outputs)
