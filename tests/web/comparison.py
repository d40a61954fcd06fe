"""Compared atlases for tests of their pages: two of other peaks, one with hostile names, one without peaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from convscope.atlas.comparison.compare import compare_atlases
from convscope.atlas.comparison.result import CompareAsk
from convscope.atlas.reader import Atlas
from convscope.web.comparison.place import ComparisonPlace
from tests.atlas.make import make_atlas
from tests.web.conftest import HOSTILE

LAYERS = (("features.0", 9), (HOSTILE, 6))


def named(atlas: Atlas, spec: str) -> Atlas:
    """The same atlas of a model of another name and other weights."""
    model = replace(atlas.manifest.model, spec=spec, digest=spec.encode().hex()[:64].ljust(64, "0"))
    return replace(atlas, manifest=replace(atlas.manifest, model=model))


def make_pair(folder: Path, peaks: bool = True) -> tuple[Atlas, Atlas]:
    """Two atlases over the same images; of the second some units only were projected."""
    first = make_atlas(folder / "first", LAYERS, images=40, suffix=HOSTILE, peaks=peaks)
    second = make_atlas(folder / "second", LAYERS, images=40, suffix=HOSTILE, seed=5, projected=3)
    return named(Atlas.open(first), "early"), named(Atlas.open(second), f"late {HOSTILE}")


def make_place(folder: Path, peaks: bool = True) -> ComparisonPlace:
    """Their comparison, with layers of different names too."""
    atlases = make_pair(folder, peaks)
    pairs = (("features.0", "features.0"), (HOSTILE, HOSTILE), (HOSTILE, "features.0"))
    return ComparisonPlace(atlases, compare_atlases(*atlases, CompareAsk(pairs, one_to_one=True)))
