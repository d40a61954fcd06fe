"""The locks pin, with hashes, whatever pyproject.toml asks for and all that comes with it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tomllib
from collections import defaultdict
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.structure.source import ROOT

PURPOSES = ("demo", "dev")
PYTHONS = ("3.11.9", "3.12.9", "3.13.9", "3.14.0")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


class Pin(NamedTuple):
    name: str
    version: str
    marker: Marker | None
    hashes: tuple[str, ...]

    def holds(self, python: str) -> bool:
        """Whether this is what another Python on this system gets."""
        environment = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        return self.marker is None or self.marker.evaluate(environment)


def read(text: str) -> list[Pin]:
    """Every pin of a lock; a line that is none is an error."""
    pins = []
    for line in re.sub(r"\\\n", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines():
        found = re.fullmatch(r"([a-z0-9-]+)==([^ ;]+)(?: ; (.+?))?((?: +--hash=sha256:[0-9a-f]{64})+) *", line)
        assert found, f"not a pin with hashes: {line}"
        name, version, marker, hashes = found.groups()
        pins.append(Pin(name, version, Marker(marker) if marker else None, tuple(hashes.split())))
    return pins


def lock(purpose: str) -> list[Pin]:
    return read((ROOT / f"locks/{purpose}.txt").read_text())


def extras(purpose: str) -> list[str]:
    """What set-up installs for a purpose."""
    command = ["sh", "-c", f". scripts/purposes.sh; extras_of {purpose}"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip().split(",")


def asked(purpose: str) -> list[Requirement]:
    """The direct requirements of a purpose."""
    added = (PROJECT["optional-dependencies"][extra] for extra in extras(purpose))
    return [Requirement(text) for texts in (PROJECT["dependencies"], *added) for text in texts]


def misfits(pins: list[Pin], requirements: list[Requirement], python: str) -> list[str]:
    """Requirements that a lock meets not at all, twice, or with a version out of range."""
    chosen: dict[str, list[str]] = defaultdict(list)
    for pin in pins:
        if pin.holds(python):
            chosen[pin.name].append(pin.version)
    return [
        f"{requirement} on Python {python}: {versions}"
        for requirement in requirements
        for versions in [chosen[canonicalize_name(requirement.name)]]
        if len(versions) != 1 or not requirement.specifier.contains(versions[0])
    ]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_range_is_met_once(purpose: str, python: str) -> None:
    assert python in SpecifierSet(PROJECT["requires-python"])
    assert misfits(lock(purpose), asked(purpose), python) == [], "run `make lock`"


def test_the_check_of_ranges_bites() -> None:
    digest = "--hash=sha256:" + "0" * 64
    pins = read(f"a==1.0 {digest}\nb==2.0 ; python_full_version < '3.12' {digest} \\\n    {digest}\n")
    assert [len(pin.hashes) for pin in pins] == [1, 2]
    assert not misfits(pins, [Requirement("a>=1"), Requirement("b")], "3.11.9")
    assert misfits(pins, [Requirement("a>=1"), Requirement("b")], "3.12.9") == ["b on Python 3.12.9: []"]
    assert misfits(pins, [Requirement("a>1")], "3.11.9") == ["a>1 on Python 3.11.9: ['1.0']"]
    for loose in ("a>=1 " + digest, "a==1.0", "a @ file:///elsewhere " + digest):
        with pytest.raises(AssertionError, match="not a pin with hashes"):
            read(loose)


def required(requirements: list[Requirement]) -> set[str]:
    """Every package, by canonical name, that the installed ones among ``requirements`` come to."""
    found: set[tuple[str, str]] = set()
    waiting = [(requirement, extra) for requirement in requirements for extra in (requirement.extras or {""})]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for inner in map(Requirement, distribution(name).requires or ()):
            if inner.marker is None or any(inner.marker.evaluate({"extra": each}) for each in ("", extra)):
                waiting += [(inner, each) for each in ("", *inner.extras)]
    return {name for name, _ in found}


locked = pytest.mark.skipif(bool(os.environ.get("CONVSCOPE_NO_LOCK")), reason="CONVSCOPE_NO_LOCK is set")


@locked
def test_what_is_installed_is_what_is_pinned() -> None:
    pins = {pin.name: pin.version for pin in lock("dev") if pin.holds(platform.python_version())}
    installed = {name: distribution(name).version for name in required(asked("dev"))}
    other = [
        f"{name} is {installed[name]}, not {pins[name]}"
        for name in installed.keys() & pins
        if installed[name] != pins[name]
    ]
    assert sorted(other) == [], "run `sh scripts/setup.sh dev` for what is pinned, or `make lock` to pin anew"


@locked
@pytest.mark.parametrize("purpose", PURPOSES)
def test_all_that_comes_with_it_is_pinned(purpose: str) -> None:
    needed = required(asked(purpose))
    assert len(needed) > len(asked(purpose))
    assert sorted(needed - {pin.name for pin in lock(purpose)}) == [], "run `make lock`"


def test_the_demo_shows_what_the_tests_saw() -> None:
    tested = {(pin.name, pin.version): set(pin.hashes) for pin in lock("dev")}
    assert all(tested[pin.name, pin.version] == set(pin.hashes) for pin in lock("demo"))


@pytest.mark.parametrize("path", sorted((ROOT / "locks").iterdir()), ids=lambda path: path.name)
def test_no_lock_names_a_place(path: Path) -> None:
    assert "://" not in path.read_text()
