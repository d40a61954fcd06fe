"""Maps moved along with the image, against moving the function that they sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.engine.graphs import graph_of
from convscope.probes.invariance.follow import sources_of
from convscope.probes.invariance.transform import TRANSFORMS
from convscope.probes.invariance.watched import Places, watched_layers
from tests.probes.invariance.make import model

VIEW = (24, 32)
ONE_TO_ONE = Places(VIEW, (0.5, 0.5), (1.0, 1.0))


def moved(places: Places, name: str, value: float, reference: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Positions that have a source, and what they get; reference is (height, width)."""
    sources = sources_of(places, TRANSFORMS[name].inverse(value), VIEW)
    assert sources is not None
    return sources.positions.numpy(), sources.moved(reference.reshape(-1, 1).float())[:, 0].numpy()


@settings(deadline=None, max_examples=30)
@given(st.integers(-20, 20), st.sampled_from(["translate-x", "translate-y"]))
def test_whole_shifts_of_a_map_like_the_image_are_copies(value: int, name: str) -> None:
    reference = torch.randn(VIEW, generator=torch.Generator().manual_seed(0))
    axis = 1 if name == "translate-x" else 0
    rolled = torch.roll(reference, value, axis)
    positions, values = moved(ONE_TO_ONE, name, value, reference)
    np.testing.assert_array_equal(values, rolled.flatten().numpy()[positions])
    assert len(positions) == reference.numel() * (VIEW[axis] - abs(value)) // VIEW[axis]


def test_a_quarter_turn_of_a_square_map_is_a_copy() -> None:
    square = (16, 16)
    reference = torch.randn(square, generator=torch.Generator().manual_seed(0))
    sources = sources_of(Places(square, (1.0, 1.0), (2.0, 2.0)), TRANSFORMS["rotate"].inverse(90), (32, 32))
    assert sources is not None
    np.testing.assert_array_equal(sources.positions, np.arange(256))
    found = sources.moved(reference.reshape(-1, 1))[:, 0].reshape(square)
    np.testing.assert_array_equal(found, np.rot90(reference.numpy()))


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(TRANSFORMS)),
    st.floats(0, 1),
    st.sampled_from([1.0, 2.0, 4.0, 3.5]),
    st.floats(-3, 3),
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_a_slope_is_followed_exactly(
    name: str, part: float, stride: float, first: float, slope: tuple[float, float]
) -> None:
    """A map that is linear in the image's rows and columns: interpolation is exact, so every value is known."""
    low, high = TRANSFORMS[name].limits(VIEW)
    value = 0.5 + part * 2 if name == "scale" else (low + part * (high - low)) / 3
    places = Places((6, 7), (first, first + 0.5), (stride, stride))
    inverse = TRANSFORMS[name].inverse(value)
    rows, columns = (start + stride * np.arange(n) for start, n in zip(places.first, places.size, strict=True))
    reference = rows[:, None] * slope[0] + columns[None] * slope[1]
    sources = sources_of(places, inverse, VIEW)
    met = set() if sources is None else set(sources.positions.tolist())
    values = (
        {}
        if sources is None
        else dict(
            zip(
                sources.positions.tolist(),
                sources.moved(torch.tensor(reference).reshape(-1, 1).float())[:, 0].tolist(),
                strict=True,
            )
        )
    )
    for row in range(6):
        for column in range(7):
            down, across = inverse.source(np.array([rows[row], columns[column]]), (VIEW[0] / 2, VIEW[1] / 2))
            inside = rows[0] <= down <= rows[-1] and columns[0] <= across <= columns[-1]
            near = min(abs(down - rows[0]), abs(down - rows[-1]), abs(across - columns[0]), abs(across - columns[-1]))
            if near > 1e-4:
                assert inside == (row * 7 + column in met)
            if inside and row * 7 + column in met:
                assert values[row * 7 + column] == pytest.approx(down * slope[0] + across * slope[1], abs=1e-3)


def test_a_map_that_is_moved_away_has_no_sources() -> None:
    assert sources_of(ONE_TO_ONE, TRANSFORMS["translate-y"].inverse(24), VIEW) is None


def test_places_of_a_network_are_the_centres_of_its_fields() -> None:
    """Measured: where in the image is the middle of what a position answers to?"""
    loaded = model()
    graph = graph_of(loaded)
    for layer in watched_layers(graph, ["1", "4"]):
        assert layer.places is not None
        image = torch.zeros(1, 3, 24, 24, requires_grad=True)
        maps = loaded.module[: int(layer.address)](image)  # type: ignore[index]
        maps[0, :, 3, 5].sum().backward()
        seen = image.grad.abs().sum((0, 1)).nonzero().double()  # type: ignore[union-attr]
        middle = (seen.amin(0) + seen.amax(0) + 1) / 2
        expected = [
            start + place * step
            for start, place, step in zip(layer.places.first, (3, 5), layer.places.stride, strict=True)
        ]
        np.testing.assert_allclose(middle, expected, atol=0.51)  # a maximum looks at one of two
