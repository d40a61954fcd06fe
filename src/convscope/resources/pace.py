"""How fast this machine is, by a quick look: one pass of the network itself, one image, one picture."""

from __future__ import annotations

import time

import numpy as np
import torch

from convscope.atlas.stored import FORMS, LOSSY
from convscope.engine.footprint import Footprint
from convscope.engine.loading import read_view
from convscope.engine.trace import trace
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.models import Preprocessing


def slowness(graph: OpGraph, nodes: tuple[str, ...], predicted: Footprint) -> float:
    """Seconds that this machine takes for what the imagined one does in a second: the second of two passes is timed."""
    image = torch.zeros(graph.input_shape)
    for _ in range(2):
        started = time.perf_counter()
        found = trace(graph, image, *nodes)
        float(found.values[nodes[-1]].flatten()[0])  # waits for a device
    return (time.perf_counter() - started) / predicted.predicted


def seconds_per_image(images: ImageSet, preprocessing: Preprocessing) -> float:
    """Of one thread, to load and decode the first image and to make it what a model sees: the second of two readings.

    The first one also loads the code that reads.
    """
    for _ in range(2):
        started = time.perf_counter()
        read_view(images, 0, preprocessing)
    return time.perf_counter() - started


def seconds_per_pixel() -> float:
    """Of one thread, to encode a projection as a picture."""
    noise = np.random.default_rng(0).normal(size=(128, 128, 3)).clip(-4, 4) / 4
    started = time.perf_counter()
    FORMS[LOSSY].encode(noise)
    return (time.perf_counter() - started) / noise[..., 0].size
