"""How alike whole layers are: linear centred kernel alignment (CKA) of their units' peaks.

Kornblith et al. 2019, in the form without bias (Székely & Rizzo 2014; Nguyen et al. 2021): with more units than images
the usual one is near 1 for noise, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
FEWEST = 4
"""Images; with fewer the form without bias is not defined."""


def linear_cka(first: Sequence[NDArray[np.float32]], second: Sequence[NDArray[np.float32]]) -> Matrix:
    """CKA of each layer of ``first`` with each of ``second``, all (units, images) over the same images.

    1 for layers that differ by rotation and scale only, about 0 for unrelated ones; NaN where a layer does not vary.
    """
    others = [_kernel(peaks) for peaks in second]
    return np.array([[_aligned(kernel, other) for other in others] for kernel in map(_kernel, first)]).reshape(
        len(first), len(second)
    )


def _kernel(peaks: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Inner products of images, centred without bias (U-centred), of length 1; None if nothing is left."""
    exact = np.asarray(peaks, np.float64)
    centred = exact - exact.mean(1, keepdims=True)
    kernel = centred.T @ centred
    count = len(kernel)
    np.fill_diagonal(kernel, 0)
    sums = kernel.sum(0) / (count - 2)
    kernel -= sums[:, None] + sums[None, :] - sums.sum() / (count - 1)
    np.fill_diagonal(kernel, 0)
    length = np.linalg.norm(kernel)
    # What rounding leaves of layers that do not vary, or of so few images that nothing can be left.
    if length <= 1e-9 * max(np.square(exact).sum(), np.finfo(float).tiny):
        return None
    return np.asarray(kernel / length, np.float32).ravel()


def _aligned(first: NDArray[np.float32] | None, second: NDArray[np.float32] | None) -> float:
    return float("nan") if first is None or second is None else float(first @ second)
