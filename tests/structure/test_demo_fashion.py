"""The demo's training set: copied whole from where it is installed, once."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from convscope.images import ImageSet
from tests.structure.source import script


@pytest.fixture(name="script")
def demo_fashion() -> ModuleType:
    return script("demo_fashion")


def test_what_is_installed_is_copied_once(script: ModuleType, tmp_path: Path) -> None:
    if not script.DEBIAN.is_dir():
        pytest.skip(f"{script.DEBIAN} is not installed")
    folder = tmp_path / "fashion"
    script.provide(folder)
    images = ImageSet.open(folder)
    assert len(images) == 70_000
    assert len(images.classes) == 10
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    script.provide(folder)
    assert before == {path: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_an_incomplete_installation_is_not_used(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed" / script.FILES[0]).write_bytes(b"")

    def refuse(folder: Path) -> Path:
        raise RuntimeError("no network")

    monkeypatch.setattr(script, "_download", refuse)
    monkeypatch.setattr(script, "DEBIAN", tmp_path / "installed")
    with pytest.raises(RuntimeError, match="no network"):
        script.provide(tmp_path / "fashion", tmp_path / "installed")
    assert not (tmp_path / "fashion").exists()
