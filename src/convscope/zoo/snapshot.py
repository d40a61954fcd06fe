"""A trained network as one safetensors file: weights, and in its header what it takes to build and feed it again."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from convscope.atomic import replacing
from convscope.errors import WeightsError
from convscope.regular import require_regular
from convscope.strict import Reader, parsed_json
from convscope.zoo.architecture import Architecture, build
from convscope.zoo.centre import Centre

FOLDER = "snapshots"
"""Of a run's folder, where its snapshots lie."""
SUFFIX = ".safetensors"
HEADER = "convscope"
"""Key of the description among the file's metadata."""


@dataclass(frozen=True)
class Snapshot:
    """What a file says of its network; ``resize`` is the shorter side of an image before the middle is cut out."""

    architecture: Architecture
    classes: tuple[str, ...]
    resize: int
    interpolation: str
    epoch: int
    """Epochs finished."""
    step: int
    """Optimiser steps taken."""
    run: str
    """Digest of recipe, data and seed."""


def whole(centre: Centre, network: nn.Sequential) -> nn.Sequential:
    """The network as a snapshot holds it: pixels in, logits out."""
    return nn.Sequential(OrderedDict([("centre", centre), *network.named_children()]))


def write_snapshot(path: Path, network: nn.Module, about: Snapshot) -> None:
    """Write weights and description; the file appears whole or not at all. Raises WeightsError where it cannot."""
    entries = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    # As bytes and not by save_file, which lets nobody but the owner read the file.
    content = save(entries, {HEADER: json.dumps(asdict(about), sort_keys=True)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise WeightsError(
            f"snapshot {path} could not be written ({error}). Earlier snapshots are whole; make room and run the same "
            "command again, which goes on where this one stopped"
        ) from error


def describe(path: Path) -> Snapshot:
    """What a file says of its network; raises WeightsError for one that is damaged or of another kind."""
    with _opened(path) as file:
        header = (file.metadata() or {}).get(HEADER)
    if header is None:
        raise WeightsError(
            f"{path} holds weights without a description of their network. Name the architecture as the model, and "
            "give this file as its weights"
        )
    described = parsed_json(header, f"{path}: its description", WeightsError)
    return Reader(WeightsError).decode(Snapshot, described, f"{path.name}: {HEADER}")


def read_snapshot(path: Path) -> tuple[Snapshot, nn.Sequential]:
    """Description and network; raises WeightsError for a damaged file, or weights that do not fit the description."""
    about = describe(path)
    with _opened(path) as file:
        entries = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    with torch.device("meta"):  # costs nothing, whatever sizes the file claims
        _check_fit(_empty(about), entries, path)
    network = _empty(about)
    network.load_state_dict(entries)
    return about, network


def _empty(about: Snapshot) -> nn.Sequential:
    side, channels = about.architecture.side, about.architecture.channels
    return whole(Centre(torch.zeros(channels, side, side), 1.0), build(about.architecture, len(about.classes)))


def _check_fit(planned: nn.Module, entries: Mapping[str, Tensor], path: Path) -> None:
    described = {name: list(entry.shape) for name, entry in planned.state_dict().items()}
    held = {name: list(entry.shape) for name, entry in entries.items()}
    for name in sorted({*described, *held}):
        if described.get(name) != held.get(name):
            raise WeightsError(
                f"{path}: its architecture has {name} of {described.get(name, 'nothing')}, its weights have "
                f"{held.get(name, 'nothing')}. The file was changed after training; take another snapshot"
            )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        require_regular(path)
        with safe_open(path, "pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is not a sound safetensors file ({error}). Save it again") from error


def snapshots_of(run: Path) -> tuple[Path, ...]:
    """The snapshots of a run's folder, in the order of training; raises WeightsError if there are none."""
    found = [(describe(path), path) for path in sorted((run / FOLDER).glob(f"*{SUFFIX}"))]
    if not found:
        raise WeightsError(f"{run} holds no {FOLDER}/*{SUFFIX}; give the folder that `convscope train` wrote")
    # After the last step of an epoch, the snapshot of that step comes before the epoch's own.
    return tuple(path for _, path in sorted(found, key=lambda pair: (pair[0].step, pair[0].epoch)))
