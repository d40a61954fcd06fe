"""What projections take as 8-bit pictures, and what is lost: an atlas that was made with ``--raw`` is packed again.

    python -m bench.store ATLAS [--each 20] [--network torchvision:resnet50@none]

By size of the box: bytes of a projection, error of the picture as shown against the raw one (levels of 255; SSIM as a
tile of 72 pixels), time to encode. With ``--network``, bytes of all its units times nine, layer by layer.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from skimage.metrics import structural_similarity

from convscope.atlas.projection import Projection
from convscope.atlas.schema import ProjectionRow
from convscope.atlas.stored import RAW
from convscope.display import display_scale, shrink, to_picture

TILE, TOP = 72, 9
EDGES = (1, 24, 40, 64, 112, 180, 224, 10_000)
"""Shorter sides at which a new line of the table begins."""


def rows_of(atlas: Path) -> Iterable[ProjectionRow]:
    for part in sorted((atlas / "projections").iterdir()):
        for row in pq.read_table(part).to_pylist():
            yield ProjectionRow(**{"format": RAW, "spectrum": None} | row)  # an atlas of version 1 will do, too


def compare(row: ProjectionRow) -> tuple[float, ...]:
    """Pixels, raw bytes, bytes, mean and largest error at full size, SSIM of the tile, milliseconds."""
    raw = Projection.unpack(row)
    started = time.perf_counter()
    packed = raw.pack()
    spent = time.perf_counter() - started
    stored = Projection.unpack(packed)
    scale = display_scale([raw.pixels])
    error = np.abs(to_picture(stored.pixels, scale).astype(int) - to_picture(raw.pixels, scale))
    tiles = [shrink(each.pixels, TILE) for each in (raw, stored)]
    shown = [to_picture(tile, display_scale([tile])) for tile in tiles]
    alike = np.nan
    if min(shown[0].shape[:2]) >= 7:
        alike = structural_similarity(*shown, channel_axis=2)  # type: ignore[no-untyped-call]
    sizes = raw.pixels.shape[0] * raw.pixels.shape[1], len(row.values), len(packed.values)
    return (*sizes, error.mean(), error.max(), alike, 1000 * spent)


def line_of(row: ProjectionRow) -> int:
    return int(np.searchsorted(EDGES, min(row.height, row.width), side="right"))


def foretold(network: str, found: dict[int, list[tuple[float, ...]]]) -> None:
    """Bytes of all units of a network times nine: those of the boxes that were measured, of the nearest size."""
    from convscope.engine.graphs import graph_of
    from convscope.engine.layers import layers
    from convscope.models import load_model
    from convscope.resources.stored import area

    graph = graph_of(load_model(network))
    total, units = 0.0, 0
    print("| layers with a field of | units | bytes each | MB for nine of each |\n|---|---|---|---|")
    by_line: dict[int, list[int]] = defaultdict(list)
    for layer in layers(graph):
        side = int(area(layer, graph.input_shape[2:]) ** 0.5)  # type: ignore[arg-type]
        by_line[int(np.searchsorted(EDGES, side, side="right"))].append(layer.units)
    for line, counts in sorted(by_line.items()):
        nearest = min(found, key=lambda each: abs(each - line))
        size = float(np.mean([values[2] for values in found[nearest]]))
        total, units = total + TOP * sum(counts) * size, units + sum(counts)
        print(f"| {_range(line)} | {sum(counts)} | {size:.0f} | {TOP * sum(counts) * size / 1e6:.0f} |")
    print(f"| all | {units} | {total / units / TOP:.0f} | {total / 1e6:.0f} |")


def _range(line: int) -> str:
    low, high = EDGES[line - 1], EDGES[line] - 1
    return f"{low} and more" if high > 9_000 else f"{low} to {high}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--network")
    options = parser.parse_args()
    rows: dict[int, list[ProjectionRow]] = defaultdict(list)
    for row in rows_of(options.atlas):
        rows[line_of(row)].append(row)
    draw = np.random.default_rng(0)
    found = {}
    print(
        "| shorter side, pixels | projections | raw, bytes | picture, bytes | mean error | largest, mean; all "
        "| SSIM, mean; least | ms |\n|---|---|---|---|---|---|---|---|"
    )
    for line, some in sorted(rows.items()):
        chosen = [some[i] for i in draw.permutation(len(some))[: options.each]]
        found[line] = [compare(row) for row in chosen]
        _, raw, size, mean, largest, alike, spent = np.transpose(found[line])
        print(
            f"| {_range(line)} | {len(chosen)} | {raw.mean():.0f} | {size.mean():.0f} | {mean.mean():.2f} "
            f"| {largest.mean():.0f}; {largest.max():.0f} | {np.nanmean(alike):.3f}; {np.nanmin(alike):.3f} "
            f"| {np.median(spent):.1f} |",
            flush=True,
        )
    if options.network:
        foretold(options.network, found)


if __name__ == "__main__":
    main()
