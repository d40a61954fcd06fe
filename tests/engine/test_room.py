"""What memory there is, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convscope.engine import room

MEMINFO = "MemTotal:       32000000 kB\nMemFree:         1000000 kB\nMemAvailable:   10000000 kB\n"
GROUPS = {
    "version 2": ("0::/box/inner\n", {"box/memory.max": "3000000000\n", "box/memory.current": "1000000000\n"}),
    "version 1": (
        "5:cpu:/box\n4:memory,hugetlb:/box\n",
        {"memory/box/memory.limit_in_bytes": "3000000000\n", "memory/box/memory.usage_in_bytes": "1000000000\n"},
    ),
}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(room, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(room, "_CGROUP", tmp_path / "cgroup")
    return written(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/\n"})


def test_without_a_limited_group_it_is_what_the_kernel_says(kernel: Path) -> None:
    assert room.available() == int(0.9 * 10_000_000 * 1024)


@pytest.mark.parametrize("version", GROUPS)
def test_a_limited_group_counts(version: str, kernel: Path) -> None:
    line, files = GROUPS[version]
    written(kernel / "proc/self", {"cgroup": line})
    written(kernel / "cgroup", files)
    assert room.available() == int(0.9 * 2_000_000_000)


@pytest.mark.parametrize("version", GROUPS)
def test_copies_of_files_that_a_group_has_read_are_free(version: str, kernel: Path) -> None:
    line, files = GROUPS[version]
    group = next(iter(files)).rpartition("/")[0]
    prefix = "total_" if version == "version 1" else ""
    stat = f"anon 5\n{prefix}inactive_file 600000000\n{prefix}active_file 300000000\nworkingset_refault_file 7\n"
    written(kernel / "proc/self", {"cgroup": line})
    written(kernel / "cgroup", files | {f"{group}/memory.stat": stat})
    assert room.available() == int(0.9 * 2_900_000_000)


def test_a_group_without_a_limit_does_not(kernel: Path) -> None:
    written(kernel / "proc/self", {"cgroup": "0::/box\n"})
    written(kernel / "cgroup", {"box/memory.max": "max\n", "box/memory.current": "1000\n"})
    assert room.available() == int(0.9 * 10_000_000 * 1024)


def test_without_proc_half_of_the_machine_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PROC", tmp_path)
    pages = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    assert room.available() == int(0.9 * 500 * 4096)
    assert room.resident() == room.peak()


def test_what_is_held_grows_with_what_is_held() -> None:
    before = room.resident()
    held = np.ones(200_000_000, np.uint8)
    assert before + 150_000_000 < room.resident() <= room.peak() + 8_000_000
    assert held.sum() == 200_000_000
