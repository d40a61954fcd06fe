"""Tables and report of an ablation: the numbers of the result, in words that claim no more than they show."""

from __future__ import annotations

import csv
import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from convscope.errors import SettingError
from convscope.interval import Interval
from convscope.pipeline.ablation import FACTS, FILES, RUNS, Place, ablate
from convscope.pipeline.ablation_report import Circumstances, report_of
from convscope.pipeline.ablation_rows import RunRow, SummaryRow, ValueRow, run_rows, summary_rows, value_rows
from convscope.pipeline.ablation_table import differences_of, percent, points, probability, size, table_of
from convscope.pipeline.results import ResultFolder
from convscope.train.ablation.ablate import Ask, Crew, prepare
from convscope.train.ablation.reading import load_plan
from convscope.train.ablation.runs import Source
from convscope.train.ablation.statistics import Difference
from convscope.train.reading import changes_of
from tests.train.ablation.make import in_this_process, result_of, write_plan
from tests.train.ablation.test_processes import stand_in
from tests.train.make import draw, draw_splits

ABOUT = Circumstances("convscope ablate p DATA -o DIR", "Data: stripes", "Recipe `zfnet-small`", "a machine")
FOUND = result_of(
    {"base": [0.20, 0.21, 0.22], "b | c": [0.10, 0.12, 0.12], "odd": [0.2, None, 0.3], "none": [None] * 3}, ["shift"]
)


def test_numbers_as_text() -> None:
    assert percent(Interval(0.1234, 0.12, 0.1268, 5)) == "12.34 ± 0.34"
    assert percent(Interval(0.5, None, None, 1)) == "50.00"
    assert points(Difference(-0.0123, -0.02, -0.0046, 5, 0.01, 0.0625)) == "-1.23 ± 0.77"
    assert [probability(p) for p in (None, 0.0625, 0.00001, 1.0)] == ["-", "0.062", "<0.0001", "1"]
    assert [size(n) for n in (12, 331_658, 62_357_608, 2_476_704_896)] == ["12", "332 k", "62.4 M", "2.48 G"]


def test_the_table_has_a_line_for_every_variant() -> None:
    table = table_of(FOUND)
    assert [line[0] for line in table.lines] == ["base", "b | c", "odd", "none"]
    assert [line[-1] for line in table.lines] == ["3 of 3", "3 of 3", "2 of 3", "0 of 3"]
    cells = dict(zip(table.heads, table.lines[1], strict=True))
    assert cells["validation error %"].startswith("11.33 ± ")
    assert cells["difference, points"].startswith("-9.67 ± ")
    assert cells["p, signs"] == "0.25"
    assert cells["shift consistency %"].startswith("88.67 ± ")
    assert set(table.lines[3][3:-1]) == {"-"}
    lines = table.markdown().splitlines()
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(table.heads) + 1}


def test_differences_of_all_quantities_with_stars() -> None:
    table = differences_of(FOUND)
    assert table.heads == ("variant", "against", "validation error", "training error", "gap", "shift consistency")
    assert [line[:2] for line in table.lines] == [("b | c", "base"), ("odd", "base"), ("none", "base")]
    better, odd, none = table.lines
    assert better[2].startswith("-9.67 ± ")
    assert better[5].startswith("+9.67 ± ")
    assert all(cell.endswith(" *") for cell in better[2:])
    assert not any(cell.endswith(" *") for cell in odd[2:])
    assert set(none[2:]) == {"-"}


def test_the_report_says_what_failed_and_what_is_clear() -> None:
    text = report_of(FOUND, ABOUT, {"figure.png": "All of it"})
    assert "1 of 2 differences have p < 0.05 after correction:\n\n- **b | c** is better than base: -9.67" in text
    assert "Of the others nothing is shown" in text
    assert "- odd, seed 1: NumberError: the loss is nan" in text
    assert "A variant that sometimes fails looks better than it is" in text
    assert "With 2 pairs the test by signs cannot give less than 0.5" in text
    assert "![All of it](figure.png)" in text
    assert "- **odd**: layer 7 removed." in text


def test_a_report_without_failures_does_not_speak_of_them() -> None:
    text = report_of(result_of({"base": [0.2, 0.3], "b": [0.3, 0.25]}), ABOUT, {})
    assert "Runs without a result" not in text
    assert "0 of 1 differences have p < 0.05 after correction." in text


def test_a_single_seed_compares_nothing_by_p() -> None:
    text = report_of(result_of({"base": [0.2], "b": [None]}), ABOUT, {})
    assert "nothing is compared" in text


