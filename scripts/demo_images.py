"""Collect real photographs that other packages already put on this machine into ``demo/images``.

Sources, each optional: Debian's ``tuxpaint-stamps-default`` (cut-out photographs among many drawings),
Debian's ``opencv-doc`` (example photographs), and the pictures inside the Python package scikit-image.
Nothing is downloaded. The files are copied to CATEGORY/NAME, not linked: an atlas is resumed by the digest of
its images, so an upgraded system package must not change them under it. The same sources always give the
same folder.

Usage: python scripts/demo_images.py [FOLDER]        (default: demo/images)
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

STAMPS = Path("/usr/share/tuxpaint/stamps")
OPENCV = Path("/usr/share/doc/opencv-doc/examples")

DRAWN = {"cartoon", "flags", "roadsigns", "seasonal", "symbols", "button"}
"""Folders of stamps that hold drawings or signs, and one shaded drawing that measures like a photograph."""

OWN_CATEGORY = {"birds", "fish", "flowers", "fruit", "insects", "mammals", "tools", "trees", "vegetables"}
"""Folders inside a top folder of stamps that are large enough to be a category of their own."""

OPENCV_PHOTOGRAPHS = {
    "alphamat/input_images/plant.jpg": "scenes",
    "data/aero1.jpg": "scenes",
    "data/aero3.jpg": "scenes",
    "data/aloeL.jpg": "scenes",
    "data/apple.jpg": "fruit",
    "data/baboon.jpg": "mammals",
    "data/basketball1.png": "scenes",
    "data/board.jpg": "scenes",
    "data/box_in_scene.png": "scenes",
    "data/building.jpg": "town",
    "data/butterfly.jpg": "insects",
    "data/fruits.jpg": "fruit",
    "data/graf1.png": "town",
    "data/home.jpg": "town",
    "data/left01.jpg": "scenes",
    "data/leuvenA.jpg": "town",
    "data/orange.jpg": "fruit",
    "data/rubberwhale1.png": "scenes",
    "data/squirrel_cls.jpg": "mammals",
    "data/stuff.jpg": "household",
    "hfs/data/000.jpg": "scenes",
    "hfs/data/001.jpg": "scenes",
    "hfs/data/002.jpg": "scenes",
    "text/scenetext01.jpg": "town",
    "text/scenetext02.jpg": "town",
    "text/scenetext03.jpg": "town",
    "text/scenetext04.jpg": "town",
    "text/scenetext05.jpg": "town",
    "text/scenetext06.jpg": "town",
}

SKIMAGE_PHOTOGRAPHS = {
    "astronaut.png": "people",
    "brick.png": "textures",
    "camera.png": "people",
    "chelsea.png": "mammals",
    "coffee.png": "scenes",
    "coins.png": "scenes",
    "grass.png": "textures",
    "gravel.png": "textures",
    "hubble_deep_field.jpg": "space",
    "ihc.png": "textures",
    "moon.png": "space",
    "motorcycle_left.png": "vehicles",
    "retina.jpg": "medical",
    "rocket.jpg": "space",
}

MINIMUM_EDGE = 48
"""Smaller pictures are only a blur once they are resized to a network's input."""


@dataclass(frozen=True)
class Photograph:
    """One file to copy, and where it belongs."""

    source: str
    category: str
    path: Path


@dataclass(frozen=True)
class Texture:
    """How much a picture varies inside its opaque part."""

    colours: int
    """distinct colours at 5 bits per channel"""
    variety: float
    """distinct colours at 8 bits per channel, as a fraction of the pixels"""
    entropy: float
    """of the luminance, in bits"""


