"""Small networks and preprocessings that several tests share."""

import numpy as np
import pytest
from torch import nn

from convscope.models import Preprocessing


def small_net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5))


@pytest.fixture
def net() -> nn.Sequential:
    return small_net()


@pytest.fixture
def small() -> Preprocessing:
    return Preprocessing(8, 8, 10, "bilinear", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0), True)


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """Colour noise over a gradient, 301 rows by 203 columns: odd sizes show wrong rounding."""
    rng = np.random.default_rng(7)
    slope = np.linspace(0, 160, 301)[:, None, None] * np.ones((1, 203, 3))
    return (slope + rng.integers(0, 96, slope.shape)).astype(np.uint8)
