"""``view`` and ``normalise`` against torchvision's own transforms, bit for bit and in float64."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from convscope.errors import ImageError, ModelError
from convscope.models import Preprocessing

PRESETS = [
    Preprocessing(224, 224, 256, "bilinear", (123.0,) * 3, (58.0,) * 3, True),
    Preprocessing(224, 224, 224, "bicubic", (123.0,) * 3, (58.0,) * 3, True),
    Preprocessing(299, 299, 342, "bilinear", (127.5,) * 3, (127.5,) * 3, True),
    Preprocessing(64, 48, 67, "lanczos", (0.0,) * 3, (255.0,) * 3, True),
    Preprocessing(33, 47, 61, "nearest", (0.0,) * 3, (1.0,) * 3, True),
    Preprocessing(63, 63, (65, 70), "bicubic", (0.0,) * 3, (1.0,) * 3, True),
    Preprocessing(50, 90, None, "bilinear", (0.0,) * 3, (1.0,) * 3, True),
]


def torchvision_view(preset: Preprocessing, image: Image.Image) -> np.ndarray:
    size = preset.resize or (preset.height, preset.width)
    chain = transforms.Compose(
        [
            transforms.Resize(size, InterpolationMode(preset.interpolation)),
            transforms.CenterCrop((preset.height, preset.width)),
        ]
    )
    return np.asarray(chain(image))


@pytest.mark.parametrize("preset", PRESETS, ids=str)
@pytest.mark.parametrize("turned", [False, True])
def test_view_equals_torchvision_bit_for_bit(preset: Preprocessing, turned: bool, picture: np.ndarray) -> None:
    colour = np.ascontiguousarray(picture.swapaxes(0, 1)) if turned else picture
    seen = preset.view(colour)
    assert seen.dtype == np.uint8
    assert seen.flags.c_contiguous
    assert seen.flags.writeable
    assert np.array_equal(seen, torchvision_view(preset, Image.fromarray(colour)))


@pytest.mark.parametrize("size", [(1, 1), (7, 500), (500, 7), (256, 256), (255, 257), (224, 225)])
def test_view_equals_torchvision_at_odd_sizes(size: tuple[int, int]) -> None:
    colour = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert np.array_equal(PRESETS[0].view(colour), torchvision_view(PRESETS[0], Image.fromarray(colour)))


def test_view_of_grey_equals_torchvision_on_a_grey_image(picture: np.ndarray) -> None:
    grey = replace(PRESETS[0], mean=(0.0,), std=(1.0,))
    plane = picture[:, :, :1]
    expected = torchvision_view(grey, Image.fromarray(plane[:, :, 0]))
    assert np.array_equal(grey.view(plane)[:, :, 0], expected)


def test_colour_becomes_grey_and_grey_becomes_colour(picture: np.ndarray) -> None:
    grey = replace(PRESETS[0], mean=(0.0,), std=(1.0,))
    expected = torchvision_view(grey, Image.fromarray(picture).convert("L"))
    assert np.array_equal(grey.view(picture)[:, :, 0], expected)
    plane = picture[:, :, 1:2]
    expected = torchvision_view(PRESETS[0], Image.fromarray(plane[:, :, 0]).convert("RGB"))
    assert np.array_equal(PRESETS[0].view(plane), expected)


@pytest.mark.parametrize("channels", [2, 4, 7])
def test_other_channel_counts_are_resized_one_by_one(channels: int) -> None:
    many = np.random.default_rng(2).integers(0, 256, (31, 45, channels), dtype=np.uint8)
    preset = Preprocessing(16, 16, 20, "bicubic", (0.0,) * channels, (1.0,) * channels, True)
    seen = preset.view(many)
    assert seen.shape == (16, 16, channels)
    for channel in range(channels):
        expected = torchvision_view(preset, Image.fromarray(many[:, :, channel]))
        assert np.array_equal(seen[:, :, channel], expected)


def test_view_leaves_the_picture_alone(picture: np.ndarray) -> None:
    before = picture.copy()
    same = Preprocessing(301, 203, None, "bilinear", (0.0,) * 3, (1.0,) * 3, True)
    assert np.array_equal(same.view(picture), before)
    assert np.array_equal(picture, before)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (np.zeros((5, 5), np.uint8), "channel axis"),
        (np.zeros((5, 5, 3), np.float32), "float32"),
        (np.zeros((0, 5, 3), np.uint8), "empty"),
        (np.zeros((5, 5, 4), np.uint8), "4 channels and the model takes 3"),
        (np.zeros((1, 9000, 3), np.uint8), "Crop it first"),
    ],
)
def test_view_says_what_is_wrong_with_a_picture(bad: np.ndarray, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        PRESETS[0].view(bad)


@pytest.mark.parametrize("preset", PRESETS[:3], ids=str)
def test_normalise_equals_torchvision_in_float64(preset: Preprocessing, picture: np.ndarray) -> None:
    views = np.stack([preset.view(picture), preset.view(picture[::-1].copy())])
    inputs = preset.normalise(torch.from_numpy(views))
    assert inputs.dtype == torch.float32
    assert inputs.is_contiguous()
    mean, std = [value / 255 for value in preset.mean], [value / 255 for value in preset.std]
    for view, met in zip(views, inputs, strict=True):
        exact = transforms.functional.to_tensor(view.astype(np.float64)) / 255
        expected = transforms.functional.normalize(exact, mean, std)
        torch.testing.assert_close(met.double(), expected, rtol=1e-6, atol=1e-6)


def test_normalise_leaves_its_input_alone(small: Preprocessing) -> None:
    views = torch.full((2, 8, 8, 3), 9, dtype=torch.uint8)
    inputs = small.normalise(views)
    assert inputs.shape == (2, 3, 8, 8)
    assert inputs[0, :, 0, 0].tolist() == [2.0, pytest.approx(1.4), 1.0]
    assert bool((views == 9).all())


@pytest.mark.parametrize(
    "views",
    [torch.zeros(1, 8, 8, 3), torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.zeros(8, 8, 3).byte()],
)
def test_normalise_refuses_other_shapes_and_dtypes(small: Preprocessing, views: torch.Tensor) -> None:
    with pytest.raises(ImageError, match=r"expected uint8 \[n, 8, 8, 3\]"):
        small.normalise(views)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"height": 0}, "positive"),
        ({"resize": 7}, "smaller than the crop"),
        ({"resize": (10, 7)}, "smaller than the crop"),
        ({"interpolation": "cubic"}, "bicubic"),
        ({"mean": (1.0,)}, "one number per input channel"),
        ({"mean": (), "std": ()}, "one number per input channel"),
        ({"mean": (1.0, 2.0, float("nan"))}, "finite"),
        ({"std": (1.0, 0.0, 1.0)}, "must not be 0"),
    ],
)
def test_contradicting_numbers_are_refused(small: Preprocessing, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        replace(small, **change)


def test_channels_is_the_number_of_means(small: Preprocessing) -> None:
    assert small.channels == 3
