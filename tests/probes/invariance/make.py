"""Small networks whose answer to a shifted image is known, and pictures for them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from convscope.models import Model, Preprocessing, load_model
from tests.nets import Net

SIZE = 24
CLASSES = ("cat", "dog", "owl")
FEEDING = Preprocessing(SIZE, SIZE, None, "nearest", (120.0, 110.0, 100.0), (60.0, 50.0, 40.0), True)

Picture = NDArray[np.uint8]


def _circular(m: Any, x: Tensor) -> Tensor:
    """Two circular convolutions of stride 1, then the largest value of each unit: shifts cannot be seen."""
    return torch.as_tensor(m.head(F.relu(m.two(F.relu(m.one(x)))).amax((2, 3))))


def _aliased(m: Any, x: Tensor) -> Tensor:
    """The same with a stride of 2 and no blur."""
    return torch.as_tensor(m.head(F.relu(m.two(F.relu(m.one(x))[:, :, ::2, ::2])).amax((2, 3))))


def shift_net(aliased: bool = False, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    parts = {
        "one": nn.Conv2d(3, 5, 3, padding=1, padding_mode="circular"),
        "two": nn.Conv2d(5, 6, 3, padding=1, padding_mode="circular"),
        "head": nn.Linear(6, 3),
    }
    return Net(_aliased if aliased else _circular, **parts).eval()


def classifier(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 7, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(7, 9),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(9, 3),
    )
    return net.eval()


DEFAULT = ("1", "4", "8", "10")
"""The classifier's default layers: two maps, the hidden vector and the answer."""


def model(net: nn.Module | None = None) -> Model:
    """Of the classifier it is always the same one, which is exported once: do not change it."""
    return _usual() if net is None else load_model(net, preprocessing=FEEDING, classes=CLASSES)


@lru_cache(maxsize=1)
def _usual() -> Model:
    return model(classifier())


def smooth(seed: int = 0, size: int = SIZE) -> Picture:
    """A picture of a few waves, so that interpolation means something."""
    draw = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size * 2 * np.pi
    waves = [
        sum(draw.normal() * np.cos(a * y + b * x + draw.uniform(0, 6)) for a in (0, 1, 2) for b in (0, 1, 2))
        for _ in range(3)
    ]
    picture = np.stack(waves, -1)
    seen: Picture = np.clip(128 + 40 * picture, 0, 255).astype(np.uint8)
    return seen


def noise(seed: int = 0, size: int = SIZE) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3)).astype(np.uint8)


def normalised(view: Picture) -> Tensor:
    """(1, 3, height, width), by the formula."""
    values = (view.astype(np.float64) - np.array(FEEDING.mean)) / np.array(FEEDING.std)
    return torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)[None]


def features(net: nn.Sequential, layer: str, view: Picture) -> NDArray[np.float64]:
    """The values of a layer of the classifier for one view, by running the module as it is."""
    with torch.no_grad():
        return np.asarray(net[: int(layer) + 1](normalised(view))[0].double().numpy())
