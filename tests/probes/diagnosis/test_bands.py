"""Spectra of gratings whose frequencies are known, and of filters whose spectra are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convscope.probes.diagnosis.bands import spectra
from convscope.spectrum import HIGH, LOW
from tests.probes.diagnosis.make import grating


@settings(max_examples=20, deadline=None)
@given(frequency=st.floats(0.06, 0.44), direction=st.floats(0, 180, exclude_max=True), side=st.sampled_from([15, 21]))
def test_a_grating_peaks_at_its_frequency_and_direction(frequency: float, direction: float, side: int) -> None:
    turn = np.radians(direction)
    wave = grating(side, frequency * np.sin(turn), frequency * np.cos(turn))
    found = spectra((wave * np.hanning(side)[:, None] * np.hanning(side))[None, None])
    # Within the spacing of the points; a low grating and its mirror image overlap in a small window.
    assert found.peak[0] == pytest.approx(frequency, abs=0.02 if frequency > 3 / side else 0.06)
    if frequency > 3 / side:
        apart = abs(found.angle[0] - direction)
        assert min(apart, 180 - apart) < 9


@pytest.mark.parametrize(("frequency", "band"), [(0.05, 0), (0.19, 1), (0.4, 2)])
def test_a_gratings_power_is_in_its_band(frequency: float, band: int) -> None:
    shares = spectra(grating(31, 0, frequency)[None, None]).shares[0]
    assert shares[band] > 0.9
    assert shares.sum() == pytest.approx(1, abs=1e-5)


def test_the_radial_spectrum_is_the_sum_over_rings() -> None:
    filters = np.random.default_rng(0).normal(size=(3, 2, 5, 7))
    found = spectra(filters)
    line = np.fft.fftfreq(128)
    for one, radial, shares in zip(filters, found.radial, found.shares, strict=True):
        power = np.zeros((128, 128))
        for channel in one:
            waves = (
                np.exp(-2j * np.pi * line[:, None] * np.arange(5))
                @ channel
                @ np.exp(-2j * np.pi * np.outer(np.arange(7), line))
            )
            power += np.abs(waves) ** 2
        radius = np.hypot(line[:, None], line)
        for ring, share in enumerate(radial):
            inside = (radius >= ring / 64) & (radius < (ring + 1) / 64)
            assert share == pytest.approx(power[inside].sum() / power.sum(), abs=1e-6)
        assert shares[1] == pytest.approx(power[(radius >= LOW) & (radius < HIGH)].sum() / power.sum(), abs=1e-6)


def test_a_single_weight_answers_to_all_frequencies_alike() -> None:
    single = np.zeros((1, 1, 5, 5))
    single[0, 0, 2, 2] = 1
    found = spectra(single)
    np.testing.assert_allclose(found.mean_shares, (np.pi / 64, np.pi * 3 / 64, 1 - np.pi / 16), atol=0.005)
    assert found.covered == 1


def test_coverage_counts_what_lies_within_half_power_of_a_filter() -> None:
    wide = [grating(11, f * np.sin(a), f * np.cos(a)) for f in (0.15, 0.22) for a in np.linspace(0, np.pi, 7)[:-1]]
    extremes = [grating(11, f * np.sin(a), f * np.cos(a)) for f in (0.02, 0.45) for a in np.linspace(0, np.pi, 7)[:-1]]
    assert spectra(np.array(wide)[:, None]).covered > 0.6
    assert spectra(np.array(extremes)[:, None]).covered < 0.1  # high and low frequencies, little between
    one = spectra(np.array(wide[:1])[:, None])
    assert 0.02 < one.covered < 0.2
    line = np.fft.fftshift(np.fft.fftfreq(128))
    radius = np.hypot(line[:, None], line)
    mid = (radius >= LOW) & (radius < HIGH)
    assert one.covered == pytest.approx((one.answer[mid] >= 0.5).mean())


def test_faint_and_empty_filters_cover_nothing() -> None:
    loud = np.array([grating(11, 0, 0.45)] * 3)[:, None]
    faint = 0.05 * grating(11, 0, 0.18)[None, None]
    alone = spectra(loud)
    both = spectra(np.concatenate([loud, faint, 0 * faint]))
    assert both.covered == alone.covered
    assert both.shares[4].sum() == 0
    np.testing.assert_allclose(both.mean_shares, both.shares[:4].mean(0), rtol=1e-6)


def test_a_bank_of_nothing() -> None:
    found = spectra(np.zeros((2, 1, 3, 3)))
    assert found.covered == 0
    assert found.mean_shares == (0, 0, 0)
