"""Weights made by hand: the jump is where it was put, and every similarity is a cosine that can be written down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convscope.engine.project import project
from convscope.errors import ImageError
from convscope.images import ImageSet
from convscope.probes.evolution.checkpoint import Checkpoint
from convscope.probes.evolution.evolve import evolve
from convscope.probes.evolution.record import NONE, Place
from convscope.probes.evolution.result import Evolution
from tests.engine.make import LAYERS, exact_net, full_sort, image_set, maps_of, pictures
from tests.probes.evolution.make import (
    ANGLES,
    JUMP,
    POSITIONS,
    SHOWN,
    corner_images,
    corners,
    deaf_model,
    exact_run,
    turning,
    turning_model,
)


@pytest.fixture(scope="module")
def found() -> Evolution:
    return evolve(turning(), corner_images(), units=SHOWN)


def test_the_jump_is_where_the_filter_passes_the_middle(found: Evolution) -> None:
    (layer,) = found.layers
    assert layer.image[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert layer.image[:, 1].tolist() == [2] * 5
    assert layer.image[:, 2].tolist() == [NONE] * 5
    assert layer.jump[:, 0].tolist() == [number == JUMP for number in range(5)]
    assert not layer.jump[:, 1:].any()
    np.testing.assert_array_equal(layer.jumps, [np.nan, 0, 0, 0.5, 0])


def test_winners_have_the_strength_of_the_product(found: Evolution) -> None:
    (layer,) = found.layers
    turned = np.deg2rad(ANGLES)
    # Four pixels of 100 at the filter's value; with padding 1 the filter lies exactly on the image at position (1, 1).
    strength = 400 * np.maximum(np.cos(turned), np.sin(turned))
    np.testing.assert_allclose(layer.value[:, 0], strength, rtol=1e-6)
    np.testing.assert_allclose(layer.value[:, 1], 400, rtol=1e-6)
    assert set(zip(layer.y[:, 0].tolist(), layer.x[:, 0].tolist(), strict=True)) == {(1, 1)}


def test_projections_turn_by_the_angle_and_not_with_the_winner(found: Evolution) -> None:
    (layer,) = found.layers
    # One layer: the projection is the filter itself, whatever the image; so the cosine is that of the angle to go.
    expected = np.cos(np.deg2rad(ANGLES[-1]) - np.deg2rad(ANGLES))
    np.testing.assert_allclose(layer.projection.values[:, 0], expected, atol=1e-6)
    np.testing.assert_allclose(layer.projection.values[:, 1], 1, atol=1e-6)
    assert np.isnan(layer.projection.values[:, 2]).all()
    assert layer.projection.counted == 2


def test_the_settling_point_lies_on_the_line_between_two_checkpoints(found: Evolution) -> None:
    curve = found.layers[0].projection
    assert curve.median[:3].tolist() == pytest.approx(
        [(1 + np.cos(np.deg2rad(90 - angle))) / 2 for angle in (0, 20, 40)]
    )
    # The median of two units, one of which stays; what unit 0 and unit 1 have in common is nothing.
    below, above = (1 + np.cos(np.deg2rad(50))) / 2, (1 + np.cos(np.deg2rad(20))) / 2
    part = (0.9 - below) / (above - below)
    assert curve.settled == pytest.approx(POSITIONS[2] + part * (POSITIONS[3] - POSITIONS[2]), rel=1e-6)


def test_a_picture_is_what_project_makes_of_the_winner(found: Evolution) -> None:
    (layer,) = found.layers
    for number, angle in enumerate(ANGLES):
        for unit in (0, 1):
            drawn = layer.drawn[number][unit]
            assert drawn is not None
            winner = int(layer.image[number, unit])
            y, x = int(layer.y[number, unit]), int(layer.x[number, unit])
            whole = project(turning_model(angle), corners()[winner], f"1:{unit}@{y},{x}")
            top, left, bottom, right = whole.window
            assert drawn.place.box == whole.window
            np.testing.assert_allclose(drawn.projection, whole.pixels[top:bottom, left:right], rtol=1e-6)
            np.testing.assert_array_equal(drawn.patch, corners()[winner][top:bottom, left:right])
            assert drawn.value == pytest.approx(whole.value)
        assert layer.drawn[number][2] is None


def test_a_unit_that_wakes_up_has_no_jump_and_no_likeness_before() -> None:
    late = (Checkpoint("asleep", 0, deaf_model()), *turning()[:2])
    layer = evolve(late, corner_images(), units=["1:0"]).layers[0]
    assert layer.image[:, 0].tolist() == [NONE, 0, 0]
    assert not layer.jump.any()
    assert layer.ranking.values[:, 0].tolist()[0] == 0  # it ranks nothing
    assert layer.drawn[0] == (None,)
    assert layer.ranking.counted == 2


def slow_ranks(values: list[float]) -> list[float]:
    """The mean place of each value among all, by comparing every pair."""
    return [
        sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2 for value in values
    ]


def slow_correlation(one: list[float], other: list[float]) -> float:
    a, b = slow_ranks(one), slow_ranks(other)
    middle = (len(a) + 1) / 2
    product = sum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True))
    sizes = [sum((x - middle) ** 2 for x in each) for each in (a, b)]
    return float(product / (sizes[0] * sizes[1]) ** 0.5) if all(sizes) else float("nan")


def test_rankings_against_sorting_everything_by_hand() -> None:
    shown = pictures(13)
    found = evolve(exact_run(), image_set(shown), units=2)
    for address, layer in zip(LAYERS, found.layers, strict=True):
        maps = [maps_of(exact_net(seed=seed), address, shown) for seed in range(3)]
        peaks = [values.amax((2, 3)) for values in maps]
        final = full_sort(maps[-1], 9, range(13))
        for seed in range(3):
            for unit in range(layer.units):
                expected = slow_correlation(peaks[seed][:, unit].tolist(), peaks[-1][:, unit].tolist())
                silent = np.isnan(slow_correlation(*[peaks[-1][:, unit].tolist()] * 2))
                expected = expected if silent or not np.isnan(expected) else 0.0
                np.testing.assert_allclose(layer.ranking.values[seed, unit], expected, atol=1e-6)
                best = {image for value, image, _ in full_sort(maps[seed], 9, range(13))[unit] if value > 0}
                end = {image for value, image, _ in final[unit] if value > 0}
                overlap = len(best & end) / len(end) if end else float("nan")
                np.testing.assert_allclose(layer.overlap[seed, unit], overlap, atol=1e-6)


def test_the_sample_is_as_large_as_asked_and_all_images_compete() -> None:
    shown = pictures(13)
    few = evolve(exact_run(2), image_set(shown), units=0, ranked=5)
    every = evolve(exact_run(2), image_set(shown), units=0, ranked=None)
    assert (few.sampled, every.sampled) == (5, 13)
    for a, b in zip(few.layers, every.layers, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.overlap, b.overlap)
        assert (a.shown, a.drawn) == ((), ((), ()))
        assert a.projection.settled is None
        assert np.isnan(a.projection.median).all()


def test_the_fixed_place_is_the_final_winner_and_a_signal_of_one_is_enough() -> None:
    """By autograd on the module as it is: the gradient method, at the final winner's image and position."""
    shown = pictures(12)
    found = evolve(exact_run(), image_set(shown), ["4"], units=4, method="gradient")
    (layer,) = found.layers

    def gradient(seed: int, place: Place) -> NDArray[np.float64]:
        leaf = torch.from_numpy(shown[place.image]).permute(2, 0, 1)[None].float().requires_grad_()
        exact_net(seed=seed)(leaf)[0, place.unit, place.y, place.x].backward()
        assert leaf.grad is not None
        return leaf.grad[0].numpy().astype(np.float64)

    for number, place in enumerate(layer.probes):
        assert place is not None
        final = gradient(2, place)
        for seed in range(3):
            here = gradient(seed, place)
            length = np.sqrt((here**2).sum() * (final**2).sum())
            expected = (here * final).sum() / length if length else 0.0
            np.testing.assert_allclose(layer.projection.values[seed, number], expected, atol=1e-5)


def test_an_image_that_cannot_be_read_is_left_out_of_all(found: Evolution) -> None:
    def broken() -> NDArray[np.uint8]:
        raise ImageError("broken")

    images: ImageSet = corner_images()
    entries = list(images.entries)
    entries.append(replace(entries[0], name="4", load=broken))
    more = evolve(turning(), replace(images, entries=tuple(entries)), units=SHOWN)
    assert more.skipped == (("4", "broken"),)
    np.testing.assert_array_equal(more.layers[0].image, found.layers[0].image)
    np.testing.assert_array_equal(more.layers[0].ranking.values, found.layers[0].ranking.values)
