"""Which networks convscope works on: every classifier of torchvision, and one of each family of timm.

    python -m bench.compat --torchvision --timm --rows bench/compat_rows.jsonl -o docs/coverage.md

Each network is exported, compared with the module it came from, and one unit of a middle layer and of the deepest
is projected by every method, and a patch at a random place is occluded on windows. Weights are random but stirred, so
that no scale is zero and no map is dead. With ``--rows`` the results are kept; networks that passed are not run again.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from convscope.engine.changed import whole
from convscope.engine.forward import prepare
from convscope.engine.layers import Layer, find_layers
from convscope.engine.occluders import Occluders
from convscope.engine.project import Way, project_units, window_of
from convscope.engine.sweep import sweep
from convscope.engine.trace import Trace, trace
from convscope.errors import ConvscopeError
from convscope.graph.export import export_graph
from convscope.graph.opgraph import OpGraph
from convscope.models import load_model
from convscope.rules.coverage import coverage
from convscope.rules.kinds import Kind
from convscope.rules.projection import METHODS

_NETWORKS = Path(__file__).with_name("compat_networks.toml")
_HUGE = 150_000_000
"""Networks with more parameters than this are tried in float32 first: in float64 the largest takes 13 GB of memory."""
_EXACT = {64: 1e-6, 32: 1e-3}
"""Largest difference that passes, relative to the largest value, by precision."""
_SAME = {64: 1e-6, 32: 1e-4}
"""The same of two maps that are to be recognised as one."""
_VISIBLE = {64: 1e-5, 32: 1e-4}
"""Change of the output, relative to its largest value, below which an occluder tests nothing; a row with an error as
large as that fails."""
_STRENGTHS = (1, 10, 100)
"""Of the noise under the occluder, in standard deviations of the image: the first that changes the output visibly."""
_RECTIFIERS = {Kind.RECTIFIER.value, Kind.SOFT_RECTIFIER.value}


@dataclass(frozen=True)
class Row:
    """What was found for one network; errors are relative to the largest value, and None where nothing was run."""

    network: str
    side: int
    bits: int = 64
    """Precision of the run."""
    layers: int = 0
    units: int = 0
    whole: int = 0
    """Layers whose positions see the whole image."""
    method: str = ""
    switches: int = 0
    refused: tuple[str, ...] = ()
    output_error: float | None = None
    scan_error: float | None = None
    gradient_error: float | None = None
    occlusion_error: float | None = None
    """Of the output under an occluder; infinite if the occluder changes so little that an error could not show."""
    deconvnet_change: float | None = None
    """How much the DeconvNet picture of the deepest layer differs from the gradient; None without rectifiers."""
    problems: tuple[str, ...] = ()


def networks(source: str) -> Mapping[str, int]:
    """Specs of all networks of ``source`` (torchvision or timm), each with the side of its square input."""
    sides: dict[str, int] = tomllib.loads(_NETWORKS.read_text("utf-8"))[source]
    if source == "torchvision":
        import torchvision

        sides = dict.fromkeys(torchvision.models.list_models(torchvision.models), 96) | sides
    return {f"{source}:{name}@none": side for name, side in sides.items()}


def examine(spec: str, side: int) -> Row:
    """Everything that is asked of one network; what goes wrong is in ``problems``.

    What does not hold in float32 may be rounding, which turns rectifiers over; float64 decides.
    """
    try:
        row = _examine(spec, side, _HUGE)
        return _examine(spec, side, None) if row.bits == 32 and failed(row) else row
    except ConvscopeError as error:
        return Row(spec, side, problems=(f"{type(error).__name__}: {error}",))


def _examine(spec: str, side: int, largest: int | None) -> Row:
    module = load_model(spec).module
    torch.manual_seed(0)
    stir(module, side)
    huge = largest is not None and sum(p.numel() for p in module.parameters()) > largest
    module.to(torch.float32 if huge else torch.float64)
    image = torch.randn(1, 3, side, side).to(next(module.parameters()))
    graph = export_graph(module, (3, side, side))
    layers = find_layers(graph, None)
    nodes = [layer.node for layer in layers]
    report = coverage(graph, nodes)
    found = Row(
        spec,
        side,
        bits=32 if huge else 64,
        layers=len(layers),
        units=sum(layer.units for layer in layers),
        whole=sum(layer.rows.stride == 0 for layer in layers),
        method=report.method,
        switches=report.switches,
        refused=tuple(sorted({f"{use.op} ({use.address})" for use in report.refused})),
    )
    with torch.no_grad():
        recorded = trace(graph, image, graph.output, *nodes)
    eager = _Eager(module, image)
    row = replace(
        found,
        output_error=_error(recorded.values[graph.output], eager.output),
        scan_error=_scan_error(graph, recorded, image, nodes),
        occlusion_error=_occlusion_error(graph, module, image, eager.output),
    )
    return row if row.refused else _projected(row, recorded, eager, layers)


def _projected(row: Row, recorded: Trace, eager: _Eager, layers: Sequence[Layer]) -> Row:
    problems: list[str] = []
    errors = []
    change: float | None = None
    for layer in dict.fromkeys([layers[len(layers) // 2], layers[-1]]):
        place = _strongest(recorded.values[layer.node])
        pixels = {m: next(project_units(recorded, layer, [place], Way(m))) for m in METHODS}
        problems += [f"{layer.address}: {m} is not finite" for m, p in pixels.items() if not np.isfinite(p).all()]
        truth = eager.gradient(recorded.values[layer.node], place)
        if truth is None:
            problems.append(f"{layer.address}: no value of the module's own forward pass equals it")
        else:
            errors.append(_error(torch.from_numpy(pixels["gradient"]), truth))
        problems += _outside(layer, place, pixels["gradient"])
        kinds = {use.kind for use in coverage(recorded.graph, [layer.node], "deconvnet").uses}
        change = None
        if kinds & _RECTIFIERS:
            change = _error(torch.from_numpy(pixels["deconvnet"]), torch.from_numpy(pixels["gradient"]))
            problems += [f"{layer.address}: DeconvNet equals the gradient"] if change < 1e-6 else []
    return replace(
        row,
        gradient_error=max(errors, default=None),
        deconvnet_change=change,
        problems=tuple(problems),
    )


class _Eager(TorchFunctionMode):
    """A forward pass of the module itself, with every feature map it made on the way."""

    def __init__(self, module: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.maps: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}
        self.image = image.clone().requires_grad_()
        with self, torch.enable_grad():
            # A copy, since the first op may work in place.
            self.output: Tensor = tree_leaves(module(self.image.clone()))[0].detach()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, result)):
            if isinstance(value, Tensor) and value.requires_grad and value.dim() == 4:
                # A clone, since a later op may work in place.
                self.maps.setdefault((id(value), value._version), (value, value.clone()))
        return result

    def gradient(self, value: Tensor, place: tuple[int, int, int]) -> NDArray[np.float32] | None:
        """Autograd's gradient of the map that equals ``value``, at ``place``, times its value there."""
        for _, found in self.maps.values():
            if found.shape == value.shape and _error(value, found.detach()) < _SAME[8 * value.element_size()]:
                at = found[0, *place]
                (grad,) = torch.autograd.grad(at, self.image, at.detach(), retain_graph=True)
                pixels: NDArray[np.float32] = grad[0].permute(1, 2, 0).float().numpy()
                return pixels
        return None


