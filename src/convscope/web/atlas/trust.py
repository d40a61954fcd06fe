"""The badge beside a layer's pictures, from the scores that the atlas holds."""

from __future__ import annotations

from collections.abc import Mapping

from convscope.web.atlas.catalogue import Catalogue
from convscope.web.atlas.pieces import Trust, TrustTest

_LOOKS: Mapping[str, tuple[str, str]] = {
    "reads as the unit": ("\N{CHECK MARK}", "good"),
    "mixed": ("\N{ALMOST EQUAL TO}", "fair"),
    "do not read as the unit's meaning": ("\N{WARNING SIGN}", "poor"),
}
"""Sign and level of each badge; any other is one that this program does not know, and is shown as it is."""
_UNKNOWN = ("?", "unknown")

_QUESTIONS: Mapping[str, str] = {
    "unit": "the same for other units at the same place",
    "signal": "the same for a random mixture of units",
    "weight": "the same with weights re-initialised from the top down",
    "image": "the same for other images",
}


def trust_of(catalogue: Catalogue, layer: str) -> Trust | None:
    """How the pictures of a layer may be read; None if the atlas's own method was not tested there."""
    method = catalogue.atlas.manifest.method
    rows = {row.test: row for row in catalogue.atlas.trust(layer) if row.method == method}
    if not rows:
        return None
    ordered = [rows[test] for test in _QUESTIONS if test in rows] + [r for t, r in rows.items() if t not in _QUESTIONS]
    first = ordered[0]
    mark, level = _LOOKS.get(first.badge, _UNKNOWN)
    tests = tuple(TrustTest(r.test, _QUESTIONS.get(r.test, r.test), r.rank, r.pairs, r.verdict) for r in ordered)
    return Trust(first.badge, mark, level, first.sentence, tests)
