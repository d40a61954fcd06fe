"""Numbers of bytes, read from a command line and written for people."""

from __future__ import annotations

import re

from convscope.errors import SettingError

UNITS = {
    **{"B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12},
    **{"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40},
}
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
