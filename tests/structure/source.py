"""The source tree as data: modules, their imports, their definitions; and its scripts, loaded one by one."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = "convscope"


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    is_package: bool
    tree: ast.Module
    lines: int


@dataclass(frozen=True)
class Import:
    """One imported module; ``eager`` if it is loaded together with the importing module."""

    importer: str
    target: str
    line: int
    eager: bool


def script(name: str) -> ModuleType:
    """A program of ``scripts/`` as a module, made anew."""
    spec = spec_from_file_location(name, ROOT / f"scripts/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def read_module(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    text = path.read_text(encoding="utf-8")
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, path, is_package, ast.parse(text, str(path)), text.count("\n"))


def read_tree(root: Path) -> dict[str, Module]:
    """Every module of the package below ``root``, by dotted name."""
    modules = (read_module(path, root) for path in sorted((root / PACKAGE).rglob("*.py")))
    return {module.name: module for module in modules}


@cache
def project() -> dict[str, Module]:
    """The modules of this checkout."""
    return read_tree(SOURCE)


def imports(module: Module, known: dict[str, Module]) -> Iterator[Import]:
    """Every import of a module, inside functions and type-checking blocks too.

    ``from package import name`` counts as an import of the submodule where ``name`` is one.
    """
    for node, eager in _statements(module.tree, eager=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module.name, alias.name, node.lineno, eager)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield Import(module.name, inner if inner in known else base, node.lineno, eager)


def _statements(node: ast.AST, eager: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            deferred = True
        yield child, eager
        yield from _statements(child, eager and not deferred)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.name.split(".")
    kept = package[: len(package) - node.level + module.is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def definitions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Functions, methods and classes that a reader can reach by name: not those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from definitions(node)
