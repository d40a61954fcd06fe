"""``convscope ablate`` as a shell sees it: killed in the middle, gone on with, looked at before, and refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from convscope.pipeline.ablation import Place, ablate
from convscope.resources import training_jobs
from convscope.train.ablation.ablate import Ask, Crew, prepare
from convscope.train.ablation.reading import load_plan
from convscope.train.ablation.runs import Source
from convscope.train.ablation.sample import splits_of
from convscope.train.result import read_trained
from convscope.train.run import train
from tests.cli.process import Run, check_mistake
from tests.train.ablation.make import write_plan
from tests.train.make import draw_splits

HOT = """
[[variants]]
name = "hot"
changes = ["optimiser.rate=1e30"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    draw_splits(folder / "data", each=10, held_out=4)
    write_plan(folder)
    write_plan(folder, HOT, name="hot")
    return folder


def results(runs: Path) -> dict[str, int]:
    """When each finished run was finished."""
    return {path.parent.name: path.stat().st_mtime_ns for path in runs.glob("*/measures.json")}


@dataclass(frozen=True)
class Broken:
    """What there was when it was killed."""

    finished: dict[str, int]
    begun: set[str]


@pytest.fixture(scope="module")
def broken(place: Path) -> Broken:
    """An ablation whose processes were all killed once a run had finished and another had begun."""
    runs = place / "out/runs"
    words = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "convscope",
        "ablate",
        "tiny.toml",
        "data",
        "-o",
        "out",
        "--jobs",
        "2",
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(words, cwd=place, env=environment, start_new_session=True, stderr=subprocess.PIPE) as process:
        for _ in range(2000):
            if results(runs) and len(list(runs.glob("*/run.json"))) > len(results(runs)):
                break
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            time.sleep(0.05)
        finished = results(runs)
        os.killpg(process.pid, signal.SIGKILL)
    time.sleep(0.2)
    return Broken(finished, {path.parent.name for path in runs.glob("*/run.json")})


@pytest.fixture(scope="module")
def whole(place: Path, broken: Broken) -> Path:
    """The same again, to its end."""
    assert broken.finished
    ask = Ask(load_plan(place / "tiny.toml"), Source(str(place / "data")))
    ablate(ask, Place(place / "out"), Crew(jobs=2))
    return place / "out"


def test_a_killed_ablation_left_no_result_but_finished_runs(broken: Broken) -> None:
    assert 0 < len(broken.finished) < 4
    assert broken.finished.keys() < broken.begun


def test_finished_runs_are_not_touched(broken: Broken, whole: Path) -> None:
    now = results(whole / "runs")
    assert len(now) == 4
    assert {name: now[name] for name in broken.finished} == broken.finished


def test_it_is_what_unbroken_training_gives(place: Path, broken: Broken, whole: Path, tmp_path: Path) -> None:
    prepared = prepare(Ask(load_plan(place / "tiny.toml"), Source(str(place / "data"))))
    stopped = broken.begun - {*broken.finished}
    for (variant, seed), run in prepared.listed.runs.items():
        if run.folder not in stopped:
            continue
        splits = splits_of(place / "data", None, 24, seed)
        unbroken = train(run.recipe, splits, tmp_path / run.folder, seed=seed)
        again = read_trained(whole / "runs" / run.folder)
        assert again is not None
        assert again.validation_error == unbroken.validation_error
        one, other = load_file(unbroken.last), load_file(again.last)
        for name, weights in one.items():
            np.testing.assert_allclose(other[name], weights, rtol=1e-4, atol=1e-5, err_msg=f"{variant} {seed} {name}")


def test_what_it_writes(whole: Path) -> None:
    with (whole / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["variant"], row["seed"]) for row in rows] == [
        (name, seed) for seed in "01" for name in ("base", "without 7")
    ]
    assert len({row["folder"] for row in rows}) == 4
    for row in rows:
        facts = json.loads((whole / "runs" / row["folder"] / "result.json").read_text())
        assert float(row["validation_error"]) == facts["validation_error"]
        assert int(row["parameters"]) == facts["parameters"]
    facts = json.loads((whole / "ablation.json").read_text())
    assert facts["failed"] == []
    assert [each["changed"] for each in facts["variants"]] == [{}, {"layer 7": ["there", "none"]}]
    for name in ("figure", "gap", "measures", "curves"):
        with Image.open(whole / f"{name}.png") as picture:
            assert picture.width > 1000
    report = (whole / "report.md").read_text()
    assert "- **without 7**: layer 7 removed." in report
    assert "- Stripes are no photographs." in report
    assert str(whole) not in report


