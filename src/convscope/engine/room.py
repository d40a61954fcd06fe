"""How much memory this process holds, and how much more it may have before the system gets into trouble."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
_KEPT_FREE = 0.1
"""Part of the free memory that is left to others."""


def resident() -> int:
    """Bytes of memory that this process holds now; where only the most so far is known (not Linux), that."""
    try:
        return int((_PROC / "self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak()


def peak() -> int:
    """Bytes of memory that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _PEAK_UNIT


def available() -> int:
    """Bytes of memory that this process may still take.

    On Linux what the kernel calls available, less if the control group of the process is limited to less; elsewhere
    half of the machine's memory. Copies of files that the kernel keeps count as free, as it gives them up when asked. A
    tenth of it all is left to others.
    """
    free = [_meminfo("MemAvailable"), *_left_of_groups()]
    known = [each for each in free if each is not None]
    if not known:
        known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2]
    return int(min(known) * (1 - _KEPT_FREE))


def _meminfo(name: str) -> int | None:
    try:
        lines = (_PROC / "meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 if found else None


def _left_of_groups() -> list[int]:
    """What the limited control groups around this process have left: of version 2, each group and those above it."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, kind, name = line.split(":", 2)
        if kind == "":
            group = _CGROUP / name.lstrip("/")
            places = [each for each in (group, *group.parents) if each.is_relative_to(_CGROUP)]
            found += [_left(each, "memory.max", "memory.current", "") for each in places]
        elif "memory" in kind.split(","):
            group = _CGROUP / "memory" / name.lstrip("/")
            found += [
                _left(each, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
                for each in (group, _CGROUP / "memory")
            ]
    return [each for each in found if each is not None]


def _left(group: Path, limit: str, used: str, prefix: str) -> int | None:
    try:
        most, now = (group / limit).read_text().strip(), int((group / used).read_text())
    except OSError:
        return None
    return None if most == "max" else max(int(most) - now + _copies(group, prefix), 0)


def _copies(group: Path, prefix: str) -> int:
    """Bytes of files that the kernel keeps copies of for a group; they count as used there."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    names = {f"{prefix}active_file", f"{prefix}inactive_file"}
    return sum(int(value) for name, _, value in (line.partition(" ") for line in lines) if name in names)
