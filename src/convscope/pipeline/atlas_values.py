"""A sample of what an atlas holds, computed again from the model and the images, and compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from convscope.atlas.projection import Projection
from convscope.atlas.reader import Atlas, decode_picture
from convscope.atlas.schema import PictureRow, TopRow
from convscope.atlas.stored import RAW
from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.engine.layers import Layer, find_layers
from convscope.engine.loading import View, read_view
from convscope.engine.project import Way
from convscope.images import ImageSet
from convscope.models import Model
from convscope.pipeline.match import check_images, check_model
from convscope.pipeline.part_projection import project_image
from convscope.pipeline.pictures import encode_picture
from convscope.pipeline.winners import Winner
from convscope.probes.verification.compare import apart
from convscope.probes.verification.result import Check, Untested, Verification

Progress = Callable[[int, int], None]
Result = Check | Untested
Place = tuple[str, int, int]
"""Layer, unit and rank."""

PICTURES = "pictures"
"""Stands for what is kept of the images where a layer is named."""

PROJECTED = 2
"""Projections of a layer that are made again from each image."""


def check_values(
    atlas: Atlas,
    model: Model,
    images: ImageSet,
    *,
    count: int = 8,
    seed: int = 0,
    device: str = "cpu",
    report: Progress = lambda _done, _total: None,
) -> Verification:
    """Compare what ``atlas`` keeps of ``count`` of its images with what ``model`` gives for them now.

    The images are drawn by ``seed`` from those that have a picture. Of each: all its activations that are among the
    strongest, its peaks in all units where they were kept, its picture, and two projections of each layer. Raises
    AtlasMismatchError if model or images are not those of the atlas.
    """
    check_model(atlas, model)
    check_images(atlas, images)
    started = time.perf_counter()
    pictured = np.array(atlas.pictured())
    drawn = np.random.default_rng(seed).permutation(pictured)[:count]
    chosen = sorted(drawn.tolist())
    layers = find_layers(graph_of(model, device), atlas.manifest.settings.layers)
    projected = _projected(atlas)
    found: list[Result] = []
    for done, image in enumerate(chosen):
        found += _compared(atlas, model, images, image, layers, projected, device)
        report(done + 1, len(chosen))
    addresses = [layer.address for layer in layers]
    names = tuple(images.names[image] for image in chosen)
    return Verification.ordered(found, addresses, names, model.notes, time.perf_counter() - started)


def _compared(
    atlas: Atlas,
    model: Model,
    images: ImageSet,
    image: int,
    layers: Sequence[Layer],
    projected: Collection[Place],
    device: str,
) -> Iterator[Result]:
    name = images.names[image]
    outcome, view = read_view(images, image, model.preprocessing)
    if view is None:
        yield Untested(PICTURES, "picture", f"{name} cannot be read now: {outcome.skipped}")
        return
    yield _picture(atlas.picture_row(image), view, name)
    by_layer: dict[str, list[TopRow]] = {layer.address: [] for layer in layers}
    for row in atlas.top_of_image(image):
        by_layer[row.layer].append(row)
    found: list[Result] = []

    def compare(node: str, maps: torch.Tensor) -> None:
        layer = next(each for each in layers if each.node == node)
        values = maps[0].float().cpu().numpy()
        found.extend(_activations(layer, values, by_layer[layer.address], name))
        found.extend(_peaks(atlas, layer, values, image, name))

    forward = prepare(graph_of(model, device), [layer.node for layer in layers], device)
    forward(model.preprocessing.normalise(torch.from_numpy(view)[None]), compare)
    yield from found
    for layer in layers:
        rows = [row for row in by_layer[layer.address] if (row.layer, row.unit, row.rank) in projected]
        yield from _projections(atlas, model, layer, rows[:PROJECTED], view, name, device)


def _picture(row: PictureRow, view: View, name: str) -> Check:
    """The kept picture against one made the same way now."""
    kept, made = (decode_picture(each).astype(float) for each in (row, encode_picture(row.image, view)))
    same = kept.shape == made.shape
    return Check(PICTURES, "picture", name, float(np.abs(kept - made).max()) / 255 if same else np.inf)


def _activations(layer: Layer, maps: NDArray[np.float32], rows: Sequence[TopRow], name: str) -> Iterator[Check]:
    if rows:
        made = np.array([maps[row.unit, row.y, row.x] for row in rows])
        kept = np.array([row.value for row in rows])
        units = tuple(sorted({row.unit for row in rows}))
        yield Check(layer.address, "activation", name, _apart(kept, made), units)


def _peaks(atlas: Atlas, layer: Layer, maps: NDArray[np.float32], image: int, name: str) -> Iterator[Check]:
    kept = atlas.peaks(layer.address)
    at = None if kept is None else np.flatnonzero(kept.images == image)
    if kept is not None and at is not None and len(at):
        yield Check(layer.address, "peak", name, _apart(kept.values[:, at[0]], maps.max((1, 2))))


def _projections(
    atlas: Atlas, model: Model, layer: Layer, rows: Sequence[TopRow], view: View, name: str, device: str
) -> Iterator[Check]:
    """Projections of activations of a layer in this image: what is kept, against what is made now."""
    kept = [(row, stored) for row in rows if (stored := atlas.projection(row.layer, row.unit, row.rank))]
    way = Way(atlas.manifest.method, atlas.manifest.settings.unpool)
    winners = [Winner(row.image, layer, row.unit, row.rank, row.y, row.x) for row, _ in kept]
    raw = atlas.manifest.settings.raw == RAW
    # Packed as it was then: what is lost by that is no difference.
    made = (
        Projection.unpack(each.pack(raw=raw))
        for each in project_image(model, torch.from_numpy(view)[None], winners, way, device)
    )
    differences = [_boxes_apart(one, other, view.shape) for (_, one), other in zip(kept, made, strict=True)]
    if differences:
        units = tuple(row.unit for row, _ in kept)
        yield Check(layer.address, "projection", name, float(np.max(differences)), units)


def _boxes_apart(kept: Projection, made: Projection, view: tuple[int, ...]) -> float:
    """How far two projections into an image differ, infinitely if the kept one does not fit it."""
    height, width = view[:2]
    try:
        whole = kept.on_canvas(height, width)
    except ValueError:
        return np.inf
    expected = made.on_canvas(height, width)
    return _apart(whole, expected) if whole.shape == expected.shape else np.inf


def _projected(atlas: Atlas) -> frozenset[Place]:
    """Layer, unit and rank of all projections that are kept."""
    columns = atlas.columns("projections", "layer", "unit", "rank").columns
    return frozenset(zip(*(column.to_pylist() for column in columns), strict=True))


def _apart(kept: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    return apart(torch.from_numpy(kept.copy()), torch.from_numpy(made))  # what is read of a table is not writable
