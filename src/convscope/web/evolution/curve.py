"""The convergence of a layer as a chart: both measures, on the scale from different units (0) to the end (1)."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.web.chart import Chart, Series, chart
from convscope.web.evolution.course import LayerCourse
from convscope.web.evolution.facts import CurveFacts, LayerFacts
from convscope.web.evolution.stored import StoredEvolution

SETTLED = 0.9
"""From here on a layer counts as settled, as ``convscope evolve`` has it."""
LOWEST = -0.5
"""What lies further below is drawn here: quartiles may be far below zero where the scale is short."""


def convergence_chart(stored: StoredEvolution, layer: LayerFacts, course: LayerCourse) -> Chart:
    """Medians with quartiles, over the positions of the checkpoints."""
    curves = (("ranking", "first", layer.ranking), ("projection", "second", layer.projection))
    return chart(
        title=f"Similarity of {layer.layer} to its final state at each checkpoint",
        axis=stored.short[0],
        positions=stored.facts.positions,
        series=[
            Series(
                name,
                look,
                beyond(curve.median, curve),
                beyond(course.bands[f"{name}_low"], curve),
                beyond(course.bands[f"{name}_high"], curve),
            )
            for name, look, curve in curves
        ],
        levels=[(SETTLED, "settled")],
    )


def beyond(values: Sequence[float | None], curve: CurveFacts) -> tuple[float | None, ...]:
    """Values on the scale from unrelated units, or 0 if these are lower or not known, to the end.

    None where there is no value, or where different units are alike in the end.
    """
    level = max(curve.unrelated or 0.0, 0.0)
    if level > 1 - 1e-6:
        return (None,) * len(values)
    return tuple(None if value is None else max((value - level) / (1 - level), LOWEST) for value in values)
