"""From stored images to inputs: perhaps turned, the mean away, a crop, perhaps mirrored."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from convscope.models.crops import five_places
from convscope.train.recipe import Images


@dataclass(frozen=True)
class Feeding:
    """``mean`` is float (channels, resize, resize), or broadcasts to that; inputs are ``side`` pixels square."""

    images: Images
    mean: Tensor
    side: int

    def training(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """Inputs float (n, channels, side, side) of uint8 ``pixels`` (n, channels, resize, resize), cut at random."""
        room = pixels.shape[-1] + 2 * self.images.border - self.side
        rows, columns, mirrored = self._places(len(pixels), room, generator)
        centred = self._turned(pixels, generator) if self.images.rotate else self._centred(pixels)
        found = _cut(F.pad(centred, [self.images.border] * 4), rows, columns, self.side)
        if self.images.mirror:
            found = torch.where(mirrored.to(found.device)[:, None, None, None], found.flip(-1), found)
        return found

    def middle(self, pixels: Tensor) -> Tensor:
        """The middle of each image, float (n, channels, side, side)."""
        start = round((pixels.shape[-1] - self.side) / 2)
        return self._centred(pixels)[..., start : start + self.side, start : start + self.side]

    def _centred(self, pixels: Tensor) -> Tensor:
        return (pixels.float() - self.mean.to(pixels.device)) / self.images.scale

    def _turned(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """The mean is that of upright images, and must not turn along: a turned image to be judged is met with it."""
        angles = (torch.rand(len(pixels), generator=generator) * 2 - 1) * math.radians(self.images.rotate)
        angles = angles.to(pixels.device)
        covered = turned(torch.ones_like(pixels[:, :1], dtype=torch.float32), angles)
        return (turned(pixels.float(), angles) - covered * self.mean.to(pixels.device)) / self.images.scale

    def _places(self, count: int, room: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """First rows, first columns, and which are mirrored, for a batch."""
        rows, columns = _DRAWS[self.images.crops](self, count, room, generator)
        return rows, columns, torch.rand(count, generator=generator) < 0.5

    def _one_of_five(self, count: int, room: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        five = torch.tensor(five_places(room, room))
        rows, columns = five[torch.randint(5, (count,), generator=generator)].T
        return rows, columns

    def _anywhere(self, count: int, room: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        rows, columns = torch.randint(room + 1, (2, count), generator=generator)
        return rows, columns

    def _in_the_middle(self, count: int, room: int, _: torch.Generator) -> tuple[Tensor, Tensor]:
        place = torch.full((count,), round(room / 2))
        return place, place


_DRAWS: Mapping[str, Callable[[Feeding, int, int, torch.Generator], tuple[Tensor, Tensor]]] = {
    "ten": Feeding._one_of_five,
    "random": Feeding._anywhere,
    "middle": Feeding._in_the_middle,
}


def _cut(images: Tensor, rows: Tensor, columns: Tensor, side: int) -> Tensor:
    """A square of each image, whose first row and column are given."""
    steps = torch.arange(side)
    down = (rows[:, None] + steps).to(images.device)[:, None, :, None]
    across = (columns[:, None] + steps).to(images.device)[:, None, None, :]
    count, channels = images.shape[:2]
    each, planes = torch.arange(count, device=images.device), torch.arange(channels, device=images.device)
    return images[each[:, None, None, None], planes[None, :, None, None], down, across]


def turned(images: Tensor, angles: Tensor) -> Tensor:
    """Images turned counter-clockwise about their middle by ``angles`` in radians; what comes in is 0."""
    cosine, sine = angles.cos(), angles.sin()
    nothing = torch.zeros_like(angles)
    turn = torch.stack([torch.stack([cosine, -sine, nothing], 1), torch.stack([sine, cosine, nothing], 1)], 1)
    grid = F.affine_grid(turn, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
