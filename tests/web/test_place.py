"""A place answers one by one what its export writes, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.atlas.reader import Atlas
from convscope.web.atlas.place import AtlasPlace
from convscope.web.export import MARK, export_place
from convscope.web.place import Answer, answered, one_by_one
from convscope.web.urls import INDEX
from tests.web.conftest import HOSTILE, Site

PIECES = (*"abeginx0123456789./-_\\%\0\n ", "units/", "features.0", ".html", "index", "..", "٣")


@pytest.fixture(scope="module", params=["site", "partial_site"])
def chosen(request: pytest.FixtureRequest) -> Site:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Site)
    return found


@pytest.fixture(scope="module")
def place(chosen: Site) -> AtlasPlace:
    return AtlasPlace(Atlas.open(chosen.atlas.path))


def test_one_by_one_and_all_at_once_say_the_same(place: AtlasPlace, chosen: Site) -> None:
    alone = dict(one_by_one(place))
    assert dict(place.answers()) == alone
    assert sorted(place.names()) == sorted(alone)
    written = {path.relative_to(chosen.folder).as_posix() for path in chosen.folder.rglob("*") if path.is_file()}
    assert written == {*alone, MARK}
    assert all((chosen.folder / name).read_bytes() == answer.content for name, answer in alone.items())


@pytest.mark.parametrize(
    "name",
    [
        "",
        "index",
        "index.htm",
        "Index.html",
        "/index.html",
        "./index.html",
        "index.html/",
        "index.html\n",
        "layers/nothing.html",
        "layers/../index.html",
        f"layers/{HOSTILE}.html",
        "units/features.0/99999.html",
        "units/features.0/-1.html",
        "units/features.0/01.html",
        "units/features.0/٣.html",
        f"units/features.0/{'9' * 5000}.html",
        "images/999999.html",
        "images/list-99.html",
        "pictures/0.gif",
        "pictures/99999.png",
        "static/../place.py",
        "static/other.css",
        "sheets/features.0.png/..",
        "sprites/features.0/99-card.webp",
        "x" * 100_000,
    ],
)
def test_what_is_no_address_stands_nowhere(place: AtlasPlace, name: str) -> None:
    assert place.answer(name) is None


@pytest.fixture(scope="module")
def known(site: Site) -> tuple[AtlasPlace, frozenset[str]]:
    opened = AtlasPlace(site.atlas)
    return opened, frozenset(opened.names())


@given(name=st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_any_name_is_answered_or_not_but_never_an_error(known: tuple[AtlasPlace, frozenset[str]], name: str) -> None:
    opened, names = known
    assert (opened.answer(name) is None) == (name not in names)


def test_media_types_follow_the_address(place: AtlasPlace) -> None:
    kinds = {name.rpartition(".")[2]: answer.media for name, answer in place.answers()}
    assert kinds["html"] == "text/html; charset=utf-8"
    assert kinds["json"] == "application/json"
    assert kinds["webp"] == "image/webp"
    assert answered("a.css", "é") == Answer("é".encode(), "text/css; charset=utf-8")


def test_the_export_of_a_place_is_opened_at_its_first_page(place: AtlasPlace, tmp_path: Path) -> None:
    assert export_place(place, tmp_path / "pages") == tmp_path / "pages" / INDEX.index()
    assert (tmp_path / "pages" / MARK).is_file()
