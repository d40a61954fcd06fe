"""The public names: one sorted list, each where the table says, each importable."""

from __future__ import annotations

import ast
import importlib

import pytest

import convscope
from tests.structure.source import Module, project


def declared(module: Module) -> dict[str, str]:
    """Name to module of the imports for type checkers: what mypy believes."""
    return {
        alias.name: str(node.module).removeprefix("convscope.")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("convscope.")
        for alias in node.names
    }


def test_names_are_sorted_and_few() -> None:
    assert convscope.__all__ == sorted(set(convscope.__all__))
    assert len(convscope.__all__) <= 26  # a verb for each experiment, and the values they take


def test_table_list_and_types_agree() -> None:
    assert {*convscope._HOME, "__version__"} == set(convscope.__all__)
    assert declared(project()["convscope"]) == convscope._HOME


@pytest.mark.parametrize("name", sorted(convscope._HOME))
def test_name_resolves_to_its_home(name: str) -> None:
    home = f"convscope.{convscope._HOME[name]}"
    if home not in project() or not project()[home].tree.body:
        pytest.skip(f"{home} is not part of this tree yet")
    assert getattr(convscope, name) is getattr(importlib.import_module(home), name)


def test_names_are_listed_before_they_are_used() -> None:
    assert set(convscope.__all__) <= set(dir(convscope))


def test_version_is_a_version() -> None:
    assert convscope.__version__[0].isdigit()


def test_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no name 'load_modle'.*load_model"):
        _ = convscope.load_modle
