"""Similarities against their definitions in float64, and where they are not defined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from convscope.display import display_scale, shrink, to_picture
from convscope.probes.trust.similarity import TILE, VALUES, Sample, sample, similarity


def noise(shape: tuple[int, int, int], seed: int = 0) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return np.where(np.abs(drawn) < 0.4, 0, drawn).astype(np.float32)  # many ties at 0, as projections have


def whole(pixels: NDArray[np.float32]) -> Sample:
    return sample(pixels, (0, 0, *pixels.shape[:2]))


def test_ranks_are_spearmans_correlation() -> None:
    one = noise((20, 24, 3))
    other = one * 0.5 + noise((20, 24, 3), 1)
    found = similarity(whole(one), whole(other))
    assert found is not None
    assert found.rank == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-5)
    absolute = spearmanr(np.abs(one).ravel(), np.abs(other).ravel()).statistic
    assert found.absolute == pytest.approx(absolute, abs=1e-5)
    assert 0.2 < found.rank < 0.8


def test_a_large_window_is_sampled_and_still_close() -> None:
    one = noise((150, 150, 3))
    other = one * 0.7 + noise((150, 150, 3), 1)
    assert one.size > 5 * VALUES
    found = similarity(whole(one), whole(other))
    assert found is not None
    assert found.rank == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=0.03)


def test_structure_is_that_of_the_pictures_as_displayed() -> None:
    one, other = noise((150, 100, 3)), noise((150, 100, 3), 1)
    found = similarity(whole(one), whole(one + other))
    shown = []
    for pixels in (one, one + other):
        small = shrink(pixels, TILE)
        shown.append((to_picture(small, display_scale([small])).astype(np.float64) - 1) / 254)
    expected = structural_similarity(*shown, win_size=7, data_range=1.0, channel_axis=-1)  # type: ignore[no-untyped-call]
    assert found is not None
    assert found.ssim == pytest.approx(expected, abs=0.01)


def test_only_the_box_counts() -> None:
    one, other = noise((30, 30, 3)), noise((30, 30, 3), 1)
    other[5:15, 8:20] = one[5:15, 8:20]
    found = similarity(sample(one, (5, 8, 15, 20)), sample(other, (5, 8, 15, 20)))
    assert found is not None
    np.testing.assert_allclose([found.rank, found.absolute, found.ssim], 1, atol=1e-5)


@given(factor=st.floats(0.01, 100), seed=st.integers(0, 5), channels=st.sampled_from([1, 3]))
def test_a_factor_changes_nothing_and_a_sign_turns_the_ranks(factor: float, seed: int, channels: int) -> None:
    one = noise((9, 11, channels), seed)
    same = similarity(whole(one), whole(one * np.float32(factor)))
    turned = similarity(whole(one), whole(-one))
    assert same is not None
    assert turned is not None
    np.testing.assert_allclose([same.rank, same.absolute, same.ssim], 1, atol=1e-3)
    assert turned.rank == pytest.approx(-1, abs=1e-5)
    assert turned.absolute == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_picture_without_content_is_empty_and_compares_with_nothing(value: float) -> None:
    flat = whole(np.full((8, 8, 3), value, np.float32))
    assert flat.empty
    assert similarity(flat, whole(noise((8, 8, 3)))) is None
    assert similarity(whole(noise((8, 8, 3))), flat) is None


def test_what_is_not_defined_is_nan() -> None:
    signs = np.array([1.0, -1.0, 1.0, 1.0], np.float32).reshape(2, 2, 1)
    found = similarity(whole(signs), whole(noise((2, 2, 1), 3)))
    assert found is not None
    assert np.isfinite(found.rank)
    assert np.isnan(found.absolute)
    assert np.isnan(found.ssim)  # two pixels are no neighbourhood
    small = similarity(whole(noise((4, 6, 3))), whole(noise((4, 6, 3), 1)))
    assert small is not None
    assert np.isfinite(small.ssim)
