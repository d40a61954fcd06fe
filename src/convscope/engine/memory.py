"""Keep freed memory in the process: half of a network's CPU time can otherwise go into asking for it again."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER = 2**31 - 1
_AHEAD = 64 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep large buffers for re-use instead of returning them after each op.

    Changes the whole process, so a program calls it, not the library. Returns whether it took effect; elsewhere than
    on Linux with glibc there is nothing to do.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _AHEAD))
    accepted = [mallopt(name, value) == 1 for name, value in settings]
    return all(accepted)
