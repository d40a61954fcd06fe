"""Crops, mirror images, turns: against slow and direct versions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.models.crops import ten_crops
from convscope.train.draws import drawn_from
from convscope.train.feeding import Feeding, turned
from convscope.train.recipe import Images
from convscope.train.renormalise import renormalise

PLAIN = Images(resize=8, crops="random", mirror=False, mean="none")


def pictures(count: int, side: int = 8) -> torch.Tensor:
    return torch.randint(0, 256, (count, 2, side, side), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def mean(side: int = 8) -> torch.Tensor:
    return torch.rand(2, side, side, generator=torch.Generator().manual_seed(1)) * 255


def all_crops(picture: torch.Tensor, side: int) -> dict[tuple[int, int], torch.Tensor]:
    room = picture.shape[-1] - side
    return {(y, x): picture[:, y : y + side, x : x + side] for y in range(room + 1) for x in range(room + 1)}


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(("crops", "places"), [("random", 16), ("ten", 5), ("middle", 1)])
def test_crops_are_cut_where_the_recipe_says(crops: str, places: int, mirror: bool) -> None:
    feeding = Feeding(replace(PLAIN, crops=crops, mirror=mirror, scale=2.0), mean(), 5)
    images = pictures(300)
    found = feeding.training(images, drawn_from(3))
    seen: set[tuple[int, int, bool]] = set()
    for image, input_ in zip(images, found, strict=True):
        centred = (image.float() - mean()) / 2
        versions = {
            (*place, mirrored): crop.flip(-1) if mirrored else crop
            for place, crop in all_crops(centred, 5).items()
            for mirrored in (False, True)
        }
        (which,) = [key for key, version in versions.items() if torch.equal(version, input_)]
        seen.add(which)
    assert len(seen) == places * (2 if mirror else 1)
    if crops == "ten":
        assert {place[:2] for place in seen} == {(0, 0), (0, 3), (3, 0), (3, 3), (2, 2)}


def test_a_border_is_the_mean() -> None:
    feeding = Feeding(replace(PLAIN, border=4), mean(), 8)
    found = feeding.training(pictures(200), drawn_from(0))
    padded = torch.nn.functional.pad(pictures(200).float() - mean(), [4] * 4)
    for image, input_ in zip(padded, found, strict=True):
        assert any(torch.equal(crop, input_) for crop in all_crops(image, 8).values())
    assert (found[:, :, 0] == 0).all(-1).all(-1).any()


def test_draws_depend_on_their_numbers_only() -> None:
    feeding = Feeding(PLAIN, mean(), 5)
    torch.rand(3)
    first = feeding.training(pictures(9), drawn_from(1, 2, 3))
    torch.rand(5)
    assert torch.equal(first, feeding.training(pictures(9), drawn_from(1, 2, 3)))
    assert not torch.equal(first, feeding.training(pictures(9), drawn_from(1, 2, 4)))


@given(room=st.integers(0, 5), side=st.integers(1, 4))
def test_ten_crops_are_corners_middle_and_mirror_images(room: int, side: int) -> None:
    images = pictures(2, side + room)
    found = ten_crops(images, side, side)
    crops = all_crops(images[0], side)
    middle = round(room / 2)
    five = [crops[place] for place in ((0, 0), (0, room), (room, 0), (room, room), (middle, middle))]
    assert torch.equal(found[0], torch.stack([*five, *(crop.flip(-1) for crop in five)]))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact(quarters: int) -> None:
    images = pictures(3).float()
    angles = torch.full((3,), quarters * torch.pi / 2)
    torch.testing.assert_close(turned(images, angles), images.rot90(quarters, (2, 3)), atol=1e-3, rtol=0)


def test_rotation_keeps_to_its_limit() -> None:
    images = pictures(50)
    still = Feeding(PLAIN, mean(), 8).training(images, drawn_from(0))
    barely = Feeding(replace(PLAIN, rotate=1e-4), mean(), 8).training(images, drawn_from(0))
    torch.testing.assert_close(barely, still, atol=0.1, rtol=0)
    far = Feeding(replace(PLAIN, rotate=180.0), mean(), 8).training(images, drawn_from(0))
    assert (far - still).abs().amax((1, 2, 3)).min() > 1


def test_the_mean_does_not_turn_along() -> None:
    """What is turned in training must look like a turned picture when judged: the same pixels, less the same mean."""
    uneven = mean() + 40 * torch.arange(8.0)[:, None]
    grey = torch.full((30, 2, 8, 8), 100, dtype=torch.uint8)
    found = Feeding(replace(PLAIN, rotate=180.0), uneven, 8).training(grey, drawn_from(0))
    inside = (torch.arange(8.0) - 3.5).square()[:, None] + (torch.arange(8.0) - 3.5).square() < 3**2
    expected = ((100 - uneven) / PLAIN.scale).expand_as(found)
    torch.testing.assert_close(found[..., inside], expected[..., inside], atol=1e-4, rtol=0)
    corners = found[..., [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == 0).any()


def test_renormalisation_is_the_formula() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 5), torch.nn.Flatten(), torch.nn.Linear(6, 2))
    convolution, linear = network[0], network[2]
    assert isinstance(convolution, torch.nn.Conv2d)
    assert isinstance(linear, torch.nn.Linear)
    with torch.no_grad():
        convolution.weight.mul_(torch.tensor([0.1, 0.5, 1, 2, 8, 0]).view(-1, 1, 1, 1))
        linear.weight.mul_(100)
    before = convolution.weight.detach().clone()
    kept = linear.weight.detach().clone()
    count = renormalise(network, 0.1)
    strong = 0
    for old, new in zip(before, convolution.weight.detach(), strict=True):
        rms = (sum(float(w) ** 2 for w in old.flatten()) / old.numel()) ** 0.5
        strong += rms > 0.1
        torch.testing.assert_close(new, old * (0.1 / rms if rms > 0.1 else 1.0))
    assert count == strong > 0
    assert torch.equal(kept, linear.weight)
