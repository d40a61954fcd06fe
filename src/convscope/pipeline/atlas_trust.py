"""The sanity scores of an atlas's own pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from convscope.atlas.writer import write_table
from convscope.engine.layers import Layer
from convscope.engine.project import Way
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.trust_rows import trust_rows
from convscope.probes.trust.measure import Settings, measure
from convscope.probes.views import spread_views

UNITS, STEPS = 3, 1
"""What an atlas is tested with: all its layers, so with less of each than where a few layers are asked for."""
PLACES, FEWEST, MOST = 32, 2, 8
"""Places in all layers together, as far as that is between so many images."""


def images_for(layers: int) -> int:
    """Images that an atlas of so many layers is tested with: fewer for more layers, so that the time stays alike."""
    return min(max(PLACES // layers, FEWEST), MOST)


def add_trust(
    folder: Path,
    model: Model,
    images: ImageSet,
    layers: Sequence[Layer],
    way: Way,
    device: str,
    report: Callable[[str, int, int], None],
) -> None:
    """Test the pictures that ``way`` makes of every layer, and write the table."""

    def progress(done: int, total: int) -> None:
        report("trust", done, total)

    asked = Settings(way.method, images_for(len(layers)), UNITS, STEPS, way.unpool, device=device, report=progress)
    found = measure(model, spread_views(images, asked.count, model.preprocessing), layers, asked)
    write_table(folder, "trust", trust_rows(found))
