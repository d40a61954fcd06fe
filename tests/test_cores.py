"""The cores that a process may run on, by tying one to fewer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no process can be tied to a core here")
def test_a_process_that_is_tied_to_one_core_has_one() -> None:
    code = f"import os; os.sched_setaffinity(0, {{{min(os.sched_getaffinity(0))}}})\n"
    code += "from convscope.cores import cores; print(cores())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
