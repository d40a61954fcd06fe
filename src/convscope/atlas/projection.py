"""One projection in memory, and packed into a table row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.schema import ProjectionRow
from convscope.atlas.stored import FORMS, RAW, picture_form
from convscope.display import display_scale, fit, to_picture, to_png
from convscope.errors import AtlasFormatError, NumberError

SMALLEST_SHOWN = 128
"""Side in pixels to which a notebook enlarges a smaller box: of seven pixels nobody would see anything."""


@dataclass(frozen=True)
class Projection:
    """An activation carried down to pixels: ``pixels``, float32 [h, w, c], at row ``top``, column ``left``.

    The projection is zero outside that box.
    """

    layer: str
    unit: int
    rank: int
    image: int
    method: str
    top: int
    left: int
    pixels: NDArray[np.float32]

    def on_canvas(self, height: int, width: int) -> NDArray[np.float32]:
        """Float32 [height, width, c], zero outside the box; ValueError if the box reaches past the canvas."""
        h, w, c = self.pixels.shape
        if min(self.top, self.left) < 0 or self.top + h > height or self.left + w > width:
            raise ValueError(
                f"a box of {h}x{w} at row {self.top}, column {self.left} is not on a {height}x{width} canvas"
            )
        canvas = np.zeros((height, width, c), np.float32)
        canvas[self.top : self.top + h, self.left : self.left + w] = self.pixels
        return canvas

    def _repr_png_(self) -> bytes:
        picture = to_picture(self.pixels, display_scale([self.pixels]))
        return to_png(fit(picture, max(SMALLEST_SHOWN, *picture.shape[:2])))

    def pack(self, *, raw: bool = False, spectrum: NDArray[np.float64] | None = None) -> ProjectionRow:
        """The table row: pixels divided by their largest absolute value, as a picture of 8 bits or as ``raw`` numbers.

        Unpacked from raw numbers, a pixel is off by at most 2**-11 of the peak; from a picture by more (see
        ``atlas/stored.py``). ``spectrum`` are the shares of ``picture_spectrum``, kept beside it. An all-zero
        projection has peak 0. Raises NumberError for NaN and infinity, which cannot be scaled.
        """
        pixels = np.asarray(self.pixels, np.float32)
        if not np.isfinite(pixels).all():
            raise NumberError(
                f"the projection of {self.layer}:{self.unit}, rank {self.rank}, has pixels that are NaN or "
                "infinite, and only finite ones are stored. Look for non-finite weights in the layers below."
            )
        peak = np.abs(pixels).max(initial=0.0)
        # In double precision, because dividing subnormal numbers in single precision loses them.
        scaled = pixels / np.float64(peak) if peak > 0 else pixels.astype(np.float64)
        height, width, channels = pixels.shape
        form = RAW if raw else picture_form((height, width))
        return ProjectionRow(
            layer=self.layer,
            unit=self.unit,
            rank=self.rank,
            image=self.image,
            method=self.method,
            top=self.top,
            left=self.left,
            height=height,
            width=width,
            channels=channels,
            peak=float(peak),
            format=form,
            values=FORMS[form].encode(scaled),
            spectrum=None if spectrum is None else spectrum.astype("<f4").tobytes(),
        )

    @staticmethod
    def unpack(row: ProjectionRow) -> Projection:
        """The projection of a row; AtlasFormatError if its numbers do not fit its shape or are not finite."""
        shape = (row.height, row.width, row.channels)
        where = f"projections, {row.layer}:{row.unit}, rank {row.rank}"
        if row.format not in FORMS:
            raise AtlasFormatError(f"{where}, column format: {row.format!r} is none of {', '.join(FORMS)}.")
        if min(shape) < 1 or not np.isfinite(row.peak):
            raise AtlasFormatError(f"{where}: a box of {shape} with peak {row.peak} is no projection.")
        try:
            values = FORMS[row.format].decode(row.values, shape)
        except ValueError as error:
            raise AtlasFormatError(f"{where}, column values: {error}.") from error
        return Projection(
            layer=row.layer,
            unit=row.unit,
            rank=row.rank,
            image=row.image,
            method=row.method,
            top=row.top,
            left=row.left,
            pixels=values * np.float32(row.peak),
        )
