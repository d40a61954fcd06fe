"""The error tree: drawn as it is, and every error is really raised."""

from __future__ import annotations

import ast
import re

from convscope import errors
from tests.structure.source import project

NEVER_RAISED = {"ConvscopeError"}
"""Caught by readers, raised through its children."""


def error_classes() -> dict[str, type[Exception]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == errors.__name__
    }


def drawn() -> dict[str, str | None]:
    """Error name to the name above it in the drawing; depth is the column of the name."""
    above: list[tuple[int, str]] = []
    tree: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.search(r"\b\w+Error\b", line):
            while above and above[-1][0] >= match.start():
                above.pop()
            tree[match[0]] = above[-1][1] if above else None
            above.append((match.start(), match[0]))
    return tree


def raised() -> set[str]:
    """Names of errors in the raise statements of the source; also those made first and raised later."""
    calls = (
        node.func
        for module in project().values()
        if module.name != "convscope.errors"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
    )
    names = {ast.unparse(function).split(".")[-1] for function in calls}
    return names & error_classes().keys()


def test_the_drawing_is_the_tree() -> None:
    parents = {
        name: None if error.__bases__[0] is Exception else error.__bases__[0].__name__
        for name, error in error_classes().items()
    }
    assert drawn() == parents


def test_every_error_is_raised_somewhere() -> None:
    assert error_classes().keys() - raised() == NEVER_RAISED


def test_missing_extra_tells_what_to_install() -> None:
    message = str(errors.MissingExtraError("timm", "timm", "Loading timm:resnet18"))
    assert "pip install 'convscope[timm]'" in message
