"""From boxes on pictures to covers on views: sizes, crops, and what is left out or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.errors import PartsError
from convscope.images import ImageSet
from convscope.images.boxes import Part
from convscope.models import Preprocessing
from convscope.probes.correspondence.places import cover_of, find_places

CROPPED = Preprocessing(20, 20, 24, "bilinear", (0.0,) * 3, (1.0,) * 3, True)


@pytest.fixture
def images(tmp_path: Path) -> ImageSet:
    """Pictures of three sizes, and one that cannot be read."""
    for name, size in (("a", (48, 48)), ("b", (96, 48)), ("c", (24, 72))):
        Image.fromarray(np.zeros((*size[::-1], 3), np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    return ImageSet.open(tmp_path)


def test_pictures_of_different_sizes(images: ImageSet) -> None:
    parts = [
        Part("a.png", "nose", (12, 16, 20, 24)),
        Part("b.png", "nose", (40, 20, 56, 30)),
        Part("c.png", "nose", (4, 30, 14, 40)),
    ]
    found = find_places(images, parts, CROPPED)
    # a is halved, of b's 48 columns 14 to 34 are seen, and c keeps its size, seen from row 26 on; all lose 2 at a side.
    assert [image.covers["nose"] for image in found.images] == [(6, 4, 10, 8), (8, 6, 13, 14), (4, 2, 14, 12)]
    assert [image.index for image in found.images] == [0, 1, 3]
    assert all(image.view.shape == (20, 20, 3) for image in found.images)
    assert (found.parts, found.left_out) == (("nose",), ())


def test_what_the_crop_cuts_away_and_what_cannot_be_read_is_left_out(images: ImageSet) -> None:
    noses = [Part("a.png", "nose", (10, 20, 14, 24)), Part("b.png", "nose", (40, 20, 50, 24))]
    ears = [Part("b.png", "ear", (30, 0, 50, 3)), Part("b.png", "tail", (0, 0, 9, 9))]
    lost = [Part("c.png", "nose", (10, 20, 14, 24)), Part("bad.png", "nose", (0, 0, 9, 9))]
    found = find_places(images, [*noses, *ears, *lost], CROPPED, ["nose"])
    assert [image.index for image in found.images] == [0, 1]
    assert [set(image.covers) for image in found.images] == [{"nose"}, {"nose"}]
    unreadable = "not an image that can be read (formats: JPEG, PNG, WEBP, GIF, BMP, TIFF, PPM)"
    seen = "only 0% of it is in the middle that the model sees"
    assert set(found.left_out) == {("bad.png", "", unreadable), ("c.png", "nose", seen)}


@pytest.mark.parametrize(
    ("box", "cover", "seen"),
    [
        ((2.4, 3.6, 6.5, 8.4), (4, 2, 8, 6), 1),
        ((-5, -5, 5, 5), (0, 0, 5, 5), 0.25),
        ((15, 0, 25, 10), (0, 15, 10, 20), 0.5),
        ((30, 30, 40, 40), (19, 19, 20, 20), 0),
        ((-9, 0, -4, 4), (0, 0, 4, 1), 0),
        ((3.1, 3.1, 3.2, 3.2), (3, 3, 4, 4), 1),
        ((19.8, 19.8, 20, 20), (19, 19, 20, 20), 1),
    ],
)
def test_covers_are_whole_pixels_inside_and_never_empty(
    box: tuple[float, float, float, float], cover: tuple[int, int, int, int], seen: float
) -> None:
    found = cover_of(box, (20, 20))
    assert found[0] == cover
    assert found[1] == pytest.approx(seen)


def nose(image: str, box: tuple[float, float, float, float] = (10, 10, 20, 20), name: str = "nose") -> Part:
    return Part(image, name, box)


WRONG: list[tuple[list[Part], list[str] | None, str]] = [
    ([nose("a.png"), nose("x.png")], None, r"part 1 \('nose'\): image 'x.png' is not among the 4 images"),
    ([nose("a.png", (40, 40, 50, 48)), nose("b.png")], None, "outside of the picture of 48 x 48 pixels"),
    ([nose("a.png"), nose("a.png"), nose("b.png")], None, "marked a second time"),
    ([nose("a.png")], None, r"1 image\(s\) show the part 'nose', and at least two are compared; mark it on more"),
    ([nose("a.png"), nose("bad.png")], None, r"Left out: bad.png: not an image"),
    ([nose("a.png"), nose("b.png", (0, 0, 10, 10))], None, r"Left out: b.png: only 0% of it is in the middle"),
    ([nose("a.png"), nose("b.png", (40, 10, 50, 20))], ["nase"], "no part 'nase' is marked. Close to it: nose"),
]


@pytest.mark.parametrize(("parts", "only", "message"), WRONG)
def test_what_is_wrong_is_said(images: ImageSet, parts: list[Part], only: list[str] | None, message: str) -> None:
    with pytest.raises(PartsError, match=message):
        find_places(images, parts, CROPPED, only)
