"""What checkpoints are called, in little room."""

from __future__ import annotations

from collections.abc import Sequence


def headings(labels: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The word that all labels begin with, and the rest of each: ``epoch``, (``1``, ``2``, …)."""
    words = {label.split(" ", 1)[0] for label in labels}
    if len(words) > 1 or not all(" " in label for label in labels):
        return "", tuple(labels)
    return words.pop(), tuple(label.split(" ", 1)[1] for label in labels)
