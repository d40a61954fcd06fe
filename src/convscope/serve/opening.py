"""From folders to a shelf, and which of its atlases a model may be asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.atlas.reader import Atlas
from convscope.errors import AtlasMismatchError
from convscope.web.asks import Asks
from convscope.web.atlas.place import AtlasPlace
from convscope.web.opening import open_places
from convscope.web.shelf.place import Shelf

if TYPE_CHECKING:
    from convscope.models import Model


@dataclass(frozen=True)
class Opened:
    """What folders hold."""

    shelf: Shelf
    asked: Mapping[str, Atlas]
    """The atlases of the model, by the names of their places."""
    notes: tuple[str, ...]
    """Why an atlas is shown without live questions, where that was not to be expected."""


def open_folders(folders: Sequence[Path], model: Model | None = None) -> Opened:
    """Open all folders; the pages of those that were made from ``model`` lead to live questions.

    Each first page is made once. Raises AtlasError for a folder that cannot be shown, and AtlasMismatchError if the
    model has none of the atlases.
    """
    places = open_places(folders)
    atlases = {name: place for name, place in places.items() if isinstance(place, AtlasPlace)}
    reasons = {} if model is None else {name: _mismatch(place.atlas, model) for name, place in atlases.items()}
    asked = {name: place.atlas for name, place in atlases.items() if reasons.get(name, "not asked") is None}
    wrong = [reason for reason in reasons.values() if reason is not None]
    if wrong and not asked:
        raise AtlasMismatchError(f"{wrong[0]}; or leave --model out: then pages are shown without live questions")
    places |= {name: replace(place, asks=Asks(name)) for name, place in atlases.items() if name in asked}
    for place in places.values():
        # So that damage is told at the start, and what all pages need is read before somebody waits for it.
        place.answer(place.first)
    return Opened(Shelf(places), asked, tuple(wrong))


def _mismatch(atlas: Atlas, model: Model) -> str | None:
    from convscope.pipeline.match import check_model

    try:
        check_model(atlas, model)
    except AtlasMismatchError as error:
        return str(error)
    return None
