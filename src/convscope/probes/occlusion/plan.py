"""What an occlusion will cost: for each op windows or whole maps, why, and how long, predicted and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from convscope.engine.changed import sums, whole
from convscope.engine.graphs import graph_of
from convscope.engine.network import Network, network_of
from convscope.engine.occluders import Occluders
from convscope.engine.route import Route
from convscope.engine.sweep import Reads, plan, sweep
from convscope.errors import SettingError
from convscope.graph.opgraph import OpGraph, OpNode
from convscope.models import Model
from convscope.probes.occlusion.experiment import TARGET, sums_of
from convscope.probes.occlusion.grid import Patch, make_grid
from convscope.probes.occlusion.occlude import chosen_layers
from convscope.rules.windows import is_known

Progress = Callable[[int, int], None]
"""(places done, places in all)."""
Size = tuple[int, int]


@dataclass(frozen=True)
class PlannedOp:
    """The decision for one op as it is run; seconds are for all places together."""

    address: str
    op: str
    map: Size | None
    """Rows and columns; None where the value has no positions."""
    smallest: Size | None
    """Rows and columns of the smallest window; None where there are none to run on."""
    largest: Size | None
    on_windows: bool
    reason: str
    predicted: float
    predicted_whole: float
    """What the op would take on whole maps."""
    measured: float | None


@dataclass(frozen=True)
class OcclusionPlan:
    """How a sweep of ``places`` occluders goes through a network, in ``groups`` of places with windows of one size."""

    patch: Size
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    groups: int
    ops: tuple[PlannedOp, ...]
    measured: float | None
    """Seconds of the whole sweep, the bare image and all that lies between ops included; None: not measured."""

    @property
    def places(self) -> int:
        """Number of occluders."""
        return len(self.rows) * len(self.columns)

    @property
    def predicted(self) -> float:
        """Seconds of all ops."""
        return sum(op.predicted for op in self.ops)

    @property
    def predicted_whole(self) -> float:
        """Seconds of all ops, were all run on whole maps."""
        return sum(op.predicted_whole for op in self.ops)


def plan_occlusion(
    model: Model,
    patch: Patch | None = None,
    stride: int | tuple[int, int] | None = None,
    *,
    layers: Sequence[str] | None = None,
    device: str = "cpu",
    measure: bool = False,
    report: Progress = lambda done, total: None,  # noqa: ARG005
) -> OcclusionPlan:
    """The way that ``occlude`` takes with these settings, watching a class; ``measure`` also runs it once, on noise.

    Nothing decided here changes an answer, only its time. Raises SettingError, AddressError and ExportError.
    """
    if measure and torch.device(device).type != "cpu":
        raise SettingError(
            f"ops on {device!r} run while the next ones are started, so the time of one cannot be taken. Measure with "
            "device cpu, or leave the measurement out"
        )
    graph = graph_of(model, device)
    grid = make_grid((model.preprocessing.height, model.preprocessing.width), patch, stride)
    mask, fill = torch.from_numpy(grid.mask).to(device), torch.zeros(graph.input_shape, device=device)
    occluders = Occluders(grid.rows, grid.columns, mask, fill)
    maps = {sums_of(n): (layer.node, sums) for n, layer in enumerate(chosen_layers(graph, layers))}
    reads: Reads = {TARGET: (graph.output, whole), **maps}
    shown = frozenset(node for node, _ in reads.values())
    route, widest = plan(graph, occluders, shown), plan(graph, occluders, shown, windows=True)
    net = network_of(graph, shown)
    clock: dict[str, float] = {}
    elapsed = _run(graph, occluders, reads, clock, report) if measure else None
    nodes = [node for node in net.graph.nodes if node.shape is not None]  # numbers take no time
    ops = tuple(_planned(net, node, route, widest, clock if measure else None) for node in nodes)
    return OcclusionPlan(
        (grid.mask.shape[0], grid.mask.shape[1]), grid.rows, grid.columns, len(route.groups), ops, elapsed
    )


def _run(graph: OpGraph, occluders: Occluders, reads: Reads, clock: dict[str, float], report: Progress) -> float:
    # What the image shows does not matter to the time; one seed, so that no two runs differ in it.
    image = torch.randn(graph.input_shape, generator=torch.Generator().manual_seed(0))
    done, started = 0, time.perf_counter()
    for answers in sweep(graph, image, occluders, reads, clock=clock):
        done += len(answers.places)
        report(done, len(occluders))
    return time.perf_counter() - started


def _planned(net: Network, node: OpNode, route: Route, widest: Route, clock: Mapping[str, float] | None) -> PlannedOp:
    on_windows = node.name in route.windowed
    smallest, largest = _window_sizes(route if on_windows else widest, node.name)
    return PlannedOp(
        address=node.address,
        op=node.op,
        map=_map_size(net, node),
        smallest=smallest,
        largest=largest,
        on_windows=on_windows,
        reason=_reason(net, node, route, widest),
        predicted=route.seconds[node.name],
        predicted_whole=route.whole_seconds[node.name],
        measured=None if clock is None else clock.get(node.name, 0.0),
    )


def _window_sizes(route: Route, name: str) -> tuple[Size | None, Size | None]:
    if name not in route.windowed:
        return None, None
    sizes = [(group.spans[name][0].size, group.spans[name][1].size) for group in route.groups]
    rows, columns = zip(*sizes, strict=True)
    return (min(rows), min(columns)), (max(rows), max(columns))


def _map_size(net: Network, node: OpNode) -> Size | None:
    sight = net.sights.get(node.name)
    if node.shape is None or sight is None or sight.fields is None:
        return None
    rows, columns = (node.shape[axis] for axis in sight.axes)
    return rows, columns


def _reason(net: Network, node: OpNode, route: Route, widest: Route) -> str:
    if node.name not in net.windowable:
        return _needs_whole_maps(net, node)
    on_windows = node.name in route.windowed
    gains = (route if on_windows else widest).seconds[node.name] < route.whole_seconds[node.name]
    if on_windows:
        return "pays" if gains else "before the cut"
    return "behind the cut" if gains else "does not pay"


def _needs_whole_maps(net: Network, node: OpNode) -> str:
    sight = net.sights.get(node.name)
    if sight is None:
        return "does not depend on the image"
    if node.name in net.ops:
        return "an operand is a whole map"
    return "mixes positions" if sight.fields is None and is_known(node) else "has no rule for windows"
