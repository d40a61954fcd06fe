"""``convscope train`` and ``convscope evaluate`` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import Run, check_mistake
from tests.train.make import TINY, draw, draw_splits, toml

CHANGES = [word for name, value in (TINY | {"epochs": 1}).items() for word in ("--set", f"{name}={toml(value)}")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    draw_splits(folder / "data")
    draw(folder / "one", 2)
    for name in ("down", "grid"):
        for path in (folder / "one" / name).iterdir():
            path.unlink()
        (folder / "one" / name).rmdir()
    return folder


@pytest.fixture(scope="module")
def words() -> list[str]:
    return ["train", "zfnet-small", "data", "-o", "run", *CHANGES]


def test_train_says_what_came_out_and_evaluate_agrees(run: Run, place: Path, words: list[str]) -> None:
    said = run(*words)
    assert said.code == 0, said
    result = json.loads((place / "run/result.json").read_text())
    assert f"validation error {result['validation_error']:.2%}, training error" in said.out
    assert "held out: the folder val" in said.out
    assert said.out.rstrip().endswith("run/snapshots/epoch-0001.safetensors")
    again = json.loads(run(*words, "--json").out)
    assert again["validation_error"] == result["validation_error"]
    found = json.loads(run("evaluate", "snapshot:run", "data/val", "--json").out)
    assert found["error"] == result["validation_error"]
    assert set(found["error_by_class"]) == {"across", "down", "grid"}
    both = run("evaluate", "snapshot:run", "snapshot:run/snapshots/epoch-0000.safetensors", "data/val", "--ten-crops")
    assert "12 images, 0 skipped" in both.out


def test_images_that_a_list_names_are_left_out_and_recorded(run: Run, place: Path, words: list[str]) -> None:
    (place / "list.jsonl").write_text('{"image": "down/00.png"}\n{"image": "grid/01.png"}\n')
    less = [*words[:4], "less", *words[5:], "--exclude", "list.jsonl"]
    said = run(*less)
    assert said.code == 0, said
    assert "left out, as the list says: 2 images" in said.out
    assert json.loads((place / "less/run.json").read_text())["excluded"] == ["down/00.png", "grid/01.png"]
    (place / "list.jsonl").write_text('{"image": "down/00.png"}\n')
    code, _, err = run(*less)
    assert (code, err.split(":")[0]) == (2, "SettingError")
    assert "less holds a run of another recipe, data or seed" in err
    (place / "list.jsonl").write_text('{"image": "down/00.jpg"}\n')
    check_mistake(run(*words[:4], "x", *words[5:], "--exclude", "list.jsonl"), "ExclusionError: the list", place / "x")
    (place / "list.jsonl").write_text("".join(f'{{"image": "down/{number:02d}.png"}}\n' for number in range(10)))
    code, _, err = run(*words[:4], "x", *words[5:], "--exclude", "list.jsonl")
    assert "train has none of the classes down any more" in err
    (place / "list.jsonl").write_text('{"image": "down/01.png"}\n')
    found = json.loads(run("evaluate", "snapshot:less", "data/val", "--exclude", "list.jsonl", "--json").out)
    assert (found["images"], found["left_out"]) == (11, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "zfnet-3", "data", "-o", "x"], "SettingError: There is no recipe 'zfnet-3'"),
        (["train", "zfnet-small", "data", "-o", "x", "--set", "epoch=3"], "SettingError: recipe zfnet-small: missing"),
        (["train", "zfnet-small", "data", "-o", "x", "--set", "network.edit.without=[9]"], "ModelError: no layer 9"),
        (["train", "zfnet-small", "nowhere", "-o", "x"], "ImageSetError: "),
        (["train", "zfnet-small", "one", "-o", "x"], "ImageSetError: one has 1 class; training needs at least two"),
        (["train", "zfnet-small", "data", "-o", "data/x"], "AtlasError: data/x lies in the image folder data"),
        (["train", "zfnet-small", "data", "-o", "x", "--accelerator", "foo"], "SettingError: accelerator 'foo' with 1"),
        (["train", "zfnet-small", "data", "-o", "x", "--devices", "0"], "SettingError: devices is 0; it must be at"),
        (["evaluate", "snapshot:nowhere", "data"], "SpecError: snapshot:nowhere: there is no such file"),
        (["evaluate", "zoo:zfnet", "data"], "ModelError: zoo:zfnet has no class names"),
    ],
)
def test_mistakes(run: Run, place: Path, words: list[str], message: str) -> None:
    check_mistake(run(*words), message, place / "x")
