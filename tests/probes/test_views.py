"""Which images are looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.errors import ImageSetError
from convscope.images import ImageSet
from convscope.probes.views import spread_views
from tests.engine.make import feeding, image_set, pictures
from tests.images.make import encoded


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(8, 8, list(range(8))), (3, 8, [0, 1, 2]), (100, 4, [12, 37, 62, 87]), (10, 1, [5]), (5, 2, [1, 3])],
)
def test_images_are_spread_evenly(total: int, count: int, expected: list[int]) -> None:
    views = spread_views(image_set(pictures(total)), count, feeding())
    assert list(views.names) == [str(index) for index in expected]
    np.testing.assert_array_equal(views.pixels, np.stack(pictures(total))[expected])


def test_one_that_cannot_be_read_gives_way(tmp_path: Path) -> None:
    for number, picture in enumerate(pictures(6)):
        (tmp_path / f"{number}.png").write_bytes(b"damaged" if number in (1, 4) else encoded(picture))
    views = spread_views(ImageSet.open(tmp_path), 3, feeding())
    assert views.names == ("0.png", "3.png", "5.png")
    assert [name for name, _ in views.skipped] == ["1.png"]


def test_no_image_at_all_is_an_error(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(b"damaged")
    with pytest.raises(ImageSetError, match=r"no image of .* can be used; [01]\.png: not an image"):
        spread_views(ImageSet.open(tmp_path), 3, feeding())
