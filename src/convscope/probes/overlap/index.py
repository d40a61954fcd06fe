"""Nearest descriptors, by FAISS: all of them compared while that is quick, else those of the nearest cells only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import MissingExtraError
from convscope.probes.overlap.descriptor import LENGTH, Descriptors

EXACT_UP_TO = 1e9
"""Comparisons of two descriptors up to which all are made: those of 4,600 images with as many, a few seconds."""
PROBED = 16
"""Cells that are looked at for each question."""
_LEARNT_PER_CELL = 40
_SEED = 1
_ROUNDS = 10
"""In which the cells are learnt."""


@dataclass(frozen=True)
class Index:
    """Descriptors to ask for neighbours; ``memory`` in bytes, ``cells`` is 0 where all are compared."""

    searcher: Any
    count: int
    cells: int
    memory: int

    @property
    def kind(self) -> str:
        """In words, for the record."""
        return f"IVF, {self.cells} cells, {PROBED} probed" if self.cells else "exact"


def faiss_library() -> Any:
    """The module ``faiss``; raises MissingExtraError."""
    try:
        import faiss
    except ModuleNotFoundError as error:
        if error.name != "faiss":
            raise
        raise MissingExtraError("faiss-cpu", "transfer", "finding near-duplicates") from error
    return faiss


def build(descriptors: Descriptors, questions: int, *, exact_up_to: float = EXACT_UP_TO) -> Index:
    """An index that will be asked about ``questions`` descriptors; it compares all if those are few enough.

    A question costs all descriptors, or the cells and the descriptors in the probed ones: with 4 times the square root
    as many cells as descriptors, about 8 roots. Memory: 256 bytes for each descriptor, and 8 for its number in a cell.
    """
    faiss = faiss_library()
    count = len(descriptors)
    memory = descriptors.nbytes
    cells = min(int(4 * math.sqrt(count)), count // _LEARNT_PER_CELL)
    if count * questions <= exact_up_to or cells <= PROBED:
        searcher = faiss.IndexFlatIP(LENGTH)
        searcher.add(descriptors)
        return Index(searcher, count, 0, memory)
    searcher = faiss.IndexIVFFlat(faiss.IndexFlatIP(LENGTH), LENGTH, cells, faiss.METRIC_INNER_PRODUCT)
    searcher.cp.seed = _SEED
    searcher.cp.niter = _ROUNDS
    learnt = np.random.default_rng(_SEED).permutation(count)[: cells * _LEARNT_PER_CELL]
    searcher.train(descriptors[np.sort(learnt)])
    searcher.add(descriptors)
    searcher.nprobe = PROBED
    return Index(searcher, count, cells, memory + count * 8 + cells * LENGTH * 4)


def ask(index: Index, questions: Descriptors, neighbours: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Similarity and number (questions, neighbours) of the nearest, best first; -1 stands for none."""
    return index.searcher.search(questions, min(neighbours, index.count))  # type: ignore[no-any-return]
