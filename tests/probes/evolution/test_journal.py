"""Finished checkpoints are kept, found again, and not taken for others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.errors import AtlasFormatError
from convscope.probes.evolution.evolve import evolve
from convscope.probes.evolution.journal import Shelf, load_record, save_record
from convscope.probes.evolution.record import Drawn, LayerRecord, Measured, Place, Record
from convscope.probes.evolution.result import Evolution
from tests.engine.make import image_set, pictures
from tests.probes.evolution.make import SHOWN, corner_images, exact_run, turning


def same(one: Evolution, other: Evolution) -> None:
    """Every number of two evolutions, bit for bit."""
    assert (one.labels, one.positions, one.images, one.notes) == (
        other.labels,
        other.positions,
        other.images,
        other.notes,
    )
    for a, b in zip(one.layers, other.layers, strict=True):
        assert (a.address, a.shown, a.probes) == (b.address, b.shown, b.probes)
        for name in ("image", "value", "y", "x", "jump", "overlap"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        for curve in ("ranking", "projection"):
            np.testing.assert_array_equal(getattr(a, curve).values, getattr(b, curve).values)
            assert getattr(a, curve).settled == getattr(b, curve).settled
        for line, other_line in zip(a.drawn, b.drawn, strict=True):
            for drawn, other_drawn in zip(line, other_line, strict=True):
                assert (drawn is None) == (other_drawn is None)
                if drawn is not None and other_drawn is not None:
                    assert (drawn.place, drawn.value) == (other_drawn.place, other_drawn.value)
                    np.testing.assert_array_equal(drawn.projection, other_drawn.projection)
                    np.testing.assert_array_equal(drawn.patch, other_drawn.patch)


def test_a_journal_changes_nothing_and_is_used_again(tmp_path: Path) -> None:
    images = image_set(pictures(9))
    plain = evolve(exact_run(), images, units=2)
    kept = evolve(exact_run(), images, units=2, journal=tmp_path)
    same(plain, kept)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"checkpoint-{number:05d}.npz" for number in range(3)]
    times = [file.stat().st_mtime_ns for file in files]
    files[1].write_bytes(files[1].read_bytes()[:500])
    same(plain, evolve(exact_run(), images, units=2, journal=tmp_path))
    again = [file.stat().st_mtime_ns for file in files]
    assert [now != then for now, then in zip(again, times, strict=True)] == [False, True, False]


def test_a_journal_of_another_question_or_of_other_weights_is_not_taken(tmp_path: Path) -> None:
    first = evolve(turning(), corner_images(), units=SHOWN, journal=tmp_path)
    times = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    changed = evolve(turning((0, 80, 40, 70, 90)), corner_images(), units=SHOWN, journal=tmp_path)
    assert changed.layers[0].image[:, 0].tolist() == [0, 1, 0, 1, 1]
    assert [file.name for file, time in times.items() if file.stat().st_mtime_ns != time] == ["checkpoint-00001.npz"]
    evolve(turning(), corner_images(), units=SHOWN, seed=1, journal=tmp_path)
    assert all(file.stat().st_mtime_ns != time for file, time in times.items())
    same(first, evolve(turning(), corner_images(), units=SHOWN))


def record() -> Record:
    place = Place(1, 2, 0, 3, (0, 1, 2, 4))
    drawn = Drawn(place, 1.5, np.ones((2, 3, 1), np.float32), np.zeros((2, 3, 1), np.uint8))
    numbers = np.arange(4).reshape(2, 2)
    measured = Measured(numbers, numbers.astype(np.float32), numbers, numbers, np.full((2, 5), np.nan, np.float32))
    layer = LayerRecord(measured, (drawn, None), (None, np.ones((1, 1, 1), np.float32)), np.zeros(2, np.float32))
    return Record("digest", (layer,), ((3, "it is broken"),))


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "record.npz"
    save_record(path, "question", record())
    found = load_record(path, "question", "digest")
    assert found is not None
    assert (found.digest, found.skipped) == ("digest", ((3, "it is broken"),))
    assert found.layers[0].drawn[1] is None
    assert found.layers[0].probes[0] is None
    kept = found.layers[0].drawn[0]
    assert kept is not None
    assert kept.place == Place(1, 2, 0, 3, (0, 1, 2, 4))
    assert load_record(path, "another question", "digest") is None
    assert load_record(path, "question", "another digest") is None
    assert load_record(path.with_name("none.npz"), "question", None) is None


def test_a_record_that_went_away_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AtlasFormatError, match="record 4 in"):
        Shelf.open(tmp_path, "").get(4)
    shelf = Shelf.open(None, "")
    shelf.put(4, record())
    assert shelf.get(4).digest == "digest"


def test_progress_counts_images_of_all_checkpoints(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    evolve(turning(), corner_images(), units=0, journal=tmp_path, report=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {20}
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (20, 20)
    told.clear()
    evolve(turning(), corner_images(), units=0, journal=tmp_path, report=lambda done, total: told.append((done, total)))
    assert told == [(4 * number, 20) for number in range(1, 6)]
