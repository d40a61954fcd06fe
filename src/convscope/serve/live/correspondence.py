"""The question whether parts are treated alike: boxes drawn on views, and table 1 at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from convscope.errors import PartsError, SettingError
from convscope.serve.live.context import Context
from convscope.serve.live.occlusion import LINES
from convscope.serve.live.predictions import short
from convscope.serve.live.source import Source, picture_of

if TYPE_CHECKING:
    from convscope.images import ImageSet
    from convscope.images.boxes import Part
    from convscope.models import Model
    from convscope.probes.correspondence.result import Correspondence
    from convscope.serve.tell import Tell

MOST_IMAGES, MOST_PARTS, MOST_BOXES, MOST_DRAWS, MOST_LAYERS = 50, 20, 500, 100, 8
MOST_COVERS = 20_000
"""Boxes and random regions together; more are refused: nobody waits for them."""
Pixel = Annotated[float, Field(ge=-1_000_000, le=1_000_000, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class Named(Source):
    """An image, and what it is called if it was sent; those of an atlas have their names there."""

    name: Name | None = None


class Mark(BaseModel):
    """A part on the image with number ``image`` of the question; the box is in pixels of what the model sees."""

    model_config = ConfigDict(extra="forbid")

    image: Annotated[int, Field(ge=0, lt=MOST_IMAGES)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    box: tuple[Pixel, Pixel, Pixel, Pixel]


class Question(BaseModel):
    """Images with boxes, and the choices that the paper leaves open; ``layers`` None: those of the paper."""

    model_config = ConfigDict(extra="forbid")

    images: Annotated[list[Named], Field(min_length=1, max_length=MOST_IMAGES)]
    parts: Annotated[list[Mark], Field(min_length=1, max_length=MOST_BOXES)]
    layers: Annotated[list[Name], Field(min_length=1, max_length=MOST_LAYERS)] | None = None
    draws: Annotated[int, Field(ge=1, le=MOST_DRAWS)] = 20
    where: Literal["anywhere", "elsewhere", "swapped"] = "anywhere"
    fill: Annotated[str, Field(min_length=1, max_length=40)] = "grey"
    permutations: Annotated[int, Field(ge=1, le=9_999)] = 9_999


def register(router: APIRouter, context: Context) -> None:
    """``POST /live/correspond``: lines of JSON."""

    @router.post("/live/correspond", response_class=Response, responses=LINES)
    async def correspond(request: Request, question: Question) -> Response:
        """Cover marked parts and random regions: how many are done, and table 1 at the end."""
        return context.jobs.stream(request, partial(_corresponded, context, question))


def _corresponded(context: Context, question: Question, tell: Tell) -> None:
    from convscope.probes.correspondence.correspond import correspond

    started = time.perf_counter()
    _check(question)
    images, model = seen_images(context, question.images)
    parts, lost = parts_in_view(question.parts, images.names, (model.preprocessing.height, model.preprocessing.width))
    found = correspond(
        model,
        images,
        parts,
        question.layers,
        draws=question.draws,
        where=question.where,
        fill=question.fill,
        permutations=question.permutations,
        device=context.device,
        report=lambda done, total: tell({"found": {"done": done, "of": total}}),
    )
    finished = _finished(replace(found, left_out=(*lost, *found.left_out)))
    tell({"finished": {**finished, "seconds": round(time.perf_counter() - started, 2)}})


def _check(question: Question) -> None:
    names = {mark.name for mark in question.parts}
    if len(names) > MOST_PARTS:
        raise SettingError(f"{len(names)} parts are marked, and at most {MOST_PARTS} are compared here")
    count = len(question.parts) * (question.draws + 1)
    if count > MOST_COVERS:
        raise SettingError(
            f"{len(question.parts)} boxes with {question.draws} random draws each are {count} occlusions, and at most "
            f"{MOST_COVERS} are answered here; take fewer draws, or use `convscope correspond`"
        )


def seen_images(context: Context, sources: Sequence[Named]) -> tuple[ImageSet, Model]:
    """What the model sees of each image, as a set, and the model that takes it as it is.

    An atlas keeps what the model saw; an image that was sent is resized and cut by the model's own preprocessing. So
    boxes are in the same pixels for both. Raises PartsError where two images have one name, and as ``picture_of``.
    """
    from convscope.images import ImageSet
    from convscope.images.entry import Entry
    from convscope.images.imageset import GREY

    entries: list[Entry] = []
    for number, source in enumerate(sources):
        name = _name(context, number, source)
        if any(name == other.name for other in entries):
            raise PartsError(f"two of the images are called {name!r}; rename one, or take it out")
        picture, model = picture_of(context, source)
        entries.append(Entry(name, None, partial(model.preprocessing.view, picture)))
    seen = replace(context.model, preprocessing=replace(context.model.preprocessing, resize=None))
    return ImageSet("marked", tuple(entries), (), GREY), seen


def _name(context: Context, number: int, source: Named) -> str:
    if source.at is None or source.image is None:
        return source.name or f"image {number + 1}"
    if source.name is not None:
        raise SettingError("an image of an atlas has its name there; leave the name out")
    return context.atlas(source.at).image(source.image).name


Lost = tuple[str, str, str]
"""Image, part and the reason why it is left out."""


def parts_in_view(
    marks: Sequence[Mark], names: Sequence[str], size: tuple[int, int]
) -> tuple[tuple[Part, ...], tuple[Lost, ...]]:
    """The marks as parts, cut to the view (height, width), as ``find_places`` would; and those of which too little is
    in it. Raises PartsError for an empty box, or an image that is not there.
    """
    from convscope.images.boxes import Part
    from convscope.probes.correspondence.places import LEAST_SEEN, cover_of

    parts, lost = [], []
    for mark in marks:
        if mark.image >= len(names):
            raise PartsError(f"{mark.name!r} is marked on image {mark.image}, and there are {len(names)} images")
        left, top, right, bottom = mark.box
        if left >= right or top >= bottom:
            raise PartsError(f"the box of {mark.name!r} on {names[mark.image]!r} is empty; draw it again")
        cover, share = cover_of(mark.box, size)
        if share < LEAST_SEEN:
            reason = f"only {share:.0%} of it is in the middle that the model sees"
            lost.append((names[mark.image], mark.name, reason))
        else:
            parts.append(Part(names[mark.image], mark.name, (cover[1], cover[0], cover[3], cover[2])))
    shown = {part.name for part in parts}
    for image, name, reason in lost:
        if name not in shown:
            raise PartsError(f"no image shows the part {name!r}: of {image}, {reason}")
    return tuple(parts), tuple(lost)


def _finished(found: Correspondence) -> Mapping[str, Any]:
    """Table 1 as ``correspondence.json`` has it, with every random draw."""
    from convscope.pipeline.correspondence import facts_of

    facts = facts_of(found)
    draws = [[short(delta) for delta in row.random_deltas.tolist()] for row in found.rows]
    lines = [_shortened(line) | {"draws": each} for line, each in zip(facts["table"], draws, strict=True)]
    random = [_shortened(line) for line in facts["random"]]
    return {
        "layers": facts["layers"],
        "table": lines,
        "random": random,
        "left_out": facts["left_out"],
        "notes": facts["notes"],
    }


def _shortened(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: short(value) if isinstance(value, float) else value for name, value in line.items()}
