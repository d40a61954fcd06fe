"""Data set objects: stand-ins with one trait each, and real ones of torchvision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets, transforms

from convscope.errors import ImageError, ImageSetError
from convscope.images import ImageSet
from tests.images.make import noise, write_png


class Items:
    """The least that counts as a data set, and how often it was asked."""

    def __init__(self, *items: Any, **attributes: Any) -> None:
        self.items, self.asked = items, 0
        self.__dict__.update(attributes)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        self.asked += 1
        if isinstance(self.items[index], Exception):
            raise self.items[index]
        return self.items[index]


def pixels_of(image: Any) -> NDArray[np.uint8]:
    return ImageSet.open(Items((image, 0))).read(0)


def test_image_forms() -> None:
    colour, grey = noise(4, 5, 3), noise(4, 5)
    forms = [
        colour,
        Image.fromarray(colour),
        torch.from_numpy(colour).permute(2, 0, 1),
        colour.astype(np.int64),
    ]
    for form in [
        *forms,
        transforms.functional.to_tensor(colour),
        torch.from_numpy(colour.transpose(2, 0, 1) / 255),
    ]:
        np.testing.assert_array_equal(pixels_of(form), colour)
    for form in (
        grey,
        Image.fromarray(grey),
        torch.from_numpy(grey),
        torch.from_numpy(grey)[None],
        grey.tolist(),
    ):
        np.testing.assert_array_equal(pixels_of(form), grey[..., None])
    np.testing.assert_array_equal(pixels_of(grey > 99)[..., 0], (grey > 99) * 255)
    np.testing.assert_array_equal(pixels_of(grey.astype(np.uint16) * 257)[..., 0], grey)
    assert pixels_of(noise(4, 5, 7)).shape == (4, 5, 7)
    assert pixels_of(torch.zeros(1, 2, 2, requires_grad=True)).shape == (2, 2, 1)


def test_a_picture_is_taken_as_the_data_set_gives_it() -> None:
    picture = Image.fromarray(noise(2, 3, 4))
    picture.getexif()[0x0112] = 6
    assert pixels_of(picture).shape == (2, 3, 3)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros(5), r"array of shape \(5,\)"),
        (np.zeros((0, 5)), r"array of shape \(0, 5\)"),
        (torch.zeros(1, 3, 2, 2), r"array of shape \(1, 3, 2, 2\)"),
        (torch.full((3, 2, 2), -2.0), "from -2 to -2; expected 0 to 1: leave out normalisation"),
        (np.full((2, 2), 300), "from 300 to 300; expected 0 to 255"),
        (np.full((2, 2), np.inf), "expected 0 to 1"),
        (np.array([[0, np.nan], [1, 0.5]], np.float32), "from nan to nan; expected 0 to 1"),
        (torch.tensor([[[-float("inf"), 0.5]]]), "from -inf to 0.5; expected 0 to 1"),
        (np.full((2, 2), np.nan, np.float16), "expected 0 to 1"),
    ],
)
def test_arrays_that_are_no_image(image: Any, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        pixels_of(image)


def test_complex_array_after_a_sound_one() -> None:
    images = ImageSet.open(Items((noise(2, 2), 0), (np.zeros((2, 2), complex), 0)))
    with pytest.raises(ImageError, match="an array of complex128"):
        images.read(1)


def test_labels_of_items() -> None:
    labels = [np.int64(10), torch.tensor(9), 2, "fox", None, -1]
    images = ImageSet.open(Items(*((noise(2, 2), label) for label in labels)))
    assert images.names == ("0", "1", "2", "3", "4", "5")
    assert images.labels == ("10", "9", "2", "fox", None, None)
    assert images.classes == ("2", "9", "10", "fox")
    bare = ImageSet.open(Items(noise(2, 2), classes=["a"]))
    assert (bare.name, bare.labels, bare.classes) == ("Items", (None,), ())


def test_declared_classes() -> None:
    classes = ["h\udce9n", ("crane",), ("crane",), ("tench", "Tinca")]
    images = ImageSet.open(Items((noise(2, 2), 3), (noise(2, 2), 2), classes=classes))
    assert images.classes == ("h\\udce9n", "crane (1)", "crane (2)", "tench, Tinca")
    assert images.labels == ("tench, Tinca", "crane (2)")


def test_targets_spare_fetching() -> None:
    data = Items(*((noise(2, 2), 1) for _ in range(5)), targets=torch.tensor([1, 0, 1, 0, 1]))
    assert ImageSet.open(data).labels == ("1", "0", "1", "0", "1")
    assert data.asked == 1
    data = Items(*((noise(2, 2), 1) for _ in range(5)), targets=[0] * 5, target_transform=lambda _: 1)
    assert ImageSet.open(data).labels == ("1",) * 5


def test_items_that_fail_are_skips() -> None:
    error = RuntimeError("at 0x7f0000 in /home/somebody")
    images = ImageSet.open(Items(error, (noise(2, 2), 4), OSError("gone")))
    assert images.labels == (None, "4", None)
    for index, name in ((0, "RuntimeError"), (2, "OSError")):
        with pytest.raises(ImageError) as caught:
            images.read(index)
        assert str(caught.value) == f"the data set raised {name}"
    assert images.read(1).shape == (2, 2, 1)
    assert images.digest == images.head(3).digest


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "data set list is empty"),
        ([("a.png", 0)], "Item 0 of the data set list is not an image"),
        (["a.png"], r"write a \.txt list"),
        ([{"image": 1}], "is not an image"),
        ({0: noise(2, 2)}, "type dict is no source"),
        ([(noise(2, 2), [1, 2])], "label is of type list"),
        ([(noise(2, 2), 0.5)], "label is of type float"),
        (Items((noise(2, 2), 2), classes=["a", "b"]), "label is 2, but the classes are numbered 0 to 1"),
        (Items((noise(2, 2), "c"), classes=["a", "b"]), "label is 'c', but the 2 declared classes are a, b"),
    ],
)
def test_no_data_set(source: Any, message: str) -> None:
    with pytest.raises(ImageSetError, match=message):
        ImageSet.open(source)


def test_digest_is_of_pixels() -> None:
    colour = noise(4, 5, 3)
    digest = ImageSet.open(Items((colour, 1))).digest
    assert ImageSet.open([(Image.fromarray(colour), 1)]).digest == digest
    assert ImageSet.open([(colour.reshape(5, 4, 3), 1)]).digest != digest
    colour[0, 0, 0] ^= 1
    assert ImageSet.open([(colour, 1)]).digest != digest


def test_real_fake_data_in_threads() -> None:
    data = datasets.FakeData(size=12, image_size=(3, 8, 6), num_classes=4)
    images = ImageSet.open(data)
    expected = [np.asarray(picture) for picture, _ in data]
    assert images.labels == tuple(str(int(label)) for _, label in data)
    with ThreadPoolExecutor(8) as pool:
        for index, pixels in enumerate(pool.map(images.read, list(range(12)) * 6)):
            np.testing.assert_array_equal(pixels, expected[index % 12])


def test_real_image_folder_agrees_with_the_folder(tmp_path: Path) -> None:
    for seed, name in enumerate(["cat/1.png", "dog/1.png", "cat/2.png"]):
        write_png(tmp_path / name, seed)
    here = ImageSet.open(tmp_path)
    there = ImageSet.open(datasets.ImageFolder(tmp_path, transform=transforms.ToTensor()))
    assert (here.labels, here.classes) == (there.labels, there.classes)
    for index in range(3):
        np.testing.assert_array_equal(here.read(index), there.read(index))