def stir(module: nn.Module, side: int) -> None:
    """Random scales where the initial ones are all alike (often zero), and statistics that fit the maps."""
    with torch.no_grad():
        for parameter in module.parameters():
            if (
                parameter.numel()
                and parameter.dtype.is_floating_point
                and bool((parameter == parameter.flatten()[0]).all())
            ):
                parameter.uniform_(0.5, 1.5)
        normalisers = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
        for each in normalisers:
            each.train()
            each.momentum = None
        module(torch.randn(4, 3, side, side))
        for each in normalisers:
            each.eval()


def _strongest(value: Tensor) -> tuple[int, int, int]:
    place = np.unravel_index(int(value[0].argmax()), value.shape[1:])
    return int(place[0]), int(place[1]), int(place[2])


def _scan_error(graph: OpGraph, recorded: Trace, image: Tensor, nodes: Sequence[str]) -> float:
    """How far the maps of the folded, overwriting pass of a batch are from those of the graph as exported."""
    errors = []

    def compare(name: str, maps: Tensor) -> None:
        errors.append(_error(maps[1:2], recorded.values[name]))

    prepare(graph, nodes)(torch.cat([image.flip(-1), image, image.roll(5, -1)]), compare)
    return max(errors)


def _occlusion_error(graph: OpGraph, module: nn.Module, image: Tensor, bare: Tensor) -> float:
    """How far the output under a patch at a random place, on windows as far as they go, is from the module's own."""
    side, bits = image.shape[-1], 8 * image.element_size()
    patch = side // 5
    y, x = (int(torch.randint(side - patch + 1, ())) for _ in range(2))
    mask, fill = torch.ones(patch, patch, dtype=torch.bool), torch.randn_like(image)
    for strength in _STRENGTHS:
        occluders = Occluders((y,), (x,), mask, strength * fill)
        with torch.no_grad():
            expected = tree_leaves(module(occluders.covered(image, [0])))[0]
        if _error(bare, expected) > _VISIBLE[bits]:
            (found,) = sweep(graph, image, occluders, {"output": (graph.output, whole)}, windows=True)
            return _error(found.values["output"], expected)
    return math.inf


