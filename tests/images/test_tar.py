"""The reader of tar headers against Python's own, and against headers that lie."""

from __future__ import annotations

import io
import tarfile
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convscope.errors import ImageError
from convscope.images.tar import BLOCK, EXTENSION_LIMIT, NAME_LIMIT, Member, members

FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/\n"), min_size=1, max_size=130).filter(
    lambda name: name not in (".", "..") and name.strip() == name
)


def archive(files: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT, kind: bytes = tarfile.REGTYPE) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "elsewhere"
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def listed(content: bytes) -> list[Member]:
    return list(members(io.BytesIO(content), len(content)))


def signed(header: bytes) -> bytes:
    """A header with a right checksum, whatever else it says."""
    total = sum(header) - sum(header[148:156]) + 8 * 0x20
    return header[:148] + b"%06o\0 " % total + header[156:]


@given(
    st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=5),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
@example([("d" * 90 + "/" + "n" * 99, b"x" * 512), ("é" * 200, b"")], tarfile.PAX_FORMAT)
@example([("d" * 90 + "/" + "n" * 99, b"x" * 513)], tarfile.USTAR_FORMAT)
@example([("d" * 3000 + "/n", b"x")], tarfile.GNU_FORMAT)
def test_members_are_those_that_python_finds(files: list[tuple[str, bytes]], form: int) -> None:
    content = archive(files, form)
    found = listed(content)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        expected = [(member.name, member.offset_data, member.size) for member in tar.getmembers()]
    assert [(member.name.decode(), member.data, member.size) for member in found] == expected
    for member, (_, inside) in zip(found, files, strict=True):
        assert content[member.data : member.data + member.size] == inside
        assert zlib.crc32(content[member.header : member.data]) == member.check


def test_folders_are_passed_over_and_what_follows_the_end_is_not_read() -> None:
    content = archive([("a/b", b"1")]) + b"anything"
    folder = archive([("a/", b"")], kind=tarfile.DIRTYPE)[:BLOCK]
    assert [member.name for member in listed(folder + content)] == [b"a/b"]
    assert listed(b"") == listed(bytes(1024)) == []


def test_names_in_other_encodings_are_kept_as_bytes() -> None:
    header = bytearray(archive([("cafe", b"")])[:BLOCK])
    header[3] = 0xE9
    assert [member.name for member in listed(signed(bytes(header)))] == [b"caf\xe9"]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
        (b"Z", "of type b'Z'"),
    ],
)
def test_what_is_neither_file_nor_folder_is_refused(kind: bytes, what: str) -> None:
    header = archive([("harmless.jpg", b"")])[:BLOCK]
    content = signed(header[:156] + kind + header[157:]) + bytes(1024)
    with pytest.raises(ImageError, match=f"holds 'harmless.jpg', which is {what}, not a file"):
        listed(content)


HUGE = b"\x80" + b"\xff" * 11
NEGATIVE = b"\xff" * 12
MINUS_ONE_BLOCK = (-512).to_bytes(12, "big", signed=True)


@pytest.mark.parametrize("size", [HUGE, NEGATIVE, MINUS_ONE_BLOCK, b"77777777777\0", b"00000000001\0"])
@pytest.mark.parametrize("kind", [b"0", b"5", b"L", b"K", b"x", b"g"])
def test_sizes_that_cannot_be(size: bytes, kind: bytes) -> None:
    header = archive([("a", b"")])[:BLOCK]
    content = signed(header[:124] + size + header[136:156] + kind + header[157:])
    with pytest.raises(ImageError, match=r"claims a file of -?\d+ bytes, but has 0 left"):
        listed(content)


def test_extended_headers_are_bounded_and_checked() -> None:
    header = archive([("a", b"")])[:BLOCK]

    def extended(content: bytes, kind: bytes = b"x") -> bytes:
        sized = signed(header[:124] + b"%011o\0" % len(content) + header[136:156] + kind + header[157:])
        return sized + content.ljust(-(-len(content) // BLOCK) * BLOCK, b"\0") + header + bytes(1024)

    assert [member.name for member in listed(extended(b"12 path=b/c\n"))] == [b"b/c"]
    assert [member.name for member in listed(extended(b"12 path=b/c\n", b"g"))] == [b"a"]
    with pytest.raises(ImageError, match=f"at most {EXTENSION_LIMIT} are read"):
        listed(extended(bytes(EXTENSION_LIMIT + 1)))
    for broken in (b"9 path=b/c\n", b"0 path=b\n", b"99 path=b\n", b"path=b", b"11 path b c\n", b"-1 a=b\n"):
        with pytest.raises(ImageError, match="extended header cannot be read"):
            listed(extended(broken))
    for size in (b"14 size=-1000\n", b"12 size=0x1\n", b"34 size=9999999999999999999999999\n"):
        with pytest.raises(ImageError, match=r"gives b'[-x\d]+' as size"):
            listed(extended(size))
    with pytest.raises(ImageError, match="sparse file"):
        listed(extended(b"22 GNU.sparse.major=1\n"))
    many = b"".join(b"8 a=bcd\n" for _ in range(EXTENSION_LIMIT // 8))
    assert len(listed(extended(many))) == 1


@pytest.mark.parametrize("name", ["", "a" * (NAME_LIMIT + 1)])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ImageError, match=f"a file whose name has {len(name)} bytes"):
        listed(archive([(name, b"")]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b" + bytes(600), "it is compressed"),
        (b"text" * 200, "not a tar archive"),
        (b"short", "cut off in a header"),
        (archive([("a", b"1")])[:300], "cut off in a header"),
        (archive([("a", b"1")])[:BLOCK], "claims a file of 1 bytes, but has 0 left"),
        (b"b" + archive([("a", b"1")])[1:], "header at byte 0 has a wrong checksum"),
    ],
)
def test_damage(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        listed(content)
