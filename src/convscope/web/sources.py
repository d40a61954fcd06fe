"""The program's own files that pages use: style sheets and scripts."""

from __future__ import annotations

from importlib.resources import files

COMMON = ("style.css", "script.js", "take.js")
"""What every page uses."""
ATLAS = (*COMMON, "atlas.css", "units.js")
"""What the pages of an atlas use."""


def static_file(name: str) -> bytes:
    """A style sheet or script of the program."""
    return (files("convscope.web") / "static" / name).read_bytes()
