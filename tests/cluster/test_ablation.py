"""An ablation on a real Ray cluster: workers train in processes of their own, and the numbers are those of here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convscope.cluster.executor import RayExecutor
from convscope.pipeline.ablation import Place, ablate
from convscope.train.ablation.ablate import Ask, Crew
from convscope.train.ablation.reading import load_plan
from convscope.train.ablation.runs import Source
from tests.train.ablation.make import write_plan
from tests.train.make import draw_splits

pytest.importorskip("lightning")


def test_runs_on_a_cluster_have_the_same_numbers_and_are_not_repeated(cluster: Any, tmp_path: Path) -> None:
    plan = replace(load_plan(write_plan(tmp_path)), seeds=1, curves=())
    ask = Ask(plan, Source(str(draw_splits(tmp_path / "data"))), changes={"epochs": 1})
    executor = RayExecutor(cluster.address, workers=2, patience=60)
    said: list[tuple[str, int, int]] = []
    there = Place(tmp_path / "there")
    found = ablate(ask, there, Crew(accelerator="cpu"), executor=executor, report=lambda *step: said.append(step))
    assert found.failed == ()
    runs = len(plan.every) * plan.seeds
    assert [done for stage, done, _ in said if stage == "runs"] == list(range(runs + 1))
    steps = [done for stage, done, _ in said if stage == "train"]
    assert steps == sorted(steps)
    assert {total for stage, _, total in said if stage == "train"} == {steps[-1]}
    trained = {path: path.stat().st_mtime_ns for path in there.trainings.rglob("*.safetensors")}
    assert len(trained) >= runs
    ablate(ask, Place(tmp_path / "here"), Crew(jobs=2, accelerator="cpu"))
    values = [(tmp_path / name / "values.parquet").read_bytes() for name in ("there", "here")]
    assert values[0] == values[1]
    again = ablate(ask, there, Crew(accelerator="cpu"), overwrite=True, executor=executor)
    assert again.summaries == found.summaries
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
