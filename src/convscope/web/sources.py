"""The program's own files that pages use: style sheets and scripts."""

from __future__ import annotations

from importlib.resources import files

COMMON = ("style.css", "script.js", "take.js")
"""What every page uses."""
ATLAS = (*COMMON, "atlas.css", "units.js")
"""What the pages of an atlas use."""


def static_names() -> tuple[str, ...]:
    """Of all style sheets and scripts of the program."""
    return tuple(sorted(entry.name for entry in (files("convscope.web") / "static").iterdir() if entry.is_file()))


def static_file(name: str) -> bytes:
    """A style sheet or script of the program."""
    return (files("convscope.web") / "static" / name).read_bytes()
