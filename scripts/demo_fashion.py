"""Put Fashion-MNIST (70,000 grey pictures of clothes, ten classes) into a folder, for the training of the demo.

It is copied from Debian's ``dataset-fashion-mnist`` where that is installed, and downloaded by torchvision elsewhere.

Usage: python scripts/demo_fashion.py [FOLDER]        (default: demo/fashion-mnist)
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def provide(folder: Path, installed: Path = DEBIAN) -> None:
    """Fill the folder; does nothing where all files are there. Raises RuntimeError or OSError if they cannot be had."""
    if all((folder / name).is_file() for name in FILES):
        return
    source = installed if all((installed / name).is_file() for name in FILES) else _download(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        temporary = folder / f".{name}.tmp"
        shutil.copyfile(source / name, temporary)
        temporary.replace(folder / name)


def _download(folder: Path) -> Path:
    from torchvision.datasets import FashionMNIST

    for train in (True, False):
        FashionMNIST(folder / "download", train=train, download=True)
    return folder / "download" / "FashionMNIST" / "raw"


def main() -> None:
    """Say what happened in one line; exit with 1 where the data set cannot be had."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/fashion-mnist")
    try:
        provide(folder)
    except (RuntimeError, OSError) as error:
        sys.exit(
            f"demo: Fashion-MNIST cannot be had ({error}). Install Debian's dataset-fashion-mnist, or let torchvision "
            f"download it; the files {', '.join(FILES)} belong into {folder}"
        )
    print(f"{folder}: {len(FILES)} files")


if __name__ == "__main__":
    main()
