"""Files on which a reader once failed in another way than it may, as small as they can be."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.fuzz.reader import run
from tests.fuzz.readers import READERS

DEEP = b"[" * 3000


def unknown_compression() -> bytes:
    """An archive whose entry is packed in a way that nobody knows."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("plain.npy", b"x")
    content = bytearray(buffer.getvalue())
    content[8] = content[content.rindex(b"PK\1\2") + 10] = 77
    return bytes(content)


PLAN = b"""question = "?"
recipe = "zfnet-small"
base = "a"
[[variants]]
name = "a"
relative.widths = { %s = 0.5 }
"""
ENTRY = {"label": 1, "position": "x", "number": 0, "digest": ""}
FOUND: dict[str, list[tuple[str, bytes]]] = {
    "plan": [("refused", PLAN % (b"9" * 4400))],
    "part of an invariance": [("read", unknown_compression()), ("read", DEEP)],
    "recording of an evolution": [
        ("refused", DEEP),
        (
            "refused",
            json.dumps({"look": {}, "entries": [{"label": 1, "position": "x", "number": 0, "digest": ""}]}).encode(),
        ),
    ],
    "result of a training": [("refused", DEEP), ("refused", b"\xff")],
    "measures of a run": [("refused", DEEP), ("refused", b'{"images": 8, "measures": {}, "curves": {"a": []}}')],
    "facts of a result": [("read", DEEP)],
}
"""By reader: how the reading ends now, and the file."""


@pytest.mark.parametrize(("name", "number"), [(name, n) for name, files in FOUND.items() for n in range(len(files))])
def test_what_was_found_stays_mended(name: str, number: int, tmp_path: Path) -> None:
    end, content = FOUND[name][number]
    assert run(READERS[name], content, tmp_path) == end


def test_a_key_of_too_many_digits_is_refused() -> None:
    from convscope.errors import SettingError
    from convscope.strict import Reader

    with pytest.raises(SettingError, match="expected whole numbers as keys"):
        Reader(SettingError).decode(dict[int, str], {"9" * 4400: "a"}, "here")
