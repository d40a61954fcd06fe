"""Parts on disk: what was saved comes back, and whatever else is there does not."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convscope.engine.journal import load_part, save_part
from convscope.engine.loading import Outcome
from convscope.engine.part import Part
from convscope.engine.sampled import Sample
from convscope.engine.tally import Statistics, Tally
from convscope.engine.topk import TopK
from tests.engine.test_tally import CLASSES
from tests.engine.test_topk import tied_maps

IMAGES = range(4, 13)


def nothing(
    *,
    k: int = 3,
    classes: int = 4,
    class_k: int = 2,
    many: bool = False,
    layers: int = 2,
    sample: tuple[int, int] = (20, 10),
) -> Part:
    tally = Tally.empty(5, k, classes, many=many, class_k=class_k, sample=Sample(*sample))
    return Part((tally,) * layers, ())


def some_part() -> Part:
    numbers = torch.arange(IMAGES.start, IMAGES.stop)
    tallies = [tally.after(tied_maps(9, seed=seed), numbers, CLASSES) for seed, tally in enumerate(nothing().tallies)]
    outcomes = [Outcome(4, skipped="not “an image”\n"), *(Outcome(image, 640, 480) for image in IMAGES[1:])]
    return Part(tuple(tallies), tuple(outcomes))


def same(one: Part, other: Part) -> bool:
    return one.outcomes == other.outcomes and all(map(same_tally, one.tallies, other.tallies))


def same_tally(a: Tally, b: Tally) -> bool:
    tops = [(a.top, b.top), *((a.by_class[c], b.by_class[c]) for c in sorted(a.by_class))]
    statistics = [(getattr(a.statistics, n), getattr(b.statistics, n)) for n in Statistics.__dataclass_fields__]
    pairs = zip(a.sampled.joined(), b.sampled.joined(), strict=True)
    return (
        sorted(a.by_class) == sorted(b.by_class)
        and (a.many, a.class_k) == (b.many, b.class_k)
        and all(same_top(x, y) for x, y in tops)
        and all(torch.equal(x, y) and x.dtype == y.dtype for x, y in (*statistics, *pairs))
        and a.sampled.sample == b.sampled.sample
    )


def same_top(a: TopK, b: TopK) -> bool:
    return torch.equal(a.value, b.value) and torch.equal(a.place, b.place) and a.value.dtype == b.value.dtype


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "scan-00000.npz"
    save_part(path, IMAGES, some_part())
    return path


def test_what_was_saved_comes_back(saved: Path) -> None:
    found = load_part(saved, IMAGES, nothing())
    assert found is not None
    assert same(found, some_part())
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_nothing_there_is_nothing(tmp_path: Path) -> None:
    assert load_part(tmp_path / "scan-00000.npz", IMAGES, nothing()) is None
    assert load_part(tmp_path, IMAGES, nothing()) is None


@pytest.mark.parametrize(
    "other",
    [
        nothing(k=4),
        nothing(classes=5),
        nothing(class_k=3),
        nothing(many=True),
        nothing(layers=1),
        nothing(layers=3),
        nothing(sample=(20, 9)),
        nothing(sample=(21, 10)),
    ],
)
def test_a_part_of_another_form_counts_as_absent(saved: Path, other: Part) -> None:
    assert load_part(saved, IMAGES, other) is None


def test_a_part_of_other_images_counts_as_absent(saved: Path) -> None:
    assert load_part(saved, range(4, 12), nothing()) is None
    assert load_part(saved, range(5, 13), nothing()) is None


def test_a_part_cut_off_anywhere_counts_as_absent(saved: Path) -> None:
    whole = saved.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        assert load_part(saved, IMAGES, nothing()) is None, length


def test_a_damaged_byte_is_noticed_or_harmless(saved: Path) -> None:
    whole = bytearray(saved.read_bytes())
    noticed = 0
    for place in range(0, len(whole), 53):
        damaged = whole.copy()
        damaged[place] ^= 0x5A
        saved.write_bytes(damaged)
        found = load_part(saved, IMAGES, nothing())
        assert found is None or same(found, some_part()), place
        noticed += found is None
    assert noticed > len(whole) // 53 // 2


def test_nothing_in_a_part_is_ever_unpickled(saved: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, form=np.array([print], dtype=object))
    saved.write_bytes(buffer.getvalue())
    assert load_part(saved, IMAGES, nothing()) is None


def test_saving_replaces_a_damaged_part(saved: Path) -> None:
    saved.write_bytes(b"PK")
    save_part(saved, IMAGES, replace(some_part(), outcomes=()))
    found = load_part(saved, IMAGES, nothing())
    assert found is not None
    assert found.outcomes == ()
