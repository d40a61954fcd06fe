"""The commands as a user's shell sees them: output, exit codes, errors in one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from convscope.atlas.reader import Atlas
from tests.cli.process import Run, Said, shell
from tests.engine.make import pictures
from tests.images.make import encoded
from tests.structure.source import SOURCE

FACTORY = """
import torch
from torch import nn
from convscope.models import Preprocessing
from tests.engine.make import exact_net, feeding

def net():
    made = exact_net()
    made.preprocessing = feeding()
    return made

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.preprocessing = feeding()

    def forward(self, images):
        return torch.sinc(self.conv(images)).relu().cumsum(1)

def nan():
    made = net()
    made[0].weight.data.fill_(torch.nan)
    return made

odd = Odd
"""
MODEL = "python:small_net:net"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    (folder / "small_net.py").write_text(FACTORY)
    for number, picture in enumerate(pictures(6, levels=256)):
        path = folder / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(picture))
    (folder / "images" / "bad.png").write_bytes(b"")
    (folder / "broken.png").write_text("no picture")
    (folder / "a-file").write_text("mine")
    return folder


@pytest.mark.parametrize("command", [[], ["atlas"], ["project"], ["layers"], ["coverage"]])
def test_help_tells_every_option(run: Run, command: list[str]) -> None:
    said = run(*command, "--help")
    assert (said.code, said.err) == (0, "")
    assert "Usage" in said.out
    words = {"atlas": "--per-class", "project": "--unpool", "layers": "--all", "coverage": "--method"}
    assert (words[command[0]] if command else "coverage") in said.out


def test_version_is_printed(run: Run) -> None:
    said = run("--version")
    assert (said.code, said.err) == (0, "")
    assert said.out.strip()[0].isdigit()


def test_help_imports_neither_torch_nor_numpy() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from convscope.cli import main\n"
        "for words in (['--help'], ['atlas', '--help'], ['project', '--help']):\n"
        "    sys.argv = ['convscope', *words]\n"
        "    try: main()\n"
        "    except SystemExit as stop: assert not stop.code, stop.code\n"
        "print(sorted({'torch', 'numpy', 'pyarrow', 'PIL'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


def test_layers(run: Run) -> None:
    said = run("layers", MODEL)
    assert (said.code, said.err) == (0, "")
    assert "2 layers, 20 units" in said.out
    found = json.loads(run("layers", MODEL, "--json").out)
    assert [(layer["address"], layer["units"], layer["height"]) for layer in found] == [("1", 8, 32), ("4", 12, 7)]
    assert found[1]["rows"] == {"size": 8, "stride": 4, "start": -1}
    assert {layer["address"] for layer in json.loads(run("layers", MODEL, "--all", "--json").out)} == set("01234")


def test_coverage(run: Run) -> None:
    said = run("coverage", MODEL)
    assert (said.code, said.err) == (0, "")
    assert "method: deconvnet" in said.out
    found = json.loads(run("coverage", MODEL, "--method", "gradient", "--layers", "1", "--json").out)
    assert (found["method"], found["switches"]) == ("gradient", 0)
    assert [use["op"] for use in found["ops"]] == ["conv2d", "relu"]
    assert {"address", "kind", "rule", "own", "reason"} <= found["ops"][0].keys()


def test_coverage_of_an_op_without_a_rule_exits_with_1(run: Run) -> None:
    said = run("coverage", "python:small_net:odd", "--layers", "relu", "--method", "deconvnet")
    assert said.code == 1, said
    assert "refused: sinc" in said.out
    refused = run("atlas", "python:small_net:odd", "images", "-o", "odd", "--layers", "relu", "--method", "deconvnet")
    assert refused.code == 2
    assert refused.err.startswith("CoverageError: 1 op(s)")


def test_project(run: Run, place: Path) -> None:
    said = run("project", MODEL, "images/a/0.png", "4:1", "-o", "one.png", "--json")
    assert (said.code, said.err) == (0, "")
    found = json.loads(said.out)
    assert found.keys() == {"unit", "value", "method", "window", "scale", "output"}
    assert found["unit"].startswith("4:1@")
    assert found["method"] == "deconvnet"
    with Image.open(place / "one.png") as picture:
        assert picture.size == (32 + 8 + 32, 32)
    plain = run("project", MODEL, "images/a/0.png", "4:1", "-o", "one.png")
    assert f"unit: {found['unit']}" in plain.out.splitlines()


def test_atlas_with_pages(run: Run, place: Path) -> None:
    words = ["atlas", MODEL, "images", "-o", "atlas[bold]", "--top", "2", "--per-class", "1", "--units", "3"]
    said = run(*words)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("20 units in 2 layers over 6 images (1 skipped), 12 projections by deconvnet\n")
    index = Path(said.out.splitlines()[-1])
    assert index == place / "atlas[bold]" / "site" / "index.html"
    assert index.is_file()
    assert len(list((place / "atlas[bold]" / "sheets").glob("*.png"))) == 2
    again = run(*words, "--no-pages", "--json")
    assert (again.code, again.err) == (0, "")
    found = json.loads(again.out)
    assert found.keys() == {
        *("path", "method", "layers", "units", "images", "skipped", "projections", "notes", "index")
    }
    assert (found["path"], found["index"], found["images"], found["skipped"]) == ("atlas[bold]", None, 7, 1)


@pytest.mark.parametrize(
    "options",
    [["--top", "1", "--limit", "1"], ["--limit", "99", "--units", "0", "--layers", "4,1,4"], ["--per-image", "many"]],
)
def test_borders_of_every_number(run: Run, place: Path, options: list[str]) -> None:
    said = run("atlas", MODEL, "images", "-o", "borders", "--overwrite", "--json", *options)
    assert (said.code, said.err) == (0, ""), said
    found = json.loads(said.out)
    assert Path(found["index"]).is_file()
    assert Atlas.open(place / "borders").manifest.settings.layers == ("1", "4")


WRONG: list[tuple[list[str], str]] = [
    (["atlas", MODEL, "nowhere", "-o", "x"], "ImageSetError"),
    (["atlas", "nothing:at-all", "images", "-o", "x"], "SpecError"),
    (["atlas", "python:small_net:missing", "images", "-o", "x"], "SpecError"),
    (["atlas", MODEL, "images", "-o", "a-file"], "AtlasError: a-file is a file"),
    (["atlas", MODEL, "images", "-o", "images"], "AtlasError: images lies in the image folder"),
    (["atlas", MODEL, "images", "-o", "images/atlas"], "AtlasError: images/atlas lies in the image folder"),
    (["atlas", MODEL, "images", "-o", "a-file/atlas"], "NotADirectoryError"),
    (["atlas", MODEL, "images", "-o", "/proc/atlas"], "FileNotFoundError"),
    (["atlas", MODEL, "images", "-o", "x", "--layers", "features.3"], "AddressError: no layer 'features.3'"),
    (["atlas", MODEL, "images", "-o", "x", "--layers", ","], "AddressError: no layer was named"),
    (["atlas", MODEL, "images", "-o", "x", "--per-image", "few"], "SettingError: per_image is one of one, many"),
    (["atlas", MODEL, "images", "-o", "x", "--method", "magic"], "CoverageError: unknown method"),
    (["atlas", MODEL, "images", "-o", "x", "--unpool", "magic"], "CoverageError: unknown unpool"),
    (["atlas", MODEL, "images", "-o", "x", "--device", "warp"], "ModelError: device 'warp' cannot be used"),
    (["atlas", MODEL, "images", "-o", "x", "--device", "meta"], "ModelError: device 'meta' cannot be used"),
    (["atlas", "python:small_net:nan", "images", "-o", "x"], "NumberError: layer '1' gives NaN"),
    (["project", MODEL, "broken.png", "4:1"], "ImageError: broken.png: not an image"),
    (["project", MODEL, "images", "4:1"], "ImageError: images holds 7 images"),
    (["project", MODEL, "images/a/0.png", "4:12"], "AddressError: layer '4' has units 0 to 11"),
    (["project", MODEL, "images/a/0.png", "4:1@7,7"], "AddressError: layer '4' has 7 rows"),
    (["project", MODEL, "images/a/0.png", "4"], "AddressError: '4' is not a unit address"),
    (["project", MODEL, "images/a/0.png", "4:1", "-o", "no/such/folder.png"], "FileNotFoundError"),
    (["project", "python:small_net:nan", "images/a/0.png", "4:1"], "NumberError: layer '4'"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_mistake_is_one_line_on_standard_error(run: Run, words: list[str], message: str) -> None:
    said = run(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(message)
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["atlas", MODEL],
        ["atlas", MODEL, "images", "-o", "x", "--top", "0"],
        ["atlas", MODEL, "images", "-o", "x", "--limit", "0"],
        ["atlas", MODEL, "images", "-o", "x", "--background", "1,2,300"],
        ["atlas", MODEL, "images", "-o", "x", "--background", "\u00b2,1,1"],
        ["frobnicate"],
    ],
)
def test_a_wrong_call_shows_the_usage(run: Run, words: list[str]) -> None:
    said = run(*words)
    assert (said.code, said.out) == (2, "")
    assert "Usage" in said.err


def test_with_json_the_error_is_json_too(run: Run) -> None:
    said = run("project", MODEL, "images/a/0.png", "4:99", "--json")
    found: dict[str, Any] = json.loads(said.out)
    assert said.code == 2
    assert found["error"] == "AddressError"
    assert found["message"] in said.err


def test_an_interrupt_is_one_line_and_exit_code_130(place: Path) -> None:
    with shell(place, "atlas", MODEL, "images", "-o", "stopped") as process:
        limit = time.monotonic() + 60
        while not (place / "stopped" / "journal.json").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    said = Said.of(process.returncode, out, err)
    assert (said.code, said.out, said.err) == (130, "", "stopped; the same command goes on from here\n")
