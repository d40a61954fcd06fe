"""Recipes: what the paper says, strict reading, changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convscope.errors import SettingError
from convscope.train.reading import assignments_of, changes_of, load_recipe, shipped
from convscope.train.recipe import PAPER_EPOCHS, Recipe
from convscope.zoo import ALEXNET, ZFNET, ZFNET_SMALL
from tests.train.make import tiny


def test_the_papers_recipe_says_what_the_paper_says() -> None:
    recipe = load_recipe("zfnet-2013")
    assert recipe.architecture == ZFNET
    assert recipe.architecture.deviation == 0.01
    assert [layer.dropout for layer in recipe.architecture.hidden] == [0.5, 0.5]
    assert {layer.bias for layer in recipe.architecture.layers} == {0.0}
    assert (recipe.images.resize, recipe.images.crops, recipe.images.mirror) == (256, "ten", True)
    assert (recipe.images.mean, recipe.images.scale) == ("pixel", 1.0)
    assert (recipe.optimiser.kind, recipe.optimiser.rate, recipe.optimiser.momentum) == ("sgd", 0.01, 0.9)
    assert recipe.schedule.kind == "plateau"
    assert (recipe.batch, recipe.epochs, recipe.renormalise, recipe.evaluation) == (128, 70, 0.1, "ten")
    assert recipe.snapshots == PAPER_EPOCHS == (1, 2, 5, 10, 20, 30, 40, 64)


def test_alexnet_is_that_of_2012() -> None:
    recipe = load_recipe("alexnet-2012")
    assert recipe.architecture == ALEXNET
    assert (recipe.batch, recipe.optimiser.rate, recipe.optimiser.weight_decay) == (128, 0.01, 0.0005)


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_recipe_can_be_read(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.note


def test_small_forms_have_the_structure_of_the_paper() -> None:
    large, small = ZFNET, load_recipe("zfnet-small").architecture
    assert replace(small, deviation=ZFNET_SMALL.deviation, scale=1.0) == ZFNET_SMALL
    for one, other in zip(large.convolutions, small.convolutions, strict=True):
        assert (one.number, one.contrast, one.pool is None) == (other.number, other.contrast, other.pool is None)
    assert [layer.kernel for layer in small.convolutions[2:]] == [3, 3, 3]
    assert [layer.dropout for layer in small.hidden] == [0.5, 0.5]


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        """
        batch = 4
        epochs = 2
        [network]
        form = "zfnet-small"
        [network.edit]
        without = [7]
        first = {kernel = 3, stride = 1}
        widths = {6 = 32}
        [images]
        resize = 32
        [optimiser]
        kind = "adamw"
        rate = 0.001
        [schedule]
        kind = "constant"
        """
    )
    recipe = load_recipe(path)
    assert recipe.name == "mine"
    assert recipe.architecture.numbers == (1, 2, 3, 4, 5, 6)
    assert recipe.architecture.convolutions[0].kernel == 3
    assert recipe.architecture.hidden[0].width == 32


def test_changes_are_written_as_in_toml() -> None:
    changes = changes_of(["epochs=3", "optimiser.rate = 0.5", "schedule.kind=constant", "network.edit.without=[6, 7]"])
    recipe = load_recipe("zfnet-small", changes)
    assert (recipe.epochs, recipe.optimiser.rate, recipe.schedule.kind) == (3, 0.5, "constant")
    assert recipe.architecture.hidden == ()


def test_changes_are_written_as_they_are_read() -> None:
    texts = [
        "epochs=3",
        "optimiser.rate=1e-05",
        "images.mirror=false",
        "schedule.kind=constant",
        'name="7"',
        'note=a "b" é',
        'network.edit.x=["a \\"b\\" é", {"c d"=false}]',
        "network.edit.without=[6, 7]",
        "network.edit.widths={6=32, 7=32}",
        "network.edit.first={kernel=3, stride=1}",
    ]
    assert assignments_of(changes_of(texts)) == texts


def test_a_value_that_is_changed_again_is_changed_last() -> None:
    widths = "network.edit.widths"
    changes = changes_of([f"{widths}.6=16", f"{widths}={{6=32, 7=32}}", f"{widths}.6=64"])
    assert [layer.width for layer in load_recipe("zfnet-small", changes).architecture.hidden] == [64, 32]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "unknown fields: epoch"),
        ({"network.from": "zfnet"}, "unknown fields: from"),
        ({"epochs": "three"}, "expected int, found str"),
        ({"epochs": 0}, "epochs is 0; it must be above 0"),
        ({"network__form": "resnet"}, "choose one of: "),
        ({"images__crops": "eleven"}, "choose one of: ten, random, middle"),
        ({"images__resize": 10}, "smaller than the network's 16 pixels"),
        ({"evaluation": "ten", "images__resize": 16}, "enlarge images.resize, or choose evaluation 'middle'"),
        ({"optimiser__momentum": 1.0}, "below 1"),
        ({"optimiser__weight_decay": -1.0}, "must not be negative"),
        ({"renormalise": 0.0}, "a radius, above 0"),
        ({"network__deviation": -1.0}, "network.deviation is -1.0; it must be above 0"),
        ({"snapshots": [-1]}, "0 for the untrained network"),
        ({"steps": [0]}, "steps count from 1"),
        ({"batch__size": 4}, "batch is a value"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words.replace("(", "\\(")):
        tiny(**changes)


def test_unknown_recipes_and_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"no recipe 'zfnet-2031'.*Did you mean zfnet-2013"):
        load_recipe("zfnet-2031")
    with pytest.raises(SettingError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("= 3")
    with pytest.raises(SettingError, match="is not TOML"):
        load_recipe(tmp_path / "bad.toml")
    with pytest.raises(SettingError, match="changes nothing"):
        changes_of(["epochs"])


def test_a_recipe_is_a_value() -> None:
    assert load_recipe("zfnet-small") == load_recipe("zfnet-small")
    assert isinstance(tiny(), Recipe)
