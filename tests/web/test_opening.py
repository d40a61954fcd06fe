"""Folders of every kind become places; others are refused in words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from convscope.atlas.manifest import JOURNAL, MANIFEST
from convscope.errors import AtlasError
from convscope.web.opening import open_place
from convscope.web.place import one_by_one
from convscope.web.sources import static_file
from tests.web.conftest import Site


def test_an_atlas_and_its_export_are_places(site: Site) -> None:
    atlas, exported = open_place(site.atlas.path), open_place(site.folder)
    assert (atlas.kind, exported.kind) == ("atlas", "exported pages")
    assert exported.first == "index.html"
    assert dict(one_by_one(exported)) == dict(atlas.answers())


def test_links_and_unknown_files_among_exported_pages_stay_unseen(site: Site, tmp_path: Path) -> None:
    for name in ("index.html", "convscope-site.txt"):
        (tmp_path / name).write_bytes((site.folder / name).read_bytes())
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "secret.html").symlink_to(site.folder / "index.html")
    (tmp_path / "around").symlink_to(tmp_path)
    assert list(open_place(tmp_path).names()) == ["index.html"]
    assert open_place(tmp_path).answer("secret.html") is None


def test_scripts_among_exported_pages_are_the_programs_own(site: Site, tmp_path: Path) -> None:
    folder = shutil.copytree(site.folder, tmp_path / "gift")
    for name in ("evil.js", "static/evil.js", "static/script.js"):
        (folder / name).write_text("alert(1)")
    place = open_place(folder)
    assert {name for name in place.names() if "evil" in name} == set()
    assert place.answer("evil.js") is None
    found = place.answer("static/script.js")
    assert found is not None
    assert found.content == static_file("script.js")


def test_exported_pages_without_a_first_page_are_refused(tmp_path: Path) -> None:
    (tmp_path / "convscope-site.txt").write_text("x")
    with pytest.raises(AtlasError, match=r"no index\.html"):
        open_place(tmp_path)


def test_what_is_not_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="nothing to show"):
        open_place(tmp_path)
    with pytest.raises(AtlasError, match="no folder"):
        open_place(tmp_path / "gone")
    (tmp_path / JOURNAL).write_text("{}")
    with pytest.raises(AtlasError, match="unfinished"):
        open_place(tmp_path)
    (tmp_path / JOURNAL).replace(tmp_path / MANIFEST)
    with pytest.raises(AtlasError):
        open_place(tmp_path)
