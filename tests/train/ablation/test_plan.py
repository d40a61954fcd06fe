"""Plans: read strictly, swept completely."""

from __future__ import annotations

from pathlib import Path

import pytest

from convscope.errors import SettingError
from convscope.train.ablation.plan import Factor, Plan, Relative, Variant
from convscope.train.ablation.reading import load_plan, shipped_plans
from tests.train.ablation.make import TINY, plan_of, write_plan

SHIPPED = ("first-layer", "fully-connected", "headline", "rotation", "table-3")


def test_five_plans_are_shipped() -> None:
    assert shipped_plans() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_plans_say_what_they_ask_and_cannot_show(name: str) -> None:
    plan = load_plan(name)
    assert plan.name == name
    assert "?" in plan.question
    assert plan.limits.strip().startswith("- ")
    assert plan.seeds >= 5
    assert [variant.name for variant in plan.every if plan.base_of(variant) is None]


def test_a_plan_from_a_file(tmp_path: Path) -> None:
    plan = load_plan(write_plan(tmp_path, name="mine"))
    assert (plan.name, plan.seeds, plan.budget.training) == ("mine", 2, 24)
    base, other = plan.every
    assert (plan.base_of(base), plan.base_of(other)) == (None, "base")
    assert other.changes == ("network.edit.without=[7]",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds = 2", "seed = 2", r"unknown fields: seed \(known are name, question"),
        ("seeds = 2", "seeds = 0", "seeds is 0; at least 1"),
        ("seeds = 2", 'seeds = "two"', "expected int, found str"),
        ('base = "base"', 'base = "bass"', "no variant 'bass'; there are base, without 7"),
        ('name = "without 7"', 'name = "base"', "several variants are named 'base'"),
        ('name = "without 7"', 'name = " "', "a variant has no name"),
        ('name = "without 7"', 'name = "other"\nagainst = "it"', "no variant 'it'"),
        ('name = "without 7"', 'name = "other"\nwithout = [7]', "unknown fields: without"),
        ('["shift"]', '["drift"]', "no measures drift; there are shift, turn"),
        ('["turn-kept"]', '["turned"]', "no curves turned; there are turn-error"),
        ("measured = 4", "measured = 0", "measured is 0"),
        ("training = 24", "training = 0", "budget.training is 0"),
        ("seeds = 2", "seeds = ", "is not TOML"),
        ('\n[[variants]]\nname = "without 7"\nchanges = ["network.edit.without=[7]"]', "", "1 variants"),
    ],
)
def test_a_wrong_plan_is_explained(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TINY
    path = tmp_path / "plan.toml"
    path.write_text(TINY.replace(old, new))
    with pytest.raises(SettingError, match=message):
        load_plan(path)


def test_unknown_plans_are_explained(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no plan 'headlines'; choose one of first-layer, .* or a .toml file"):
        load_plan("headlines")
    with pytest.raises(SettingError, match="cannot be read"):
        load_plan(tmp_path / "none.toml")


def test_a_sweep_is_every_combination() -> None:
    sides = Factor(tuple(Variant(f"side {n:+}", relative=Relative(kernel=n)) for n in (-2, 0, 2)))
    strides = Factor(
        (
            Variant("near", note="As it is."),
            Variant("far", changes=("epochs=3",), relative=Relative(strides={1: 2.0}, family="alexnet")),
        )
    )
    plan = Plan("p", "?", "zfnet-small", "side +0, near", (Variant("more", against="side +2, far"),), (sides, strides))
    assert [variant.name for variant in plan.every] == [
        *(f"side {n:+}, {where}" for n in (-2, 0, 2) for where in ("near", "far")),
        "more",
    ]
    far = next(variant for variant in plan.every if variant.name == "side +2, far")
    assert far == Variant(
        "side +2, far", "", ("epochs=3",), Relative(family="alexnet", kernel=2, strides={1: 2.0}), None
    )
    assert plan.every[0].note == "As it is."
    assert [plan.base_of(variant) for variant in plan.every][-5:] == [
        None,
        *["side +0, near"] * 3,
        "side +2, far",
    ]


@pytest.mark.parametrize("count", [10, 10_000])
def test_a_sweep_without_end_is_refused(count: int) -> None:
    two = Factor((Variant("a"), Variant("b")))
    with pytest.raises(SettingError, match=f"its {count} factors make more than 1,000 combinations"):
        Plan("p", "?", "zfnet-small", "a", (), (two,) * count)


def test_without_a_sweep_there_are_the_variants() -> None:
    assert [variant.name for variant in plan_of(["a", "b"]).every] == ["a", "b"]
