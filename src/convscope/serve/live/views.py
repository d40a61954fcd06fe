"""What the model sees of an image, and which part of the picture that is: for pages on which something is drawn."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from convscope.atlas.reader import Atlas
from convscope.errors import AddressError, AtlasFormatError, PartsError, SettingError
from convscope.images.named import finder
from convscope.serve.live.context import Context
from convscope.serve.live.source import LARGEST, Source, picture_of


class View(BaseModel):
    """The pixels that the model sees, as a data URL, and their place in the picture that it was cut from."""

    name: str | None
    """In its set; None for an image that was sent."""
    image: int | None
    width: int
    """Of the picture, upright."""
    height: int
    box: tuple[float, float, float, float]
    """What the view shows of the picture: left, top, right, bottom in its pixels."""
    view: str


def register(router: APIRouter, context: Context) -> None:
    """``GET /live/view``: JSON."""
    one_at_a_time = CapacityLimiter(1)

    @router.get("/live/view")
    async def view(
        response: Response,
        at: Annotated[str | None, Query(description="name of the atlas's place", max_length=100)] = None,
        image: Annotated[int | None, Query(description="number of an image of it", ge=0, le=LARGEST)] = None,
        name: Annotated[
            str | None, Query(description="or its name, or a file name of one only", max_length=1000)
        ] = None,
        key: Annotated[str | None, Query(description="of an image that was sent", max_length=100)] = None,
    ) -> View:
        """What the model sees of an image, and which part of the whole picture that is."""
        response.headers["Cache-Control"] = "no-store"
        work = partial(_viewed, context, at, image, name, key)
        # Not a job: marking goes on while a test runs. But resizing one large picture at a time is enough.
        return await to_thread.run_sync(work, limiter=one_at_a_time)


def _viewed(context: Context, at: str | None, image: int | None, name: str | None, key: str | None) -> View:
    if name is not None:
        if at is None or image is not None:
            raise SettingError("a name stands beside the atlas that has the image (at, name), and beside no number")
        image = _number(context.atlas(at), name)
    source = Source(at=at, image=image, key=key)
    picture, model = picture_of(context, source)
    row = None if at is None or image is None else context.atlas(at).image(image)
    height, width = picture.shape[:2] if row is None else (row.height, row.width)
    if height is None or width is None:
        raise AtlasFormatError(f"image {image} of {at} has a picture, but no size. Make the atlas again.")

    from convscope.serve.live.pictures import data_url

    seen = context.model.preprocessing
    return View(
        name=None if row is None else row.name,
        image=image,
        width=width,
        height=height,
        box=seen.found((0, 0, seen.width, seen.height), height, width),
        view=data_url(model.preprocessing.view(picture)),
    )


def _number(atlas: Atlas, name: str) -> int:
    """The image of that name, or of that file name if only one has it; AddressError."""
    names = [row.name for row in atlas.images()]
    try:
        return names.index(finder(names)(name, atlas.manifest.data.name))
    except PartsError as error:
        raise AddressError(str(error)) from error
