"""The plan that every long command states before it begins, and the limits that it then keeps to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from convscope.resources.demand import Demand

MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="Hold at most so much memory, such as 500M, 2G or 2GiB: steps are made smaller. Default: what is free.",
    ),
]


@contextmanager
def planned(
    demand: Demand, limit: str | None, as_json: bool, output: Path | None = None, ways: str = ""
) -> Iterator[None]:
    """Say on standard error what a job will take, in one line, and let it have that for the length of a ``with`` block.

    With ``as_json`` the line is an object with the key ``plan``. Before anything is done, MemoryLimitError and
    DiskFullError refuse a job that will not fit; ``ways`` say how it would take less room in ``output``.
    """
    from convscope.engine.allowance import allowing
    from convscope.resources.settle import check_disk, more_needed_named, settle
    from convscope.sizes import parse_size

    plan, allowance = settle(demand, None if limit is None else parse_size(limit))
    typer.echo(json.dumps({"plan": asdict(plan)}) if as_json else plan.sentence(), err=True)
    if output is None:
        with allowing(allowance):
            yield
        return
    check_disk(plan, output, ways)
    with allowing(allowance), more_needed_named(plan, output):
        yield
