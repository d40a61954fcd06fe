"""Names and paths are printed as they are."""

from __future__ import annotations

import pytest
from rich.console import Console

from convscope.cli import screen


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(highlight=False, markup=screen.out._markup, emoji=screen.out._emoji)
    console.print("[bold]layer:smile:3[/]")
    assert capsys.readouterr().out == "[bold]layer:smile:3[/]\n"
