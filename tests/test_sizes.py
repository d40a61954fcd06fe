from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import SettingError
from convscope.sizes import in_words, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500M", 500_000_000),
        ("2G", 2_000_000_000),
        ("2g", 2_000_000_000),
        ("2GiB", 2 * 2**30),
        ("1.5 GB", 1_500_000_000),
        ("1.5MiB", 3 * 2**19),
        ("7B", 7),
        (" 3T ", 3 * 10**12),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "2", "G", "-2G", "2,5G", "2 x", "2GG", "0.1B", "0G", "nan", "1e9B", "٢G", "2G2G", "9" * 30 + "G"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (96_400, "96.4 kB"),
        (999_499_999, "999 MB"),
        (999_500_000, "1 GB"),
        (1.284e9, "1.28 GB"),
        (36e12, "36 TB"),
        (36e15, "36000 TB"),
    ],
)
def test_sizes_are_written(size: float, text: str) -> None:
    assert in_words(size) == text


@given(st.integers(1000, 10**14))
def test_what_is_written_can_be_read(size: int) -> None:
    assert parse_size(in_words(size)) == pytest.approx(size, rel=0.006)
