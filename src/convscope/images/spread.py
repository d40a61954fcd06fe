"""Some of a range, evenly spaced."""

from __future__ import annotations


def spread(total: int, limit: int | None) -> list[int]:
    """All of ``range(total)``, or ``limit`` of it, evenly spaced: sets are often sorted by class."""
    if limit is None or limit >= total:
        return list(range(total))
    return [(2 * number + 1) * total // (2 * limit) for number in range(limit)]
