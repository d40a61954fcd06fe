"""``convscope plan``: its windows are those that really change, its decisions are the sweep's own."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convscope.engine.graphs import graph_of
from convscope.errors import SettingError
from convscope.probes.occlusion.plan import plan_occlusion
from tests.cli.process import Run
from tests.cli.test_occlude import FACTORY, MODEL
from tests.probes.make import LAYER, SIZE, classifier, model

POOL = "2"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "small_classifier.py").write_text(FACTORY)
    return tmp_path


@pytest.fixture
def run(run: Run) -> Run:
    return partial(run, "plan")


def changed_boxes(upto: int, patch: int, stride: int) -> list[tuple[int, int]]:
    """Rows and columns of the box in which a map of the eager module changes, for each place."""
    net = classifier()[: upto + 1]
    generator = torch.Generator().manual_seed(1)
    image, front = (torch.randn(1, 3, SIZE, SIZE, generator=generator) for _ in range(2))
    boxes = []
    with torch.no_grad():
        for y in range(0, SIZE - patch + 1, stride):
            for x in range(0, SIZE - patch + 1, stride):
                covered = image.clone()
                covered[..., y : y + patch, x : x + patch] = front[..., y : y + patch, x : x + patch]
                differs = (net(covered) != net(image))[0].any(0).numpy()
                rows, columns = (np.flatnonzero(differs.any(axis)) for axis in (1, 0))
                boxes.append((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1))
    return boxes


def by_address(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {op["address"]: op for op in said["ops"]}


def test_windows_hold_just_what_changes(run: Run) -> None:
    code, out, err = run(MODEL, "--patch", "4", "--stride", "4", "--json")
    assert (code, err) == (0, "")
    ops = by_address(json.loads(out))
    for address in ("1", POOL, LAYER):
        rows, columns = zip(*changed_boxes(int(address), 4, 4), strict=True)
        assert ops[address]["largest"] == [max(rows), max(columns)]
        assert min(rows) <= ops[address]["smallest"][0] <= max(rows)
    assert [ops[address]["map"] for address in ("1", POOL, LAYER)] == [[24, 24], [12, 12], [10, 10]]
    assert (ops["6"]["reason"], ops["6"]["on_windows"], ops["6"]["largest"]) == ("mixes positions", False, None)


def test_an_op_goes_where_the_reason_says(run: Run) -> None:
    said = json.loads(run(MODEL, "--patch", "2", "--stride", "2", "--json")[1])
    assert said["places"] == 12 * 12
    assert said["predicted"] == pytest.approx(sum(op["predicted"] for op in said["ops"]))
    assert said["predicted_whole"] == pytest.approx(sum(op["predicted_whole"] for op in said["ops"]))
    assert {op["on_windows"] for op in said["ops"]} == {True, False}
    for op in said["ops"]:
        assert op["on_windows"] == (op["reason"] in ("pays", "before the cut"))
        assert (op["predicted"] < op["predicted_whole"]) == (op["reason"] == "pays")


def test_a_patch_as_large_as_the_image_is_run_on_whole_maps() -> None:
    found = plan_occlusion(model(), SIZE)
    assert (found.places, found.patch) == (1, (SIZE, SIZE))
    assert not any(op.on_windows for op in found.ops)
    assert found.predicted == found.predicted_whole
    reasons = {op.reason for op in found.ops if op.map is not None}
    assert reasons <= {"does not pay", "behind the cut"}


def test_measured_times_are_those_of_one_sweep() -> None:
    told: list[tuple[int, int]] = []
    found = plan_occlusion(model(), 4, layers=["1", LAYER], measure=True, report=lambda *done: told.append(done))
    assert told[-1] == (found.places, found.places) == (11 * 11, 11 * 11)
    assert found.measured is not None
    times = [op.measured for op in found.ops]
    assert all(time is not None and time > 0 for time in times)
    assert sum(time or 0 for time in times) < found.measured


def test_the_table_lists_every_op_and_the_totals(run: Run) -> None:
    code, out, err = run(MODEL, "--patch", "4x6", "--stride", "4", "--layers", f"1,{LAYER}", "--measure")
    assert (code, err) == (0, "")
    found = plan_occlusion(model(), (4, 6), 4, layers=["1", LAYER])
    lines = out.splitlines()
    assert "measured ms" in lines[0]
    assert [line.split()[0] for line in lines[1 : 1 + len(found.ops)]] == [op.address for op in found.ops]
    assert lines[-3].startswith(f"a patch of 4 x 6 at {found.places} places, in {found.groups} groups; ")
    assert lines[-2].startswith(f"predicted: {found.predicted:.2f} s")
    assert lines[-1].startswith("measured: ")


def test_a_plan_leaves_the_model_and_its_graph_alone() -> None:
    made = model()
    before = graph_of(made).fingerprint, {name: value.clone() for name, value in made.module.state_dict().items()}
    plan_occlusion(made, measure=True)
    assert graph_of(made).fingerprint == before[0]
    assert all(torch.equal(value, before[1][name]) for name, value in made.module.state_dict().items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--patch", "25"], "SettingError: a patch of 25x25"),
        (["--stride", "0"], "SettingError: the stride"),
        (["--layers", "99"], "AddressError: no layer '99'"),
    ],
)
def test_a_mistake_is_one_line(run: Run, words: list[str], message: str) -> None:
    code, out, err = run(MODEL, *words)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_no_op_is_timed_where_ops_overlap() -> None:
    with pytest.raises(SettingError, match="cannot be taken"):
        plan_occlusion(model(), device="cuda", measure=True)
