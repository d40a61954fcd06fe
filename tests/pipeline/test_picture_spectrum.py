"""Radial spectra against a transform written out as sums, and gratings whose frequencies are known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.pipeline.picture_spectrum import picture_spectrum
from convscope.spectrum import BANDS, HIGH, LOW, RING, RINGS, band_shares, ring_frequencies
from tests.probes.diagnosis.make import grating


@settings(max_examples=15, deadline=None)
@given(height=st.integers(2, 20), width=st.integers(2, 140), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_spectrum_is_that_of_the_sums_written_out(height: int, width: int, channels: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).normal(3, 1, (height, width, channels))
    rows, columns = (np.sin(np.pi * np.arange(1, n + 1) / (n + 1)) ** 2 for n in (height, width))
    taper = np.outer(rows, columns)
    down, across = (np.fft.fftfreq(max(n, 128)) for n in (height, width))
    power = np.zeros((len(down), len(across)))
    for channel in np.moveaxis(pixels, 2, 0):
        wave = (channel - (channel * taper).sum() / taper.sum()) * taper
        left = np.exp(-2j * np.pi * np.outer(down, np.arange(height)))
        right = np.exp(-2j * np.pi * np.outer(np.arange(width), across))
        power += np.abs(left @ wave @ right) ** 2
    radius = np.sqrt(down[:, None] ** 2 + across**2)
    found = picture_spectrum(pixels)
    assert found is not None
    expected = [power[(radius >= ring * RING) & (radius < (ring + 1) * RING)].sum() for ring in range(RINGS)]
    np.testing.assert_allclose(found, np.array(expected) / power.sum(), atol=1e-12)
    edges = (0, LOW, HIGH, 1)
    bands = [power[(radius >= low) & (radius < high)].sum() / power.sum() for low, high in pairwise(edges)]
    np.testing.assert_allclose(band_shares(found), bands, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(
    frequency=st.floats(0.04, 0.46),
    direction=st.floats(0, 90),
    size=st.tuples(st.integers(70, 150), st.integers(70, 150)),
)
def test_the_power_of_a_grating_lies_at_its_frequency(
    frequency: float, direction: float, size: tuple[int, int]
) -> None:
    turn = np.radians(direction)
    wave = grating(150, frequency * np.sin(turn), frequency * np.cos(turn))[: size[0], : size[1], None]
    found = picture_spectrum(100 + 20 * wave)
    assert found is not None
    assert abs((found * ring_frequencies()).sum() - frequency) < 0.02
    assert found[abs(ring_frequencies() - frequency) < 2.5 * RING].sum() > 0.95


@pytest.mark.parametrize(("frequency", "band"), [(0.06, "low"), (0.19, "mid"), (0.4, "high")])
def test_neither_brightness_nor_contrast_nor_number_of_channels_matters(frequency: float, band: str) -> None:
    wave = grating(64, frequency, 0)[..., None]
    one = picture_spectrum(wave)
    other = picture_spectrum(np.round(128 + 90 * np.repeat(wave, 3, 2)).astype(np.uint8))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one, other, atol=2e-3)
    assert band_shares(one)[BANDS.index(band)] > 0.95


@pytest.mark.parametrize("value", [0, 7, 1e8, -0.3])
def test_what_is_all_one_value_shows_no_pattern(value: float) -> None:
    assert picture_spectrum(np.full((9, 5, 3), value)) is None
    assert picture_spectrum(np.full((1, 1, 3), value)) is None


def test_images_whose_amplitude_falls_with_frequency_have_rings_that_do() -> None:
    """Amplitude 1/f gives power 1/f^2 a point, and 1/f a ring, since a ring's length grows with f."""
    side = 256
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    radius[0, 0] = np.inf
    generator = np.random.default_rng(0)
    drawn = [np.fft.ifft2(np.fft.fft2(generator.normal(size=(side, side))) / radius).real for _ in range(12)]
    spectra = [picture_spectrum(each[..., None]) for each in drawn]
    found = np.mean([each for each in spectra if each is not None], 0)
    line = ring_frequencies()
    between = (line > 0.06) & (line < 0.45)
    slope = np.polyfit(np.log(line[between]), np.log(found[between]), 1)[0]
    assert slope == pytest.approx(-1, abs=0.15)
