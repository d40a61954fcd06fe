"""Whether an atlas and a model, or an atlas and images, belong together."""

from __future__ import annotations

from convscope.atlas.reader import Atlas
from convscope.engine.graphs import digest_of
from convscope.errors import AtlasMismatchError
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
        raise AtlasMismatchError(
            f"the atlas in {atlas.path} was made over {atlas.manifest.data.images} images of "
            f"{atlas.manifest.data.name!r}, and {images.name!r} with {len(images)} is not the same set: names, order, "
            "labels or contents differ. Give the same images, with the same --limit and --background"
        )