def test_the_room_of_finished_runs_is_foreseen_as_it_counts_as_there(whole: Path) -> None:
    """What is written is taken off what is needed: so what is needed must hold it."""
    ask = Ask(load_plan(whole.parent / "tiny.toml"), Source(str(whole.parent / "data")))
    nothing_yet, all_there = (training_jobs.ablate(ask, Crew(), whole / name).disk for name in ("none", "runs"))
    assert nothing_yet == all_there > 0


def test_a_finished_ablation_runs_nothing(run: Run, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    before = results(whole / "runs")
    said = run("ablate", "tiny.toml", "data", "-o", "out", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["folder"] == "out"
    assert {(row["variant"], row["quantity"]) for row in told["summaries"]} >= {("without 7", "gap"), ("base", "shift")}
    assert results(whole / "runs") == before


def test_a_run_that_diverges_is_listed_and_the_others_are_shared(run: Run, whole: Path) -> None:
    said = run("ablate", "hot.toml", "data", "-o", "hot", "--runs", "out/runs", "--seeds", "1")
    assert said.code == 0, said.err
    assert "hot, seed 0: NumberError: the loss is" in said.out
    assert said.out.splitlines()[-1] == "hot/report.md"
    lines = {line.split("  ")[0].strip(): line for line in said.out.splitlines()}
    assert lines["hot"].rstrip().endswith("0 of 1")
    assert lines["without 7"].rstrip().endswith("1 of 1")
    report = (whole.parent / "hot/report.md").read_text()
    assert "## Runs without a result\n\n- hot, seed 0: NumberError" in report
    assert "convscope ablate hot.toml DATA -o DIR --seeds 1 --training 24 --jobs 1\n" in report
    assert len(results(whole / "runs")) == 4


def test_a_dry_run_lists_and_writes_nothing(run: Run, place: Path, whole: Path) -> None:
    said = run("ablate", "hot.toml", "data", "-o", "dry", "--runs", "out/runs", "--dry-run")
    assert (said.code, said.err) == (0, "")
    assert "2 of 6 runs are missing" in said.out
    assert "by the 4 runs that are finished" in said.out
    assert not (place / "dry").exists()
    told = json.loads(
        run("ablate", "headline", "data", "-o", "dry", "--dry-run", "--json", "--set", "network.channels=1").out
    )
    assert (told["runs"], told["missing"]) == (12, 12)
    assert [row["parameters"] > 100_000 for row in told["variants"]] == [True, True]
    large = json.loads(
        run("ablate", "table-3", "data", "-o", "dry", "--dry-run", "--json", "--recipe", "zfnet-2013").out
    )
    assert large["runs"] == 18 * 5, "renormalised is the base of zfnet-2013, so these share their runs"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("headlines", "data"), "SettingError: there is no plan 'headlines'; choose one of first-layer"),
        (("headline", "data", "--seeds", "0"), "SettingError: plan headline: seeds is 0"),
        (("headline", "data", "--jobs", "0"), "SettingError: jobs is 0"),
        (("headline", "data", "--training", "2"), "SettingError: 2 training images cannot hold one of each"),
        (("headline", "data", "--set", "epochs=0"), "SettingError: plan headline, variant 'AlexNet form': recipe"),
        (("headline", "data", "--recipe", "zf"), "SettingError: plan headline, variant 'AlexNet form': There is no"),
        (("headline", "none"), "ImageSetError: "),
    ],
)
def test_a_mistake_is_one_line(run: Run, place: Path, words: tuple[str, ...], message: str) -> None:
    check_mistake(run("ablate", *words, "-o", "wrong"), message, place / "wrong")
