"""The question of how stable features are: one image shifted, magnified or turned, told value by value."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from convscope.serve.live.context import Context
from convscope.serve.live.occlusion import LINES
from convscope.serve.live.predictions import predictions, short
from convscope.serve.live.source import Source, picture_of

if TYPE_CHECKING:
    from convscope.models import Model
    from convscope.probes.invariance.one import Moved, OneImage
    from convscope.serve.tell import Tell

BATCH = 5
"""Views in a pass: few, so that the curves begin soon."""
CURVES = 9
"""Layers that are told apart on a chart; more are left out, evenly."""


class Question(Source):
    """A transform, and what shows where the image has ended."""

    transform: Literal["translate-x", "translate-y", "scale", "rotate"] = "translate-y"
    border: Annotated[str, Field(min_length=1, max_length=40)] = "reflect"


def register(router: APIRouter, context: Context) -> None:
    """``POST /live/move``: lines of JSON."""

    @router.post("/live/move", response_class=Response, responses=LINES)
    async def move(request: Request, question: Question) -> Response:
        """Transform an image by each value of the paper's figure 5: the view, how far each layer moves, the classes."""
        return context.jobs.stream(request, partial(_moved, context, question))


def _moved(context: Context, question: Question, tell: Tell) -> None:
    from convscope.probes.invariance.one import one_image

    started = time.perf_counter()
    picture, model = picture_of(context, question)
    layers = chosen_layers(model, context.device)
    ready = one_image(model, picture, question.transform, None, layers, border=question.border, device=context.device)
    tell({"begun": _begun(ready, question)})
    for step in ready.steps(BATCH):
        tell({"found": _found(step, context.model.classes)})
    tell({"finished": {"seconds": round(time.perf_counter() - started, 2)}})


def chosen_layers(model: Model, device: str) -> list[str]:
    """Addresses of at most ``CURVES`` of the layers that ``invariance`` watches, evenly spread, with the last."""
    from convscope.engine.graphs import graph_of
    from convscope.probes.invariance.watched import watched_layers

    found = [each.address for each in watched_layers(graph_of(model, device), None)]
    count = min(CURVES, len(found))
    return [found[(place + 1) * len(found) // count - 1] for place in range(count)]


def _begun(ready: OneImage, question: Question) -> Mapping[str, Any]:
    from convscope.probes.invariance.transform import find_transform
    from convscope.serve.live.pictures import data_url

    chosen = find_transform(question.transform)
    return {
        "view": data_url(ready.views[0]),
        "axis": chosen.axis,
        "identity": chosen.identity,
        "values": ready.values.tolist(),
        "layers": [each.address for each in ready.watched],
        "notes": ready.model.notes,
        "settings": question.model_dump(exclude={"at", "image", "key"}),
    }


def _found(step: Moved, names: tuple[str, ...]) -> Mapping[str, Any]:
    from convscope.serve.live.pictures import data_url

    return {
        "value": step.value,
        "view": data_url(step.view),
        "normalised": [short(value) for value in step.normalised.tolist()],
        "predictions": [] if step.probabilities is None else predictions(step.probabilities, names),
    }
