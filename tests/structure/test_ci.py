"""The build server's run fails for any stage that fails, and for no other reason. Its programs are stand-ins."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.structure.source import ROOT

STAGES = "setup versions lint types wheel audit contact-sheet test".split()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which a stage does nothing, and fails where ``FAILING`` says so."""
    programs = {
        ".venv/bin/python": [
            "case $* in",
            "*audit*) exit ${AUDIT:-0} ;;",
            "*contact_sheet*) case $FAILING in contact-sheet) exit 7 ;; esac ;;",
            "*list*) case $FAILING in versions) ;; *) echo torch 2 ;; esac ;;",
            "esac",
        ],
        "bin/make": ["case $1 in $FAILING) exit 2 ;; test) echo '=== 3 passed in 1.2s ===' ;; esac"],
        "scripts/setup.sh": ["case $FAILING in setup) exit 1 ;; esac"],
    }
    for name, lines in programs.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
        path.chmod(0o755)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    return tmp_path


def run(checkout: Path, failing: str = "nothing", audit: int = 0) -> tuple[int, list[str]]:
    """The exit status, and what is said of each stage in the end."""
    environment = os.environ | {
        "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
        "FAILING": failing,
        "AUDIT": str(audit),
    }
    said = subprocess.run(
        ["bash", ".ci/run"], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    lines = [line for line in said.stdout.splitlines() if line.startswith("=== stages: ")]
    return said.returncode, lines[0].removeprefix("=== stages: ").split(",") if lines else []


def test_all_well(checkout: Path) -> None:
    status, results = run(checkout)
    assert status == 0
    assert [line.rpartition(" ")[0] for line in results] == [f"{name} ok" for name in STAGES]


@pytest.mark.parametrize("name", sorted({*STAGES} - {"setup", "audit"}))
def test_a_stage_that_fails(checkout: Path, name: str) -> None:
    status, results = run(checkout, failing=name)
    assert status == 1
    assert [line.rpartition(" ")[0] for line in results] == [
        f"{each} {'FAILED' if each == name else 'ok'}" for each in STAGES
    ]


def test_nothing_runs_without_a_set_up(checkout: Path) -> None:
    assert run(checkout, failing="setup") == (1, [])


@pytest.mark.parametrize(("status", "words"), [(1, "audit FAILED"), (3, "audit NOT CHECKED")])
def test_an_audit_that_could_not_look_is_listed_and_one_that_found_something_fails(
    checkout: Path, status: int, words: str
) -> None:
    ended, results = run(checkout, audit=status)
    assert ended == (status == 1)
    assert results[STAGES.index("audit")].startswith(words)


def test_a_status_of_three_excuses_no_other_stage(checkout: Path) -> None:
    (checkout / "bin/make").write_text("#!/bin/sh\nexit 3\n")
    assert run(checkout)[0] == 1


def test_stages_that_never_ran_have_failed(checkout: Path) -> None:
    (checkout / "bin/make").write_text('#!/bin/sh\ncase $1 in wheel) kill -KILL "$PPID" ;; esac\n')
    status, results = run(checkout)
    assert status == 1
    assert [line for line in results if line.endswith("FAILED to run")] == [
        f"{name} FAILED to run" for name in ("wheel", "audit", "contact-sheet")
    ]
