"""What a self-test says: a table for people, an object for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from convscope.probes.verification.result import Check, Verification


def say(found: Verification) -> None:
    """Print a line per layer, what the columns mean, what was not tested, and the result."""
    from convscope.cli.screen import out
    from convscope.probes.verification.result import CHECKS

    out.print(_table(found))
    for name in found.kinds:
        sentence, limit = CHECKS[name]
        out.print(f"{name}: {sentence}, to {limit:g} of the largest value", soft_wrap=True)
    for reason, layers in _reasons(found).items():
        more = f" and {len(layers) - 1} more" if len(layers) > 1 else ""
        out.print(f"not tested: {layers[0]}{more}: {reason}", soft_wrap=True)
    for note in found.notes:
        out.print(f"note: {note}", soft_wrap=True)
    out.print(outcome(found), soft_wrap=True)


def outcome(found: Verification) -> str:
    """One line: passed or what failed, on how many images, in what time."""
    failed = [check for check in found.checks if not check.passed]
    where = ", ".join(dict.fromkeys(f"{check.layer} ({check.check})" for check in failed))
    passed = f"passed: {len(found.checks)} comparisons" if found.passed else "FAILED: nothing could be compared"
    result = f"FAILED: {where}" if failed else passed
    return f"{result}, on {len(found.images)} images, in {found.seconds:.0f} s"


def _table(found: Verification) -> Table:
    """A line per layer, the largest difference of each comparison."""
    from rich.table import Column, Table

    table = Table(Column("layer", no_wrap=True, overflow="fold"), box=None)
    for name in found.kinds:
        table.add_column(name, justify="right")
    table.add_column("")
    for layer in found.layers:
        checks = [found.of(layer, name) for name in found.kinds]
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


def facts(found: Verification) -> dict[str, Any]:
    """The same for programs."""

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
