"""The question of what one of a unit's strongest activations looks like by another method."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from convscope.errors import AddressError
from convscope.serve.live.context import Context

if TYPE_CHECKING:
    from convscope.serve.jobs import Check

MEDIA = "image/webp"
LARGEST = 2**31 - 1
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA: {"schema": {"type": "string", "format": "binary"}}}}
}


def register(router: APIRouter, context: Context) -> None:
    """``GET /live/project``: a picture."""

    @router.get("/live/project", response_class=Response, responses=ANSWERS)
    async def project(
        request: Request,
        at: Annotated[str, Query(description="name of the atlas's place", max_length=100)],
        layer: Annotated[str, Query(description="address of the layer", max_length=1000)],
        unit: Annotated[int, Query(ge=0, le=LARGEST)],
        rank: Annotated[int, Query(description="0 is the strongest", ge=0, le=LARGEST)] = 0,
        method: Literal["deconvnet", "guided_backprop", "gradient"] = "deconvnet",
    ) -> Response:
        """One of a unit's strongest activations, carried down from the stored picture to pixels by any method."""
        work = partial(_projected, context, at, layer, unit, rank, method)
        content = await context.jobs.result(request, work)
        return Response(content, media_type=MEDIA, headers={"Cache-Control": "no-cache"})


def _projected(context: Context, at: str, layer: str, unit: int, rank: int, method: str, check: Check) -> bytes:
    from convscope.pipeline.top_projection import project_top
    from convscope.web.atlas.sprites import paint_projection

    atlas = context.atlas(at)
    tops = {row.rank: row for row in atlas.top(layer, unit)}
    if rank not in tops:
        raise AddressError(f"{layer}:{unit} has {len(tops)} strongest activations in this atlas, none of rank {rank}")
    found = project_top(context.model, atlas, tops[rank], method, context.device, check)
    size = atlas.manifest.model.input_height, atlas.manifest.model.input_width
    return paint_projection(atlas.layer(layer), size, tops[rank], found)
