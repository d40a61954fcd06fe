"""Drawn animal faces with known parts, and small networks that do and do not know them.

Four animals differ in eyes, nose or beak, and ears; half of them are drawn without ears, so that a network has to look
at the face. Place, size, tilt, colours and background vary, so that no part is found by its place alone. Left and right
are those of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from convscope.models import Model, Preprocessing, load_model

SIZE = 48
CLASSES = ("cat", "dog", "owl", "bear")
PARTS = ("left eye", "right eye", "nose")
FEEDING = Preprocessing(SIZE, SIZE, None, "nearest", (128.0,) * 3, (64.0,) * 3, True)

EYE, NOSE = (0.42, -0.18), (0.0, 0.34)
"""Centres in units of the head's radius, to the right and down from its centre; the left eye mirrors the right."""
HALF = 0.27
"""Half the side of a part's box, in the same units."""
FINER = 2
"""Drawn that many times larger and averaged, for smooth edges."""

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Faces:
    """uint8 (n, size, size, 3), int64 (n,) into CLASSES, float64 (n, part, 4): left, top, right, bottom in pixels."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    boxes: NDArray[np.float64]


def faces(count: int, seed: int = 0, *, classes: Sequence[int] = range(len(CLASSES)), size: int = SIZE) -> Faces:
    """That many faces, the classes in turn; the same seed gives the same pixels."""
    rng = np.random.default_rng(seed)
    labels = np.array([classes[number % len(classes)] for number in range(count)])
    drawn = [_face(int(label), rng, size) for label in labels]
    return Faces(np.stack([picture for picture, _ in drawn]), labels, np.stack([boxes for _, boxes in drawn]))


@dataclass(frozen=True)
class _Head:
    """A drawing in the head's own units: a point (right, down) lands tilted, scaled and shifted."""

    draw: ImageDraw.ImageDraw
    centre: NDArray[np.float64]
    radius: float
    tilt: float

    def at(self, points: Points) -> NDArray[np.float64]:
        """Pixels (n, 2) of points (n, 2)."""
        cos, sin = np.cos(self.tilt), np.sin(self.tilt)
        turned = np.asarray(points, np.float64) @ np.array([[cos, sin], [-sin, cos]])
        found: NDArray[np.float64] = self.centre + self.radius * turned
        return found

    def shape(self, points: Points, colour: Colour) -> None:
        self.draw.polygon([(float(x), float(y)) for x, y in self.at(points)], fill=colour)

    def oval(self, middle: tuple[float, float], sides: tuple[float, float], colour: Colour) -> None:
        turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        around = np.stack((middle[0] + sides[0] * np.cos(turn), middle[1] + sides[1] * np.sin(turn)), 1)
        self.shape([(float(x), float(y)) for x, y in around], colour)


def _face(label: int, rng: np.random.Generator, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    full = size * FINER
    canvas = Image.fromarray(_background(rng, full))
    head = _Head(
        ImageDraw.Draw(canvas),
        full * rng.uniform(0.36, 0.64, 2),
        full * rng.uniform(0.24, 0.34),
        np.deg2rad(rng.uniform(-15, 15)),
    )
    fur = _colour(rng, 60, 225)
    if rng.random() < 0.5:
        EARS[CLASSES[label]](head, fur)
    head.oval((0, 0), (0.86, 0.92), fur)
    for side in (-1, 1):
        EYES[CLASSES[label]](head, (side * EYE[0], EYE[1]))
    NOSES[CLASSES[label]](head, fur)
    noisy = np.asarray(canvas.resize((size, size), Image.Resampling.BOX)) + rng.normal(0, 7, (size, size, 3))
    middles = head.at([(-EYE[0], EYE[1]), EYE, NOSE]) / FINER
    half = HALF * head.radius / FINER
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), np.concatenate((middles - half, middles + half), 1)


def _background(rng: np.random.Generator, full: int) -> NDArray[np.uint8]:
    """A coarse pattern of two colours, or a slope from the one to the other."""
    ends = np.array([_colour(rng, 20, 235), _colour(rng, 20, 235)], np.float64)
    if rng.random() < 0.5:
        amount = np.linspace(0, 1, full)[:, None] * np.ones(full)
    else:
        cells = Image.fromarray((255 * rng.random((8, 8))).astype(np.uint8))
        amount = np.asarray(cells.resize((full, full), Image.Resampling.BICUBIC)) / 255
    mixed: NDArray[np.uint8] = (ends[0] + amount[..., None] * (ends[1] - ends[0])).astype(np.uint8)
    return mixed


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue


def _darker(colour: Colour) -> Colour:
    return colour[0] * 2 // 3, colour[1] * 2 // 3, colour[2] * 2 // 3


def _lighter(colour: Colour) -> Colour:
    return (colour[0] + 255) // 2, (colour[1] + 255) // 2, (colour[2] + 255) // 2


BLACK, WHITE, PINK, ORANGE, YELLOW = (15, 15, 15), (245, 245, 245), (235, 120, 140), (240, 140, 20), (240, 215, 60)
Eye = Callable[[_Head, tuple[float, float]], None]
Trait = Callable[[_Head, Colour], None]


