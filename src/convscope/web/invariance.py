"""What a page on invariance says: a value made from a result folder's files, ready for HTML or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.atlas.strictjson import decode
from convscope.errors import AtlasError, AtlasFormatError
from convscope.probes.invariance.summary import Summary

FACTS = "invariance.json"
FILES = ("figure.png", "layers.png", "curves.parquet", "labels.parquet", "units.parquet", "scores.csv")


@dataclass(frozen=True)
class LeftOut:
    """An image that was not used."""

    image: str
    reason: str


@dataclass(frozen=True)
class InvariancePage:
    """Figure 5 in numbers; file names are relative to the result folder."""

    title: str
    images: str  # name of the image set
    border: str
    interpolation: str
    figure: str
    layers: str
    downloads: tuple[str, ...]
    summaries: tuple[Summary, ...]  # by model, then transform
    skipped: tuple[LeftOut, ...]


def invariance_page(folder: str | Path) -> InvariancePage:
    """The page value of a result folder; raises AtlasError if there is none, AtlasFormatError if it is damaged."""
    path = Path(folder)
    facts = _facts(path / FACTS)
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise AtlasFormatError(f"{path} lacks {', '.join(missing)}. Make it again: convscope invariance … --overwrite")
    settings, images = _part(facts, "settings", path), _part(facts, "images", path)
    summaries = decode(tuple[Summary, ...], facts.get("summaries"), f"{FACTS}: summaries")
    return InvariancePage(
        title=f"Invariance of {', '.join(dict.fromkeys(summary.model for summary in summaries))}",
        images=decode(str, images.get("name"), f"{FACTS}: images.name"),
        border=decode(str, settings.get("border"), f"{FACTS}: settings.border"),
        interpolation=decode(str, settings.get("interpolation"), f"{FACTS}: settings.interpolation"),
        figure=FILES[0],
        layers=FILES[1],
        downloads=FILES[2:],
        summaries=summaries,
        skipped=decode(tuple[LeftOut, ...], facts.get("skipped"), f"{FACTS}: skipped"),
    )


def _facts(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AtlasError(
            f"{path.parent} holds no result of convscope invariance: {path.name} cannot be read ({error})"
        ) from error
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise AtlasFormatError(f"{path} is no JSON: {error}. Make it again: convscope invariance …") from error
    if not isinstance(facts, dict):
        raise AtlasFormatError(f"{path} holds a {type(facts).__name__}, expected an object with the facts of a run")
    return facts


def _part(facts: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    found = facts.get(name)
    if not isinstance(found, dict):
        raise AtlasFormatError(f"{path / FACTS}: {name} is {found!r}, expected an object. Make it again")
    return found