def texture(path: Path) -> Texture:
    """Measure the opaque pixels of a picture at 256 pixels along its longer edge."""
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    picture.thumbnail((256, 256))
    raw = picture.tobytes()
    pixels = [raw[at : at + 3] for at in range(0, len(raw), 4) if raw[at + 3] > 200]
    if not pixels:
        return Texture(0, 0.0, 0.0)
    luminances = Counter((299 * r + 587 * g + 114 * b) // 1000 for r, g, b in pixels)
    return Texture(
        colours=len({(r >> 3, g >> 3, b >> 3) for r, g, b in pixels}),
        variety=len(set(pixels)) / len(pixels),
        entropy=-sum(n / len(pixels) * math.log2(n / len(pixels)) for n in luminances.values()),
    )


def photographic(measured: Texture) -> bool:
    """Whether a picture looks like a photograph.

    Drawings have few colours in flat areas. A palette leaves a photograph few colours too, but many shades.
    """
    if measured.colours >= 200:
        return measured.variety >= 0.25 or measured.entropy >= 5.7
    return measured.colours >= 140 and measured.variety >= 0.6


def stamp_category(parts: tuple[str, ...]) -> str:
    """Category of a stamp from the folders it lies in."""
    return next((part for part in parts if part in OWN_CATEGORY), parts[0])


def stamps(root: Path) -> Iterator[Photograph]:
    """The photographs among the stamps; mirrored copies are left out."""
    for path in sorted(root.rglob("*.png")):
        folders = path.relative_to(root).parts[:-1]
        if not folders or DRAWN.intersection((*folders, path.stem)) or "mirror" in path.stem:
            continue
        with Image.open(path) as picture:
            small = max(picture.size) < MINIMUM_EDGE
        if not small and photographic(texture(path)):
            yield Photograph("tuxpaint-stamps-default", stamp_category(folders), path)


def listed(source: str, root: Path, table: dict[str, str]) -> Iterator[Photograph]:
    """The files of a table that exist below ``root``."""
    for name, category in sorted(table.items()):
        if (root / name).is_file():
            yield Photograph(source, category, root / name)


def skimage_data() -> Path | None:
    """The picture folder of scikit-image, found without importing it."""
    spec = importlib.util.find_spec("skimage")
    return Path(spec.origin).parent / "data" if spec and spec.origin else None


def photographs() -> Iterator[Photograph]:
    """Everything that can be found, in a fixed order, each content once."""
    seen: set[str] = set()
    data = skimage_data()
    found = [
        *(stamps(STAMPS) if STAMPS.is_dir() else ()),
        *listed("opencv-doc", OPENCV, OPENCV_PHOTOGRAPHS),
        *(listed("scikit-image", data, SKIMAGE_PHOTOGRAPHS) if data else ()),
    ]
    for photograph in found:
        digest = hashlib.sha256(photograph.path.read_bytes()).hexdigest()
        if digest not in seen:
            seen.add(digest)
            yield photograph


def copy(found: list[Photograph], folder: Path) -> None:
    """Fill ``folder``; built beside it and renamed, so a stopped run leaves no half-filled folder."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for photograph in found:
        target = partial / photograph.category / photograph.path.name
        if target.exists():  # the same name from two places
            target = target.with_stem(f"{photograph.path.parent.name}-{target.stem}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photograph.path, target)
    partial.rename(folder)


def main(arguments: list[str]) -> int:
    """Collect, report the count of each source, and fail if there is nothing to show."""
    folder = Path(arguments[0] if arguments else "demo/images")
    if folder.exists():  # never deleted from here: it may hold the reader's own pictures by now
        print(f"  {folder} is there already; remove it to collect the photographs again")
        return 0
    found = list(photographs())
    counts = Counter(photograph.source for photograph in found)
    for source in ("tuxpaint-stamps-default", "opencv-doc", "scikit-image"):
        print(f"  {counts[source]:4d} photographs from {source}")
    if not found:
        print(
            "No photographs found. Install one of: apt-get install tuxpaint-stamps-default opencv-doc, "
            "or pip install scikit-image; or pass your own folder of images to convscope.",
            file=sys.stderr,
        )
        return 1
    folder.parent.mkdir(parents=True, exist_ok=True)
    copy(found, folder)
    categories = len({photograph.category for photograph in found})
    print(f"  {len(found):4d} photographs in {categories} categories: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
