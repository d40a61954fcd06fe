"""How many cores there are to use."""

from __future__ import annotations

import os


def cores() -> int:
    """Cores that this process may run on: fewer than the machine has where it was tied to some of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
