"""The measures and curves of a finished run, kept beside it: only what is missing is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from convscope.atomic import replacing
from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import load_model
from convscope.regular import read_bytes
from convscope.strict import Reader, parsed_json
from convscope.train.ablation.curves import CURVES
from convscope.train.ablation.measures import MEASURES, Seen
from convscope.train.ablation.sample import spread_over
from convscope.train.result import Trained

MEASURED = "measures.json"


@dataclass(frozen=True)
class Measured:
    """Numbers by the names of measures and curves, taken on ``images`` held-out images."""

    images: int
    measures: dict[str, float | None] = field(default_factory=dict)
    curves: dict[str, dict[str, float]] = field(default_factory=dict)

    def lacks(self, measures: Sequence[str], curves: Sequence[str]) -> bool:
        """Whether one of these is still to be measured."""
        return bool({*measures} - {*self.measures} or {*curves} - {*self.curves})


def read_measured(run: Path, images: int) -> Measured:
    """What has been measured on so many images; nothing of another number counts. Raises SettingError."""
    path = run / MEASURED
    try:
        text = read_bytes(path)
    except FileNotFoundError:
        return Measured(images)
    described = parsed_json(text, str(path), lambda said: SettingError(f"{said}; remove it, to measure again"))
    found = Reader(SettingError).decode(Measured, described, str(path))
    return found if found.images == images else Measured(images)


def measure(trained: Trained, images: ImageSet, count: int, measures: Sequence[str], curves: Sequence[str]) -> Measured:
    """Measure what is missing on ``count`` of ``images``, evenly spread, and write it down."""
    known = read_measured(trained.path, count)
    if not known.lacks(measures, curves):
        return known
    seen = Seen(load_model(f"snapshot:{trained.last}"), spread_over(images, count))
    found = Measured(
        images=count,
        measures=known.measures | {name: MEASURES[name].of(seen) for name in measures if name not in known.measures},
        curves=known.curves | {name: dict(CURVES[name].of(seen)) for name in curves if name not in known.curves},
    )
    with replacing(trained.path / MEASURED) as temporary:
        temporary.write_text(json.dumps(asdict(found), indent=1) + "\n", "utf-8")
    return found
