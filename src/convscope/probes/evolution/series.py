"""A series: checkpoints that were looked at one by one and found to be of one architecture, before any work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convscope.engine.graphs import digest_of, graph_of
from convscope.engine.layers import Layer, check_inside, find_layers, find_node
from convscope.engine.project import Way
from convscope.errors import AddressError, ModelError
from convscope.graph.opgraph import OpGraph
from convscope.models import Model, Preprocessing
from convscope.probes.evolution.checkpoint import Checkpoint, check_order
from convscope.probes.outputs import check_eval
from convscope.rules.coverage import coverage
from convscope.units import UnitAddress


@dataclass(frozen=True)
class Subject:
    """What is looked at in every checkpoint: layers from input to output, and how projections go down.

    ``named`` has the units that the user named, by the layer's node; None: they are to be chosen.
    """

    layers: tuple[Layer, ...]
    way: Way
    preprocessing: Preprocessing
    named: Mapping[str, tuple[int, ...]] | None


@dataclass(frozen=True)
class Series:
    """Checkpoints of one architecture; ``digests`` are over weights, ops and preprocessing, one for each."""

    checkpoints: tuple[Checkpoint, ...]
    digests: tuple[str, ...]
    subject: Subject
    name: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """All that checkpoints must have in common, as text; ``label`` says whose it is."""

    label: str
    fingerprint: str
    preprocessing: str
    nodes: tuple[str, ...]
    """Each op with its result's shape and its address, in words."""


def subject_of(
    model: Model,
    layers: Sequence[str] | None,
    units: int | Sequence[str],
    way: tuple[str, str],
    device: str,
) -> Subject:
    """What is asked, found in a model; ``way`` is (method, unpooling). Raises AddressError and CoverageError."""
    graph = graph_of(model, device)
    named = None if isinstance(units, int) else [UnitAddress.parse(unit) for unit in units]
    if layers is None and named is not None:
        layers = [unit.layer for unit in named]
    chosen = find_layers(graph, layers)
    covered = coverage(graph, [layer.node for layer in chosen], way[0])
    covered.check()
    by_layer = None if named is None else _by_layer(graph, chosen, named)
    return Subject(chosen, Way(covered.method, way[1]), model.preprocessing, by_layer)


def _by_layer(graph: OpGraph, chosen: Sequence[Layer], named: Sequence[UnitAddress]) -> dict[str, tuple[int, ...]]:
    by_node = {layer.node: layer for layer in chosen}
    found: dict[str, tuple[int, ...]] = dict.fromkeys(by_node, ())
    for unit in named:
        node = find_node(graph, unit.layer).name
        if node not in by_node:
            raise AddressError(f"unit {unit} is in none of the chosen layers; name its layer too, or leave layers out")
        check_inside(by_node[node], unit)
        found[node] = tuple(dict.fromkeys((*found[node], unit.unit)))
    return found


def examine(
    checkpoints: Sequence[Checkpoint],
    layers: Sequence[str] | None,
    units: int | Sequence[str],
    way: tuple[str, str],
    device: str,
) -> Series:
    """Load each checkpoint once and see that all can be compared.

    Raises SettingError for a list without order, the errors of ``load_model`` for what cannot be loaded, and ModelError
    for a checkpoint of another architecture, with the first difference.
    """
    check_order(checkpoints)
    digests, notes = [], []
    first: Look | None = None
    for checkpoint in checkpoints:
        model = checkpoint.load()
        check_eval(model)
        look = look_of(checkpoint.label, model, device)
        if first is None:
            first, subject, name = look, subject_of(model, layers, units, way, device), _name(model)
        check_same(first, look)
        digests.append(digest_of(model))
        notes += [(note, checkpoint.label) for note in model.notes]
    return Series(tuple(checkpoints), tuple(digests), subject, name, _told_once(notes, len(checkpoints)))


def _told_once(notes: Sequence[tuple[str, str]], checkpoints: int) -> tuple[str, ...]:
    """Each note once; with the labels of its checkpoints where it is not true of all."""
    labels: dict[str, list[str]] = {}
    for note, label in notes:
        labels.setdefault(note, []).append(label)
    return tuple(note if len(of) == checkpoints else f"{', '.join(of)}: {note}" for note, of in labels.items())


def _name(model: Model) -> str:
    """What figures call the series: a run by its folder, other networks by their spec."""
    scheme, _, path = model.spec.partition(":")
    return Path(path).resolve().parent.parent.name if scheme == "snapshot" else model.spec


def look_of(label: str, model: Model, device: str) -> Look:
    """What another checkpoint must have in common with this model."""
    graph = graph_of(model, device)
    nodes = tuple(
        f"{node.op} at {node.address!r} giving {' x '.join(map(str, node.shape[1:]))}"
        for node in graph.nodes
        if node.shape is not None
    )
    return Look(label, graph.fingerprint, repr(model.preprocessing), nodes)


def check_same(first: Look, other: Look) -> None:
    """Raise ModelError, with the first difference, for a checkpoint whose units are not the first one's."""
    if other.preprocessing != first.preprocessing:
        raise ModelError(
            f"checkpoint {other.label!r} is fed in another way than {first.label!r}: {other.preprocessing} instead of "
            f"{first.preprocessing}. Activations could not be compared; give checkpoints of one training run"
        )
    if other.fingerprint != first.fingerprint:
        raise ModelError(
            f"checkpoint {other.label!r} is of another architecture than {first.label!r}: {_difference(first, other)}. "
            "Units could not be compared; give checkpoints of one network"
        )


def _difference(first: Look, other: Look) -> str:
    for met, expected in zip(other.nodes, first.nodes, strict=False):
        if met != expected:
            return f"first difference: {met}, where {expected} was expected"
    if len(first.nodes) != len(other.nodes):
        return f"it has {len(other.nodes)} ops, and {len(first.nodes)} are expected"
    return "the same ops are wired differently, or have other settings"
