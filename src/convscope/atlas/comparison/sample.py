"""The images that two atlases have in common, and the peaks in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.comparison.layers import FEWEST, Matrix, linear_cka
from convscope.atlas.manifest import DataFacts
from convscope.atlas.reader import Atlas
from convscope.errors import AtlasFormatError, AtlasMismatchError


@dataclass(frozen=True)
class Sample:
    """The images with peaks in both atlases, int32 (n,), rising."""

    first: Atlas
    second: Atlas
    images: NDArray[np.int32]

    def peaks(self, first: str, second: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The peaks of a layer of either atlas, float32 (units, n), over the same images."""
        return self._peaks(self.first, first), self._peaks(self.second, second)

    def cka(self) -> Matrix:
        """Linear CKA of each layer of the first with each of the second, (layers, layers)."""
        each = [[self._peaks(atlas, row.layer) for row in atlas.layers()] for atlas in (self.first, self.second)]
        return linear_cka(each[0], each[1])

    def _peaks(self, atlas: Atlas, layer: str) -> NDArray[np.float32]:
        found = atlas.peaks(layer)
        if found is None or not np.isin(self.images, found.images).all():
            raise AtlasFormatError(
                f"{atlas.path}: the peaks of layer {layer} are not of the same images as those of its other layers. "
                "Make the atlas again."
            )
        return found.values[:, np.searchsorted(found.images, self.images)]


def sample_of(first: Atlas, second: Atlas) -> Sample | None:
    """The images that both atlases have peaks in; None if either has none, or there are too few in common."""
    peaks = [atlas.peaks(atlas.layers()[0].layer) for atlas in (first, second)]
    if peaks[0] is None or peaks[1] is None:
        return None
    images = np.intersect1d(peaks[0].images, peaks[1].images)
    return None if len(images) < FEWEST else Sample(first, second, images)


def sample_remark(first: Atlas, second: Atlas) -> str:
    """Why there is no sample, and what follows from that."""
    without = [atlas for atlas in (first, second) if atlas.peaks(atlas.layers()[0].layer) is None]
    reason = (
        f"{' and '.join(str(atlas.path) for atlas in without)}: no peaks, as of an atlas made by an earlier version"
        if without
        else f"fewer than {FEWEST} images have peaks in both atlases"
    )
    return (
        f"{reason}. Units are therefore matched by the top images they share, and there is no correlation and no "
        "likeness of layers. Make the atlas again for these."
    )


def check_same_images(first: Atlas, second: Atlas) -> None:
    """Raise AtlasMismatchError unless both atlases are over the very same images.

    The names alone would not do: a picture that was cropped or encoded anew has the old name and other peaks.
    """
    sets = first.manifest.data, second.manifest.data
    if sets[0].digest != sets[1].digest:
        raise AtlasMismatchError(
            f"{first.path} is over {_told(sets[0])}, {second.path} over {_told(sets[1])}. Units can only be matched "
            "over the same images, with the same names, labels and contents. Make both atlases over one set, with the "
            "same --limit."
        )


def _told(data: DataFacts) -> str:
    return f"{data.images} images of {data.name!r} (digest {data.digest[:12]})"
