from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from convscope.atlas.manifest import MANIFEST, Manifest, Provenance, provenance_key, read_manifest
from convscope.atlas.writer import write_manifest
from convscope.errors import AtlasError, AtlasFormatError
from tests.atlas.make import make_manifest


def changed(folder: Path, change: dict[str, Any]) -> Path:
    """A manifest on disk in which some top-level fields are replaced; None removes one."""
    path = write_manifest(folder, make_manifest())
    value = json.loads(path.read_text("utf-8")) | change
    path.write_text(json.dumps({key: item for key, item in value.items() if item is not None}), "utf-8")
    return folder


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    manifest = replace(make_manifest(), notes=("Größe ≤ 3 px", 'a "quote"\n'))
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_file_is_indented_sorted_utf8(tmp_path: Path) -> None:
    text = write_manifest(tmp_path, replace(make_manifest(), notes=("≤",))).read_text("utf-8")
    assert "≤" in text
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_key_is_the_sha256_of_all_that_decides_the_contents() -> None:
    settings = make_manifest().settings
    # Written out a second time, so that a key never changes unnoticed.
    text = (
        '{"convscope":"1.2","data":"d","format_version":2,"settings":{"layers":["features.0","features.3"],'
        '"method":"auto","per_class":0,"per_image":"one","raw":"none","top":9,"units":null,"unpool":"sum"},'
        '"weights":"w"}'
    )
    assert provenance_key("w", "d", settings, "1.2") == hashlib.sha256(text.encode()).hexdigest()


def test_differences_are_named() -> None:
    settings = make_manifest().settings
    one = Provenance("w", "d", settings, "1.0")
    assert one.differences(one) == ()
    other = Provenance("x", "e", replace(settings, top=4, layers=("a",)), "1.1")
    assert one.differences(other) == (
        "weights",
        "data set",
        'settings.layers (["features.0", "features.3"], there ["a"])',
        "settings.top (9, there 4)",
        'convscope version ("1.0", there "1.1")',
    )


def test_newer_version_says_which_program_reads_it(tmp_path: Path) -> None:
    change = {"format_version": 7, "versions": {"convscope": "9.8.7"}, "unheard": "of"}
    with pytest.raises(AtlasFormatError, match=r"version 7.*reads versions 1 and 2.*convscope 9\.8\.7.*upgrade"):
        read_manifest(changed(tmp_path, change))


def test_version_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasFormatError, match="version 0"):
        read_manifest(changed(tmp_path, {"format_version": 0}))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"format_version": "1"}', "[" * 100_000])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text, "utf-8")
    with pytest.raises(AtlasFormatError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(b'{"format_version": 1, "x": "\xff"}')
    with pytest.raises(AtlasFormatError, match="not valid JSON"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": 3}, r"method: expected str, found int \('3'\)"),
        ({"method": None}, "missing fields: method"),
        ({"metod": "x"}, "unknown fields: metod"),
        ({"notes": "one"}, "notes: expected list, found str"),
        ({"notes": ["a", 1]}, r"notes\[1\]: expected str"),
        (
            {"rules": [{"op": "a", "kind": "b", "rule": "c", "count": True}]},
            r"rules\[0\]\.count: expected int",
        ),
        ({"versions": {"convscope": 1}}, r"versions\.convscope: expected str"),
        ({"versions": {"torch": "2"}}, "does not name convscope"),
        ({"settings": []}, "settings: expected dict"),
        ({"key": "0" * 64}, "changed after it was written"),
    ],
)
def test_messages_name_the_field(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(AtlasFormatError, match=message):
        read_manifest(changed(tmp_path, change))


def test_wrong_key_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"provenance\.key"):
        write_manifest(tmp_path, replace(make_manifest(), key="0"))
    assert list(tmp_path.iterdir()) == []


def test_number_of_units_may_be_null_or_given(tmp_path: Path) -> None:
    for units in (None, 16):
        manifest = make_manifest()
        settings = replace(manifest.settings, units=units)
        manifest = replace(manifest, settings=settings)
        manifest = replace(manifest, key=manifest.provenance.key)
        write_manifest(tmp_path, manifest)
        assert read_manifest(tmp_path).settings.units == units


def test_manifest_is_frozen() -> None:
    with pytest.raises(AttributeError):
        make_manifest().method = "gradient"  # type: ignore[misc]
    assert Manifest.__dataclass_params__.frozen  # type: ignore[attr-defined]
