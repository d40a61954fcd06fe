"""The question of what the network says of an image."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from convscope.serve.live.context import Context
from convscope.serve.live.predictions import predictions
from convscope.serve.live.source import LARGEST, Source, picture_of

if TYPE_CHECKING:
    from convscope.serve.jobs import Check


class Prediction(BaseModel):
    """A class and its probability."""

    name: str
    probability: float


class Predicted(BaseModel):
    """The most probable classes, the first first; none for a network without class output."""

    predictions: list[Prediction]


def register(router: APIRouter, context: Context) -> None:
    """``GET /live/predict``: the most probable classes."""

    @router.get("/live/predict")
    async def predict(
        request: Request,
        at: Annotated[str, Query(description="name of the atlas's place", max_length=100)],
        image: Annotated[int, Query(description="index of the image in the set", ge=0, le=LARGEST)],
    ) -> Predicted:
        """What the network says of an image of an atlas, from the picture that the atlas keeps of it."""
        return await context.jobs.result(request, partial(_predicted, context, Source(at=at, image=image)))


def _predicted(context: Context, source: Source, check: Check) -> Predicted:
    from convscope.errors import SettingError
    from convscope.probes.occlusion.occlude import watch
    from convscope.probes.targets import PREDICTED

    picture, model = picture_of(context, source)
    check()
    try:
        seen = watch(model, picture, PREDICTED, (), context.device)
    except SettingError:  # no classes to predict
        return Predicted(predictions=[])
    shares = seen.reading.outputs.probabilities(seen.recorded.values[seen.graph.output])[0]
    found = predictions(shares.cpu().numpy(), seen.reading.outputs.names)
    return Predicted(predictions=[Prediction(**each) for each in found])
