"""A small classifier and a picture, and the plain facts about them by running the module as it is."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convscope.models import Model, Preprocessing, load_model

SIZE = 24
CLASSES = ("cat", "dog", "owl", "owl", "7")
FEEDING = Preprocessing(SIZE, SIZE, None, "nearest", (120.0, 110.0, 100.0), (60.0, 50.0, 40.0), True)
LAYER = "4"
"""The rectified map of the second convolution."""


def classifier(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 7, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(7 * 10 * 10, 5),
    )
    return net.eval()


def model(seed: int = 0) -> Model:
    return load_model(classifier(seed), preprocessing=FEEDING, classes=CLASSES)


def picture(seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return coarse.repeat(4, 0).repeat(4, 1)


def normalised(view: NDArray[np.uint8]) -> Tensor:
    """(1, 3, height, width), by the formula."""
    values = (view.astype(np.float64) - np.array(FEEDING.mean)) / np.array(FEEDING.std)
    return torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)[None]


def answer(view: NDArray[np.uint8], seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities (classes,) and the map of LAYER (units, rows, columns), by the eager module."""
    net = classifier(seed)
    with torch.no_grad():
        maps = net[: int(LAYER) + 1](normalised(view))
        logits = net[int(LAYER) + 1 :](maps)
    return logits.softmax(1)[0].numpy(), maps[0].numpy()
