"""Images for live questions: dropped here, kept for a while, asked about by their key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel

from convscope.errors import ImageError
from convscope.serve.live.context import Context

BODY = {
    "requestBody": {
        "required": True,
        "description": "The image file itself: JPEG, PNG, WebP, GIF, BMP, TIFF or PPM.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Received(BaseModel):
    """An image that was taken in."""

    key: str
    width: int
    height: int


def register(router: APIRouter, context: Context) -> None:
    """``POST /live/images`` takes an image in, ``DELETE /live/images/{key}`` forgets it."""

    @router.post("/live/images", status_code=201, openapi_extra=BODY)
    async def receive(request: Request) -> Received:
        """Take in one image, as the raw body; it is kept in memory until newer ones need the room."""
        try:
            key, pixels = await context.uploads.receive(request)
        except ImageError as error:
            raise HTTPException(422, f"The file cannot be used as an image: {error}.") from error
        return Received(key=key, width=pixels.shape[1], height=pixels.shape[0])

    @router.delete("/live/images/{key}", status_code=204)
    async def forget(key: Annotated[str, Path(max_length=100)]) -> None:
        """Forget an image, if it is there."""
        context.uploads.drop(key)
