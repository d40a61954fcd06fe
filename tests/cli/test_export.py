"""``convscope export``: one place or several become plain files that open from disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from convscope.web.export import MARK
from tests.atlas.make import make_atlas
from tests.cli.process import Run, check_mistake


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_atlas(tmp_path_factory.mktemp("export") / "one", layers=(("conv1", 3),))


def test_an_atlas_is_exported_and_replaced(run: Run, atlas: Path, tmp_path: Path) -> None:
    said = run("export", atlas, tmp_path / "site")
    assert said.out.strip() == str(tmp_path / "site" / "index.html")
    assert (tmp_path / "site" / "units" / "conv1" / "0.html").is_file()
    (tmp_path / "site" / "old.html").write_text("old")
    told = json.loads(run("export", atlas, tmp_path / "site", "--json").out)
    assert told == {"index": str(tmp_path / "site" / "index.html")}
    assert not (tmp_path / "site" / "old.html").exists()


def test_several_places_stand_side_by_side(run: Run, atlas: Path, tmp_path: Path) -> None:
    run("export", atlas, tmp_path / "single")
    run("export", atlas, tmp_path / "single", tmp_path / "site")
    first = (tmp_path / "site" / "index.html").read_text()
    assert 'href="at/one/index.html"' in first
    assert 'href="at/single/index.html"' in first
    alone = {path.relative_to(tmp_path / "single") for path in (tmp_path / "single").rglob("*.*")} - {Path(MARK)}
    for name in ("one", "single"):
        found = tmp_path / "site" / "at" / name
        assert {path.relative_to(found) for path in found.rglob("*.*")} == alone


def test_mistakes(run: Run, atlas: Path, tmp_path: Path) -> None:
    mine, site = tmp_path / "mine", tmp_path / "site"
    mine.mkdir()
    (mine / "notes").write_text("mine")
    check_mistake(run("export", atlas), "SettingError: only", site)
    check_mistake(run("export", tmp_path / "gone", site), "AtlasError: there is no folder", site)
    check_mistake(run("export", mine, site), "AtlasError: there is nothing to show", site)
    check_mistake(run("export", atlas, mine), f"AtlasError: {mine} exists", site)
    inside = atlas / "pictures" / "pages"
    check_mistake(run("export", atlas, inside), "AtlasError: the pages cannot go to", inside)