def _outside(layer: Layer, place: tuple[int, int, int], pixels: NDArray[np.float32]) -> Iterator[str]:
    """A problem if a gradient reaches pixels that the layer's receptive field leaves out."""
    top, left, bottom, right = window_of(layer, place[1], place[2], pixels.shape[:2])
    rest = np.abs(pixels)
    rest[top:bottom, left:right] = 0
    if not layer.gated and rest.any():
        yield f"{layer.address}: the gradient leaves the receptive field {(top, left, bottom, right)}"


def _error(one: Tensor | NDArray[np.float32], other: Tensor | NDArray[np.float32]) -> float:
    a, b = (torch.as_tensor(value).double() for value in (one, other))
    scale = float(b.abs().max())
    return float((a - b).abs().max()) / (scale or 1.0)


def failed(row: Row) -> bool:
    """True if anything asked of the network did not hold."""
    errors = (row.output_error, row.scan_error, row.gradient_error)
    wrong = any(error is None or not error < _EXACT[row.bits] for error in errors)
    hidden = row.occlusion_error is None or not row.occlusion_error < min(_EXACT[row.bits], _VISIBLE[row.bits])
    return bool(row.refused or row.problems) or wrong or hidden


def table(rows: Sequence[Row]) -> str:
    """The page that shows the results."""
    good = sum(not failed(row) for row in rows)
    blind = [_name(row) for row in rows if not row.switches]
    lines = [
        "# Networks that convscope works on",
        "",
        "Made by `python -m bench.compat --torchvision --timm -o docs/coverage.md`; do not edit.",
        "",
        *_LEGEND,
        "",
        f"{good} of {len(rows)} networks hold in every column.",
    ]
    for source in ("torchvision", "timm"):
        some = [row for row in rows if row.network.startswith(source)]
        lines += ["", f"## {source}: {len(some)} networks", "", *_HEAD, *(_line(row) for row in some)]
    lines += ["", "## No switches", "", _BLIND, "", ", ".join(blind) + "."]
    return "\n".join(lines) + "\n"


