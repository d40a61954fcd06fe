"""``convscope verify ATLAS``: what it says of a sound atlas and of a damaged one, and that it mends it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from convscope.atlas.digests import DIGESTS, read_digests
from convscope.cli.verification import outcome
from convscope.probes.verification.result import Verification
from tests.cli.process import Run
from tests.images.make import encoded
from tests.probes.make import picture

FACTORY = """
from tests.probes.make import FEEDING, classifier

def net():
    made = classifier()
    made.preprocessing = FEEDING
    return made
"""
MODEL = "python:small_net_with_an_atlas:net"
COUNT = 6


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a network and images."""
    (tmp_path / "small_net_with_an_atlas.py").write_text(FACTORY)
    (tmp_path / "images").mkdir()
    for number in range(COUNT):
        (tmp_path / "images" / f"{number}.png").write_bytes(encoded(picture(number)))
    return tmp_path


@pytest.fixture
def run(run: Run) -> Run:
    """``convscope verify`` beside an atlas of the first of the images."""
    made = run("atlas", MODEL, "images", "-o", "atlas", "--limit", "5", "--no-trust", "--no-pages")
    assert (made.code, made.err) == (0, "")
    return partial(run, "verify")


@pytest.fixture
def source() -> tuple[str, ...]:
    return ("atlas", MODEL, "images", "--limit", "5")


def test_files_alone_then_values_too(run: Run, source: tuple[str, ...]) -> None:
    said = run("atlas")
    assert said.code == 0
    assert said.out.startswith("files: ")
    assert said.out.endswith("as they were written\n")
    told = json.loads(run(*source, "--json", "--images", "5").out)
    assert told["passed"]
    assert told["digests"]
    assert (told["damaged"], told["relations"], told["repaired"]) == ([], {}, [])
    assert {check["check"] for check in told["values"]["checks"]} == {"activation", "peak", "projection", "picture"}


def test_damage_is_named_and_repaired(run: Run, source: tuple[str, ...], place: Path) -> None:
    path = place / "atlas" / "units.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    said = run("atlas")
    assert said.code == 1
    assert "damaged: units.parquet: has" in said.out
    assert "convscope verify atlas MODEL IMAGES --repair" in said.out
    mended = run(*source, "--repair")
    assert mended.code == 0, mended
    assert mended.out.startswith("made again: units.parquet\n")
    assert path.read_bytes() == whole


def test_where_the_list_is_damaged_all_that_is_made_again_is_said(
    run: Run, source: tuple[str, ...], place: Path
) -> None:
    listed = {DIGESTS, *read_digests(place / "atlas").files}
    (place / "atlas" / DIGESTS).write_text("{")
    assert {*json.loads(run(*source, "--repair", "--json").out)["repaired"]} == listed


def test_an_atlas_over_another_background_is_compared_over_that(run: Run, place: Path) -> None:
    verify: Any = run
    there = verify.func("atlas", MODEL, "images", "-o", "red", "--background", "255,0,0", "--no-trust", "--no-pages")
    assert (there.code, there.err) == (0, "")
    assert run("red", MODEL, "images", "--background", "255,0,0").code == 0
    said = run("red", MODEL, "images")
    assert said.code == 2
    assert "with the same --limit and --background" in said.err


def test_what_contradicts_itself_is_said_and_not_computed_again(run: Run, source: tuple[str, ...], place: Path) -> None:
    (place / "atlas" / DIGESTS).unlink()
    path = place / "atlas" / "top.parquet"
    table = pq.ParquetFile(path).read()
    at = table.schema.get_field_index("y")
    below = pc.add(table["y"], 1000).cast(table.schema.field(at).type)
    pq.write_table(table.set_column(at, table.schema.field(at), below), path)
    said = run(*source)
    assert (said.code, said.err) == (1, "")
    assert "FAILED: positions of top lie inside the maps" in said.out
    assert "its values were not computed again" in said.out
    assert "this atlas has no digests.json" in said.out


def test_where_nothing_could_be_compared_nothing_passed() -> None:
    assert outcome(Verification((), (), (), (), 1.0)).startswith("FAILED: nothing could be compared")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["atlas", "--repair"], "needs model and images"),
        (["atlas", "--layers", "1"], "--layers is for a model"),
        (["atlas", "--limit", "5", "--images", "2"], "--images, --limit: files alone are read"),
        ([MODEL, "images", "--repair"], "--repair is for an atlas"),
        (["atlas", MODEL], "atlas is an atlas, and"),
        (["a", "b", "c", "d"], "not 4 names"),
        (["nowhere"], "no finished atlas in nowhere"),
        (["atlas", MODEL, "images"], "is not the same set"),
    ],
)
def test_mistakes_are_told(run: Run, words: list[str], says: str) -> None:
    said = run(*words)
    assert (said.code, said.out) == (2, "")
    assert says in said.err
