"""Pages of trainings, ablations and other experiments: against the files they are made of, read a second time."""

from __future__ import annotations

import csv
import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import expect
from starlette.testclient import TestClient

from convscope.errors import AtlasError, AtlasFormatError
from convscope.serve.app import make_app
from convscope.serve.gate import gate_of
from convscope.web.chart import Series, chart
from convscope.web.export import export_place
from convscope.web.listed import ChangingPlace, ListedPlace
from convscope.web.place import Place
from convscope.web.results.ablation import ablation_page
from convscope.web.results.course import POINTS, thinned
from convscope.web.results.experiment import KINDS, experiment_page
from convscope.web.results.parts import file_at
from convscope.web.results.places import (
    ablation_place,
    experiment_place,
    recognised_ablation,
    recognised_experiment,
    recognised_run,
    run_place,
)
from convscope.web.results.run import run_page
from convscope.web.shelf.place import Shelf
from tests.structure.source import ROOT
from tests.web.conftest import SIZES, Visit, serious
from tests.web.make_evolution import HOSTILE

REPORTS = ROOT / "docs/reports/ablation"
PLAIN = {"name": HOSTILE, "edit": {"widths": {"1": 32}, "without": [], "contrast": True, "pool": None}}
EPOCHS = "step,epoch,train_loss,train_error,val_loss,val_error,seconds\n"


