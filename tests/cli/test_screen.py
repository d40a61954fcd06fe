"""Progress is drawn on standard error only, and not at all when it is not wanted."""

from __future__ import annotations

import pytest
from rich.console import Console

from convscope.cli import screen


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "err", Console(stderr=True, force_terminal=True, width=100, highlight=False))


def draw(quiet: bool) -> None:
    with screen.progress(quiet) as report:
        for done in range(0, 11, 5):
            report("scan", done, 10)
        report("project", 3, 3)


@pytest.mark.usefixtures("terminal")
def test_a_bar_for_each_stage_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    draw(quiet=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert "scanning" in said.err
    assert "10/10" in said.err
    assert "projecting" in said.err


@pytest.mark.usefixtures("terminal")
def test_nothing_where_it_is_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    draw(quiet=True)
    assert capsys.readouterr() == ("", "")


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(highlight=False, markup=screen.out._markup, emoji=screen.out._emoji)
    console.print("[bold]layer:smile:3[/]")
    assert capsys.readouterr().out == "[bold]layer:smile:3[/]\n"
