"""``convscope verify`` as a shell sees it: a table, an exit status, mistakes."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from convscope.rules.kinds import Kind
from convscope.rules.projection import DECONVNET, METHODS, TRANSPOSE
from tests.cli.process import Run
from tests.images.make import encoded
from tests.probes.make import LAYER, picture

FACTORY = """
from tests.probes.make import FEEDING, classifier

def net():
    made = classifier()
    made.preprocessing = FEEDING
    return made
"""
MODEL = "python:small_net_to_verify:net"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "small_net_to_verify.py").write_text(FACTORY)
    (folder / "images").mkdir()
    for number in range(2):
        (folder / "images" / f"{number}.png").write_bytes(encoded(picture(number)))
    return folder


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "verify", MODEL)


def test_a_sound_model_passes_line_by_line(run: Run) -> None:
    said = run("images")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].split() == ["layer", "graph", *METHODS, "windows", "occlusion"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", LAYER, "output"]
    assert all(line.rstrip().endswith("pass") for line in lines[1:4])
    assert lines[-1].startswith("passed: ")


def test_as_json(run: Run) -> None:
    told = json.loads(run("images", "--json", "--images", "1", "--layers", LAYER).out)
    assert told["passed"]
    assert {check["layer"] for check in told["checks"]} == {LAYER, "output"}
    assert all(0 <= check["difference"] < 1e-5 for check in told["checks"])


def test_a_fault_is_named_and_the_status_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "deconvnet", {**DECONVNET, Kind.RECTIFIER: TRANSPOSE})
    said = run("images", "--images", "1")
    assert said.code == 1
    assert f"FAILED: {LAYER} (deconvnet), on 1 images" in said.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere"),
        (["images", "--layers", "9.9"], "no layer '9.9'"),
        (["images", "--images", "0"], "--images"),
    ],
)
def test_mistakes_are_told(run: Run, words: list[str], says: str) -> None:
    said = run(*words)
    assert (said.code, said.out) == (2, "")
    assert says in said.err
