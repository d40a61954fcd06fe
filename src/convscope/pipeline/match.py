"""Whether an atlas and a model belong together."""

from __future__ import annotations

from convscope.atlas.reader import Atlas
from convscope.engine.graphs import digest_of
from convscope.errors import AtlasMismatchError
from convscope.models import Model


def check_model(atlas: Atlas, model: Model) -> None:
    """Raise AtlasMismatchError unless the atlas was made from this model: its weights, ops and preprocessing."""
    if atlas.manifest.model.digest != digest_of(model):
        raise AtlasMismatchError(
            f"the atlas in {atlas.path} was made from {atlas.manifest.model.spec} with other weights, ops or "
            "preprocessing than this model, so its units are not this model's. Give an atlas of this model, or none"
        )
