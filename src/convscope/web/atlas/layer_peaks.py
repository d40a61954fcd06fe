"""The peaks of a layer, made ready for the pages of its units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convscope.atlas.peaks import Peaks
from convscope.atlas.reader import Atlas
from convscope.web.atlas.likeness import standardised
from convscope.web.atlas.preference import Labels, labels_of


@dataclass(frozen=True)
class LayerPeaks:
    """The peaks, ``standard`` float32 (units, n) for correlations, and the labels of the sampled images."""

    peaks: Peaks
    standard: NDArray[np.float32]
    labels: Labels


def layer_peaks(atlas: Atlas, layer: str) -> LayerPeaks | None:
    """The peaks of a layer; None if the atlas has none."""
    found = atlas.peaks(layer)
    if found is None:
        return None
    labels = labels_of([atlas.image(image).label for image in found.images.tolist()])
    return LayerPeaks(found, standardised(found), labels)
