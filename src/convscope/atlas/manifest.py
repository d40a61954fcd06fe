"""What an atlas was made from and how: ``manifest.json``, and the key that tells two runs apart."""

# ruff: noqa: RUF009  (fact() makes a dataclass field; the rule does not look inside)

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any

from convscope.atlas.schema import FORMAT_VERSION
from convscope.atlas.strictjson import decode
from convscope.atlas.versions import READABLE
from convscope.errors import AtlasError, AtlasFormatError, AtlasVersionError
from convscope.regular import read_text

MANIFEST = "manifest.json"
"""Written last: an atlas that has it is whole."""

JOURNAL = "journal.json"
"""Written first: says which run the files belong to."""


def fact(doc: str) -> Any:
    """A documented field of the manifest."""
    return field(metadata={"doc": doc})


@dataclass(frozen=True)
class ModelFacts:
    """The model that was looked at."""

    spec: str = fact("how the model was named by the user")
    digest: str = fact("digest of its weights, ops and preprocessing")
    architecture: str = fact("name of its class")
    input_height: int = fact("rows of its input, in pixels")
    input_width: int = fact("columns of its input, in pixels")
    input_channels: int = fact("channels of its input")
    classes: tuple[str, ...] = fact("names of its outputs, in order; empty if unknown")
    notes: tuple[str, ...] = fact("remarks on how it was loaded")


@dataclass(frozen=True)
class DataFacts:
    """The images it was looked at with."""

    name: str = fact("how the image set was named by the user")
    digest: str = fact("digest of its contents")
    images: int = fact("images of the set, skipped ones too")
    skipped: int = fact("images that were left out; images.parquet says why")
    classes: tuple[str, ...] = fact("labels that occur; empty if there are none")


@dataclass(frozen=True)
class Settings:
    """What was asked for; together with model and data this decides every number of the atlas."""

    layers: tuple[str, ...] = fact("addresses of the layers, from input to output")
    top: int = fact("top activations kept of each unit")
    per_image: str = fact("one or many activations of an image may be among a unit's top")
    per_class: int = fact("top activations also kept of each unit and class; 0 is off")
    method: str = fact("projection method asked for: auto, deconvnet, guided_backprop or gradient")
    unpool: str = fact("what happens where pooling windows share a switch: sum or last; none is off")
    units: int | None = fact("projected units of each layer; null is all")
    raw: str = fact("raw numbers of the projections: float16; or none, where they are kept as 8-bit pictures")


@dataclass(frozen=True)
class RuleUse:
    """How often a rule was applied to an op."""

    op: str = fact("the op")
    kind: str = fact("the kind of op, as the rule table sees it")
    rule: str = fact("the rule that was applied")
    count: int = fact("nodes of the model's graph it was applied to")


@dataclass(frozen=True)
class Provenance:
    """Everything that decides what is in an atlas. Two runs with the same provenance make the same atlas."""

    weights: str
    data: str
    settings: Settings
    convscope: str
    format_version: int = FORMAT_VERSION

    @property
    def key(self) -> str:
        """Hex sha256 over all fields."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, other: Provenance) -> tuple[str, ...]:
        """What differs, in words, e.g. ``weights`` or ``settings.top (9, there 16)``."""
        mine, theirs = self._named(), other._named()
        return tuple(_told(name, mine[name], theirs[name]) for name in mine if mine[name] != theirs[name])

    def _named(self) -> dict[str, Any]:
        settings = {f"settings.{name}": value for name, value in asdict(self.settings).items()}
        versions = {"convscope version": self.convscope, "format version": self.format_version}
        return {"weights": self.weights, "data set": self.data, **settings, **versions}


def _told(name: str, mine: object, theirs: object) -> str:
    if name in ("weights", "data set"):  # which are digests, and say nothing to anybody
        return name
    now, there = (shorten(json.dumps(value, ensure_ascii=False), 60, placeholder=" …") for value in (mine, theirs))
    return f"{name} ({now}, there {there})"


def provenance_key(weights: str, data: str, settings: Settings, convscope: str) -> str:
    """Hex sha256 over weights digest, data digest, settings, format version and convscope version."""
    return Provenance(weights, data, settings, convscope).key


@dataclass(frozen=True)
class Manifest:
    """``manifest.json``: written last, so that an atlas that has one is whole."""

    model: ModelFacts = fact("what was looked at")
    data: DataFacts = fact("the images it was looked at with")
    settings: Settings = fact("what was asked for")
    method: str = fact("projection method used, after resolving auto")
    rules: tuple[RuleUse, ...] = fact("which rule was applied to which op")
    notes: tuple[str, ...] = fact("said to the reader on every page, e.g. that the model has no switches")
    versions: dict[str, str] = fact("versions of convscope, torch, python, …")
    created: str = fact("when, ISO 8601, UTC")
    key: str = fact("sha256 over digests, settings, format version and convscope version")
    format_version: int = field(default=FORMAT_VERSION, metadata={"doc": "version of this format"})

    @property
    def provenance(self) -> Provenance:
        """What ``key`` is the digest of."""
        return Provenance(
            weights=self.model.digest,
            data=self.data.digest,
            settings=self.settings,
            convscope=self.versions["convscope"],
            format_version=self.format_version,
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the atlas in ``folder``; AtlasFormatError if it is damaged, edited or too new."""
    manifest = decode(Manifest, read_versioned(folder / MANIFEST), MANIFEST)
    if "convscope" not in manifest.versions:
        raise AtlasFormatError(f"{folder / MANIFEST}: versions does not name convscope. Make the atlas again.")
    if manifest.key != manifest.provenance.key:
        raise AtlasFormatError(
            f"{folder / MANIFEST}: the key does not belong to the digests and settings beside it, so the "
            "file was changed after it was written. Restore it, or make the atlas again."
        )
    return manifest


def read_versioned(path: Path) -> dict[str, Any]:
    """A JSON object with a ``format_version`` that this program can read."""
    try:
        value = json.loads(read_text(path))
    except OSError as error:
        raise AtlasError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise AtlasFormatError(f"{path} is not valid JSON: {error}. Make the atlas again.") from error
    if not isinstance(value, dict) or type(value.get("format_version")) is not int:
        raise AtlasFormatError(f"{path} has no whole number format_version: it is not from an atlas.")
    _check_version(path, value)
    return value


def _check_version(path: Path, value: dict[str, Any]) -> None:
    found = value["format_version"]
    if found in READABLE:
        return
    read = " and ".join(map(str, READABLE))
    versions = value.get("versions")
    maker = versions.get("convscope") if isinstance(versions, dict) else value.get("convscope")
    if found > FORMAT_VERSION:
        raise AtlasVersionError(
            f"{path} has format version {found}; this program reads versions {read}. "
            f"It was written by convscope {maker or 'of an unknown version'}: install that version or a "
            "later one (pip install --upgrade convscope), or make the atlas again with this one."
        )
    raise AtlasFormatError(
        f"{path} has format version {found}, which never existed or is no longer read "
        f"(this program reads versions {read}). Make the atlas again."
    )
