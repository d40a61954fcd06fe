"""The question of what a prediction depends on: figure 7, told place by place while the occluder slides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from convscope.errors import SettingError
from convscope.serve.live.context import Context
from convscope.serve.live.predictions import predictions, short
from convscope.serve.live.source import Source, picture_of

if TYPE_CHECKING:
    from convscope.probes.occlusion.grid import Grid
    from convscope.probes.occlusion.map import LayerResponse
    from convscope.probes.occlusion.occlude import Begun
    from convscope.serve.tell import Tell

PLACES = 20_000
"""More are refused: nobody waits for them, and no screen shows them."""
FEW = 4
"""Places before the first values are told; then twice as many, and so on."""
COARSE = (4, 2, 1)
"""Every so many places in both directions, one pass after another."""
LINES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-ndjson": {"schema": {"type": "object"}}}}}
Side = Annotated[int, Field(ge=1, le=10_000)]


class Question(Source):
    """A patch and a stride in pixels of what the model sees; ``layer`` None: the last."""

    patch: Side | None = None
    stride: Side | None = None
    fill: Annotated[str, Field(min_length=1, max_length=40)] = "grey"
    target: Annotated[str, Field(min_length=1, max_length=300)] = "predicted"
    layer: Annotated[str, Field(max_length=1000)] | None = None


def register(router: APIRouter, context: Context) -> None:
    """``POST /live/occlude``: lines of JSON."""

    @router.post("/live/occlude", response_class=Response, responses=LINES)
    async def occlude(request: Request, question: Question) -> Response:
        """Slide an occluder over an image: an event with all that is known before, then values place by place."""
        return context.jobs.stream(request, partial(_occluded, context, question))


def _occluded(context: Context, question: Question, tell: Tell) -> None:
    from convscope.probes.occlusion.occlude import begin

    started = time.perf_counter()
    picture, model = picture_of(context, question)
    _check_places(model.preprocessing.height, model.preprocessing.width, question)
    layers = None if question.layer is None else [question.layer]
    begun = begin(
        model,
        picture,
        question.patch,
        question.stride,
        question.fill,
        target=question.target,
        layers=layers,
        device=context.device,
    )
    tell({"begun": _begun(begun, question)})
    for number, places in enumerate(passes(begun.grid)):
        for step in begun.experiment.steps(places):
            tell({"found": {"places": list(step.places), **_columns(step.values)}})
        if number == 0:
            tell({"projected": [_projected(response) for response in begun.projected()]})
    tell({"finished": {"seconds": round(time.perf_counter() - started, 2)}})


def _check_places(height: int, width: int, question: Question) -> None:
    from convscope.probes.occlusion.grid import make_grid

    shape = make_grid((height, width), question.patch, question.stride).shape
    if shape[0] * shape[1] > PLACES:
        raise SettingError(
            f"that are {shape[0] * shape[1]} places, and at most {PLACES} are answered here; choose a larger stride, "
            "or use `convscope occlude`"
        )


def passes(grid: Grid) -> Iterator[list[int]]:
    """All places, each once: coarse first, so that the whole map is soon there, then those between.

    The first places come a few at a time, more and more, so that the first values are there after a moment.
    """
    rows, columns = grid.shape
    done: set[int] = set()
    few = FEW
    for step in COARSE:
        places = [row * columns + column for row in range(0, rows, step) for column in range(0, columns, step)]
        left = [place for place in places if place not in done]
        done.update(left)
        while left:
            yield left[:few]
            left, few = left[few:], 2 * few


def _begun(begun: Begun, question: Question) -> Mapping[str, Any]:
    from convscope.serve.live.pictures import data_url

    seen, grid = begun.seen, begun.grid
    outputs = seen.reading.outputs
    return {
        "view": data_url(seen.view),
        "fill": data_url(begun.fill),
        "rows": grid.rows,
        "columns": grid.columns,
        "patch": grid.mask.shape,
        "quantity": seen.target.quantity,
        "target": seen.target.name,
        "unoccluded": short(seen.unoccluded),
        "probability": bool(seen.target.classes),
        "classes": [outputs.name(index) for index in range(outputs.count)],
        "predictions": _predictions(begun),
        "layers": [_layer(response) for response in begun.responses],
        "notes": begun.notes,
        "settings": question.model_dump(exclude={"at", "image", "key"}),
    }


def _predictions(begun: Begun) -> list[dict[str, Any]]:
    outputs = begun.seen.reading.outputs
    if not outputs.count:
        return []
    shares = outputs.probabilities(begun.seen.recorded.values[begun.seen.graph.output])[0]
    return predictions(shares.cpu().numpy(), outputs.names)


def _layer(response: LayerResponse) -> dict[str, Any]:
    return {
        "address": f"{response.layer}:{response.unit}",
        "peak": short(response.peak),
        "unoccluded": short(response.unoccluded),
        "window": response.window,
        "method": response.method,
    }


def _projected(response: LayerResponse) -> str | None:
    from convscope.display import display_scale, to_picture
    from convscope.serve.live.pictures import data_url

    found = response.projection
    return None if found is None else data_url(to_picture(found, display_scale([found])))


def _columns(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Names without spaces, numbers of at most six digits."""
    return {name.replace(" 0", ""): [short(value) for value in numbers.tolist()] for name, numbers in values.items()}
