"""From a model and images to a folder of sanity scores: tables, figure, and what they were made from."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convscope.atlas.schema import TrustRow
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer
from convscope.figures.trust import figure_png
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.results import ResultFolder, model_facts, skips_facts
from convscope.pipeline.trust_rows import CascadeRow, cascade_rows, trust_rows
from convscope.probes.outputs import check_eval
from convscope.probes.trust.measure import ALL, Settings, layers_to_test, measure
from convscope.probes.trust.result import Trust
from convscope.probes.views import Views, spread_views

FACTS = "trust.json"
"""Written last: a folder that has it is whole."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrustAsk:
    """What is tested; see ``trust``."""

    layers: tuple[str, ...] | None = None
    method: str = ALL
    count: int = 4
    units: int = 5
    steps: int = 4
    unpool: str = "sum"
    seed: int = 0


def write_trust(
    model: Model,
    images: ImageSet,
    output: str | Path,
    ask: TrustAsk,
    *,
    device: str = "cpu",
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Path:
    """Test a network's pictures and write the folder ``output``; a finished one is kept.

    Returns the path of its facts. Raises SettingError for a folder that holds another run, and the errors of ``trust``.
    """
    check_eval(model)
    layers = layers_to_test(graph_of(model, device), ask.layers)
    asked = Settings(ask.method, ask.count, ask.units, ask.steps, ask.unpool, ask.seed, device, _in_stage(report))
    views = spread_views(images, ask.count, model.preprocessing)
    result = ResultFolder(Path(output), FACTS, _asked(model, images, views, layers, ask))
    if not result.is_finished(overwrite=overwrite):
        started = time.perf_counter()
        found = measure(model, views, layers, asked)
        seconds = time.perf_counter() - started
        result.begin()
        result.write_rows("trust.parquet", TrustRow, trust_rows(found))
        result.write_rows("trust.csv", TrustRow, trust_rows(found))
        result.write_rows("cascade.parquet", CascadeRow, cascade_rows(found))
        result.write("figure.png", figure_png(found, f"{model.spec}: sanity scores"))
        result.finish(_facts(found, views), {"tests": seconds, "all": time.perf_counter() - started})
    return Path(output) / FACTS


def _in_stage(report: Report) -> Callable[[int, int], None]:
    return lambda done, total: report("trust", done, total)


def _asked(model: Model, images: ImageSet, views: Views, layers: Sequence[Layer], ask: TrustAsk) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    return {
        "model": model_facts(model),
        "images": {
            "set": images.name,
            "names": list(views.names),
            "seen_sha256": hashlib.sha256(views.pixels.tobytes()).hexdigest(),
        },
        "settings": asdict(ask) | {"layers": [layer.address for layer in layers]},
    }


def _facts(found: Trust, views: Views) -> dict[str, Any]:
    """The findings in numbers and words, ready for JSON."""
    return {
        "methods": {method: found.sentence(method) for method in found.methods},
        "tests": [asdict(row) for row in trust_rows(found)],
        "skipped": skips_facts(views.skipped),
        "notes": list(found.notes),
    }
