"""All live questions; a new one is a module with ``register``, and an entry here."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from convscope.serve.live import correspondence, images, invariance, occlusion, pages, prediction, projection, views
from convscope.serve.live.context import Context

QUESTIONS: tuple[Callable[[APIRouter, Context], None], ...] = (
    images.register,
    projection.register,
    prediction.register,
    occlusion.register,
    invariance.register,
    views.register,
    correspondence.register,
    pages.register,
)