def test_tables_hold_what_the_result_holds(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, FACTS, {})
    folder.write_rows("runs.csv", RunRow, run_rows(FOUND))
    folder.write_rows("values.parquet", ValueRow, value_rows(FOUND))
    folder.write_rows("summary.parquet", SummaryRow, summary_rows(FOUND))
    with (tmp_path / "runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    assert len(runs) == 4 * 3
    assert [row["variant"] for row in runs if row["failure"]] == ["odd", "none", "none", "none"]
    values = pq.read_table(tmp_path / "values.parquet").to_pylist()
    assert {"variant": "odd", "seed": 2, "quantity": "gap", "value": 0.15} in values
    assert len(values) == (3 + 3 + 2) * 5
    summary = {
        (row["variant"], row["quantity"]): row for row in pq.read_table(tmp_path / "summary.parquet").to_pylist()
    }
    row = summary["b | c", "validation_error"]
    assert (row["against"], row["runs"], row["pairs"], row["p_signs"]) == ("base", 3, 3, 0.25)
    assert row["difference"] == pytest.approx(-0.29 / 3)
    assert summary["base", "validation_error"]["difference"] is None


def test_another_plan_is_not_overwritten(tmp_path: Path) -> None:
    plan = load_plan(write_plan(tmp_path))
    ask = Ask(plan, Source(str(draw_splits(tmp_path / "pictures"))))
    out = tmp_path / "out"
    out.mkdir()
    (out / FACTS).write_text(json.dumps({"plan": {"name": "other"}}))
    with pytest.raises(SettingError, match="holds the result of plan 'other'; choose another folder"):
        ablate(ask, Place(out))
    with pytest.raises(SettingError, match="jobs is 0"):
        ablate(ask, Place(out), Crew(jobs=0))
    wrong = replace(ask, changes={"network.form": "vgg"})
    with pytest.raises(SettingError, match=r"plan tiny, variant 'base': .*network.form is 'vgg'"):
        ablate(wrong, Place(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_the_result_of_another_command_is_not_mixed_with_its_own(tmp_path: Path) -> None:
    ask = Ask(load_plan(write_plan(tmp_path)), Source(str(draw_splits(tmp_path / "pictures"))))
    other = tmp_path / "out/transfer.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"key": "k", "made_with": {}}))
    with pytest.raises(SettingError, match=r"holds the result of another command \(transfer\.json\)"):
        ablate(ask, Place(tmp_path / "out"))
    assert [*other.parent.iterdir()] == [other]


def test_files_of_an_older_result_do_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.train.ablation.ablate.carry_out_all", in_this_process)
    plan, source = load_plan(write_plan(tmp_path)), Source(str(draw_splits(tmp_path / "pictures")))
    ablate(Ask(replace(plan, seeds=1), source), Place(tmp_path / "out"))
    with_all = {path.name for path in (tmp_path / "out").iterdir()}
    ablate(Ask(replace(plan, seeds=1, measures=(), curves=()), source), Place(tmp_path / "out"))
    without = {path.name for path in (tmp_path / "out").iterdir()}
    assert with_all == {FACTS, RUNS, *FILES}
    assert with_all - without == {"curves.parquet", "curves.png", "measures.png"}


def test_the_report_tells_the_command_and_names_what_is_not_utf_8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convscope.train.ablation.ablate.carry_out_all", in_this_process)
    pictures = draw_splits(tmp_path / "pictures").rename(tmp_path / os.fsdecode(b"caf\xe9"))
    changes = {"images.mirror": False, "schedule.kind": "constant", "network.edit.strides": {"2": 1}}
    plan = replace(load_plan(write_plan(tmp_path)), seeds=1)
    source = Source(str(pictures / "train"), str(pictures / "val"), 21)
    ablate(Ask(plan, source, None, changes, str(tmp_path / "tiny.toml")), Place(tmp_path / "out"))
    report = (tmp_path / "out/report.md").read_text("utf-8")
    (command,) = (line for line in report.splitlines() if line.startswith("convscope"))
    words = shlex.split(command)
    assert words[:6] == ["convscope", "ablate", "tiny.toml", "DATA", "-o", "DIR"]
    assert words[6:12] == ["--validation", "IMAGES", "--seeds", "1", "--training", "21"]
    assert words[12:14] == ["--jobs", "1"]
    assert changes_of(words[15::2]) == changes
    assert "`images.mirror=false`, `schedule.kind=constant`, `network.edit.strides={2=1}`" in report
    assert "Data: train, 21 training images in each run; held out: val." in report
    ablate(Ask(plan, Source(str(pictures))), Place(tmp_path / "again"))
    assert "Data: caf\\udce9, 24 training images" in (tmp_path / "again/report.md").read_text("utf-8")


def test_a_tenth_is_held_out_by_the_seed_of_each_run(tmp_path: Path) -> None:
    plan, source = load_plan(write_plan(tmp_path)), Source(str(draw(tmp_path / "pictures", 12)))
    assert prepare(Ask(plan, source)).listed.origin == "10% of each class, by each run's seed"
    assert prepare(Ask(replace(plan, seeds=1), source)).listed.origin == "10% of each class, seed 0"


def test_when_every_run_fails_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "print(json.dumps({'error': 'NumberError', 'message': 'the loss is nan'}))")
    ask = Ask(load_plan(write_plan(tmp_path)), Source(str(draw_splits(tmp_path / "pictures"))))
    with pytest.raises(SettingError, match="no run of plan tiny has finished; the first: NumberError: the loss is nan"):
        ablate(ask, Place(tmp_path / "out"))
    assert not (tmp_path / "out" / FACTS).exists()
