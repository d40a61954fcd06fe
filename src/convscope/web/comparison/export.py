"""From two atlases to the folder of their comparison: pages, tables and summary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convscope.atlas.comparison.compare import USUAL, compare_atlases
from convscope.atlas.comparison.result import CompareAsk
from convscope.errors import SettingError
from convscope.regular import read_text
from convscope.web.comparison.diagnosis import read_diagnosis
from convscope.web.comparison.files import Atlases, Diagnoses, asked_of
from convscope.web.comparison.place import ComparisonPlace
from convscope.web.comparison.urls import OVERVIEW
from convscope.web.export import check_target, export_place
from convscope.web.site import check_apart

SUMMARY = "comparison.json"
Folders = tuple[str | Path, str | Path]
Report = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and of how much."""


def export_comparison(
    atlases: Atlases,
    destination: str | Path,
    ask: CompareAsk = USUAL,
    diagnoses: Folders | None = None,
    *,
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Path:
    """Compare two atlases and write the pages; returns the one to open first. A folder that is finished is kept.

    Raises the errors of ``compare_atlases`` and ``read_diagnosis``, AtlasError for a folder that holds anything but
    exported pages or overlaps an atlas, and SettingError for one with other pages, unless ``overwrite``.
    """
    target = Path(destination).resolve()
    check_target(target)
    for atlas in atlases:
        check_apart(atlas, target)
    told = _read(diagnoses, atlases)
    if _is_finished(target, asked_of(atlases, ask, told), overwrite=overwrite):
        return target / OVERVIEW.index()
    found = compare_atlases(*atlases, ask, report)
    place = ComparisonPlace(atlases, found, told)
    return export_place(place, target, lambda done, total: report("pages", done, total))


def _read(diagnoses: Folders | None, atlases: Atlases) -> Diagnoses:
    if diagnoses is None:
        return None
    return read_diagnosis(diagnoses[0], atlases[0]), read_diagnosis(diagnoses[1], atlases[1])


def _is_finished(target: Path, asked: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether the folder holds this very comparison; SettingError if it holds other pages."""
    if not target.is_dir() or not any(target.iterdir()):
        return False
    try:
        written = json.loads(read_text(target / SUMMARY))["asked"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        written = None
    if written != asked and not overwrite:
        raise SettingError(
            f"{target} holds pages of {'something else' if written is None else 'another comparison'}; choose another "
            "folder with -o, or give --overwrite"
        )
    return bool(written == asked)
