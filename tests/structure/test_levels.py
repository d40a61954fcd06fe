"""Imports point one way: from a level to the same or a lower one, never in a circle."""

from __future__ import annotations

import re
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.structure.source import PACKAGE, ROOT, Import, Module, imports, project, read_tree

LEVELS = {
    "convscope.atomic": 0,
    "convscope.cores": 0,
    "convscope.errors": 0,
    "convscope.extras": 0,
    "convscope.lock": 0,
    "convscope.regular": 0,
    "convscope.sizes": 0,
    "convscope.strict": 0,
    "convscope.units": 0,
    "convscope.version": 0,
    "convscope.window": 0,
    "convscope.display": 1,
    "convscope.finite": 1,
    "convscope.interval": 1,
    "convscope.models": 1,
    "convscope.images": 1,
    "convscope.spectrum": 1,
    "convscope.zoo": 1,
    "convscope.graph": 2,
    "convscope.rules": 3,
    "convscope.engine": 4,
    "convscope.cluster": 5,
    "convscope.probes": 5,
    "convscope.atlas": 6,
    "convscope.train": 6,
    "convscope.pipeline": 7,
    "convscope.render": 7,
    "convscope.resources": 7,
    "convscope.figures": 7,
    "convscope.serve": 7,
    "convscope.web": 7,
    "convscope.cli": 8,
    "convscope.__main__": 8,
    "convscope": 8,
}
"""Part of the package to level; a part covers everything below it, and the front door only itself."""

ENGINE = "convscope.engine"
RUNS_THE_ENGINE = {
    ENGINE,
    "convscope.cluster",
    "convscope.probes",
    "convscope.train",
    "convscope.pipeline",
    "convscope.resources",
    "convscope.serve",
    "convscope.cli",
    "convscope",
}
"""The store and the views are not among them: they only ever read what was written."""


def part_of(name: str) -> str:
    """The part of the package that a module belongs to."""
    return ".".join(name.split(".")[:2])


def level(name: str) -> int | None:
    """Level of a module, or None if no part lists it."""
    return LEVELS.get(part_of(name))


def internal(modules: dict[str, Module]) -> list[Import]:
    """The imports that stay inside the package."""
    found = [entry for module in modules.values() for entry in imports(module, modules)]
    return [entry for entry in found if entry.target.split(".")[0] == PACKAGE]


def violations(modules: dict[str, Module]) -> list[str]:
    """Each broken rule, as a sentence that says what to do."""
    problems = [f"{name} has no level: add its part to LEVELS" for name in modules if level(name) is None]
    edges = internal(modules)
    for edge in edges:
        above, below = level(edge.importer), level(edge.target)
        where = f"{edge.importer}:{edge.line} imports {edge.target}"
        if below is None:
            problems.append(f"{where}, which has no level")
        elif above is not None and below > above:
            problems.append(f"{where}: level {above} may not import level {below}; move one of them")
        elif part_of(edge.target) == ENGINE and part_of(edge.importer) not in RUNS_THE_ENGINE:
            problems.append(f"{where}: only {', '.join(sorted(RUNS_THE_ENGINE))} may run the engine")
    return problems + circles(edges) + heavy_ground(modules)


def heavy_ground(modules: dict[str, Module]) -> list[str]:
    """Imports of level 0 from outside the standard library: everything stands on it, so it weighs nothing."""
    light = {*sys.stdlib_module_names, PACKAGE}
    return [
        f"{entry.importer}:{entry.line} imports {entry.target}: level 0 needs the standard library only"
        for module in modules.values()
        if level(module.name) == 0
        for entry in imports(module, modules)
        if entry.target.split(".")[0] not in light
    ]


def circles(edges: list[Import]) -> list[str]:
    """The first import circle, if there is one; imports inside functions count too."""
    graph: dict[str, set[str]] = {}
    for edge in edges:
        if edge.importer != PACKAGE:  # the front door is lazy: it is in no circle unless someone imports it
            graph.setdefault(edge.importer, set()).add(edge.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"import circle: {' -> '.join(error.args[1])}"]
    return []


def test_imports_point_down() -> None:
    assert violations(project()) == []


def test_every_part_of_the_tree_has_a_level() -> None:
    assert {level(name) for name in project()} <= set(range(9))


def test_the_table_in_the_design_is_this_one() -> None:
    rows = re.findall(r"^\| (\d) \| (.*?) \|", (ROOT / "docs/design.md").read_text(), re.MULTILINE)
    written = {name: int(number) for number, names in rows for name in re.findall(r"`(\w+)`", names)}
    short = {name.removeprefix(f"{PACKAGE}.").replace(PACKAGE, "__init__"): at for name, at in LEVELS.items()}
    assert written == short


def synthetic(folder: Path, files: dict[str, str]) -> dict[str, Module]:
    for name, text in files.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_tree(folder)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"errors.py": "import convscope.engine.scan", "engine/scan.py": ""},
            "level 0 may not import level 4",
        ),
        ({"graph/a.py": "from ..rules import b", "rules/b.py": ""}, "imports convscope.rules.b: level 2"),
        (
            {"graph/a.py": "def f():\n    from convscope.cli import main", "cli.py": ""},
            "imports convscope.cli",
        ),
        (
            {"models.py": "from convscope import load_model", "__init__.py": ""},
            "level 1 may not import level 8",
        ),
        ({"atlas/reader.py": "import convscope.engine.scan", "engine/scan.py": ""}, "may run the engine"),
        ({"atlas/build.py": "def f():\n    from ..engine import scan", "engine/scan.py": ""}, "may run the engine"),
        ({"web/app.py": "import convscope.engine.scan", "engine/scan.py": ""}, "may run the engine"),
        ({"errors.py": "def f():\n    import numpy"}, "level 0 needs the standard library only"),
        ({"helpers.py": ""}, "convscope.helpers has no level"),
        ({"web/a.py": "from convscope.web import b", "web/b.py": "from . import a"}, "import circle"),
        ({"zoo/a.py": "import convscope.models", "models.py": "import convscope.zoo.a"}, "import circle"),
    ],
)
def test_a_violation_is_found(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    (problem,) = violations(synthetic(tmp_path, files))
    assert expected in problem


@pytest.mark.parametrize(
    "files",
    [
        {
            "engine/scan.py": "import convscope.errors\nfrom ..window import Window",
            "errors.py": "",
            "window.py": "",
        },
        {
            "pipeline/build.py": "from convscope.engine.scan import scan\nimport convscope.atlas.writer",
            "engine/scan.py": "import torch",
            "atlas/writer.py": "import pyarrow",
        },
        {"__init__.py": "import convscope.cli", "cli.py": ""},
        {"web/a.py": "from . import b", "web/b.py": "import torch"},
    ],
)
def test_downward_imports_pass(tmp_path: Path, files: dict[str, str]) -> None:
    assert violations(synthetic(tmp_path, files)) == []
