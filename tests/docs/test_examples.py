"""The examples of the documents run, page by page, on a tiny network and images that are made up here."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.main import get_command

from convscope.atlas.reader import Atlas
from convscope.cli import app
from tests.atlas.make import make_atlas
from tests.docs.tiny import CONVOLUTIONS, UNITS, classify
from tests.structure.test_documents import DOCUMENTS, examples
from tests.train.ablation.make import in_this_process

ROOT = Path(__file__).parents[2]
MODEL, STAND_IN = "torchvision:vgg16", "python:tests.docs.tiny:build"
IMAGES = 12


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with ``photographs/`` in it, two classes of six."""
    generator = np.random.default_rng(0)
    for number in range(IMAGES):
        path = tmp_path / "photographs" / ("owl", "sheep")[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(generator.integers(0, 256, (5, 6, 3)).astype(np.uint8))
        coarse.resize((48, 40), Image.Resampling.BICUBIC).save(path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(page: str, stand_in: str = STAND_IN) -> dict[str, Any]:
    """Run the Python examples of a page one after the other; what they leave behind."""
    names: dict[str, Any] = {}
    found = examples(ROOT / page, "python")
    for number, example in enumerate(found):
        exec(compile(example.replace(MODEL, stand_in), f"{page}, example {number}", "exec"), names)
    assert found
    return names


def test_readme(place: Path) -> None:
    names = run("README.md", "python:tests.docs.tiny:classify")
    assert (place / "atlas/site/index.html").is_file()
    assert len(names["atlas"].layers()) == len(CONVOLUTIONS)
    assert names["picture"].pixels.shape == (32, 32, 3)
    assert names["projection"].shape[2] == 3
    assert names["found"].peak_box == (0, 0, 32, 32)


def test_scan(place: Path) -> None:
    names = run("docs/how-to/scan.md")
    assert names["tally"].top.value.shape == (UNITS, 9)
    assert set(names["tally"].by_class) == {0, 1}
    assert 0 <= names["row"] < names["layer"].height
    assert 0 <= names["column"] < names["layer"].width
    assert names["peaks"].shape == (IMAGES, UNITS)


def test_project(place: Path) -> None:
    found = run("docs/how-to/project.md")["found"]
    assert str(found.unit).startswith("features.29:12@")
    assert found.method == "deconvnet"
    with Image.open("projection.png") as picture:
        assert picture.size == (32, 32)
    assert Atlas.open("survey").query("SELECT count(*) AS n FROM projections")["n"].to_pylist() == [0]


def test_training(place: Path) -> None:
    names = run("docs/how-to/training.md")
    assert names["trained"].snapshots == tuple(f"epoch-{epoch:04d}.safetensors" for epoch in (0, 1, 2))
    assert names["found"].error == names["trained"].validation_error


def test_atlas_and_its_pages(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/how-to/atlas.md")
    assert names["summary"].projections == len(CONVOLUTIONS) * 2 * 9
    assert len(list((place / "atlas/sheets").iterdir())) == len(CONVOLUTIONS)
    assert (place / "unit-12.png").is_file()
    assert names["peaks"].values.shape == (UNITS, IMAGES)
    assert names["low"] + names["mid"] + names["high"] == pytest.approx(1, abs=1e-5)
    assert f"features.29 {UNITS} units" in capsys.readouterr().out
    assert run("docs/how-to/pages.md")["summary"].index.is_file()


def test_occlusion(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/how-to/occlusion.md", "python:tests.docs.tiny:classify")
    assert names["found"].target_grid.shape == (3, 3)
    assert names["found"].layers[0].layer == "features.29"
    assert names["rough"].exact.mean() <= 0.5
    assert names["planned"].places == 3 * 3
    with Image.open("figure.png") as figure:
        assert figure.width > 2000
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:3]] == ["grey", "blur", "noise:1"]
    assert printed[-2].startswith(f"{names['rough'].exact.mean()} of the places computed; error mean")
    assert printed[-1].startswith(f"9 places in {names['planned'].groups} groups, gain ")


def test_correspondence(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = examples(ROOT / "docs/how-to/correspondence.md", "csv")
    (place / "parts.csv").write_text(table)
    names = run("docs/how-to/correspondence.md", "python:tests.docs.tiny:classify")
    assert names["found"].parts == ("left eye", "nose")
    assert names["row"].distances.shape == (2, 2)
    assert names["row"].random_deltas.shape == (20,)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("features.30 left eye ")
    assert [line.split()[0] for line in printed[-3:]] == ["anywhere", "elsewhere", "swapped"]


def test_invariance(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/how-to/invariance.md", "python:tests.docs.tiny:classify")
    found = names["found"]
    assert found.distance.shape == (IMAGES, len(CONVOLUTIONS) + 2, 36)  # and what the classifier reads and says
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        layer.address for layer in found.layers
    ]


def test_compare(place: Path) -> None:
    for seed, name in enumerate(("early", "late")):
        make_atlas(place / name, images=30, seed=seed)
    names = run("docs/how-to/compare.md")
    assert names["index"] == place / "comparison" / "index.html"
    assert len(names["matches"].best) == 6


def test_diagnosis(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run("docs/how-to/diagnosis.md", "python:tests.docs.tiny:classify")["found"]
    assert found.images == IMAGES
    assert len(found.filters) == len(CONVOLUTIONS)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(found.findings[0])
    assert [line.split()[0] for line in printed[-len(found.strided) :]] == [op.address for op in found.strided]


def test_the_table_of_findings_is_the_code() -> None:
    from convscope.probes.diagnosis.finding import KINDS

    text = (ROOT / "docs/how-to/diagnosis.md").read_text()
    for name, kind in KINDS.items():
        cells = [f"{100 * value:g}%" if kind.share else f"{value:g}" for value in (kind.mild, kind.strong)]
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert f"| {' | '.join(cells)} |" in row


def test_evolution(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "run").mkdir()
    for epoch in (1, 5, 20):
        torch.save(classify().state_dict(), place / f"run/epoch-{epoch:04d}.pt")
    names = run("docs/how-to/evolution.md", "python:tests.docs.tiny:classify")
    assert names["first"] == place / "evolution-site/index.html"
    found = names["found"]
    assert found.labels == ("epoch 1", "epoch 5", "epoch 20")
    assert len(found.layers) == len(CONVOLUTIONS)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:-1]] == [layer.address for layer in found.layers]
    assert printed[-1] == found.ranking_order.sentence
    assert (place / "recording/figure.png").is_file()
    assert names["recorded"].probed == "first"


def test_ablation(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.train.ablation.ablate.carry_out_all", in_this_process)  # loading torch takes seconds
    (plan,) = examples(ROOT / "docs/how-to/ablation.md", "toml")
    (place / "layer-7.toml").write_text(plan.replace("seeds = 5", "seeds = 1").replace("epochs=8", "epochs=1"))
    names = run("docs/how-to/ablation.md")
    assert names["row"].difference.count == 1
    assert (place / "layer-7/report.md").is_file()
    assert "'layer 7': ('there', 'none')" in capsys.readouterr().out


def test_transfer(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/how-to/transfer.md", "python:tests.docs.tiny:classify")
    found = names["found"]
    assert found.classes == ("owl", "sheep")
    assert found.confusion(*found.best, per_class=3).sum() == 3 * (IMAGES - 6)
    lines = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert lines == [[layer, classifier] for layer in found.layers for classifier in ("softmax", "svm")]


def test_trust(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/how-to/trust.md", "python:tests.docs.tiny:classify")
    assert names["row"].sentence in capsys.readouterr().out
    assert names["row"].cascade[-1].count == len(CONVOLUTIONS)
    assert names["test"].test == "image"
    assert len(Atlas.open("tested").trust("features.29")) == 4


def test_overlap(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "benchmark").mkdir()
    with Image.open("photographs/owl/02.png") as picture:
        picture.crop((3, 0, 48, 36)).save("benchmark/crop.png")
        picture.resize((30, 25)).save("photographs/sheep/small.png")
    names = run("docs/how-to/overlap.md")
    printed = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in printed[::4]} == {"owl/02.png", "sheep/small.png"}
    (group,) = names["within"].groups
    assert len(names["within"].conflicts) == 1
    assert len(group) == 2


def test_results(place: Path) -> None:
    shutil.copytree(ROOT / "docs/reports/ablation/headline", place / "ablation")
    assert run("docs/how-to/results.md")["first"] == place / "ablation-site/index.html"
    assert (place / "ablation-site/files/report.md").is_file()


def test_rules(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = run("docs/how-to/rules.md")
    assert f"relu {len(CONVOLUTIONS)} rectify the signal" in capsys.readouterr().out
    text = (ROOT / "docs/how-to/rules.md").read_text()
    assert all(f"| `{kind.name}` |" in text for kind in names["Kind"])


def test_the_table_of_rules_is_the_code() -> None:
    from convscope.rules.kinds import Kind
    from convscope.rules.projection import METHODS

    text = (ROOT / "docs/how-to/rules.md").read_text()
    for kind in Kind:
        cells = [rules[kind].name if kind in rules else "refused" for rules in METHODS.values()]
        assert f"| `{kind.name}` | {' | '.join(cells)} |" in text


def shell_calls(path: Path) -> list[str]:
    """The lines of shell examples that call convscope; a line that ends in a backslash goes on in the next."""
    lines = [line for example in examples(path, "sh") for line in example.replace("\\\n", " ").splitlines()]
    calls = [line.removeprefix(".venv/bin/") for line in lines]
    return [call for call in calls if call.startswith("convscope ") and "--help" not in call]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_are_spelled_as_the_program_knows_them(path: Path) -> None:
    for call in shell_calls(path):
        _, name, *arguments = shlex.split(call, comments=True)
        command = vars(get_command(app))["commands"][name]
        command.make_context(name, arguments)  # raises for an unknown option or a missing argument


def test_the_spelling_check_bites() -> None:
    command = vars(get_command(app))["commands"]["atlas"]
    with pytest.raises(Exception, match=r"[Nn]o such option"):
        command.make_context("atlas", ["m", "i", "-o", "d", "--unit-count", "3"])
