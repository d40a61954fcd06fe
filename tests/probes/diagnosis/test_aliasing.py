"""Energy above the new Nyquist limit and shift-consistency, of signals for which both are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from convscope.probes.diagnosis.aliasing import Energy, can_measure, cubic, energy_above, shifted, shifts_of
from tests.probes.diagnosis.make import grating

LEAK = 1e-3
"""Share of a grating's energy that the window lets across a limit two points of the spectrum away or more."""


def maps(*waves: NDArray[np.float64]) -> Tensor:
    return torch.tensor(np.array(waves), dtype=torch.float32)[None]


def share(wave: NDArray[np.float64], stride: tuple[int, int]) -> float:
    above, total = energy_above(maps(wave), stride)
    return float(above / total)


@settings(max_examples=40, deadline=None)
@given(
    side=st.integers(24, 48),
    step=st.sampled_from([2, 3, 4]),
    place=st.floats(0.0, 1.0),
    above=st.booleans(),
    along=st.sampled_from([0, 1]),
)
def test_a_grating_is_all_above_or_all_below(side: int, step: int, place: float, above: bool, along: int) -> None:
    limit, margin = 0.5 / step, 3 / side
    low, high = (limit + margin, 0.5) if above else (0.0, limit - margin)
    if high - low < 0.01:
        return
    frequency = low + place * (high - low)
    wave = 3 + grating(side, *((frequency, 0.0) if along == 0 else (0.0, frequency)))
    if np.std(wave) < 1e-2:
        return  # a constant has no energy
    found = share(wave, (step, step))
    assert found == pytest.approx(1.0 if above else 0.0, abs=LEAK if frequency > margin or above else 0.02)
    other = (1, step) if along == 0 else (step, 1)
    assert share(wave, other) == pytest.approx(0.0, abs=LEAK)  # positions are dropped along the other axis only


def test_energies_add_up_and_the_mean_is_none() -> None:
    slow, fast = grating(40, 0, 0.1), grating(40, 0.4, 0)
    assert share(2 * slow + fast + 7, (2, 2)) == pytest.approx(1 / 5, abs=2e-3)
    assert share(7 + 0 * slow + 1e-3 * fast, (2, 2)) == pytest.approx(1, abs=LEAK)


@pytest.mark.parametrize("size", [(16, 16), (17, 12), (9, 21)])
def test_the_half_spectrum_counts_as_the_whole_one(size: tuple[int, int]) -> None:
    values = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    above, total = energy_above(values, (2, 4))
    rows, columns = size
    fade = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    for image in range(2):
        for unit in range(3):
            one = values[image, unit].double().numpy()
            power = np.abs(np.fft.fft2((one - (one * fade).sum() / fade.sum()) * fade)) ** 2
            beyond = (np.abs(np.fft.fftfreq(rows))[:, None] > 1 / 4) | (np.abs(np.fft.fftfreq(columns)) > 1 / 8)
            assert float(total[image, unit]) == pytest.approx(power.sum(), rel=1e-4)
            assert float(above[image, unit]) == pytest.approx(power[beyond].sum(), rel=1e-4)


def test_what_is_slow_moves_along_and_what_is_fast_does_not() -> None:
    def agreement(wave: NDArray[np.float64], step: int) -> float:
        product, one, other = shifted(maps(wave), (step, step)).tolist()
        return float(product / np.sqrt(one * other))

    for step in (2, 4):
        slow = grating(48, 0.11 / step, 0.13 / step) + grating(48, 0, 0.1 / step)
        assert agreement(slow, step) > 0.999
        assert agreement(grating(48, 0.5 / step + 0.07, 0.5 / step + 0.05), step) < 0.5


def test_the_comparison_is_that_of_a_loop() -> None:
    values = torch.randn(1, 2, 13, 12, generator=torch.Generator().manual_seed(3))
    expected = np.zeros(3)
    for axis, step in ((0, 3), (1, 2)):
        for shift in range(1, step):
            for unit in range(2):
                lines = values[0, unit].double().numpy()
                lines = lines[:, ::2].T if axis == 0 else lines[::3]
                pairs = []
                for line in lines:
                    kept = line[::step]
                    for place in range(1, len(kept) - 2):
                        taps = kept[place - 1 : place + 3]
                        pairs.append((line[place * step + shift], float(np.dot(cubic(shift / step), taps))))
                one, other = np.array(pairs).T
                one, other = one - one.mean(), other - other.mean()
                expected += [one @ other, one @ one, other @ other]
    np.testing.assert_allclose(shifted(values, (3, 2)).numpy(), expected, rtol=1e-4)


@given(st.floats(0, 1))
def test_cubic_weights_keep_lines_and_parabolas(t: float) -> None:
    places = np.array([-1, 0, 1, 2])
    for power in (0, 1, 2):
        assert np.dot(cubic(t), places**power) == pytest.approx(t**power, abs=1e-12)


def test_shifts_are_all_or_evenly_spaced() -> None:
    assert [shifts_of(step) for step in (1, 2, 4, 16)] == [[], [1], [1, 2, 3], [4, 8, 12]]


def test_too_small_a_map_is_not_measured() -> None:
    assert can_measure((8, 8), (2, 2))
    assert not can_measure((7, 8), (2, 2))
    assert can_measure((3, 8), (1, 2))
    none = Energy.none(2).plus(torch.zeros(1, 2, 6, 6), (2, 2))
    assert none.share is None
    assert none.agreement is None
