"""Reading and showing an atlas needs no torch: checked on the source, and by really importing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.source import SOURCE, Module, imports, project, read_tree

HEAVY = {"torch", "torchvision", "timm"}

TORCH_FREE = tuple(
    f"convscope.{part}" for part in "errors extras units version window display atlas render web serve".split()
)
"""The ground, the store and the views."""


def torch_free(modules: dict[str, Module]) -> list[str]:
    """The modules that must do without torch."""
    return [name for name in modules if any(name == part or name.startswith(f"{part}.") for part in TORCH_FREE)]


def with_parents(name: str) -> list[str]:
    """A module and the packages that Python loads before it."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def loaded_by(name: str, modules: dict[str, Module]) -> set[str]:
    """Everything that ``import name`` loads, as far as it is written at the top of a file."""
    loaded: set[str] = set()
    waiting = with_parents(name)
    while waiting:
        current = waiting.pop()
        if current in loaded:
            continue
        loaded.add(current)
        if current in modules:
            eager = (entry.target for entry in imports(modules[current], modules) if entry.eager)
            waiting += [parent for target in eager for parent in with_parents(target)]
    return loaded


def offenders(modules: dict[str, Module]) -> list[str]:
    """Torch-free modules that name torch anywhere, or load it through another module."""
    direct = [
        f"{entry.importer}:{entry.line} imports {entry.target}"
        for name in torch_free(modules)
        for entry in imports(modules[name], modules)
        if entry.target.split(".")[0] in HEAVY
    ]
    through = [
        f"{name} loads {', '.join(sorted(HEAVY & loaded_by(name, modules)))}"
        for name in torch_free(modules)
        if HEAVY & loaded_by(name, modules)
    ]
    return direct + through


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(SOURCE), "PATH": ""}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_views_and_store_do_not_name_torch() -> None:
    assert offenders(project()) == []


def test_views_and_store_do_not_load_torch() -> None:
    names = torch_free(project())
    assert "convscope.atlas.schema" in names
    code = f"import sys, {', '.join(names)}; print(sorted({HEAVY} & set(sys.modules)))"
    result = run(code)
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_front_door_loads_nothing_heavy() -> None:
    result = run(f"import sys, convscope; print(sorted(({HEAVY} | {{'numpy'}}) & set(sys.modules)))")
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


@pytest.mark.skipif("convscope.cli" not in project(), reason="the command line is not part of this tree yet")
def test_help_loads_no_torch() -> None:
    code = (
        "import sys; from convscope.cli import main\n"
        "sys.argv = ['convscope', '--help']\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        f"print(sorted({HEAVY} & set(sys.modules)))"
    )
    result = run(code)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip().splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("web/app.py", "def f():\n    import torch", ["convscope.web.app:2 imports torch"]),
        ("web/app.py", "import convscope.models", ["convscope.web.app loads torch"]),
        ("atlas/reader.py", "def f():\n    import convscope.models", []),
        ("pipeline/build.py", "import torch", []),
    ],
)
def test_an_offender_is_found(tmp_path: Path, name: str, text: str, expected: list[str]) -> None:
    for path, body in {name: text, "models.py": "import torch.nn"}.items():
        target = tmp_path / "convscope" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(body)
    assert offenders(read_tree(tmp_path)) == expected
