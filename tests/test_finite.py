from __future__ import annotations

import pytest
import torch

from convscope.finite import is_finite

TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 1234, 2499])
def test_one_element_decides_wherever_it_is(dtype: torch.dtype, bad: float, place: int) -> None:
    values = torch.linspace(-3, 3, 2500).to(dtype)
    assert is_finite(values)
    values[place] = bad
    assert not is_finite(values)
    assert not is_finite(values.view(5, 5, 10, 10).permute(0, 2, 3, 1))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_the_largest_numbers_are_finite_though_their_sum_is_not(dtype: torch.dtype) -> None:
    assert is_finite(torch.full((100,), torch.finfo(dtype).max, dtype=dtype))


def test_nan_beside_infinity_is_found_and_nothing_is_finite() -> None:
    assert not is_finite(torch.tensor([float("inf"), float("nan")]))
    assert is_finite(torch.empty(0, 3))
