"""Changes to an architecture, as the paper made them for its table 3: a value goes in and another comes out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from convscope.errors import ModelError
from convscope.zoo.architecture import Architecture, Convolution, Pool


@dataclass(frozen=True)
class First:
    """Filters of the first layer; padding None is half the filter, which keeps the centre."""

    kernel: int
    stride: int
    padding: int | None = None


@dataclass(frozen=True)
class Edit:
    """What is to be different; what is left out stays."""

    without: tuple[int, ...] = ()
    """Layers that are removed; what follows reads what went before them."""
    widths: dict[int, int] = field(default_factory=dict)
    """Layer number to number of filters or of fully connected units."""
    strides: dict[int, int] = field(default_factory=dict)
    """Layer number to stride of the convolution."""
    first: First | None = None
    contrast: bool = True
    """False: no contrast normalisation."""
    pool: str | None = None
    """Another kind of pooling wherever there is one."""


def edited(architecture: Architecture, edit: Edit) -> Architecture:
    """The architecture with its changes; raises ModelError for layers that are not there."""
    for numbers in (edit.without, edit.widths):
        _check_known(architecture, numbers)
    _check_convolutions(architecture, edit.strides)
    changed = with_first_layer(architecture, edit.first) if edit.first else architecture
    changed = with_widths(changed, edit.widths)
    changed = _each(changed, lambda layer: replace(layer, stride=edit.strides.get(layer.number, layer.stride)))
    changed = changed if edit.contrast else _each(changed, lambda layer: replace(layer, contrast=None))
    if edit.pool is not None:
        kind = edit.pool
        changed = _each(changed, lambda layer: replace(layer, pool=_of_kind(layer.pool, kind)))
    return without_layers(changed, edit.without)


def without_layers(architecture: Architecture, numbers: Collection[int]) -> Architecture:
    """The network without these layers."""
    return replace(
        architecture,
        convolutions=tuple(layer for layer in architecture.convolutions if layer.number not in numbers),
        hidden=tuple(layer for layer in architecture.hidden if layer.number not in numbers),
    )


def with_widths(architecture: Architecture, widths: Mapping[int, int]) -> Architecture:
    """Other numbers of filters, or of fully connected units, by layer number."""
    wider = _each(architecture, lambda layer: replace(layer, filters=widths.get(layer.number, layer.filters)))
    hidden = (replace(layer, width=widths.get(layer.number, layer.width)) for layer in architecture.hidden)
    return replace(wider, hidden=tuple(hidden))


def with_first_layer(architecture: Architecture, wanted: First) -> Architecture:
    """Another filter size and stride in the first layer."""
    first, *others = architecture.convolutions
    padding = wanted.kernel // 2 if wanted.padding is None else wanted.padding
    changed = replace(first, kernel=wanted.kernel, stride=wanted.stride, padding=padding)
    return replace(architecture, convolutions=(changed, *others))


def _of_kind(pool: Pool | None, kind: str) -> Pool | None:
    return None if pool is None else replace(pool, kind=kind)


def _each(architecture: Architecture, change: Callable[[Convolution], Convolution]) -> Architecture:
    return replace(architecture, convolutions=tuple(map(change, architecture.convolutions)))


def _check_known(architecture: Architecture, numbers: Collection[int]) -> None:
    unknown = sorted(set(numbers) - set(architecture.numbers))
    if unknown:
        raise ModelError(
            f"no layer {', '.join(map(str, unknown))}; this architecture has layers "
            f"{', '.join(map(str, architecture.numbers))} and a classifier"
        )


def _check_convolutions(architecture: Architecture, numbers: Collection[int]) -> None:
    known = {layer.number for layer in architecture.convolutions}
    if unknown := sorted(set(numbers) - known):
        raise ModelError(
            f"no convolution {', '.join(map(str, unknown))}, whose stride could change; there are "
            f"{', '.join(map(str, sorted(known)))}"
        )
