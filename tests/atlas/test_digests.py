"""What an atlas says of its own files, and what it notices of them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convscope.atlas.digests import DIGESTS, FileDigest, damage, forget, has_digests, read_digests, record, sound_among
from convscope.atlas.manifest import MANIFEST
from convscope.atlas.session import open_for_writing
from convscope.atlas.writer import write_table
from convscope.errors import AtlasFormatError
from tests.atlas.make import make_atlas, make_manifest


def files(folder: Path) -> set[str]:
    """What makes up an atlas, apart from the list itself, the journal and the lock."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")} | {MANIFEST}


def test_every_file_is_listed_with_its_size_and_digest(tmp_path: Path) -> None:
    make_atlas(tmp_path, spectra=True)
    listed = read_digests(tmp_path).files
    assert listed.keys() == files(tmp_path)
    for name, found in listed.items():
        content = (tmp_path / name).read_bytes()
        assert found == FileDigest(len(content), hashlib.sha256(content).hexdigest())
        assert sound_among(tmp_path, [name])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_flipped_bit_and_any_cut_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    if not has_digests(tmp_path):
        make_atlas(tmp_path)
    name = data.draw(st.sampled_from(sorted(files(tmp_path))))
    path = tmp_path / name
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    expected = read_digests(tmp_path).files[name]
    try:
        path.write_bytes(flipped)
        assert damage(tmp_path, name, expected) == "has other bytes than were written"
        path.write_bytes(whole[:place])
        assert damage(tmp_path, name, expected) == f"has {place:,} bytes, and was written with {len(whole):,}"
        path.unlink()
        assert damage(tmp_path, name, expected) == "is missing"
        assert not sound_among(tmp_path, [name])
    finally:
        path.write_bytes(whole)
    assert sound_among(tmp_path, [name])


def test_a_file_that_is_not_listed_is_not_finished(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    forget(tmp_path, ["images.parquet"])
    assert not sound_among(tmp_path, ["images.parquet"])
    assert sound_among(tmp_path, ["top.parquet"])


def test_a_list_that_was_changed_vouches_for_nothing(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    text = (tmp_path / DIGESTS).read_text()
    digest = read_digests(tmp_path).files["top.parquet"].sha256
    (tmp_path / DIGESTS).write_text(text.replace(digest, digest[::-1]))
    with pytest.raises(AtlasFormatError, match="changed after it was written, and vouches for nothing"):
        read_digests(tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "pictures/../../x.parquet", "pictures/.x.parquet", "top"])
def test_a_list_cannot_name_files_that_are_not_the_atlas(tmp_path: Path, name: str) -> None:
    make_atlas(tmp_path)
    record(tmp_path, name, FileDigest.of(b""))
    with pytest.raises(AtlasFormatError, match="is no file of an atlas"):
        read_digests(tmp_path)


def test_a_newer_list_is_refused(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    newer = json.loads((tmp_path / DIGESTS).read_text()) | {"format_version": 99}
    (tmp_path / DIGESTS).write_text(json.dumps(newer))
    with pytest.raises(AtlasFormatError, match="format version 99"):
        read_digests(tmp_path)


def test_an_atlas_that_an_earlier_version_finished_stays_without_a_list(tmp_path: Path) -> None:
    make_atlas(tmp_path)
    (tmp_path / DIGESTS).unlink()
    with open_for_writing(tmp_path, make_manifest().provenance):
        write_table(tmp_path, "trust", [])
    assert not has_digests(tmp_path)
    assert sound_among(tmp_path, ["trust.parquet"])
    assert not sound_among(tmp_path, ["spectra.parquet"])
