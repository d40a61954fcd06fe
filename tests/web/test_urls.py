from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.web.urls import FOLDER, INDEX, UNIT, Urls, json_of, slug

SAFE = re.compile(r"[a-z0-9_]+([.-][a-z0-9_]+)*")


@pytest.mark.parametrize("address", ["features.28", "conv1", "layer3.1.relu", "layer3_1"])
def test_a_plain_address_is_its_own_slug(address: str) -> None:
    assert slug(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "..",
        ".",
        "../x",
        "a/b",
        "a\\b",
        "layer3.1.relu#2",
        "Mixed_5b",
        "aux",
        "con.1",
        "x" * 300,
        "é",
        "a..b",
    ],
)
def test_any_other_address_becomes_safe_and_stays_apart(address: str) -> None:
    assert SAFE.fullmatch(slug(address))
    assert slug(address) != address
    assert re.fullmatch(r"[a-z0-9_]+-[0-9a-f]{12}", slug(address))
    assert len(slug(address)) <= 60


@given(st.text(), st.text())
def test_slugs_are_safe_and_differ_also_without_case(one: str, other: str) -> None:
    assert SAFE.fullmatch(slug(one))
    assert (slug(one).lower() == slug(other).lower()) == (one == other)


def test_links_lead_back_to_the_names_of_the_files() -> None:
    for urls, folder in ((FOLDER, "layers/"), (UNIT, "units/features.0/")):
        depth = folder.count("/")
        assert urls.index() == "../" * depth + INDEX.index()
        assert urls.unit("features.0", 3) == "../" * depth + "units/features.0/3.html"
    assert Urls("/").layer("conv1") == "/layers/conv1.html"
    assert INDEX.picture(4, "jpeg") == "pictures/4.jpg"
    assert INDEX.images(1) == "images/list-1.html"
    assert json_of(INDEX.image(7)) == "images/7.json"
