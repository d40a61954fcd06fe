"""The lock of a folder; what an atlas makes of it is tested with the atlas."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from convscope.errors import SettingError
from convscope.lock import locked_by


def test_a_forked_child_does_not_hold_on_to_the_lock_of_its_parent(tmp_path: Path) -> None:
    (end, go_on), (ready, says) = os.pipe(), os.pipe()
    with locked_by(tmp_path, SettingError, "held by {}".format):
        if not (child := os.fork()):
            os.close(go_on)
            os.write(says, b"!")
            os.read(end, 1)
            os._exit(0)
        assert os.read(ready, 1) == b"!"
        with pytest.raises(SettingError, match=f"held by process {os.getpid()}"), _again(tmp_path):
            pass
    try:
        with _again(tmp_path):
            pass
    finally:
        for handle in (end, go_on, ready, says):
            os.close(handle)
        os.waitpid(child, 0)


def _again(folder: Path) -> AbstractContextManager[None]:
    return locked_by(folder, SettingError, "held by {}".format)
