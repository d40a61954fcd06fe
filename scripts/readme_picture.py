"""Make docs/pictures/figure2.png: Figure 2 of the paper in small, over pictures that are drawn here.

Usage: python scripts/readme_picture.py

Photographs belong to their makers, so the repository shows none: the images are drawn shapes, letters and patterns.
The network is the sample model, EfficientNet-Lite0.
"""

from __future__ import annotations

import math
import random
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import convscope as cs
from convscope.atlas.reader import Atlas
from convscope.render import contact_sheet

SIDE = 320
COUNT = 240
LAYERS = ["_blocks.2", "_blocks.6"]
UNITS = 6
TARGET = Path(__file__).parents[1] / "docs" / "pictures" / "figure2.png"


def colour(draw: random.Random) -> tuple[int, int, int]:
    """Any colour, saturated ones more often."""
    return (draw.randrange(256), draw.randrange(256), draw.randrange(256))


def background(draw: random.Random) -> Image.Image:
    """A gradient between two colours in some direction, a little noisy."""
    angle = draw.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    share = (np.clip(x * math.cos(angle) + y * math.sin(angle), -1, 1)[..., None] + 1) / 2
    mixed = np.array(colour(draw)) * share + np.array(colour(draw)) * (1 - share)
    noise = np.random.default_rng(draw.randrange(2**32)).normal(0, draw.uniform(0, 14), mixed.shape)
    return Image.fromarray(np.clip(mixed + noise, 0, 255).astype(np.uint8))


def stripes(draw: random.Random, pen: ImageDraw.ImageDraw) -> None:
    """Parallel lines."""
    step, tint, slope = draw.randint(6, 30), colour(draw), draw.uniform(-2, 2)
    for start in range(-2 * SIDE, 3 * SIDE, step):
        pen.line((start, 0, start + slope * SIDE, SIDE), tint, max(2, step // 3))


def discs(draw: random.Random, pen: ImageDraw.ImageDraw) -> None:
    """Rings and discs."""
    for _ in range(draw.randint(1, 12)):
        x, y, r = draw.randrange(SIDE), draw.randrange(SIDE), draw.randint(8, 90)
        for ring in range(draw.randint(1, 4)):
            pen.ellipse((x - r, y - r, x + r, y + r), colour(draw), colour(draw), 3)
            r = int(r * (0.75 - ring * 0.05))


def polygons(draw: random.Random, pen: ImageDraw.ImageDraw) -> None:
    """Regular polygons."""
    for _ in range(draw.randint(1, 7)):
        x, y, r, n = draw.randrange(SIDE), draw.randrange(SIDE), draw.randint(20, 120), draw.randint(3, 7)
        turn = draw.uniform(0, math.pi)
        corners = [
            (x + r * math.cos(turn + 2 * math.pi * i / n), y + r * math.sin(turn + 2 * math.pi * i / n))
            for i in range(n)
        ]
        pen.polygon(corners, colour(draw), colour(draw))


def letters(draw: random.Random, pen: ImageDraw.ImageDraw) -> None:
    """Words of capitals and digits."""
    for _ in range(draw.randint(1, 6)):
        text = "".join(draw.choice("ABCDEFGHKLMNOPRSTUXYZ0123456789") for _ in range(draw.randint(1, 6)))
        pen.text(
            (draw.randrange(-20, SIDE - 40), draw.randrange(-10, SIDE - 40)),
            text,
            colour(draw),
            ImageFont.load_default(draw.randint(24, 120)),
        )


def checks(draw: random.Random, pen: ImageDraw.ImageDraw) -> None:
    """A chequerboard."""
    size, one = draw.randint(8, 40), colour(draw)
    for row in range(SIDE // size + 1):
        for column in range(row % 2, SIDE // size + 1, 2):
            pen.rectangle((column * size, row * size, (column + 1) * size, (row + 1) * size), one)


def drawing(number: int) -> Image.Image:
    """One picture; the same for the same number."""
    draw = random.Random(number)  # noqa: S311 -- a picture, not a secret
    picture = background(draw)
    pen = ImageDraw.Draw(picture)
    for motif in draw.sample([stripes, discs, polygons, letters, checks], draw.randint(1, 2)):
        motif(draw, pen)
    return picture.filter(ImageFilter.GaussianBlur(draw.choice([0, 0, 0.8, 1.5])))


def main() -> None:
    """Draw, build, and put the sheets of the layers below each other."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "drawings")
        folder.mkdir()
        for number in range(COUNT):
            drawing(number).save(folder / f"{number:03d}.png")
        ask = cs.Ask(layers=LAYERS, units=UNITS)
        summary = cs.build_atlas(cs.load_model("sample:lite0"), cs.ImageSet.open(folder), Path(scratch, "atlas"), ask)
        atlas = Atlas.open(summary.path)
        sheets = []
        for layer in atlas.layers():
            shown = [unit for unit, _ in atlas.projections_of_layer(layer.layer)]
            sheets.append(contact_sheet(atlas, layer.layer, shown, tile=56, columns=3))
    whole = Image.new("RGB", (max(s.width for s in sheets), sum(s.height for s in sheets)), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    whole.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(TARGET, optimize=True)
    print(f"{TARGET}: {whole.width} x {whole.height}, {TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
