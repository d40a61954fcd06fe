"""``docs/commands.md`` is what the program says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from convscope.cli import app
from convscope.cli.document import EXAMPLES, document

PAGE = Path(__file__).parents[2] / "docs/commands.md"
COMMANDS = vars(get_command(app))["commands"]


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text() == document(), "make it again: python -m convscope.cli.document > docs/commands.md"


def test_every_command_has_an_example_of_its_own() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    assert all(example.command.startswith(f"convscope {name} ") for name, example in EXAMPLES.items())


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{name} {parameter.name}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not parameter.help
    ]
    assert silent == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_spelling_of_every_option_is_in_the_table(name: str) -> None:
    section = document().split(f"## `convscope {name}`")[1].split("\n## ")[0]
    for parameter in COMMANDS[name].params:
        for spelling in (*parameter.opts, *parameter.secondary_opts):
            assert f"`{spelling if spelling.startswith('-') else parameter.metavar}" in section


def test_the_program_writes_the_page() -> None:
    command = [sys.executable, "-W", "error", "-m", "convscope.cli.document"]
    environment = {"PYTHONPATH": str(PAGE.parents[1] / "src")}
    written = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, check=True)
    assert written.stdout == PAGE.read_text(encoding="utf-8")
