"""A table for people: heads and lines of text, for the screen and for Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass

NOTHING = "-"


@dataclass(frozen=True)
class Table:
    """Column heads, and the cells of each line."""

    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """As Markdown; what could end a cell is escaped."""
        rule = ("---", *("---:" for _ in self.heads[1:]))
        return "\n".join(f"| {' | '.join(_safe(cell) for cell in line)} |" for line in (self.heads, rule, *self.lines))


def inline(text: str) -> str:
    """A name from a file inside a Markdown sentence: its characters, and no markup, HTML or line break."""
    return re.sub(r"[\\`*_{}\[\]<>()#|~]", r"\\\g<0>", " ".join(text.split()))


def _safe(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<").replace("\n", " ")
