"""The allocator's setting is accepted where there is one, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

from tests.structure.source import SOURCE


def test_the_allocator_accepts_it_or_says_that_it_does_not() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from convscope.engine.memory import keep_freed_memory; print(keep_freed_memory())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str(platform.libc_ver()[0] == "glibc")
