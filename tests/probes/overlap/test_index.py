"""The index: against a full sort of all products."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from convscope.errors import MissingExtraError
from convscope.probes.overlap.descriptor import LENGTH, Descriptors
from convscope.probes.overlap.index import PROBED, ask, build, faiss_library


def unit(count: int, seed: int) -> Descriptors:
    values = np.random.default_rng(seed).normal(size=(count, LENGTH)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True))


def test_comparing_all_is_a_full_sort() -> None:
    known, asked = unit(300, 0), unit(20, 1)
    index = build(known, len(asked))
    similarity, number = ask(index, asked, 7)
    product = asked.astype(np.float64) @ known.T
    order = np.argsort(-product, axis=1)[:, :7]
    np.testing.assert_array_equal(number, order)
    np.testing.assert_allclose(similarity, np.take_along_axis(product, order, 1), atol=1e-5)
    assert (index.kind, index.memory) == ("exact", known.nbytes)


def test_cells_find_what_is_near_and_look_at_few() -> None:
    known = unit(6000, 2)
    index = build(known, 10**7)
    assert index.kind == f"IVF, {index.cells} cells, {PROBED} probed"
    assert index.cells > 4 * PROBED
    asked = known[::7] + np.float32(0.03) * np.random.default_rng(3).normal(size=(858, LENGTH)).astype(np.float32)
    _, number = ask(index, asked, 1)
    assert (number[:, 0] == np.arange(0, 6000, 7)).mean() > 0.97
    _, again = ask(build(known, 10**7), asked, 1)
    np.testing.assert_array_equal(number, again)


def test_fewer_than_asked_for_are_all() -> None:
    assert ask(build(unit(3, 0), 1), unit(2, 1), 5)[1].shape == (2, 3)


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"'faiss-cpu'.*pip install 'convscope\[transfer\]'"):
        faiss_library()
