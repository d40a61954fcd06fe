"""From a scan's tallies to the rows and columns of the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from convscope.atlas.schema import ImageRow, LayerRow, UnitRow
from convscope.engine.layers import Layer
from convscope.engine.scan import Scan
from convscope.engine.tally import Statistics
from convscope.engine.topk import NOWHERE, TopK
from convscope.images import ImageSet
from convscope.window import Field

PEAKS_PER_BATCH = 1 << 20
"""Rows of a batch of peaks, which is a row group: some megabytes, so that a layer is read in a few steps."""


def image_rows(scan: Scan, images: ImageSet) -> Iterator[ImageRow]:
    """One row per image of the set."""
    for outcome in scan.outcomes:
        name, label = images.names[outcome.image], images.labels[outcome.image]
        yield ImageRow(outcome.image, name, label, outcome.width, outcome.height, outcome.skipped)


def layer_rows(layers: tuple[Layer, ...]) -> Iterator[LayerRow]:
    """One row per layer, from input to output."""
    for depth, layer in enumerate(layers):
        yield LayerRow(
            layer=layer.address,
            depth=depth,
            op=layer.op,
            units=layer.units,
            height=layer.height,
            width=layer.width,
            field_height=layer.rows.size,
            field_width=layer.columns.size,
            stride_y=layer.rows.stride,
            stride_x=layer.columns.stride,
            start_y=layer.rows.start,
            start_x=layer.columns.start,
            gated=layer.gated,
        )


def unit_rows(scan: Scan) -> Iterator[UnitRow]:
    """One row per unit of every layer."""
    for layer in scan.layers:
        statistics = scan.tallies[layer.address].statistics
        mean = statistics.peak_sum / statistics.count
        std = (statistics.square_sum / statistics.count - mean.square()).clamp_min(0).sqrt()
        preference = _class_preference(statistics, scan.classes)
        for unit in range(layer.units):
            active = int(statistics.active[unit])
            best_class, selectivity = preference[unit] if preference else (None, None)
            yield UnitRow(
                layer=layer.address,
                unit=unit,
                images=int(statistics.count),
                peak_max=float(statistics.peak_max[unit]),
                peak_mean=float(mean[unit]),
                peak_std=float(std[unit]),
                active=active / int(statistics.count),
                dead=active == 0,
                best_class=best_class,
                selectivity=selectivity,
            )


def _class_preference(s: Statistics, classes: tuple[str, ...]) -> list[tuple[str | None, float | None]]:
    """For each unit the class with the highest mean peak, and how far it stands above all other images.

    (best - rest) / (best + rest), negative means taken as 0; Morcos et al. 2018. Empty without two classes to compare.
    """
    seen = (s.class_count > 0).nonzero()[:, 0]
    if len(seen) < 2:
        return []
    count, peak = s.class_count[seen, None].double(), s.class_peak[seen]
    means, best = (peak / count).max(0)
    rest = (s.peak_sum - peak.gather(0, best[None])[0]) / (s.count - count[best, 0])
    means, rest = means.clamp_min(0), rest.clamp_min(0)
    total = means + rest
    index = (means - rest) / torch.where(total > 0, total, 1)
    names = [classes[i] for i in seen[best].tolist()]
    return [(n, v) if t > 0 else (None, None) for n, v, t in zip(names, index.tolist(), total.tolist(), strict=True)]


def top_columns(scan: Scan, size: tuple[int, int]) -> Iterator[Mapping[str, Any]]:
    """The top activations as columns: first among all images, then, where kept, among those of each class."""
    for layer in scan.layers:
        tally = scan.tallies[layer.address]
        yield _top_columns(layer, tally.top, None, size)
        for number in sorted(tally.by_class):
            yield _top_columns(layer, tally.by_class[number], scan.classes[number], size)


def _top_columns(layer: Layer, top: TopK, among: str | None, size: tuple[int, int]) -> Mapping[str, Any]:
    unit, rank = ((top.place != NOWHERE) & (top.value > 0)).nonzero(as_tuple=True)
    image, position = (v.numpy() for v in _divmod(top.place[unit, rank], layer.height * layer.width))
    y, x = np.divmod(position, layer.width)
    rows, columns = _windows(layer.rows, y, size[0]), _windows(layer.columns, x, size[1])
    return {
        "layer": layer.address,
        "unit": unit.numpy(),
        "among": among,
        "rank": rank.numpy(),
        "image": image,
        "value": top.value[unit, rank].numpy(),
        "y": y,
        "x": x,
        "top": rows[0],
        "left": columns[0],
        "bottom": rows[1],
        "right": columns[1],
        "clipped": rows[2] | columns[2],
    }


def peak_columns(scan: Scan) -> Iterator[Mapping[str, Any]]:
    """The peaks of the sampled images as columns: in batches of some units of one layer, sorted by unit and image."""
    for layer in scan.layers:
        images, peaks = (tensor.numpy() for tensor in scan.tallies[layer.address].sampled.joined())
        for units in _split(range(layer.units), max(PEAKS_PER_BATCH // max(len(images), 1), 1)):
            yield {
                "layer": layer.address,
                "unit": np.repeat(np.array(units, np.int32), len(images)),
                "image": np.tile(images.astype(np.int32), len(units)),
                "value": peaks[:, units.start : units.stop].T.ravel(),
            }


def _split(whole: range, size: int) -> Iterator[range]:
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _divmod(value: torch.Tensor, by: int) -> tuple[torch.Tensor, torch.Tensor]:
    return value // by, value % by


def _windows(field: Field, position: Any, length: int) -> tuple[Any, Any, Any]:
    """First pixel, pixel after the last, and whether anything was clipped, for an array of positions."""
    first = position * field.stride + field.start
    start = np.clip(first, 0, length - 1)
    stop = np.maximum(np.minimum(first + field.size, length), start + 1)
    return start, stop, (first < 0) | (first + field.size > length)
