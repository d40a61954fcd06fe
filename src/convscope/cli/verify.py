"""``convscope verify``: whether what convscope computes of a network is right, on the user's own model and images."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.options import AsJson, Device, Images, Layers, ModelSpec, Weights, load, split
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from rich.table import Table

    from convscope.probes.verification.result import Check, Verification

FAILED = 1


def verify(
    model: ModelSpec,
    images: Images,
    weights: Weights = None,
    layers: Layers = None,
    count: Annotated[int, typer.Option("--images", min=1, help="Images to test on, evenly spread over the set.")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which units and places are drawn.")] = 0,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
) -> None:
    """Compute a model's values and projections a second way, and print the largest difference of each layer.

    The exported graph against the model's own modules, every method against autograd, windows against whole maps, an
    occluder against whole occluded images. Without --layers, projections are tested from eight layers. The exit status
    is 1 if anything differs by more than rounding.
    """
    from convscope.cli.screen import err, progress
    from convscope.images import ImageSet
    from convscope.probes.verification.verify import verify_model
    from convscope.resources import jobs

    source = ImageSet.open(images)
    loaded = load(model, weights, device)
    demand = jobs.verify(loaded, source, count, device)
    with planned(demand, max_memory, as_json), progress(quiet=as_json or not err.is_terminal) as report:
        found = verify_model(
            loaded,
            source,
            split(layers),
            count=count,
            seed=seed,
            device=device,
            report=lambda done, total: report("verify", done, total),
        )
    _say(found, as_json)
    if not found.passed:
        raise typer.Exit(FAILED)


def _say(found: Verification, as_json: bool) -> None:
    from convscope.probes.verification.result import CHECKS

    if as_json:
        typer.echo(json.dumps(_facts(found)))
        return
    from convscope.cli.screen import out

    out.print(_table(found))
    for name, (sentence, limit) in CHECKS.items():
        out.print(f"{name}: {sentence}, to {limit:g} of the largest value", soft_wrap=True)
    for reason, layers in _reasons(found).items():
        more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
        out.print(f"not tested: {layers[0]}{more}: {reason}", soft_wrap=True)
    for note in found.notes:
        out.print(f"note: {note}", soft_wrap=True)
    failed = [check for check in found.checks if not check.passed]
    where = ", ".join(dict.fromkeys(f"{check.layer} ({check.check})" for check in failed))
    result = f"FAILED: {where}" if failed else f"passed: {len(found.checks)} comparisons"
    out.print(f"{result}, on {len(found.images)} images, in {found.seconds:.0f} s", soft_wrap=True)


def _table(found: Verification) -> Table:
    """A line per layer, the largest difference of each comparison."""
    from rich.table import Column, Table

    from convscope.probes.verification.result import CHECKS

    table = Table(Column("layer", no_wrap=True, overflow="fold"), box=None)
    for name in CHECKS:
        table.add_column(name, justify="right")
    table.add_column("")
    for layer in found.layers:
        checks = [found.of(layer, name) for name in CHECKS]
        if any(checks):
            passed = all(check is None or check.passed for check in checks)
            table.add_row(layer, *map(_difference, checks), "pass" if passed else "FAIL")
    return table


def _difference(check: Check | None) -> str:
    return "-" if check is None else f"{check.difference:.0e}"


def _reasons(found: Verification) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for each in found.untested:
        reasons.setdefault(f"{each.check}: {each.reason}", []).append(each.layer)
    return reasons


def _facts(found: Verification) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if value < float("inf") else None

    return {
        "passed": found.passed,
        "images": found.images,
        "checks": [
            {
                "layer": check.layer,
                "check": check.check,
                "image": check.image,
                "difference": number(check.difference),
                "units": check.units,
                "passed": check.passed,
            }
            for check in found.checks
        ],
        "untested": [{"layer": each.layer, "check": each.check, "reason": each.reason} for each in found.untested],
        "notes": found.notes,
        "seconds": round(found.seconds, 2),
    }
