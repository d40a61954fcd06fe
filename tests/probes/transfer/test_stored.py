"""Features in files: read by blocks, written row by row, and continued after a stop anywhere."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convscope.errors import SettingError
from convscope.probes.transfer.stored import FLOAT, PIXEL, Growing, Stored


def numbers(rows: int, columns: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 3), st.integers(0, 400), st.data())
def test_rows_and_columns_are_those_asked_for(
    rows: int, columns: int, seed: int, memory: int, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from([FLOAT, PIXEL]))
    values = (50 * numbers(rows, columns, seed)).astype(kind)
    chosen = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=12)), np.int64)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.f32"
        values.tofile(path)
        stored = Stored(path, rows, columns, kind)
        assert stored.is_whole()
        parts = [stored.read(chosen, block) for block in stored.blocks(len(chosen), memory)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), values[chosen])
    assert all(part.nbytes <= memory or part.shape[1] == 1 for part in parts)


@given(st.integers(1, 7), st.lists(st.integers(1, 5), min_size=1, max_size=3), st.data())
def test_writing_goes_on_wherever_it_was_cut(rows: int, widths: list[int], data: st.DataObject) -> None:
    tables = [numbers(rows, width, seed) for seed, width in enumerate(widths)]
    with tempfile.TemporaryDirectory() as folder:
        targets = [Stored(Path(folder) / f"{n}.f32", rows, width) for n, width in enumerate(widths)]
        left = []
        for target, table in zip(targets, tables, strict=True):
            cut = data.draw(st.integers(0, target.size))
            target.part.write_bytes(table.astype("<f4").tobytes()[:cut])
            left.append(cut // (target.columns * 4))
        growing = Growing(targets)
        assert growing.done == min(left)
        for row in range(growing.done, rows):
            for place, table in enumerate(tables):
                growing.append(place, table[row : row + 1])
        assert not any(target.is_whole() for target in targets)
        growing.finish()
        for target, table in zip(targets, tables, strict=True):
            assert target.is_whole()
            assert target.path.read_bytes() == table.astype("<f4").tobytes()
        assert len(list(Path(folder).iterdir())) == len(targets)


def test_what_was_written_before_a_stop_is_kept(tmp_path: Path) -> None:
    target, table = Stored(tmp_path / "a.f32", 4, 3), numbers(4, 3)
    first = Growing([target])
    first.append(0, table[:3])
    first.close()
    second = Growing([target])
    assert second.done == 3
    second.append(0, table[3:])
    second.finish()
    second.close()
    np.testing.assert_array_equal(target.read(np.arange(4), slice(0, 3)), table)


def test_a_file_that_is_not_whole_is_not_used(tmp_path: Path) -> None:
    target = Stored(tmp_path / "a.f32", 4, 3)
    assert target.size == 48
    assert not target.is_whole()
    target.path.write_bytes(bytes(47))
    assert not target.is_whole()
    with pytest.raises(OSError, match=r"a\.f32 is shorter than it was when it was written"):
        target.read(np.array([3]), slice(0, 3))
    np.testing.assert_array_equal(target.read(np.array([2]), slice(1, 3)), np.zeros((1, 2)))


def test_a_disk_that_takes_no_more_is_told_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    target, table = Stored(tmp_path / "a.f32", 9, 1000), numbers(9, 1000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    growing = Growing([target])
    for row in range(2):
        growing.append(0, table[row : row + 1])
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (target.size // 2, before[1]))
        growing.append(0, table[2:8])
        growing.writer.submit(int).result()  # behind the write that fails, there is room again
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(OSError, match="File too large"):
        growing.append(0, table[8:])
    growing.close()
    assert not target.is_whole()
    again = Growing([target])
    assert again.done == 2
    again.append(0, table[2:])
    again.finish()
    np.testing.assert_array_equal(target.read(np.arange(9), slice(0, 1000)), table)


def test_two_at_once_do_not_mix_their_rows(tmp_path: Path) -> None:
    target = Stored(tmp_path / "a.f32", 4, 3)
    first = Growing([target])
    with pytest.raises(SettingError, match="are being written by another process; wait"):
        Growing([target])
    first.close()
    Growing([target]).close()
