"""Putting named tensors into an architecture: all of them, or an error that says which do not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from convscope.errors import WeightsError
from convscope.finite import is_finite

PREFIXES = ("module.", "model.", "_orig_mod.")
"""What DataParallel, training frameworks and torch.compile put before every name."""

OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(?=[12]\.)")
"""torchvision's DenseNet files still say norm.1 where its modules say norm1."""


def fit(module: nn.Module, entries: Mapping[str, Tensor], spare: Sequence[str], origin: str) -> tuple[str, ...]:
    """Copy ``entries`` into ``module``, in place, and return notes on what was left out.

    Entries that start with one of ``spare`` may be present without being needed (heads used in training
    only). Raises WeightsError that names the first missing, unexpected and misshapen entries; then nothing
    was copied.
    """
    wanted: dict[str, Tensor] = {
        name: entry for name, entry in module.state_dict().items() if isinstance(entry, Tensor)
    }
    given = _renamed(entries, wanted)
    left_out = {name for name in given.keys() - wanted.keys() if name.startswith(tuple(spare))}
    given = {name: entry for name, entry in given.items() if name not in left_out}
    # Files older than PyTorch 0.4.1 lack the counters of batch normalisation, which only training reads.
    given = {name: e for name, e in wanted.items() if name.endswith("num_batches_tracked")} | given
    _check(given, wanted, origin)
    with torch.no_grad():
        for name, entry in wanted.items():
            entry.copy_(given[name])
    heads = sorted({name.split(".")[0] for name in left_out})
    return (f"left out of {origin}: {', '.join(heads)}, used in training only",) if heads else ()


def _renamed(entries: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = dict(entries)
    while not renamed.keys() & wanted.keys():
        prefix = next((each for each in PREFIXES if all(name.startswith(each) for name in renamed)), None)
        if prefix is None:
            break
        renamed = {name.removeprefix(prefix): entry for name, entry in renamed.items()}
    return {name if name in wanted else OLD_DENSENET.sub(r"\1", name): e for name, e in renamed.items()}


def _check(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], origin: str) -> None:
    both = [name for name in wanted if name in given]
    faults = {
        "missing": [name for name in wanted if name not in given],
        "unexpected": [name for name in given if name not in wanted],
        "of another shape": [
            f"{name} {list(given[name].shape)} instead of {list(wanted[name].shape)}"
            for name in both
            if given[name].shape != wanted[name].shape
        ],
    }
    if any(faults.values()):
        found = "; ".join(f"{len(names)} {fault}: {_few(names)}" for fault, names in faults.items() if names)
        raise WeightsError(
            f"{origin} does not fit the architecture, which has {len(wanted)} entries. {found}. Name the "
            "architecture that the weights were trained with; if only the number of outputs differs, give "
            "the names of the classes."
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(islice(names, 3)) + (", …" if len(names) > 3 else "")


def not_finite(module: nn.Module) -> tuple[str, ...]:
    """Names of the entries that hold NaN or infinity."""
    return tuple(
        name
        for name, entry in module.state_dict().items()
        if isinstance(entry, Tensor) and entry.is_floating_point() and not is_finite(entry)
    )