def write_run(folder: Path, *, finished: bool = True, epochs: int = 3) -> Path:
    folder.mkdir(parents=True)
    recipe = {"name": "small", "network": PLAIN, "batch": 8, "epochs": 3, "note": f"a note {HOSTILE}"}
    run = {
        "key": "k" * 64, "validation_from": HOSTILE, "recipe": recipe, "training": "t" * 64, "validation": "v" * 64,
        "seed": 4, "excluded": ["one"],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    lines = [f"{10 * n},{n},{2 / n},{0.5 / n},{2.5 / n},{0.6 / n},1.5\n" for n in range(1, epochs + 1)]
    (folder / "epochs.csv").write_text(EPOCHS + "".join(lines))
    (folder / "steps.csv").write_text("step,epoch,loss,rate\n" + "".join(f"{n},1,{3 / n},0.1\n" for n in range(1, 31)))
    (folder / "snapshots").mkdir()
    for number in range(epochs + 1):
        (folder / "snapshots" / f"epoch-{number:04d}.safetensors").write_bytes(b"x" * 2000)
    if finished:
        result = {
            "run": "/somewhere/else", "snapshots": ["epoch-0003.safetensors"], "parameters": 12345,
            "multiply_adds": 99, "epochs": 3, "seconds": 240.0, "crops": "ten", "training_error": 0.125,
            "validation_error": 0.25, "validation_error_5": 0.01, "skipped": {f"{HOSTILE}.png": "is <b>broken</b>"},
        }  # fmt: skip
        (folder / "result.json").write_text(json.dumps(result))
    return folder


def test_a_finished_run(tmp_path: Path) -> None:
    page = run_page(write_run(tmp_path / "my run"))
    assert (page.finished, page.epochs, page.planned) == (True, 3, 3)
    assert page.errors is not None
    assert (page.errors.training, page.errors.validation, page.errors.validation_5) == (0.125, 0.25, 0.01)
    recipe = {fact.name: fact.value for fact in page.recipe}
    assert recipe["network.edit.widths.1"] == "32"
    assert recipe["network.edit.contrast"] == "yes"
    assert "note" not in recipe
    assert page.note.startswith("a note")
    assert [(each.moment, each.size) for each in page.snapshots] == [(f"epoch {n}", "2.0 kB") for n in range(4)]
    assert [each.title for each in page.charts] == ["Loss by epoch", "Error by epoch", "Loss by step, means"]
    loss = page.charts[0]
    assert [line.name for line in loss.lines] == ["training", "validation"]
    zero, top = (next(tick.at for tick in loss.up if tick.text == text) for text in ("0", "2"))
    ratio = [(zero - dot.y) / (zero - top) * 2 for dot in loss.lines[0].dots]
    assert ratio == pytest.approx([2 / 1, 2 / 2, 2 / 3], abs=0.02)
    assert page.commands[0].text == "convscope evolve './my run' IMAGES -o evolution"
    assert page.commands[1].text == "convscope atlas 'snapshot:./my run' IMAGES -o atlas"
    assert "/somewhere" not in json.dumps(page, default=vars)
    assert str(tmp_path) not in json.dumps(page, default=vars)


def test_a_run_that_is_still_going(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", finished=False, epochs=2)
    with (folder / "epochs.csv").open("a") as file:
        file.write("30,3,0.4,0.")
    with (folder / "steps.csv").open("a") as file:
        file.write("31")
    (folder / "snapshots" / ".epoch-0003.safetensors.abc.tmp").write_bytes(b"")
    page = run_page(folder)
    assert (page.finished, page.epochs, page.planned, page.errors) == (False, 2, 3, None)
    assert len(page.snapshots) == 3
    assert len(page.charts[0].places) == 2
    assert "Not finished: 2 of 3 epochs" in answer(run_place(folder), "index.html")


def test_a_run_that_has_just_begun(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", finished=False, epochs=0)
    for name in ("epochs.csv", "steps.csv"):
        (folder / name).unlink()
    (folder / "snapshots" / "epoch-0000.safetensors").unlink()
    (folder / "snapshots").rmdir()
    page = run_page(folder)
    assert (page.epochs, page.charts, page.snapshots, page.commands, page.downloads) == (0, (), (), (), ())
    assert "None yet." in answer(run_place(folder), "index.html")


def test_a_run_that_goes_on_is_shown_as_it_is_now(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", finished=False, epochs=1)
    rows = (folder / "epochs.csv").read_text()
    (folder / "epochs.csv").unlink()
    place = run_place(folder)
    with TestClient(
        make_app(Shelf({"run": place}), gate_of("127.0.0.1", 8000)), base_url="http://127.0.0.1:8000"
    ) as asked:
        assert "epochs.csv" not in asked.get("/at/run/index.html").text
        assert asked.get(f"/at/run/{file_at('epochs.csv')}").status_code == 404
        (folder / "epochs.csv").write_text(rows)
        assert "1 of 3 epochs" in asked.get("/at/run/index.html").text
        assert asked.get(f"/at/run/{file_at('epochs.csv')}").text == rows


def answer(place: ListedPlace | ChangingPlace, name: str) -> str:
    found = place.answer(name)
    assert found is not None
    return found.content.decode()


def exchanged(path: Path) -> None:
    """A link to something else in place of a file."""
    path.unlink()
    path.symlink_to("/etc/passwd")


Change = Callable[[Path], object]
DAMAGE: dict[str, tuple[Change, str]] = {
    "no JSON": (lambda run: (run / "run.json").write_text("{"), "run.json is not JSON"),
    "no recipe": (lambda run: (run / "run.json").write_text('{"key": "k", "seed": 1}'), "run.json: missing fields"),
    "a result of text": (lambda run: (run / "result.json").write_text('"x"'), "result.json holds a str"),
    "half a result": (lambda run: (run / "result.json").write_text('{"seconds": 1}'), "result.json: missing fields"),
    "another table": (lambda run: (run / "epochs.csv").write_text("a,b\n1,2\n"), "epochs.csv has the columns a, b"),
    "a short line": (lambda run: (run / "epochs.csv").write_text(f"{EPOCHS}1,2\n"), "epochs.csv, line 2 has 2 values"),
    "no number": (lambda run: (run / "steps.csv").write_text("step,loss\n1,x\n"), "steps.csv, line 2 is not numbers"),
    "no text": (lambda run: (run / "steps.csv").write_bytes(b"\xff\n"), "steps.csv is no text"),
    "a link": (lambda run: exchanged(run / "result.json"), "result.json is a link"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_run_names_its_file(tmp_path: Path, case: str) -> None:
    damage, message = DAMAGE[case]
    folder = write_run(tmp_path / "run")
    damage(folder)
    with pytest.raises(AtlasError, match=re.escape(message)):
        answer(run_place(folder), "index.html")


def test_a_value_that_is_no_number_is_a_gap() -> None:
    made = chart("t", "x", [0, 1, 2, 3], [Series("a", "first", [1.0, None, 2.0, 3.0])])
    assert made.lines[0].path.count("M") == 2
    assert len(made.lines[0].dots) == 3


@given(st.lists(st.floats(-1e300, 1e300) | st.none(), min_size=1, max_size=30))
def test_a_chart_stays_in_its_picture(values: list[float | None]) -> None:
    made = chart("t", "x", [float(n) for n in range(len(values))], [Series("a", "first", values)])
    dots = made.lines[0].dots
    assert len(dots) == sum(value is not None for value in values)
    assert all(made.left <= dot.x <= made.right and made.top - 0.01 <= dot.y <= made.bottom + 0.01 for dot in dots)
    known = [value for value in values if value is not None]
    for (one, a), (other, b) in zip(
        zip(known, dots, strict=True), zip(known[1:], dots[1:], strict=False), strict=False
    ):
        assert one == other or (one < other) == (a.y > b.y) or abs(a.y - b.y) < 0.02


@given(st.lists(st.floats(0, 100), max_size=3000))
def test_thinning_keeps_the_mean_of_each_stretch(values: list[float]) -> None:
    points = list(thinned(tuple(values)))
    assert len(points) <= POINTS
    ends = [0, *(number for number, _ in points)]
    for start, end, (_, mean) in zip(ends, ends[1:], points, strict=False):
        assert mean == pytest.approx(statistics.fmean(values[start:end]))
    assert ends[-1] == len(values)


@pytest.mark.parametrize("name", ["headline", "first-layer", "rotation", "fully-connected"])
def test_an_ablation_shows_its_summary(name: str) -> None:
    page = ablation_page(REPORTS / name)
    with (REPORTS / name / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    quantities = list(dict.fromkeys(row["quantity"] for row in rows))
    assert len(page.quantities) == len(quantities)
    assert [line.name for line in page.variants] == list(dict.fromkeys(row["variant"] for row in rows))
    for row in rows:
        line = next(line for line in page.variants if line.name == row["variant"])
        outcome = line.outcomes[quantities.index(row["quantity"])]
        assert outcome is not None
        for field, column in (("mean", "mean"), ("low", "low"), ("difference", "difference"), ("p", "p_holm")):
            found = getattr(outcome, field)
            assert (found is None) == (row[column] == "")
            assert found is None or found == float(row[column])
        assert outcome.clear == (row["p_holm"] != "" and float(row["p_holm"]) < 0.05)
        assert line.against == (row["against"] or None)
    with (REPORTS / name / "runs.csv").open(newline="") as file:
        assert [(r.variant, r.seed) for r in page.runs] == [
            (r["variant"], int(r["seed"])) for r in csv.DictReader(file)
        ]
    assert all(run.href is None for run in page.runs)  # the report is kept without its runs


def write_ablation(folder: Path) -> Path:
    """The tables of a report, with facts and two of its runs, one of them behind a link."""
    folder.mkdir()
    for path in (REPORTS / "headline").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    plan = {
        "name": "headline",
        "question": f"Is\n it {HOSTILE}?",
        "seeds": 6,
        "limits": "- little\n  of it\n- and <b>no more</b>\n",
        "more": 1,
    }
    (folder / "ablation.json").write_text(json.dumps({"plan": plan, "data": "/home/me/data", "changes": {"a": "b"}}))
    names = [run.folder for run in ablation_page(REPORTS / "headline").runs]
    write_run(folder / "runs" / names[0])
    write_run(folder / "runs" / names[1], finished=False)
    write_run(folder.parent / "elsewhere")
    (folder / "runs" / names[2]).symlink_to(folder.parent / "elsewhere")
    return folder


def test_an_ablation_leads_to_its_runs(tmp_path: Path) -> None:
    place = ablation_place(write_ablation(tmp_path / "ablation"))
    page = ablation_page(tmp_path / "ablation")
    assert [run.href for run in page.runs[:3]] == ["runs/0/index.html", "runs/1/index.html", None]
    assert page.question.startswith("Is it ")
    assert page.limits == ("little of it", "and <b>no more</b>")
    assert {fact.name: fact.value for fact in page.facts}["data"] == "data"
    assert 'href="../../index.html"' in answer(place, "runs/0/index.html")
    assert 'href="../../static/style.css"' in answer(place, "runs/0/index.html")
    assert "runs/2/index.html" not in set(place.names())
    assert all(found.content for _, found in place.answers())


def test_a_run_may_not_lead_out_of_its_folder(tmp_path: Path) -> None:
    folder = write_ablation(tmp_path / "ablation")
    text = (folder / "runs.csv").read_text()
    for name in ("../../elsewhere", "..", ".", "", "a/../../../elsewhere"):
        (folder / "runs.csv").write_text(re.sub(r'(,\d+,)"[^"]*"', rf'\1"{name}"', text, count=1))
        assert ablation_page(folder).runs[0].href is None


def test_a_damaged_ablation_names_its_file(tmp_path: Path) -> None:
    folder = write_ablation(tmp_path / "ablation")
    (folder / "figure.png").write_bytes(b"nothing")
    with pytest.raises(AtlasFormatError, match=r"figure.png is no picture"):
        ablation_place(folder)
    (folder / "summary.csv").write_text('"variant"\n"x"\n')
    with pytest.raises(AtlasFormatError, match=r"summary.csv is not as this program writes it"):
        ablation_place(folder)


def write_experiment(folder: Path, name: str, **facts: Any) -> Path:
    folder.mkdir()
    kind = KINDS[name]
    for picture in kind.pictures:
        Image.new("RGB", (60, 40)).save(folder / picture)
    for table in kind.tables:
        if table.endswith(".parquet"):
            pq.write_table(pa.table({"a": [1]}), folder / table)
        else:
            (folder / table).write_text("a\n1\n")
    (folder / "secret.txt").write_text("not listed")
    made = {
        "model": {"spec": HOSTILE},
        "images": {"name": HOSTILE, "names": ["n" * 30] * 100},
        "settings": {"a": [1, 2]},
    }
    (folder / name).write_text(json.dumps({"key": "k", **made, "notes": [f"note {HOSTILE}"], **facts}))
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_experiment_shows_what_its_table_lists(tmp_path: Path, name: str) -> None:
    folder = write_experiment(tmp_path / "made", name, skipped=[{"image": f"{HOSTILE}.png", "reason": "<b>bad</b>"}])
    assert recognised_experiment(folder)
    place = experiment_place(folder)
    page = experiment_page(folder)
    kind = KINDS[name]
    assert [figure.picture.width for figure in page.figures] == [60] * len(kind.pictures)
    expected = {f"files/{each}" for each in (*kind.pictures, *kind.tables)}
    assert {each for each in place.names() if each.startswith("files/")} == expected
    assert place.answer("files/secret.txt") is None
    assert place.answer(f"files/{name}") is None
    made = {fact.name: fact.value for fact in page.made_from}
    assert made["settings.a"] == "1, 2"
    assert len(made["images.names"]) < 500
    assert [fact.value for fact in page.skipped] == ["<b>bad</b>"]
    text = answer(place, "index.html")
    assert "<script>document" not in text
    assert "<b>bad" not in text


def test_the_files_are_those_that_the_commands_write() -> None:
    """Each listed name stands in the source of the pipeline that writes it."""
    for name, kind in KINDS.items():
        source = "".join(
            path.read_text() for path in (ROOT / "src/convscope/pipeline").glob(f"*{name.split('.')[0]}*.py")
        )
        for listed in (*kind.pictures, *kind.tables):
            assert f'"{listed}"' in source, f"{name}: {listed}"


def test_omissions_of_several_parts_are_found(tmp_path: Path) -> None:
    several = {"first": [{"image": "a", "reason": "r"}], "second": []}
    page = experiment_page(write_experiment(tmp_path / "a", "overlap.json", skipped=several, left_out={"first": 3}))
    assert [(fact.name, fact.value) for fact in page.skipped] == [("a", "r")]
    inner = [{"notes": ["inner"], "skipped": [{"image": "b", "reason": "s"}], "left_out": [{"op": "c", "reason": "t"}]}]
    page = experiment_page(write_experiment(tmp_path / "b", "diagnosis.json", diagnoses=inner))
    assert page.notes[-1] == "inner"
    assert [(fact.name, fact.value) for fact in page.skipped] == [("b", "s"), ("c", "t")]


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"notes": "one"}, "trust.json: notes: expected a list of sentences"),
        ({"skipped": ["name"]}, "trust.json: skipped: expected a list of objects"),
        ({"settings": json.loads("[" * 20 + "]" * 20)}, "trust.json is nested too deeply"),
    ],
)
def test_damaged_facts_are_named(tmp_path: Path, facts: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasFormatError, match=message):
        experiment_page(write_experiment(tmp_path / "made", "trust.json", **facts))


SUMMARY: dict[str, Any] = {
    "model": "m", "transform": "rotate", "axis": "rotation", "values": [0, 90], "images": 3, "answer": None,
    "layers": [{"layer": "1", "units": 2, "normalised": [0.0, 0.5], "score": 0.25, "low": None, "high": None,
                "unrelated": None, "relative": None, "more": 1}],
}  # fmt: skip
PART: dict[str, Any] = {
    "layer": "1", "part": "eye", "images": 3, "delta": 0.1, "low": 0.05, "high": 0.2, "changed": 0.5,
    "random_delta": 0.3, "random_changed": 0.25, "difference": -0.2, "difference_low": None, "difference_high": None,
    "p": 0.01,
}  # fmt: skip
LAYER = {"layers": [{"layer": "1", "dimensions": 7}], "random": [{"layer": "1", "delta": 0.3}]}


@pytest.mark.parametrize(
    ("name", "facts", "message"),
    [
        ("invariance.json", {"summaries": {}}, "summaries: expected a list of objects"),
        ("invariance.json", {"summaries": [{"model": 1}]}, "missing fields"),
        ("invariance.json", {"summaries": [SUMMARY | {"values": [0]}]}, "one number for each of 1 values"),
        ("invariance.json", {"summaries": [SUMMARY | {"values": []}]}, "one number for each of 0 values"),
        ("invariance.json", {"summaries": [SUMMARY | {"answer": 3}]}, "answer: expected an object"),
        ("invariance.json", {"summaries": [SUMMARY | {"axis": 3}]}, "axis: expected str"),
        ("correspondence.json", LAYER | {"table": [PART | {"delta": "0.1"}]}, "delta: expected float"),
        ("correspondence.json", LAYER | {"layers": [3]}, "layers: expected a list of objects"),
        ("correspondence.json", LAYER | {"random": [{"layer": "1"}]}, "missing fields: delta"),
    ],
)
def test_damaged_findings_are_named(tmp_path: Path, name: str, facts: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasFormatError, match=message):
        experiment_page(write_experiment(tmp_path / "made", name, **facts))


def test_findings_stand_on_the_page_beside_the_file_that_holds_them(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path / "made", "correspondence.json", **LAYER, table=[PART])
    text = answer(experiment_place(folder), "index.html")
    assert re.search(r'<th scope="row">eye</th><td class="number">3</td>', text)
    assert "0.05 to 0.2" in text
    assert 'href="files/table.csv" download' in text
    answered = {"watched": "labels", "probability": [0.75, 0.5], "consistency": 0.5, "agreement": None}
    many = SUMMARY | {"answer": answered, "layers": [SUMMARY["layers"][0] | {"layer": str(n)} for n in range(9)]}
    page = experiment_page(write_experiment(tmp_path / "moved", "invariance.json", summaries=[many]))
    assert [line.name for line in page.findings.charts[0].lines] == ["0", "2", "5", "8"]
    assert len(page.findings.tables[0].rows) == 9
    assert "stays the same in 50.0%" in page.findings.tables[0].remark
    assert page.findings.charts[1].title == "rotate, m: probability of the watched class (labels)"


def test_links_are_refused(tmp_path: Path) -> None:
    folder = write_experiment(tmp_path / "made", "trust.json")
    exchanged(folder / "trust.csv")
    with pytest.raises(AtlasError, match=r"trust.csv is a link, expected a file"):
        experiment_place(folder)


def test_folders_are_told_apart(tmp_path: Path) -> None:
    run, ablation = write_run(tmp_path / "run"), write_ablation(tmp_path / "ablation")
    trust = write_experiment(tmp_path / "trust", "trust.json")
    tests = (recognised_run, recognised_ablation, recognised_experiment)
    for number, folder in enumerate((run, ablation, trust)):
        assert [test(folder) for test in tests] == [place == number for place in range(3)]
    assert not any(test(tmp_path) for test in tests)
    with pytest.raises(AtlasError, match="holds no result"):
        experiment_page(tmp_path)


@pytest.mark.parametrize("size", SIZES)
def test_pages_open_from_disk_and_fit(tmp_path: Path, visit: Visit, size: tuple[int, int]) -> None:
    places: dict[str, Place] = {
        "run": run_place(write_run(tmp_path / "run")),
        "ablation": ablation_place(write_ablation(tmp_path / "ablation")),
        "trust": experiment_place(write_experiment(tmp_path / "trust", "trust.json")),
        "parts": experiment_place(write_experiment(tmp_path / "parts", "correspondence.json", **LAYER, table=[PART])),
        "moved": experiment_place(write_experiment(tmp_path / "moved", "invariance.json", summaries=[SUMMARY] * 2)),
    }
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    visit.page.emulate_media(color_scheme="dark" if size == SIZES[0] else "light")
    for name, place in places.items():
        export_place(place, tmp_path / "site" / name)
        visit.page.goto(f"{(tmp_path / 'site' / name).as_uri()}/index.html")
        visit.page.wait_for_load_state("networkidle")
        assert visit.page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
        assert visit.page.title() != "owned"
        assert visit.complaints == []
        assert serious(visit.page) == []
        visit.complaints.clear()  # axe-core asks for style sheets, which file:// refuses
    visit.page.goto(f"{(tmp_path / 'site/ablation').as_uri()}/index.html")
    visit.page.locator("a[href='runs/1/index.html']").click()
    expect(visit.page.get_by_text("Not finished: 3 of 3 epochs so far.")).to_be_visible()
    visit.page.get_by_role("link", name="headline").click()
    expect(visit.page.get_by_role("heading", name="Ablation: headline")).to_be_visible()
