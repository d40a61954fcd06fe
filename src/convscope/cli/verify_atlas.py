"""``convscope verify ATLAS [MODEL IMAGES]``: whether an atlas is what it was, and is right."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from convscope.cli.options import load, opened
from convscope.cli.planning import planned
from convscope.cli.verification import facts, say

if TYPE_CHECKING:
    from convscope.atlas.damage import Files
    from convscope.images import ImageSet
    from convscope.models import Model
    from convscope.probes.verification.result import Verification

    Source = tuple[Model, ImageSet]


@dataclass(frozen=True)
class AtlasCheck:
    """What was asked for: names as they were given; ``source`` is a model and images, or nothing."""

    atlas: Path
    source: tuple[str, Path] | None
    weights: Path | None
    count: int
    seed: int
    limit: int | None
    background: str
    repair: bool
    device: str
    max_memory: str | None


@dataclass(frozen=True)
class _Found:
    """What came of it: ``repaired`` files by name, broken relations with rows, and the sample of values, if any."""

    files: Files
    repaired: tuple[str, ...] = ()
    relations: tuple[tuple[str, int], ...] = ()
    values: Verification | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing is damaged, contradicts itself or differs."""
        return not self.files.damaged and not self.relations and (self.values is None or self.values.passed)


def verify_atlas(asked: AtlasCheck, as_json: bool) -> bool:
    """Check the atlas, repair it if that was asked for, and print what was found; whether all is well."""
    from convscope.cli.progress import progress

    source = _opened(asked) if asked.source else None
    with _planned(asked, source, as_json), progress(as_json) as report:
        found = _checked(asked, source, report)
    if as_json:
        typer.echo(json.dumps(_facts(found)))
    else:
        _say(found, asked)
    return found.passed


def _checked(asked: AtlasCheck, source: Source | None, report: Any) -> _Found:
    from convscope.atlas.damage import check_files, files_of
    from convscope.atlas.digests import DIGESTS
    from convscope.atlas.reader import Atlas
    from convscope.atlas.relations import broken_relations
    from convscope.pipeline.atlas_repair import repair
    from convscope.pipeline.atlas_values import check_values

    files = check_files(asked.atlas, partial(report, "files"))
    repaired: tuple[str, ...] = ()
    if files.damaged and asked.repair and source is not None:
        repaired = tuple(each.file for each in files.damaged)
        vouched = files.listed and DIGESTS not in repaired
        repair(asked.atlas, *source, files.damaged, device=asked.device, report=report)
        files = check_files(asked.atlas)
        repaired = repaired if vouched else (DIGESTS, *files_of(asked.atlas))
    if files.damaged:
        return _Found(files, repaired)
    atlas = Atlas.open(asked.atlas)
    relations = tuple(broken_relations(atlas).items())
    if source is None or relations:  # what contradicts itself cannot be computed again
        return _Found(files, repaired, relations)
    told = partial(report, "verify")
    values = check_values(atlas, *source, count=asked.count, seed=asked.seed, device=asked.device, report=told)
    return _Found(files, repaired, relations, values)


def _planned(asked: AtlasCheck, source: Source | None, as_json: bool) -> AbstractContextManager[None]:
    """What computing takes; reading files alone takes next to nothing."""
    from convscope.resources import jobs

    if source is None:
        return nullcontext()
    return planned(jobs.verify_atlas(*source, asked.count, asked.device), asked.max_memory, as_json)


def _opened(asked: AtlasCheck) -> Source:
    assert asked.source is not None
    model, images = asked.source
    source = opened(images, asked.limit, asked.background)
    return load(model, asked.weights, asked.device), source


def _say(found: _Found, asked: AtlasCheck) -> None:
    from convscope.cli.screen import out

    tell = partial(out.print, soft_wrap=True)
    for name in found.repaired:
        tell(f"made again: {name}")
    for each in found.files.damaged:
        tell(f"damaged: {each.file}: {each.problem}")
    for sentence, rows in found.relations:
        tell(f"FAILED: {sentence}: not so in {rows} rows")
    if not found.files.listed:
        tell(
            "note: this atlas has no digests.json: it was finished before there were any, or has lost it. So nothing "
            "vouches for its files, and only their columns were looked at"
        )
    if found.relations and asked.source:
        tell("note: its values were not computed again, as its tables contradict each other")
    if found.files.damaged and not asked.repair:
        tell(f"to make again just what is damaged: convscope verify {asked.atlas} MODEL IMAGES --repair")
    bad = found.files.damaged
    state = f"{len(bad)} are damaged" if bad else "as they were written" if found.files.listed else "not compared"
    tell(f"files: {found.files.count}, {found.files.size / 1e6:.1f} MB, {state}")
    if found.values is not None:
        say(found.values)


def _facts(found: _Found) -> dict[str, Any]:
    return {
        "passed": found.passed,
        "files": found.files.count,
        "bytes": found.files.size,
        "digests": found.files.listed,
        "damaged": [asdict(each) for each in found.files.damaged],
        "repaired": list(found.repaired),
        "relations": dict(found.relations),
        "values": None if found.values is None else facts(found.values),
    }
