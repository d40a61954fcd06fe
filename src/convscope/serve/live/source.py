"""Which picture a live question is about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from convscope.errors import SettingError
from convscope.serve.live.context import Context

if TYPE_CHECKING:
    from convscope.images.pixels import Pixels
    from convscope.models import Model

LARGEST = 2**31 - 1


class Source(BaseModel):
    """An image of an open atlas (``at`` and ``image``), or one that was sent before (``key``)."""

    model_config = ConfigDict(extra="forbid")

    at: Annotated[str, Field(max_length=100)] | None = None
    image: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    key: Annotated[str, Field(max_length=100)] | None = None


def picture_of(context: Context, source: Source) -> tuple[Pixels, Model]:
    """The picture, uint8 (height, width, channels), and the model with the preprocessing that it still needs.

    What an atlas keeps is what the model saw, already cut to size. Raises SettingError for a source that names no
    image or two, AddressError for one that is not there, and AtlasMismatchError for an atlas of another model.
    """
    if (source.key is None) == (source.at is None or source.image is None):
        raise SettingError("choose one image: of an atlas (at, image), or one that was sent (key)")
    if source.key is not None:
        return context.uploads.get(source.key), context.model
    from convscope.pipeline.match import check_model

    assert source.at is not None
    assert source.image is not None
    atlas = context.atlas(source.at)
    check_model(atlas, context.model)
    seen = replace(context.model, preprocessing=replace(context.model.preprocessing, resize=None))
    return atlas.picture(source.image), seen
