"""Numbers of bytes, read from a command line and written for people."""

from __future__ import annotations

import re

from convscope.errors import SettingError

_PREFIXES = list(enumerate("KMGT", start=1))
UNITS = (
    {"B": 1}
    | {prefix + end: 1000**power for power, prefix in _PREFIXES for end in ("", "B")}
    | {f"{prefix}IB": 1024**power for power, prefix in _PREFIXES}
)
_FORM = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s?([A-Za-z]+)", re.ASCII)


def parse_size(text: str) -> int:
    """``500M``, ``2G``, ``1.5 GB`` or ``2GiB`` as bytes: K, M, G, T are powers of 1000, KiB to TiB of 1024.

    Raises SettingError for anything else, a number without a unit too: is 2 two bytes or two gigabytes?
    """
    match = _FORM.fullmatch(text.strip())
    unit = UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise SettingError(f"{text!r} is no size: write a number and a unit, such as 500M, 2G or 2GiB")
    size = int(float(match[1]) * unit)
    if size < 1:
        raise SettingError(f"{text!r} is no size: it is less than one byte")
    return size


def in_words(size: float) -> str:
    """Bytes in at most three digits, in powers of 1000: ``96 kB``, ``1.28 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(size) < 999.5:
            return f"{size:.3g} {unit}" if unit != "bytes" else f"{size:.0f} bytes"
        size /= 1000
    return f"{size:.3g} TB" if size < 999.5 else f"{size:.0f} TB"
