"""Where less memory is allowed, fewer images go through a pass, and the answers stay the same up to rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convscope.engine.allowance import Allowance, allowing
from convscope.engine.forward import prepare
from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.probes.correspondence.signs import Starting, occluded_signs
from convscope.probes.invariance.invariance import invariance
from convscope.probes.occlusion.deletion import scores
from tests.convolutions import Convolutions
from tests.probes.make import FEEDING, model, picture

MODEL = model()
PICTURES = [picture(), picture()[::-1].copy(), picture()[:, ::-1].copy()]


def by_invariance() -> NDArray[Any]:
    return invariance(MODEL, PICTURES, "translate-x", [-3, 0, 1, 2, 3], seed=0).distance


def by_signs() -> NDArray[Any]:
    graph = graph_of(MODEL)
    (layer,) = find_layers(graph, ["0"])
    run = prepare(graph, [layer.node])
    start = Starting(picture(), np.full_like(picture(), 128))
    covers = [(place, place, place + 4, place + 6) for place in range(9)]
    return occluded_signs(run, FEEDING, start, covers)[layer.node]


def by_deletion() -> NDArray[Any]:
    found = scores(MODEL, picture(), np.arange(picture()[..., 0].size, dtype=float).reshape(picture().shape[:2]))
    return np.stack([found.deletion.values, found.insertion.values])


@pytest.mark.parametrize("measure", [by_invariance, by_signs, by_deletion])
@pytest.mark.parametrize("images", [1, 3])
def test_no_pass_takes_more_images_than_are_allowed(measure: Callable[[], NDArray[Any]], images: int) -> None:
    usual = measure()
    with allowing(Allowance(images=images)), Convolutions() as convolutions:
        found = measure()
    # What compares an image with itself takes both through one pass.
    assert 1 <= max(convolutions.met) <= max(images, 2 if measure in (by_invariance, by_signs) else 1)
    np.testing.assert_allclose(found, usual, rtol=1e-5, atol=1e-6)


def test_what_a_cover_cannot_reach_does_not_move_in_the_smallest_pass_either() -> None:
    with allowing(Allowance(images=1)):
        signs = by_signs().reshape(9, -1, *picture().shape[:2])
    # Pixels 0..3 reach, through a kernel of 3 with padding, rows 0..4.
    assert (signs[0, :, :5] != 0).any()
    assert (signs[0, :, 5:] == 0).all()
