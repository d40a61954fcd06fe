"""Fashion-MNIST in two halves of five classes each, as class folders: one to train on, one to transfer to.

``source`` has trouser, dress, sandal, sneaker, ankle boot: every training image. ``target`` has T-shirt, pullover,
coat, shirt, bag: 1,000 images of each class, from the test part, so nothing of it is ever trained on by accident.
Tops that look alike are in the target half, because telling trousers from bags would show nothing.

Usage: python scripts/fashion_halves.py IDX_FOLDER FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from convscope.images import ImageSet

TARGET = ("T-shirt/top", "Pullover", "Coat", "Shirt", "Bag")


def split(data: Path, folder: Path) -> tuple[int, int]:
    """Write both halves; returns how many images each has."""
    counts = []
    for half, part, in_target in (("source", "train", False), ("target", "t10k", True)):
        images = ImageSet.open(data / f"{part}-images-idx3-ubyte.gz")
        chosen = [index for index, label in enumerate(images.labels) if (label in TARGET) == in_target]
        for index in chosen:
            name, label = images.names[index], str(images.labels[index]).replace("/", " or ")
            place = folder / half / label / f"{name.rpartition('/')[2]}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images.read(index)[:, :, 0]).save(place)
        counts.append(len(chosen))
    return counts[0], counts[1]


def main() -> None:
    """Say what was written."""
    data, folder = map(Path, sys.argv[1:])
    source, target = split(data, folder)
    print(f"{folder}: source {source} images, target {target} images")


if __name__ == "__main__":
    main()