_LEGEND = """\
Every network is built with random weights, exported, and compared with the module that it came from: its output, the
maps that a scan sees, and, for the strongest unit of a middle layer and of the deepest, the gradient at the pixels
against autograd on the module itself; and its output under a patch at a random place, computed on windows as far as
they go, against the module's own for the covered image. All methods must give finite pictures, the gradient must stay
inside the receptive field, and DeconvNet must differ from it wherever there are rectifiers.

- *layers*, *units*: the default layers and all their feature maps; *whole*: how many of these layers see the whole
  image from every position, because something on the way mixes all positions.
- *auto*: the method that `auto` chooses; *switches*: max-pooling ops on the way to the deepest layer.
- *refused*: ops that the chosen method has no rule for.
- *output*, *scan*, *gradient*: largest difference, relative to the largest value (float64 with pixels in float32;
  float32 throughout where marked 32). *occlusion*: the same of the output under an occluder that changes it visibly.
- *DeconvNet*: how far its picture of the deepest layer is from the gradient, on the same scale; a dash where there is
  no rectifier, so that both are the same.""".splitlines()
_BLIND = (
    "These have no max-pooling below their deepest layer, so a DeconvNet picture has no switches to take positions"
    " from; `auto` uses guided backprop instead:"
)
_HEAD = (
    "| network | input | layers | units | whole | auto | switches | refused | output | scan | gradient | occlusion |"
    " DeconvNet |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)


def _line(row: Row) -> str:
    cells = (
        _name(row),
        f"{row.side}" + (" (32)" if row.bits == 32 else ""),
        row.layers,
        row.units,
        row.whole,
        row.method,
        row.switches,
        "; ".join((*row.refused, *row.problems)) or "none",
        *(_size(v) for v in (row.output_error, row.scan_error, row.gradient_error, row.occlusion_error)),
        "-" if row.deconvnet_change is None else f"{row.deconvnet_change:.1g}",
    )
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _name(row: Row) -> str:
    return row.network.partition(":")[2].partition("@")[0]


def _size(value: float | None) -> str:
    """The order of magnitude alone: the digits behind it differ between machines."""
    if value is None or not math.isfinite(value):
        return "-" if value is None else str(value)
    return f"1e{math.ceil(math.log10(value))}" if value else "0"


def _kept(path: Path | None) -> dict[str, Row]:
    if path is None or not path.exists():
        return {}
    found: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows = [Row(**one | {key: tuple(one[key]) for key in ("refused", "problems")}) for one in found]
    return {row.network: row for row in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--torchvision", action="store_true", help="all its classifiers")
    parser.add_argument("--timm", action="store_true", help="one network of each family")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="only networks with these names")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="keep results here, and go on from what is there")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the table here")
    options = parser.parse_args()
    sources = [source for source in ("torchvision", "timm") if vars(options)[source]]
    wanted = {spec: side for source in sources for spec, side in networks(source).items()}
    rows = _kept(options.rows)
    for spec, side in wanted.items():
        chosen = not options.only or spec.partition(":")[2].partition("@")[0] in options.only
        if chosen and (spec not in rows or failed(rows[spec])):
            rows[spec] = _timed(spec, side)
            if options.rows:
                with options.rows.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(asdict(rows[spec])) + "\n")
    done = [rows[spec] for spec in wanted if spec in rows]
    if options.output:
        options.output.write_text(table(done), encoding="utf-8")
    return int(any(failed(row) for row in done))


def _timed(spec: str, side: int) -> Row:
    start = time.perf_counter()
    row = examine(spec, side)
    gc.collect()
    verdict = "FAILED" if failed(row) else "ok"
    print(f"{verdict:7}{spec} {time.perf_counter() - start:.0f} s", *row.refused, *row.problems, sep="\n  ", flush=True)
    if verdict == "FAILED":
        print(f"  output {row.output_error}, scan {row.scan_error}, gradient {row.gradient_error}", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
