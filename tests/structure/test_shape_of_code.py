"""Small files, documented names, no dumping grounds, no stray prints."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.structure.source import Module, definitions, project, read_tree

LONGEST_FILE = 400
FORBIDDEN_NAMES = {"base", "common", "helpers", "manager", "misc", "utils"}
MAY_PRINT = ("convscope.cli", "convscope.__main__")


def is_public(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Whether a reader is meant to call it; overloads are documented by their implementation."""
    decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    return not node.name.startswith("_") and not decorators & {"overload", "setter"}


def undocumented(module: Module) -> Iterator[str]:
    if module.tree.body and not ast.get_docstring(module.tree):
        yield f"{module.name} has no docstring"
    for node in definitions(module.tree):
        if is_public(node) and not ast.get_docstring(node):
            yield f"{module.name}:{node.lineno} {node.name} has no docstring"


def prints(module: Module) -> Iterator[str]:
    if module.name.startswith(MAY_PRINT):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{module.name}:{node.lineno} prints; return a value, or let the command line print"


def oversized(module: Module) -> Iterator[str]:
    if module.lines > LONGEST_FILE:
        yield f"{module.name} has {module.lines} lines; split it by idea (at most {LONGEST_FILE})"


def badly_named(module: Module) -> Iterator[str]:
    for part in FORBIDDEN_NAMES.intersection(module.name.split(".")):
        yield f"{module.name}: {part!r} says nothing; name the file after what it holds"


Rule = Callable[[Module], Iterator[str]]
RULES: list[Rule] = [undocumented, prints, oversized, badly_named]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", sorted(project()))
def test_rule_holds(name: str, rule: Rule) -> None:
    assert list(rule(project()[name])) == []


@pytest.mark.parametrize(
    ("rule", "name", "text", "expected"),
    [
        (undocumented, "a.py", "x = 1", "convscope.a has no docstring"),
        (
            undocumented,
            "a.py",
            '"""A."""\nclass C:\n    """C."""\n    def f(self): ...',
            "4 f has no docstring",
        ),
        (prints, "a.py", "def f():\n    print(1)", "convscope.a:2 prints"),
        (oversized, "a.py", "\n" * 401, "401 lines"),
        (badly_named, "atlas/utils.py", "", "'utils' says nothing"),
    ],
)
def test_rule_bites(tmp_path: Path, rule: Rule, name: str, text: str, expected: str) -> None:
    path = tmp_path / "convscope" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (module,) = read_tree(tmp_path).values()
    (problem,) = rule(module)
    assert expected in problem


@pytest.mark.parametrize(
    "text",
    [
        '"""A."""\ndef _f(): ...',
        '"""A."""\ndef f():\n    """F."""\n    def inner(): ...',
        '"""A."""\n@overload\ndef f(): ...',
        "",
    ],
)
def test_docstring_rule_leaves_private_names_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "convscope" / "a.py"
    path.parent.mkdir()
    path.write_text(text)
    assert [problem for module in read_tree(tmp_path).values() for problem in undocumented(module)] == []
