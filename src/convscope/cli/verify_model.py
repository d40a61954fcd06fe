"""``convscope verify MODEL IMAGES``: the self-test of what is computed of a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from convscope.cli.options import load, opened, split
from convscope.cli.planning import planned
from convscope.cli.verification import facts, say


@dataclass(frozen=True)
class ModelCheck:
    """What was asked for: names as they were given, ``count`` images drawn by ``seed`` from the first ``limit``."""

    model: str
    images: Path
    weights: Path | None
    layers: str | None
    count: int
    seed: int
    limit: int | None
    background: str
    device: str
    max_memory: str | None


def verify_model(asked: ModelCheck, as_json: bool) -> bool:
    """Make the comparisons and print them; whether all passed."""
    from convscope.cli.progress import progress
    from convscope.probes.verification.verify import verify_model
    from convscope.resources import jobs

    source = opened(asked.images, asked.limit, asked.background)
    loaded = load(asked.model, asked.weights, asked.device)
    chosen = split(asked.layers)
    demand = jobs.verify(loaded, source, asked.count, chosen, asked.device)
    with planned(demand, asked.max_memory, as_json), progress(as_json) as report:
        found = verify_model(
            loaded,
            source,
            chosen,
            count=asked.count,
            seed=asked.seed,
            device=asked.device,
            report=lambda done, total: report("verify", done, total),
        )
    if as_json:
        typer.echo(json.dumps(facts(found)))
    else:
        say(found)
    return found.passed
