"""From a demand and a limit to a plan and an allowance: nothing is measured here, all numbers are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convscope.engine.allowance import USUAL
from convscope.errors import DiskFullError, MemoryLimitError
from convscope.resources import settle as settling
from convscope.resources.demand import Demand, Step
from convscope.resources.plan import Plan
from convscope.resources.settle import SLACK, check_disk, more_needed_named, settle

HELD, FREE = 400_000_000, 2_000_000_000
PASS = Step("a forward pass of one image", "images", 100_000_000, 20_000_000, 1, 32)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "resident", lambda: HELD)
    monkeypatch.setattr(settling, "available", lambda: FREE)


def demand(*steps: Step, memory: int = 0, disk: int = 0) -> Demand:
    return Demand("atlas", 5, steps=steps, memory=memory, disk=disk)


def test_with_room_steps_are_as_large_as_usual() -> None:
    plan, allowance = settle(demand(PASS))
    assert allowance.images == 32
    assert plan.memory == HELD + SLACK + 100_000_000 + 32 * 20_000_000
    assert (allowance.signals, allowance.places) == (USUAL.signals, USUAL.places)


def test_less_room_makes_steps_smaller() -> None:
    limit = HELD + SLACK + 100_000_000 + 3 * 20_000_000 + 19_999_999
    plan, allowance = settle(demand(PASS), limit)
    assert allowance.images == 3
    assert limit - 20_000_000 < plan.memory <= limit


def test_the_smallest_step_that_does_not_fit_is_refused_with_numbers() -> None:
    message = r"forward pass of one image needs about 712 MB .* than the 700 MB of --max-memory. .* at least 748 MB"
    with pytest.raises(MemoryLimitError, match=message):
        settle(demand(PASS), 700_000_000)
    with pytest.raises(MemoryLimitError, match=r"this job needs about 5.59 GB of memory, .* than what is free"):
        settle(demand(memory=5_000_000_000))


def test_what_helps_besides_is_said() -> None:
    many = replace(PASS, fixed=64 * 60_000_000, ways="decode with fewer than 64 threads (--workers)")
    with pytest.raises(MemoryLimitError, match=r"earlier layers, or decode with fewer than 64 threads \(--workers\)$"):
        settle(demand(many), 2_000_000_000)


def test_no_more_is_taken_than_there_is() -> None:
    """What the process will grow by besides its steps is not there twice."""
    plan, _ = settle(demand(replace(PASS, usual=10**9)))
    assert HELD + FREE - PASS.each < plan.memory <= HELD + FREE


steps = st.builds(
    Step,
    st.just("a step"),
    st.sampled_from(["images", "signals", "places"]),
    st.integers(0, 10**9),
    st.integers(1, 10**8),
    st.integers(1, 50),
    st.integers(50, 10**9),
)


@given(st.lists(steps, max_size=4), st.integers(10**8, 10**11), st.integers(0, 10**8))
def test_no_step_takes_more_than_the_limit(several: list[Step], limit: int, memory: int) -> None:
    asked = demand(*several, memory=memory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "resident", lambda: HELD)
        least = HELD + SLACK + memory + max([step.fixed + step.each * step.least for step in several], default=0)
        if least > limit:
            with pytest.raises(MemoryLimitError):
                settle(asked, limit)
            return
        plan, allowance = settle(asked, limit)
    assume(several)
    used = [HELD + SLACK + memory + s.fixed + s.each * min(getattr(allowance, s.bound), s.usual) for s in several]
    assert max(used) <= plan.memory <= limit
    assert all(step.least <= max(getattr(allowance, step.bound), step.least) for step in several)


def a_plan(disk: int) -> Plan:
    return Plan("atlas", 5, 0, 0, 1, disk, None, "")


def test_a_disk_without_room_is_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "free_bytes", lambda _: 1_000_000)
    check_disk(a_plan(900_000), tmp_path / "a", "")
    message = r"a will need up to 2.1 MB, and its disk has 1 MB free\. Nothing was written\. .* -o, or use --units$"
    with pytest.raises(DiskFullError, match=message):
        check_disk(a_plan(2_000_000), tmp_path / "a", "use --units")


def test_what_is_there_already_is_not_needed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "free_bytes", lambda _: 1_000_000)
    (tmp_path / "part").write_bytes(bytes(1_200_000))
    check_disk(a_plan(2_000_000), tmp_path, "")


def test_a_disk_that_filled_up_says_how_much_more_is_expected(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(bytes(400_000))
    with (
        pytest.raises(DiskFullError, match=r"^full\. About 600 kB more are expected to be written\.$"),
        more_needed_named(a_plan(1_000_000), tmp_path),
    ):
        raise DiskFullError("full.")


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (
            Plan("atlas", 5000, 1152, 1, 1_300_000_000, 52_000_000, (70.0, 400.0), "by one pass"),
            "plan: 5,000 images, 1,152 units, 1 projection; up to 1.3 GB of memory and 52 MB on disk; "
            "estimated 1 to 7 minutes (by one pass)",
        ),
        (Plan("export", 0, 0, 0, 10, 0, None, ""), "plan: export; up to 10 bytes of memory"),
        (
            Plan("x", 1, 0, 0, 10, 0, (0.1, 0.5), "b"),
            "plan: 1 image; up to 10 bytes of memory; estimated less than a second (b)",
        ),
        (Plan("x", 1, 0, 0, 10, 0, (3.0, 9.0), "b"), "plan: 1 image; up to 10 bytes of memory; estimated 3 to 9 s (b)"),
        (
            Plan("x", 1, 0, 0, 10, 0, (9000.0, 30000.0), "b"),
            "plan: 1 image; up to 10 bytes of memory; estimated 2 to 8 hours (b)",
        ),
    ],
)  # fmt: skip
def test_a_plan_in_one_sentence(plan: Plan, sentence: str) -> None:
    assert plan.sentence() == sentence
