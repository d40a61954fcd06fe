"""Where a command writes: messages on standard error, results on standard output."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as Lines
from rich.text import Text

from convscope.pipeline.table import Table

_WIDE = 200
"""Columns of a table that goes to a file or a pipe, where there is no window to fit."""

# Names and paths may hold brackets and colons, which are not to be taken for markup or emoji.
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
out = Console(highlight=False, markup=False, emoji=False)
if not out.is_terminal:
    out.width = _WIDE


def print_table(table: Table) -> None:
    """On standard output: the first column left, the others right."""
    lines = Lines(box=None, header_style="")
    for place, head in enumerate(table.heads):
        lines.add_column(Text(head), justify="right" if place else "left")
    for line in table.lines:
        lines.add_row(*map(Text, line))
    out.print(lines)
