"""Files on which a reader once failed in another way than it may, as small as they can be."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.fuzz.folders import made
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
        ("refused", json.dumps({"look": {}, "entries": [ENTRY]}).encode()),
    ],
    "result of a training": [("refused", DEEP), ("refused", b"\xff")],
    "measures of a run": [("refused", DEEP), ("refused", b'{"images": 8, "measures": {}, "curves": {"a": []}}')],
    "facts of a result": [("read", DEEP)],
}
"""By reader: how the reading ends now, and the file."""


def not_utf8(name: str, column: str) -> bytes:
    """A table of an atlas with other bytes where text should be, as nothing but a damaged file has."""
    table = pq.read_table(made("atlas") / name)
    raw = pa.array([b"\xff"] * len(table), pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(table), raw.buffers())
    buffer = io.BytesIO()
    pq.write_table(table.set_column(table.column_names.index(column), table.schema.field(column), text), buffer)
    return buffer.getvalue()


CHANGED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "atlas/images.parquet": ("refused", lambda content: not_utf8("images.parquet", "name")),
    "atlas/layers.parquet": ("refused", lambda content: content.replace(b"layer", b"lay\x80r")),
    # Not even the type of a column's part is left: Arrow ended the process when a filter asked for its extremes.
    "atlas/top.parquet": ("refused", lambda content: re.sub(rb"\x15\x0c(.{7}\x05among)", b"\x15\x7f\\1", content)),
    "atlas/pictures": ("refused", lambda content: content.replace(b"IHDR", b"IHDX").replace(b"\x89PNG", b"\x89PN6")),
    "evolution/evolution.json": ("read", lambda content: content.replace(b"weights are", b"\\ud800")),
    "ablation/runs.csv": ("read", lambda content: content.replace(b"-seed-3", b"-seed-3" * 60)),
    "ablation/summary.csv": ("refused", lambda content: re.sub(rb",0\.\d+,", b",inf,", content, count=1)),
    "ablation/summary.csv, quantity": ("refused", lambda content: content.replace(b'"validation_error"', b"", 1)),
    "run/run.json": ("read", lambda content: content.replace(b"a note", b"\\udfff")),
}
"""The same, where the file is too long to be written here: how a valid one was changed."""


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_found_in_folders_stays_mended(name: str, tmp_path: Path) -> None:
    end, change = CHANGED[name]
    reader = READERS[name.partition(",")[0]]
    (content,) = reader.seeds()
    assert change(content) != content
    assert run(reader, change(content), tmp_path) == end


@pytest.mark.parametrize(("name", "number"), [(name, n) for name, files in FOUND.items() for n in range(len(files))])
def test_what_was_found_stays_mended(name: str, number: int, tmp_path: Path) -> None:
    end, content = FOUND[name][number]
    assert run(READERS[name], content, tmp_path) == end


def test_a_key_of_too_many_digits_is_refused() -> None:
    from convscope.errors import SettingError
    from convscope.strict import Reader

    with pytest.raises(SettingError, match="expected whole numbers as keys"):
        Reader(SettingError).decode(dict[int, str], {"9" * 4400: "a"}, "here")


@pytest.mark.parametrize(("size", "claimed"), [("channels", 0), ("groups", 9), ("side", 10**18), ("filters", 10**18)])
def test_a_snapshot_of_a_network_that_cannot_be(size: str, claimed: int, tmp_path: Path) -> None:
    (seed,) = READERS["snapshot"].seeds()
    length = int.from_bytes(seed[:8], "little")
    header, (name, now) = seed[8 : 8 + length], (rf"\"{size}\": ", str(claimed))
    changed = re.sub(re.escape(name) + r"\d+", lambda _: name + now, header.decode()).encode()
    assert changed != header
    assert (
        run(READERS["snapshot"], len(changed).to_bytes(8, "little") + changed + seed[8 + length :], tmp_path)
        == "refused"
    )
