"""What `make wheel` refuses to hand over, and what its clean environment would let through. Nothing is built here."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

from packaging.requirements import Requirement

from tests.structure.source import script

TRACKED = ["README.md", "src/convscope/py.typed"]


def archives(folder: Path, *extra: str) -> dict[str, bytes]:
    """A source archive and a wheel that hold what is tracked and more."""
    with tarfile.open(folder / "a.tar.gz", "w:gz") as packed:
        for name in ("PKG-INFO", *TRACKED, *extra):
            packed.addfile(tarfile.TarInfo(f"a-1/{name}"), io.BytesIO())
    with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
        for name in ("a-1.dist-info/RECORD", "convscope/py.typed", *extra):
            wheel.writestr(name.removeprefix("src/"), "")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_two_equal_builds_of_what_is_tracked_are_fine(tmp_path: Path) -> None:
    built = archives(tmp_path)
    assert script("wheel").faults(built, dict(built), tmp_path, TRACKED) == []


def test_builds_that_differ_are_named(tmp_path: Path) -> None:
    built = archives(tmp_path)
    assert script("wheel").faults(built, built | {"a.whl": b"other"}, tmp_path, TRACKED) == ["a.whl: two builds differ"]
    assert script("wheel").faults(built, {"a.whl": built["a.whl"]}, tmp_path, TRACKED) == [
        "a.tar.gz: two builds differ"
    ]


def test_stray_and_missing_files_are_named(tmp_path: Path) -> None:
    built = archives(tmp_path, "src/convscope/stray.pyc")
    assert script("wheel").faults(built, built, tmp_path, [*TRACKED, "src/convscope/page.html"]) == [
        f"{name} {what}"
        for name in ("a.tar.gz", "a.whl")
        for what in ("holds src/convscope/stray.pyc, which git does not track", "lacks src/convscope/page.html")
    ]


def test_what_is_required_in_turn_is_followed_and_no_more() -> None:
    found = script("clean_install").closure([Requirement("jinja2")])
    assert {*found} == {"jinja2", "markupsafe"}


def test_a_package_that_nobody_declared_is_named() -> None:
    clean = script("clean_install")
    lacking = {"convscope.serve.app": "fastapi", "convscope.graph.export": "pytest"}
    assert clean.undeclared(lacking, [Requirement("fastapi>=0.1")]) == [
        "convscope.graph.export imports pytest, which pyproject.toml declares nowhere"
    ]
