"""Features of images in one pass of the network, kept in files that are named by what decides them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from convscope.atomic import file_in_the_way
from convscope.engine.forward import prepare
from convscope.engine.graphs import digest_of, graph_of
from convscope.engine.loading import Batch, batches
from convscope.errors import AddressError, ImageSetError, NumberError, SettingError
from convscope.finite import is_finite
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.models import Model
from convscope.probes.features import Feature, find_features, stage_features
from convscope.probes.transfer.stored import FLOAT, PIXEL, Growing, Stored

Report = Callable[[int, int], None]
PIXELS = "input"
"""The address of what the network is given: features to compare all others with."""
FORMS = ("flat", "pooled")
_MEANS = frozenset("adaptive_avg_pool2d avg_pool2d mean".split())
_FORMAT = 2
"""Of the files: others are not read."""


@dataclass(frozen=True)
class Wanted:
    """A value of the network as ``columns`` numbers for each image; ``node`` is None for the input itself."""

    address: str
    node: str | None
    columns: int

    def stored(self, path: Path, rows: int) -> Stored:
        """The file of so many images. Pixels are bytes: each column is standardised before it is used."""
        return Stored(path, rows, self.columns, FLOAT if self.node else PIXEL)


@dataclass(frozen=True)
class Extraction:
    """Where features are kept, and how they are made; ``form``: every number (``flat``), or means of maps."""

    folder: Path
    form: str = "flat"
    device: str = "cpu"
    batch_size: int = 32
    workers: int = 2

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise SettingError(f"features are {' or '.join(FORMS)}, not {self.form!r}")
        check_folder(self.folder)


def check_folder(path: Path) -> None:
    """Raise SettingError for what can be no folder, because it is a file, or lies below one."""
    if (there := file_in_the_way(path)) is not None:
        raise SettingError(f"{path} lies at or below {there}, which is a file; name a folder, or one that may be made")


def wanted_features(
    model: Model, addresses: Sequence[str] | None, form: str, device: str = "cpu"
) -> tuple[Wanted, ...]:
    """The values at these addresses, or by default the input and every stage; from input to output.

    ``input`` is the address of the pixels that the network is given. Raises AddressError.
    """
    graph = graph_of(model, device)
    others = None if addresses is None else [address for address in addresses if address != PIXELS]
    if addresses is not None and not addresses:
        raise AddressError("no layer was named; leave the choice out for the default layers, or name at least one")
    found: tuple[Feature, ...] = ()
    if others is None or others:
        found = _stages(graph, form) if others is None else find_features(graph, others)
    channels, height, width = graph.input_shape[1:]
    pixels = Wanted(PIXELS, None, channels * height * width)
    chosen = (pixels,) if addresses is None or PIXELS in addresses else ()
    return (*chosen, *(Wanted(each.address, each.node, _columns(graph, each, form)) for each in found))


def _stages(graph: OpGraph, form: str) -> tuple[Feature, ...]:
    """The default ones; without a vector that is nothing but the means of a map whose means are taken anyway."""
    found = stage_features(graph)
    if form == "flat":
        return found
    nodes = {each.node for each in found}
    return tuple(each for each in found if not _is_mean_of(graph, each, nodes))


def _is_mean_of(graph: OpGraph, feature: Feature, nodes: set[str]) -> bool:
    node = graph.by_name[feature.node]
    return node.op in _MEANS and (node.shape or ())[2:] in ((), (1, 1)) and not nodes.isdisjoint(node.inputs)


def _columns(graph: OpGraph, feature: Feature, form: str) -> int:
    shape = graph.by_name[feature.node].shape or ()
    return int(shape[1]) if form == "pooled" and len(shape) == 4 else feature.dimensions


def extract(
    model: Model,
    images: ImageSet,
    contents: Mapping[int, str],
    wanted: Sequence[Wanted],
    how: Extraction,
    report: Report = lambda _done, _total: None,
) -> Mapping[str, Stored]:
    """Features of the images ``contents`` (index to content digest), by address; row i is the i-th image.

    The numbers of a map (units, height, width) are in the order height, width, units.

    What an earlier call made, for the same weights and images, is not made again; a call that was killed goes on behind
    its last whole image. Raises NumberError for features that are not finite, ImageSetError for an image that cannot be
    read (any more), SettingError where the disk has no room.
    """
    decides = digest_of(model), how.form, list(contents.values())
    files = {each.address: _file(decides, each, how.folder) for each in wanted}
    missing = [each for each in wanted if not files[each.address].is_whole()]
    if missing:
        how.folder.mkdir(parents=True, exist_ok=True)
        _check_room(how, {each.address: files[each.address] for each in missing})
        _pass(model, images, list(contents), {each: files[each.address] for each in missing}, how, report)
    report(len(contents), len(contents))
    return files


def _file(decides: tuple[str, str, list[str]], wanted: Wanted, folder: Path) -> Stored:
    model, form, contents = decides
    key = hashlib.sha256(json.dumps([_FORMAT, model, wanted.address, form, contents]).encode()).hexdigest()
    return wanted.stored(folder / f"{key[:32]}.features", len(contents))


def _check_room(how: Extraction, files: Mapping[str, Stored]) -> None:
    folder, free = how.folder, shutil.disk_usage(how.folder).free
    need = sum(file.size - file.begun for file in files.values())
    if need > free:
        address, largest = max(files.items(), key=lambda pair: pair[1].size)
        raise SettingError(
            f"the features take {need / 1e9:.1f} GB more, and {folder} has {free / 1e9:.1f} GB free; the largest layer "
            f"is {address!r} with {largest.columns:,} numbers an image, {largest.size / 1e9:.1f} GB. Choose layers "
            f"with --layers, {'' if how.form == 'pooled' else 'take means of maps with --pooled, '}or another disk "
            "with --features"
        )


def _pass(
    model: Model,
    images: ImageSet,
    indices: Sequence[int],
    targets: Mapping[Wanted, Stored],
    how: Extraction,
    report: Report,
) -> None:
    growing = Growing(list(targets.values()))
    forward = prepare(graph_of(model, how.device), [each.node for each in targets if each.node], how.device)
    places = {each.node: place for place, each in enumerate(targets)}
    addresses = {each.node: each.address for each in targets if each.node}
    done = growing.done
    try:
        for batch in batches(images, indices[done:], model.preprocessing, how.batch_size, how.workers):
            _check_read(images, batch)

            def keep(node: str, values: Tensor, batch: Batch = batch) -> None:
                rows = _rows(values, how.form)
                _check_finite(images, batch, addresses[node], rows)
                growing.append(places[node], rows.cpu().numpy())

            if None in places:
                growing.append(places[None], batch.views.flatten(1).numpy())
            if forward.shown:
                forward(model.preprocessing.normalise(batch.views), keep)
            done += len(batch.index)
            report(done, len(indices))
        growing.finish()
    finally:
        growing.close()


def _rows(values: Tensor, form: str) -> Tensor:
    """Float (images, columns): numbers of a map in the order in which they lie in memory, which takes no copy."""
    if values.ndim != 4:
        return values.flatten(1)
    return values.mean((2, 3)) if form == "pooled" else values.permute(0, 2, 3, 1).flatten(1)


def _check_read(images: ImageSet, batch: Batch) -> None:
    for outcome in batch.outcomes:
        if outcome.skipped is not None:
            raise ImageSetError(f"{images.names[outcome.image]} could be read before, and no longer: {outcome.skipped}")


def _check_finite(images: ImageSet, batch: Batch, address: str, rows: Tensor) -> None:
    if is_finite(rows):
        return
    bad = ~torch.isfinite(rows).all(1).cpu()
    name = images.names[int(batch.index[bad][0])]
    raise NumberError(
        f"layer {address!r} gives NaN or infinite features for {int(bad.sum())} of {len(rows)} images, first "
        f"{name!r}. Look for NaN in the weights, and check how the model is normalised"
    )


def bytes_per_image(wanted: Sequence[Wanted]) -> int:
    """What the features of one image take on disk."""
    return sum(each.stored(Path(), 1).size for each in wanted)
