"""Ablation edits keep what they should: a variant is its base but for what it names, on small and large networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from convscope.errors import SettingError
from convscope.train.ablation.plan import Plan, Relative, Variant
from convscope.train.ablation.reading import load_plan
from convscope.train.ablation.recipes import Ground, changed, ground_of, recipe_of, recipes_of
from convscope.train.reading import load_recipe
from convscope.train.recipe import Recipe
from convscope.train.size import size_of
from convscope.zoo.architecture import Architecture
from convscope.zoo.edits import Edit
from tests.train.ablation.test_plan import SHIPPED

LARGE = Ground("zfnet-2013", {})
SMALL = ground_of(load_plan("table-3"))
FORMS = {"zfnet-2013": ("zfnet", "alexnet"), "zfnet-small": ("zfnet-small", "alexnet-small")}


def layers(architecture: Architecture, **changes: dict[int, Any]) -> Architecture:
    """With fields of numbered layers set: ``filters={3: 512}``."""

    def each(layer: Any) -> Any:
        own = {name: by_number[layer.number] for name, by_number in changes.items() if layer.number in by_number}
        return replace(layer, **own)

    return replace(
        architecture,
        convolutions=tuple(map(each, architecture.convolutions)),
        hidden=tuple(map(each, architecture.hidden)),
    )


def removed(architecture: Architecture, *numbers: int) -> Architecture:
    return replace(
        architecture,
        convolutions=tuple(layer for layer in architecture.convolutions if layer.number not in numbers),
        hidden=tuple(layer for layer in architecture.hidden if layer.number not in numbers),
    )


def pooled(architecture: Architecture, kind: str) -> Architecture:
    pools = {layer.number: layer.pool and replace(layer.pool, kind=kind) for layer in architecture.convolutions}
    return layers(architecture, pool=pools)


def times(architecture: Architecture, factor: float) -> Architecture:
    return layers(architecture, width={layer.number: int(layer.width * factor) for layer in architecture.hidden})


def wider(base: Architecture) -> Architecture:
    third, fourth, fifth = (layer.filters for layer in base.convolutions[2:])
    return layers(base, filters={3: third * 4 // 3, 4: fourth * 8 // 3, 5: fifth * 2})


def coarser(base: Architecture) -> Architecture:
    first, second = base.convolutions[:2]
    side = first.kernel + 2
    return layers(base, kernel={1: side}, padding={1: side // 2}, stride={1: first.stride * 2, 2: second.stride // 2})


ARCHITECTURES: dict[str, Callable[[Architecture, Architecture], Architecture]] = {
    "AlexNet form": lambda zfnet, alexnet: alexnet,
    "AlexNet without 3, 4": lambda zfnet, alexnet: removed(alexnet, 3, 4),
    "AlexNet without 6": lambda zfnet, alexnet: removed(alexnet, 6),
    "AlexNet without 7": lambda zfnet, alexnet: removed(alexnet, 7),
    "AlexNet without 6, 7": lambda zfnet, alexnet: removed(alexnet, 6, 7),
    "AlexNet without 3, 4, 6, 7": lambda zfnet, alexnet: removed(alexnet, 3, 4, 6, 7),
    "AlexNet, 6, 7 half as wide": lambda zfnet, alexnet: times(alexnet, 0.5),
    "AlexNet, 6, 7 twice as wide": lambda zfnet, alexnet: times(alexnet, 2),
    "ZFNet form": lambda zfnet, alexnet: zfnet,
    "6, 7 half as wide": lambda zfnet, alexnet: times(zfnet, 0.5),
    "6, 7 twice as wide": lambda zfnet, alexnet: times(zfnet, 2),
    "3, 4, 5 wider": lambda zfnet, alexnet: wider(zfnet),
    "3, 4, 5 wider and 6, 7 twice as wide": lambda zfnet, alexnet: times(wider(zfnet), 2),
    "larger, coarser layer 1": lambda zfnet, alexnet: coarser(zfnet),
    "no contrast normalisation": lambda zfnet, alexnet: layers(zfnet, contrast=dict.fromkeys(range(1, 6))),
    "renormalised": lambda zfnet, alexnet: zfnet,
    "average pooling": lambda zfnet, alexnet: pooled(zfnet, "average"),
    "blurred pooling": lambda zfnet, alexnet: pooled(zfnet, "blur"),
    "turned by up to 15 degrees": lambda zfnet, alexnet: zfnet,
}
OTHERWISE: dict[str, Callable[[Recipe], Recipe]] = {
    "renormalised": lambda base: replace(base, renormalise=0.1),
    "turned by up to 15 degrees": lambda base: replace(base, images=replace(base.images, rotate=15.0)),
}


def without_network(recipe: Recipe) -> Recipe:
    plain = replace(recipe.network, form="zfnet", side=None, channels=None, edit=Edit())
    return replace(recipe, network=plain, images=replace(recipe.images, resize=256))


@pytest.mark.parametrize("ground", [SMALL, LARGE], ids=["small", "large"])
def test_rows_of_table_3_differ_in_what_they_name_and_nothing_else(ground: Ground) -> None:
    found = recipes_of(load_plan("table-3"), ground)
    assert found.keys() == ARCHITECTURES.keys()
    changes = dict(ground.changes)
    zfnet, alexnet = (load_recipe(ground.recipe, changes | {"network.form": f}) for f in FORMS[ground.recipe])
    for name, recipe in found.items():
        assert recipe.architecture == ARCHITECTURES[name](zfnet.architecture, alexnet.architecture), name
        base = replace(zfnet, note="")
        expected = OTHERWISE[name](base) if name in OTHERWISE else base
        assert without_network(recipe) == without_network(expected), name


PAPER = {
    "ZFNet form": 62_357_608,
    "6, 7 half as wide": 28_848_232,
    "6, 7 twice as wide": 154_542_184,
    "3, 4, 5 wider": 107_627_624,
    "3, 4, 5 wider and 6, 7 twice as wide": 237_560_936,
    "AlexNet form": 60_965_224,
}


def test_on_imagenet_the_rows_have_the_parameters_of_the_paper() -> None:
    found = recipes_of(load_plan("table-3"), LARGE)
    assert {name: size_of(found[name].architecture, 1000).parameters for name in PAPER} == PAPER


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("recipe", [None, "zfnet-2013"])
def test_every_shipped_plan_builds_on_both(name: str, recipe: str | None) -> None:
    plan = load_plan(name)
    found = recipes_of(plan, ground_of(plan, recipe))
    sizes = {variant: size_of(each.architecture, 10) for variant, each in found.items()}
    assert list(sizes) == [variant.name for variant in plan.every]
    assert all(size.multiply_adds > 0 for size in sizes.values())
    names = {each.name for each in found.values()}
    assert names == {recipe or plan.recipe}, "a recipe's name is not the variant's, so that equal ones share a run"


def test_a_sweep_changes_the_first_layer_and_keeps_the_size_behind_the_second() -> None:
    plan = load_plan("first-layer")
    found = recipes_of(plan, ground_of(plan))
    base = found[plan.base].architecture.convolutions
    for name, recipe in found.items():
        if "blurred" in name:
            continue
        first, second, *others = recipe.architecture.convolutions
        assert first.kernel - base[0].kernel == int(name.split()[1].rstrip(","))
        assert first.stride == int(name[-1])
        assert first.stride * second.stride == base[0].stride * base[1].stride
        assert first.padding == first.kernel // 2
        assert tuple(others) == base[2:]
        assert second == replace(base[1], stride=second.stride)


def test_variants_do_not_leak_into_each_other() -> None:
    ground = ground_of(load_plan("table-3"))
    before = repr(ground)
    wide = recipe_of(Variant("a", relative=Relative(widths={6: 2.0})), ground)
    plain = recipe_of(Variant("b"), ground)
    assert repr(ground) == before
    assert (wide.architecture.hidden[0].width, plain.architecture.hidden[0].width) == (512, 256)


def test_later_changes_are_made_after_all_earlier_ones() -> None:
    widths = "network.edit.widths"
    plan = load_plan("table-3")
    plan = replace(plan, budget=replace(plan.budget, changes=(f"{widths}.6=16", f"{widths}={{6=32, 7=32}}")))
    for ground, variant in (
        (ground_of(plan, None, {f"{widths}.6": 64}), Variant("v")),
        (ground_of(plan), Variant("v", changes=(f"{widths}.6=64",))),
        (ground_of(plan), Variant("v", relative=Relative(widths={6: 2.0}))),
    ):
        assert [layer.width for layer in recipe_of(variant, ground).architecture.hidden] == [64, 32]


def test_the_budget_is_left_out_for_another_recipe() -> None:
    plan = load_plan("headline")
    assert ground_of(plan).changes["epochs"] == 10
    assert ground_of(plan, "zfnet-2013") == Ground("zfnet-2013", {})
    assert ground_of(plan, None, {"epochs": 3}).changes["epochs"] == 3
    assert ground_of(plan, "zfnet-modern", {"epochs": 3}).changes == {"epochs": 3}


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (Variant("v", changes=("network.edit.without=[9]",)), "no layer 9; this architecture has layers 1, 2"),
        (Variant("v", changes=("network.edit.withuot=[7]",)), "unknown fields: withuot"),
        (Variant("v", changes=("epochs",)), "'epochs' changes nothing"),
        (Variant("v", relative=Relative(widths={9: 2.0})), "no layer 9; there are 1, 2, 3, 4, 5, 6, 7"),
        (Variant("v", relative=Relative(widths={3: 1.7})), "width of layer 3 would be 163.2"),
        (Variant("v", relative=Relative(strides={1: 0.5})), "stride of layer 1 would be 0.5"),
        (Variant("v", relative=Relative(strides={6: 2.0})), "layer 6 is fully connected and has no stride"),
        (Variant("v", relative=Relative(kernel=-9)), "sizes must be at least 1"),
        (Variant("v", relative=Relative(family="vgg")), "zfnet-small has no sibling 'vgg-small'"),
    ],
)
def test_a_variant_that_cannot_be_is_named(variant: Variant, message: str) -> None:
    plan = Plan("p", "?", "zfnet-small", "base", (Variant("base"), variant))
    plan = replace(plan, budget=load_plan("table-3").budget)
    with pytest.raises(SettingError, match=f"plan p, variant 'v': .*{message}"):
        recipes_of(plan, ground_of(plan))


def test_what_has_changed_is_said_layer_by_layer() -> None:
    base = recipe_of(Variant("base"), SMALL)
    assert changed(base, base) == {}
    without = recipe_of(Variant("v", changes=("network.edit.without=[7]", "images.rotate=15.0")), SMALL)
    assert changed(without, base) == {"layer 7": ("there", "none"), "images.rotate": ("0.0", "15.0")}
    assert changed(base, without)["layer 7"] == ("none", "there")
    coarse = recipe_of(Variant("v", relative=Relative(kernel=2, strides={2: 0.5})), SMALL)
    assert changed(coarse, base) == {
        "layer 1 kernel": ("5", "7"),
        "layer 1 padding": ("2", "3"),
        "layer 2 stride": ("2", "1"),
    }
