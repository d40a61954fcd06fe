"""Statistics against numpy in float64, classes against sorting, and numbers that cannot be ranked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from convscope.engine.sampled import Sample
from convscope.engine.tally import Statistics, Tally
from convscope.errors import NumberError
from convscope.images.spread import spread
from tests.engine.make import full_sort
from tests.engine.test_topk import listed, tied_maps

CLASSES = torch.tensor([0, 1, -1, 1, 0, 2, 1, -1, 1])


def random_maps() -> Tensor:
    return torch.randn(9, 4, 3, 3, generator=torch.Generator().manual_seed(0)) * 1e3 - 700


def folded(maps: Tensor, classes: Tensor, batch: int, *, many: bool = False, class_k: int = 2, limit: int = 0) -> Tally:
    sample = Sample(len(maps), limit)
    tally = Tally.empty(maps.shape[1], 3, 4, many=many, class_k=class_k, sample=sample)
    for start in range(0, len(maps), batch):
        images = torch.arange(start, min(start + batch, len(maps)))
        tally = tally.after(maps[images], images, classes[images])
    return tally


@pytest.mark.parametrize("batch", [1, 4, 9])
def test_statistics_against_numpy(batch: int) -> None:
    maps = random_maps()
    s = folded(maps, CLASSES, batch).statistics
    peaks = maps.numpy().astype(np.float64).max((2, 3))
    assert s.count.tolist() == [9]
    np.testing.assert_allclose(s.peak_sum, peaks.sum(0), rtol=1e-14)
    np.testing.assert_allclose(s.square_sum, (peaks**2).sum(0), rtol=1e-14)
    np.testing.assert_array_equal(s.peak_max, peaks.max(0))
    np.testing.assert_array_equal(s.active, (peaks > 0).sum(0))
    for number in range(4):
        mine = CLASSES.numpy() == number
        np.testing.assert_allclose(s.class_peak[number], peaks[mine].sum(0), rtol=1e-14)
        assert s.class_count[number] == mine.sum()


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("batch", [1, 4, 9])
def test_each_class_has_its_own_ranking(many: bool, batch: int) -> None:
    maps = tied_maps(9)
    tally = folded(maps, CLASSES, batch, many=many)
    assert sorted(tally.by_class) == [0, 1, 2]
    for number, top in tally.by_class.items():
        mine = CLASSES.eq(number).nonzero()[:, 0]
        assert listed(top, 12) == full_sort(maps[mine], 2, mine.tolist(), many=many)
    assert listed(tally.top, 12) == full_sort(maps, 3, range(9), many=many)


def test_parts_merge_in_any_order_to_the_whole() -> None:
    maps = tied_maps(9)
    whole = folded(maps, CLASSES, 9)
    cuts = [torch.arange(0, 2), torch.arange(2, 6), torch.arange(6, 9)]
    empty = Tally.empty(5, 3, 4, class_k=2, sample=Sample(9, 4))
    parts = [empty.after(maps[cut], cut, CLASSES[cut]) for cut in cuts]
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        merged = empty
        for number in order:
            merged = merged.merge(parts[number])
        assert listed(merged.top, 12) == listed(whole.top, 12)
        assert {c: listed(t, 12) for c, t in merged.by_class.items()} == {
            c: listed(t, 12) for c, t in whole.by_class.items()
        }
        for name in Statistics.__dataclass_fields__:
            assert torch.equal(getattr(merged.statistics, name), getattr(whole.statistics, name)), name
        images, peaks = merged.sampled.joined()
        assert images.tolist() == [1, 3, 5, 7]
        assert torch.equal(peaks, maps[images].amax((2, 3)))


@pytest.mark.parametrize("batch", [1, 4, 9])
@pytest.mark.parametrize("limit", [0, 1, 3, 9, 20])
def test_the_peaks_of_a_sample_against_numpy(batch: int, limit: int) -> None:
    maps = random_maps()
    images, peaks = folded(maps, CLASSES, batch, limit=limit).sampled.joined()
    assert images.tolist() == spread(9, limit)
    assert peaks.dtype == torch.float32
    np.testing.assert_array_equal(peaks, maps.numpy().max((2, 3))[spread(9, limit)])


def test_classes_are_not_kept_unless_asked_for() -> None:
    assert folded(tied_maps(9), CLASSES, 4, class_k=0).by_class == {}


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("many", [False, True])
def test_what_cannot_be_ranked_is_refused(bad: float, many: bool) -> None:
    maps = tied_maps(9)
    maps[4, 2, 1, 1] = bad
    with pytest.raises(NumberError):
        folded(maps, CLASSES, 4, many=many)


def test_minus_infinity_is_refused_only_where_it_could_be_ranked() -> None:
    maps = tied_maps(9)
    maps[4, 2, 1, 1] = -torch.inf
    assert torch.isfinite(folded(maps, CLASSES, 4).top.value).all()
    with pytest.raises(NumberError):
        folded(maps, CLASSES, 4, many=True)
    maps[4, 2] = -torch.inf
    with pytest.raises(NumberError):
        folded(maps, CLASSES, 4)
