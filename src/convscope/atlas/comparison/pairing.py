"""Which layer of one atlas is compared with which of another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from convscope.atlas.comparison.layers import Matrix
from convscope.atlas.comparison.result import ADDRESS, ALIKE, ASKED, LayerPair
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import LayerRow
from convscope.errors import AtlasMismatchError

Asked = Sequence[tuple[str, str]]


def pair_layers(
    first: Atlas, second: Atlas, asked: Asked | None, cka: Matrix | None
) -> tuple[tuple[LayerPair, ...], tuple[str, ...]]:
    """Pairs of layers, in the order of the first atlas or as asked for, and remarks on layers that were left out.

    Without being asked: the layer of the same address and op, else the one with the highest ``cka``. Raises
    AddressError for a layer that is not there, AtlasMismatchError if nothing can be paired.
    """
    if asked is not None:
        return tuple(LayerPair(first.layer(a), second.layer(b), ASKED) for a, b in dict.fromkeys(asked)), ()
    pairs = tuple(_found(first.layers(), second.layers(), cka))
    left_out = [row.layer for row in first.layers() if row not in {pair.first for pair in pairs}]
    if not pairs:
        raise AtlasMismatchError(
            f"no layer of {first.path} has the address and op of a layer of {second.path}, and without peaks nothing "
            "tells which are alike. Say which to compare, with --layers A=B,…; the layers of the second are: "
            f"{', '.join(row.layer for row in second.layers())}."
        )
    notes = [f"Not compared, since the other atlas has no such layer: {', '.join(left_out)}."] if left_out else []
    return pairs, tuple(notes)


def _found(first: Sequence[LayerRow], second: Sequence[LayerRow], cka: Matrix | None) -> Iterator[LayerPair]:
    same = {(row.layer, row.op): row for row in second}
    for number, row in enumerate(first):
        if (row.layer, row.op) in same:
            yield LayerPair(row, same[row.layer, row.op], ADDRESS)
        elif cka is not None and not np.isnan(cka[number]).all():
            yield LayerPair(row, second[int(np.nanargmax(cka[number]))], ALIKE)
