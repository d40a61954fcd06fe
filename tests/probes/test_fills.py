"""Fills in pixel units, each against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from convscope.errors import SettingError
from convscope.models import Preprocessing
from convscope.probes.fills import View, fill_picture
from tests.probes.make import FEEDING, picture

VIEW = picture()


def made(fill: str | View, view: View = VIEW) -> View:
    return fill_picture(fill, view, FEEDING)


@pytest.mark.parametrize(
    ("fill", "colour"),
    [
        ("grey", (128, 128, 128)),
        ("gray", (128, 128, 128)),
        ("#ff0080", (255, 0, 128)),
        ("1,2,255", (1, 2, 255)),
        ("7", (7, 7, 7)),
        ("zero", FEEDING.mean),
        ("mean", tuple(np.rint(VIEW.reshape(-1, 3).mean(0)))),
    ],
)
def test_colours_are_pixels(fill: str, colour: tuple[float, ...]) -> None:
    found = made(fill)
    assert (found.dtype, found.shape) == (VIEW.dtype, VIEW.shape)
    assert (found == np.array(colour)).all()


def test_blur_is_of_the_image() -> None:
    expected = np.asarray(Image.fromarray(VIEW).filter(ImageFilter.GaussianBlur(2.5)))
    np.testing.assert_allclose(made("blur:2.5").astype(int), expected, atol=1)
    assert made("blur").std() < VIEW.std()


def test_noise_is_decided_by_its_seed() -> None:
    assert (made("noise") == made("noise:0")).all()
    assert (made("noise:1") == made("noise:1")).all()
    assert (made("noise:1") != made("noise:2")).mean() > 0.9
    assert made("noise").min() < 10
    assert made("noise").max() > 245


def test_other_numbers_of_channels() -> None:
    feeding = Preprocessing(4, 4, None, "nearest", (0.0,) * 4, (1.0,) * 4, True)
    view = np.zeros((4, 4, 4), np.uint8)
    assert (fill_picture("1,2,3,4", view, feeding)[0, 0] == (1, 2, 3, 4)).all()
    assert fill_picture("blur", view, feeding).shape == view.shape
    with pytest.raises(SettingError, match="4 channels"):
        fill_picture("#112233", view, feeding)


def test_an_own_picture_is_taken_as_it_is_and_copied() -> None:
    own = 255 - VIEW
    found = made(own)
    assert (found == own).all()
    assert found is not own
    with pytest.raises(SettingError, match=r"expected uint8 \[24, 24, 3\]"):
        made(own[:5])


@pytest.mark.parametrize(
    "fill", ["", "red", "256", "1,2", "1,2,3,4", "#12345", "blur:", "grey:3", "blur:-1", "noise:x", "noise:1.5", "-1"]
)
def test_what_is_no_fill_is_refused(fill: str) -> None:
    if fill == "blur:":  # an empty number is the default
        assert (made(fill) == made("blur")).all()
        return
    with pytest.raises(SettingError, match="fill"):
        made(fill)
