"""The set-up on machines that lack something.

No test here installs anything: apt-get is a stand-in that says what it was asked for, and set-ups are only
followed to the point where they refuse to go on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.structure.source import ROOT

Result = subprocess.CompletedProcess[str]


def executable(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").mkdir()
    return tmp_path


def run(checkout: Path, command: str, **environment: str) -> Result:
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=checkout,
        env={"PATH": path, "CONVSCOPE_NO_APT": "", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def setup(checkout: Path, purpose: str = "demo", **environment: str) -> Result:
    return run(checkout, f"sh scripts/setup.sh {purpose}", CONVSCOPE_NO_APT="1", **environment)


PROVIDE = '. scripts/system_packages.sh; evidence() { echo "have/$1"; }; provide "chromium opencv-doc"'


def stand_ins(checkout: Path, user: int, *apt_get: str) -> None:
    """A machine on which ``id -u`` says ``user`` and apt-get runs the given lines; no sudo."""
    executable(checkout / "bin/id", f"echo {user}")
    executable(checkout / "bin/sudo", "exit 1")
    executable(checkout / "bin/apt-get", 'echo "$DEBIAN_FRONTEND $*" >>calls', *apt_get)
    (checkout / "have").mkdir()


INSTALL_EACH = 'case "$*" in *install*) for last; do :; done; touch "have/$last" ;; esac'


def test_root_installs_what_is_missing_without_questions(checkout: Path) -> None:
    stand_ins(checkout, 0, INSTALL_EACH)
    (checkout / "have/chromium").touch()
    result = run(checkout, PROVIDE)
    assert result.returncode == 0
    assert "without" not in result.stdout
    calls = (checkout / "calls").read_text().splitlines()
    assert all(call.startswith("noninteractive -q -y ") for call in calls)
    assert [call.split()[-1] for call in calls if " install " in call] == ["opencv-doc"]
    assert all("--no-install-recommends" in call for call in calls if " install " in call)


def test_stale_lists_are_fetched_once(checkout: Path) -> None:
    stand_ins(checkout, 0, 'case "$*" in *update*) touch fresh ;; esac', "[ -e fresh ] || exit 100", INSTALL_EACH)
    result = run(checkout, PROVIDE)
    assert "without" not in result.stdout
    assert (checkout / "calls").read_text().count(" update") == 1


def test_a_failing_apt_costs_one_line_each_and_is_not_tried_again(checkout: Path) -> None:
    stand_ins(checkout, 0, 'echo "E: no network"', "exit 100")
    first = run(checkout, PROVIDE)
    assert first.returncode == 0
    assert "without chromium (apt-get: E: no network): browser tests are skipped" in first.stdout
    assert "without opencv-doc (apt-get: E: no network): the demo" in first.stdout
    before = (checkout / "calls").read_text()
    second = run(checkout, PROVIDE)
    assert "remove .venv/.apt-failed to try again" in second.stdout
    assert (checkout / "calls").read_text() == before


def test_without_root_nothing_is_installed(checkout: Path) -> None:
    stand_ins(checkout, 1000, INSTALL_EACH)
    result = run(checkout, PROVIDE)
    assert result.returncode == 0
    assert "without chromium (not root)" in result.stdout
    assert not (checkout / "calls").exists()


def test_installing_can_be_forbidden(checkout: Path) -> None:
    stand_ins(checkout, 0, INSTALL_EACH)
    result = run(checkout, PROVIDE, CONVSCOPE_NO_APT="1")
    assert "without chromium (CONVSCOPE_NO_APT is set)" in result.stdout
    assert not (checkout / "calls").exists()


def test_old_python_is_refused(checkout: Path) -> None:
    old = executable(checkout / "old-python", "exit 1")
    (checkout / ".venv").rmdir()
    result = setup(checkout, PYTHON=str(old))
    assert result.returncode == 1
    assert "is not Python 3.11 or newer" in result.stderr
    assert not (checkout / ".venv").exists()


def test_missing_ensurepip_says_what_to_install(checkout: Path) -> None:
    for name in ("ensurepip", "pip"):
        hidden = checkout / "hidden" / f"{name}.py"
        hidden.parent.mkdir(exist_ok=True)
        hidden.write_text("raise ImportError")
    (checkout / ".venv").rmdir()
    result = setup(checkout, PYTHON=sys.executable, PYTHONPATH=str(checkout / "hidden"))
    assert result.returncode == 1
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in result.stderr
    assert not (checkout / ".venv").exists()


def test_a_running_setup_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv/.installing").write_text(f"{os.getpid()}\n")
    result = setup(checkout)
    assert result.returncode == 1
    assert f"another set-up is running (process {os.getpid()})" in result.stderr
    assert (checkout / ".venv/.installing").exists()


def test_a_linked_environment_is_never_removed(checkout: Path) -> None:
    (checkout / ".venv").rename(checkout / "elsewhere")
    (checkout / ".venv").symlink_to("elsewhere")
    result = setup(checkout)
    assert result.returncode == 1
    assert ".venv is a link to elsewhere" in result.stderr
    assert (checkout / "elsewhere").is_dir()


def test_half_an_environment_is_removed_not_trusted(checkout: Path) -> None:
    (checkout / ".venv/.ready-demo").write_text("anything\n")
    failing = executable(checkout / "bin/python3", 'case "$*" in *version_info*) exit 1 ;; esac')
    for minor in range(11, 15):
        shutil.copy(failing, failing.with_name(f"python3.{minor}"))
    result = setup(checkout)
    assert "removing .venv: it has no working Python 3.11 or newer with pip" in result.stdout
    assert "no Python 3.11 or newer found" in result.stderr


def test_unknown_purpose_is_refused(checkout: Path) -> None:
    result = setup(checkout, purpose="everything")
    assert (result.returncode, result.stderr.strip()) == (1, "setup: usage: sh scripts/setup.sh demo|dev")


def asked_of_pip(checkout: Path, **environment: str) -> list[str]:
    """What a set-up installs, with a stand-in for the environment's Python that only takes notes of modules called."""
    python = f'case "$1" in -) exec {sys.executable} "$@" ;; esac'
    executable(checkout / ".venv/bin/python", 'echo "$*" >>calls', python)
    assert setup(checkout, **environment).returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    (checkout / "calls").unlink()
    return [call for call in calls if "pip install" in call]


def test_what_is_pinned_is_installed_and_nothing_else(checkout: Path) -> None:
    packages, project = asked_of_pip(checkout)
    assert packages.endswith("--no-deps --require-hashes -r locks/demo.txt")
    assert project.endswith("--no-deps --no-build-isolation -e .")
    assert asked_of_pip(checkout) == []
    with (checkout / "locks/demo.txt").open("a") as lock:
        lock.write("# pinned anew\n")
    assert len(asked_of_pip(checkout)) == 2


def test_the_lock_can_be_done_without(checkout: Path) -> None:
    (project,) = asked_of_pip(checkout, CONVSCOPE_NO_LOCK="1")
    assert project.endswith("-e .[build,demo,train,transfer,serve]")