def _cat_eye(head: _Head, at: tuple[float, float]) -> None:
    head.oval(at, (0.22, 0.13), YELLOW)
    head.oval(at, (0.05, 0.13), BLACK)


def _dog_eye(head: _Head, at: tuple[float, float]) -> None:
    head.oval(at, (0.16, 0.2), WHITE)
    head.oval((at[0], at[1] + 0.05), (0.11, 0.13), BLACK)


def _owl_eye(head: _Head, at: tuple[float, float]) -> None:
    head.oval(at, (0.27, 0.27), WHITE)
    head.oval(at, (0.2, 0.2), ORANGE)
    head.oval(at, (0.11, 0.11), BLACK)


def _bear_eye(head: _Head, at: tuple[float, float]) -> None:
    head.oval(at, (0.1, 0.1), BLACK)


EYES: dict[str, Eye] = {"cat": _cat_eye, "dog": _dog_eye, "owl": _owl_eye, "bear": _bear_eye}


def _cat_nose(head: _Head, fur: Colour) -> None:
    head.shape([(-0.15, 0.27), (0.15, 0.27), (0, 0.43)], PINK)


def _dog_nose(head: _Head, fur: Colour) -> None:
    head.oval((0, 0.48), (0.36, 0.36), _lighter(fur))
    head.oval(NOSE, (0.2, 0.15), BLACK)


def _owl_beak(head: _Head, fur: Colour) -> None:
    head.shape([(0, 0.1), (0.16, 0.3), (0, 0.62), (-0.16, 0.3)], ORANGE)


def _bear_nose(head: _Head, fur: Colour) -> None:
    head.oval((0, 0.42), (0.3, 0.27), _darker(fur))
    head.shape([(-0.1, 0.28), (0.1, 0.28), (0.05, 0.42), (-0.05, 0.42)], BLACK)


NOSES: dict[str, Trait] = {"cat": _cat_nose, "dog": _dog_nose, "owl": _owl_beak, "bear": _bear_nose}


def _cat_ears(head: _Head, fur: Colour) -> None:
    for side in (-1, 1):
        head.shape([(side * 0.8, -0.3), (side * 0.72, -1.2), (side * 0.15, -0.75)], fur)


def _dog_ears(head: _Head, fur: Colour) -> None:
    for side in (-1, 1):
        head.oval((side * 0.9, -0.05), (0.24, 0.6), _darker(fur))


def _owl_ears(head: _Head, fur: Colour) -> None:
    for side in (-1, 1):
        head.shape([(side * 0.7, -0.5), (side * 0.95, -1.0), (side * 0.4, -0.75)], _darker(fur))


def _bear_ears(head: _Head, fur: Colour) -> None:
    for side in (-1, 1):
        head.oval((side * 0.65, -0.75), (0.28, 0.28), fur)


EARS: dict[str, Trait] = {"cat": _cat_ears, "dog": _dog_ears, "owl": _owl_ears, "bear": _bear_ears}

TRAINING, EPOCHS, BATCH, HELD_OUT = 1000, 6, 40, 400


def random_net(seed: int = 0) -> nn.Sequential:
    """Untrained, in eval mode: four convolutions, three of them pooled, a hidden layer (module 13), a classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            *(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(24, 32, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * (SIZE // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, len(CLASSES))),
        ).eval()


@lru_cache(maxsize=4)
def trained_net(seed: int = 0) -> nn.Sequential:
    """The same network, taught to name the animals; made once for each run of the tests, and never to be changed."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the order of a sum depends on the number of threads, and the weights on that order
    try:
        return _taught(random_net(seed), faces(TRAINING, 1_000 + seed), seed)
    finally:
        torch.set_num_threads(threads)


def _taught(net: nn.Sequential, drawn: Faces, seed: int) -> nn.Sequential:
    inputs, labels = normalised(drawn.pictures), torch.from_numpy(drawn.labels)
    order = torch.Generator().manual_seed(seed)
    steps = EPOCHS * (TRAINING // BATCH)
    taught = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-2)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(taught, steps)
    for step in range(steps):
        if step % (TRAINING // BATCH) == 0:
            shuffled = torch.randperm(TRAINING, generator=order).reshape(-1, BATCH)
        rows = shuffled[step % len(shuffled)]
        loss = nn.functional.cross_entropy(net(inputs[rows]), labels[rows])
        taught.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        taught.step()
        slower.step()
    return net.eval().requires_grad_(False)


def accuracy(net: nn.Module, seed: int = 0) -> float:
    """The part of faces not seen in training that a network names rightly."""
    drawn = faces(HELD_OUT, 2_000 + seed)
    with torch.no_grad():
        named = net(normalised(drawn.pictures)).argmax(1).numpy()
    return float((named == drawn.labels).mean())


def normalised(pictures: NDArray[np.uint8]) -> Tensor:
    """(n, 3, height, width), by the formula."""
    values = (pictures.astype(np.float32) - np.float32(FEEDING.mean[0])) / np.float32(FEEDING.std[0])
    return torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()


def model(net: nn.Module) -> Model:
    """A network made ready, with the names of the animals."""
    return load_model(net, preprocessing=FEEDING, classes=CLASSES)
