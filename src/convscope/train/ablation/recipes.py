"""From a plan's variants to recipes: what is relative becomes numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from convscope.errors import ConvscopeError, SettingError
from convscope.train.ablation.plan import Plan, Relative, Variant
from convscope.train.reading import changes_of, followed, load_recipe
from convscope.train.recipe import Recipe
from convscope.zoo import ARCHITECTURES
from convscope.zoo.architecture import Architecture, Hidden

LAYER = "there"
"""What is said of a layer that the other network lacks."""


@dataclass(frozen=True)
class Ground:
    """What all variants start from: a recipe by name or file, with changes."""

    recipe: str
    changes: Mapping[str, Any]


def ground_of(plan: Plan, recipe: str | None = None, changes: Mapping[str, Any] | None = None) -> Ground:
    """The plan's recipe and budget, or another recipe without the budget; then ``changes`` (of the command line)."""
    budget = changes_of(list(plan.budget.changes)) if recipe is None else {}
    return Ground(recipe or plan.recipe, followed(budget, changes or {}))


def recipes_of(plan: Plan, ground: Ground) -> dict[str, Recipe]:
    """The recipe of each variant by its name; raises SettingError, naming the variant."""
    found = {}
    for variant in plan.every:
        try:
            found[variant.name] = recipe_of(variant, ground)
        except ConvscopeError as error:
            raise SettingError(f"plan {plan.name}, variant {variant.name!r}: {error}") from error
    return found


def recipe_of(variant: Variant, ground: Ground) -> Recipe:
    """The ground's recipe with the variant's changes; its name stays, so equal variants are equal recipes."""
    changes = dict(ground.changes)
    plain = load_recipe(ground.recipe, changes)
    if variant.relative.family is not None:
        changes = followed(changes, {"network.form": _sibling(plain.network.form, variant.relative.family)})
        plain = load_recipe(ground.recipe, changes)
    changes = followed(changes, _absolute(plain.architecture, variant.relative))
    changes = followed(changes, changes_of(list(variant.changes)))
    return replace(load_recipe(ground.recipe, changes), note="")


def _sibling(form: str, family: str) -> str:
    """``zfnet-small`` of the family ``alexnet`` is ``alexnet-small``."""
    _, dash, size = form.partition("-")
    wanted = f"{family}{dash}{size}"
    if wanted not in ARCHITECTURES:
        raise SettingError(f"{form} has no sibling {wanted!r}; there are {', '.join(ARCHITECTURES)}")
    return wanted


def _absolute(architecture: Architecture, wanted: Relative) -> dict[str, Any]:
    """As changes of ``network.edit``; raises SettingError for unknown layers and broken numbers."""
    layers = {layer.number: layer for layer in architecture.layers}
    strange = sorted({*wanted.strides, *wanted.widths} - {*layers})
    if strange:
        raise SettingError(f"no layer {', '.join(map(str, strange))}; there are {', '.join(map(str, layers))}")
    found: dict[str, Any] = {}
    for number, factor in wanted.widths.items():
        layer = layers[number]
        width = layer.width if isinstance(layer, Hidden) else layer.filters
        found[f"network.edit.widths.{number}"] = _whole(width * factor, f"width of layer {number}")
    strides = {number: _stride(layers[number], factor) for number, factor in wanted.strides.items()}
    first = architecture.convolutions[0]
    for number, stride in strides.items():
        if number != first.number:
            found[f"network.edit.strides.{number}"] = stride
    if wanted.kernel or first.number in strides:
        kernel = first.kernel + wanted.kernel
        found["network.edit.first"] = {"kernel": kernel, "stride": strides.get(first.number, first.stride)}
    return found


def _stride(layer: Any, factor: float) -> int:
    if isinstance(layer, Hidden):
        raise SettingError(f"layer {layer.number} is fully connected and has no stride")
    return _whole(layer.stride * factor, f"stride of layer {layer.number}")


def _whole(value: float, what: str) -> int:
    near = round(value)
    if near < 1 or abs(value - near) > 1e-6 * near:
        raise SettingError(f"the {what} would be {value:g}; choose a factor that gives a whole number of at least 1")
    return near


def changed(recipe: Recipe, base: Recipe) -> dict[str, tuple[str, str]]:
    """What differs from another recipe: the other's value and its own, by place, such as ``layer 1 kernel``."""
    own, other = _described(recipe), _described(base)
    one_sided = {place for place in own.keys() ^ other.keys() if own.get(place, other.get(place)) == LAYER}
    found = {}
    for place in dict.fromkeys([*other, *own]):
        # Of a layer that one of the two lacks, the rest is not worth telling.
        if own.get(place) != other.get(place) and not place.startswith(tuple(f"{layer} " for layer in one_sided)):
            found[place] = (_text(other, place), _text(own, place))
    return found


def _described(recipe: Recipe) -> dict[str, Any]:
    """By place: the network layer by layer, as it is built and not as it was edited; then the rest of the recipe."""
    rest = asdict(recipe)
    del rest["network"]
    architecture = recipe.architecture
    found = {name: value for name, value in asdict(architecture).items() if name not in ("convolutions", "hidden")}
    for layer in architecture.layers:
        described = asdict(layer)
        found[f"layer {described.pop('number')}"] = LAYER
        found |= _flat(described, f"layer {layer.number} ")
    return found | _flat(rest)


def _flat(described: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in described.items():
        place = f"{prefix}{name}"
        found |= _flat(value, f"{place}.") if isinstance(value, Mapping) else {place: value}
    return found


def _text(described: Mapping[str, Any], place: str) -> str:
    value = described.get(place)
    return "none" if value is None else str(value)
