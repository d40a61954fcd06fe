"""The labelled set: what is done lies within the stated limits, and one seed gives one set."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from convscope.probes.overlap.labelled import BORDERS, CHANGES, KEPT, LONGEST, PIECE, make_labelled
from tests.probes.overlap.make import scene

PHOTOGRAPHS = [scene(seed, 90, 120) for seed in range(8)]


def test_every_photograph_has_every_change_and_one_in_four_gives_pieces() -> None:
    made = make_labelled(PHOTOGRAPHS)
    assert len(made.first) == len(PHOTOGRAPHS)
    for number in range(8):
        kinds = [kind for kind, of in zip(made.kinds, made.of, strict=True) if of == number]
        assert kinds == ([] if number % 4 == 3 else list(CHANGES))
    assert made.kinds.count("piece") == 2
    assert len(make_labelled(PHOTOGRAPHS, pieces=False).second) == 8 * len(CHANGES)


def test_pieces_are_opposite_ends() -> None:
    made = make_labelled(PHOTOGRAPHS)
    place = made.kinds.index("piece")
    near, far = made.first[3], made.second[place]
    width = round(PIECE * 120)
    np.testing.assert_array_equal(near, PHOTOGRAPHS[3][:, :width])
    np.testing.assert_array_equal(far, PHOTOGRAPHS[3][:, -width:])


@pytest.mark.parametrize("seed", range(5))
def test_crops_and_borders_keep_to_their_limits(seed: int) -> None:
    draw = np.random.default_rng(seed)
    picture = Image.fromarray(PHOTOGRAPHS[0])
    crop = np.asarray(CHANGES["cropped"](picture, draw))
    for side, whole in zip(crop.shape[:2], (90, 120), strict=True):
        assert KEPT[0] * whole - 1 <= side <= KEPT[1] * whole + 1
    places = {
        (top, left)
        for top in range(91 - crop.shape[0])
        for left in range(121 - crop.shape[1])
        if (PHOTOGRAPHS[0][top, left] == crop[0, 0]).all()
        and (PHOTOGRAPHS[0][top : top + crop.shape[0], left : left + crop.shape[1]] == crop).all()
    }
    assert len(places) == 1
    bordered = np.asarray(CHANGES["bordered"](picture, draw))
    width = (bordered.shape[0] - 90) // 2
    assert BORDERS[0] * 90 - 1 <= width <= BORDERS[1] * 90 + 1
    np.testing.assert_array_equal(bordered[width:-width, width:-width], PHOTOGRAPHS[0])


def test_a_seed_decides_and_kinds_of_pictures_do_not_matter() -> None:
    odd = [scene(1, 1, 3), scene(2, 40, 40)[..., :1], scene(3, 700, 20)]
    one, same, other = (make_labelled(odd, seed) for seed in (4, 4, 5))
    assert all((a == b).all() for a, b in zip(one.second, same.second, strict=True))
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(one.second, other.second, strict=True))
    assert one.first[1].shape == (40, 40, 1)
    assert max(one.first[2].shape) == LONGEST
