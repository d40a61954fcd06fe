"""Make docs/pictures/figure7.png: Figure 7 of the paper for a picture that is drawn here.

Usage: python scripts/occlusion_picture.py

Photographs belong to their makers, so the repository shows none. The network is the sample model, EfficientNet-Lite0.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import convscope as cs
from convscope.figures.occlusion import figure_png
from convscope.probes.occlusion.map import OcclusionMap

SIDE = 320
WIDTH = 1500
LAMPS = ((235, 40, 30), (70, 55, 15), (15, 60, 25))
TARGET = Path(__file__).parents[1] / "docs" / "pictures" / "figure7.png"


def drawing() -> Image.Image:
    """A traffic light before a sky, with a hill and a tree."""
    height = np.mgrid[0:SIDE, 0:SIDE][0][..., None] / SIDE
    sky = np.array((110, 160, 220)) * (1 - height) + np.array((225, 230, 235)) * height
    noise = np.random.default_rng(0).normal(0, 5, sky.shape)
    picture = Image.fromarray(np.clip(sky + noise, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((-120, 250, 260, 480), (88, 130, 70))
    pen.rectangle((246, 200, 258, 320), (90, 65, 45))
    pen.ellipse((205, 120, 300, 230), (60, 105, 55))
    pen.rectangle((112, 215, 128, 320), (70, 70, 74))
    pen.rounded_rectangle((80, 50, 160, 225), 12, (28, 28, 30), (60, 60, 60), 3)
    for number, colour in enumerate(LAMPS):
        top = 62 + 54 * number
        pen.ellipse((97, top, 143, top + 46), colour, (10, 10, 10), 3)
        pen.arc((94, top - 4, 146, top + 44), 190, 350, (8, 8, 8), 5)
    return picture.filter(ImageFilter.GaussianBlur(0.8))


def occluded() -> OcclusionMap:
    """The drawing under a patch of 64 pixels at steps of 8."""
    return cs.occlude(cs.load_model("sample:lite0"), np.asarray(drawing()), patch=64, stride=8)


def main() -> None:
    """Draw, occlude, and shrink the figure to the width of a page."""
    whole = Image.open(io.BytesIO(figure_png(occluded(), "a drawn traffic light"))).convert("RGB")
    shown = whole.resize((WIDTH, round(whole.height * WIDTH / whole.width)), Image.Resampling.LANCZOS)
    shown.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(TARGET, optimize=True)
    print(f"{TARGET}: {shown.width} x {shown.height}, {TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
