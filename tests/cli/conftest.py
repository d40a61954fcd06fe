"""A fixture for commands; a module says with its own ``place`` in which folder they run."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from convscope.cli import main
from tests.cli.process import Run, Said


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, with its handling of errors: importing torch anew takes seconds."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*words: str | Path) -> Said:
        monkeypatch.chdir(place)
        monkeypatch.setattr(sys, "argv", ["convscope", *map(str, words)])
        try:
            with pytest.raises(SystemExit) as stop:
                main()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        said = capfd.readouterr()
        return Said.of(int(stop.value.code or 0), said.out, said.err)

    return call
