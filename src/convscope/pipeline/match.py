"""Whether an atlas and a model, or an atlas and images, belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convscope.atlas.manifest import Provenance
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import ImageRow
from convscope.atlas.session import stored_provenance
from convscope.atlas.store import open_table, read_rows
from convscope.engine.graphs import digest_of
from convscope.errors import AtlasError, AtlasMismatchError
from convscope.images import ImageSet
from convscope.models import Model


def check_model(atlas: Atlas, model: Model) -> None:
    """Raise AtlasMismatchError unless the atlas was made from this model: its weights, ops and preprocessing."""
    if atlas.manifest.model.digest != digest_of(model):
        raise AtlasMismatchError(
            f"the atlas in {atlas.path} was made from {atlas.manifest.model.spec} with other weights, ops or "
            "preprocessing than this model, so its units are not this model's. Give an atlas of this model, or none"
        )


def check_images(atlas: Atlas, images: ImageSet) -> None:
    """Raise AtlasMismatchError unless the atlas was made over these images, in this order, with these contents."""
    if atlas.manifest.data.digest != images.digest:
        raise AtlasMismatchError(_not_these(atlas.path, atlas.images(), images))


def check_continues(folder: Path, provenance: Provenance, images: ImageSet) -> None:
    """Raise AtlasMismatchError if the atlas in ``folder``, finished or begun, is over other images than these.

    It says which; of an atlas that has not come so far as to list its images, nothing is said.
    """
    try:
        there = stored_provenance(folder)
        if there.data == provenance.data:
            return
        kept = read_rows(open_table(folder, "images", there.format_version), ImageRow)
    except (AtlasError, OSError):  # there is none, or its damage is told where it is read in earnest
        return
    raise AtlasMismatchError(_not_these(folder, kept, images))


def _not_these(folder: Path, kept: Sequence[ImageRow], images: ImageSet) -> str:
    return (
        f"the atlas in {folder} was made over {len(kept)} images, and {images.name!r} with {len(images)} is not the "
        f"same set: {_difference(kept, images)}. Give the same images, with the same --limit and --background; these "
        "need another folder, or --overwrite"
    )


def _difference(kept: Sequence[ImageRow], images: ImageSet) -> str:
    before, now = [row.name for row in kept], images.names
    old, new = set(before), set(now)
    gone = [name for name in before if name not in new]
    added = [name for name in now if name not in old]
    told = [f"{len(names)} {what}, first {names[0]!r}" for names, what in ((gone, "missing"), (added, "new")) if names]
    if told:
        return " and ".join(told)
    if before != list(now):
        return "the names are the same, in another order"
    relabelled = [row.name for row, label in zip(kept, images.labels, strict=True) if row.label != label]
    if relabelled:
        return f"{len(relabelled)} labels are others, first that of {relabelled[0]!r}"
    return "names and labels are the same, but the contents of some images, or the background, are others"
