"""Changes to valid files, of the kinds that break readers: each a plain function of bytes and a source of numbers."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

HUGE = [b"\xff" * 4, b"\xff" * 8, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80" + b"\0" * 7, b"\0" * 8]
WORDS = [
    b"\0", b"\n", b"\r\n", b"\t", b'"', b"..", b"/", b"../../etc/passwd", b"NaN", b"Infinity", b"-1", b"1e999", b"null",
    b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"{", b"}", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"a" * 300,
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{COMBINING ACUTE ACCENT}\U0001f600".encode(), b"<script>", b"true", b"0x", b"'''",
]  # fmt: skip

Change = Callable[[bytearray, Random], None]


def _flip(content: bytearray, random: Random) -> None:
    if content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def _byte(content: bytearray, random: Random) -> None:
    if content:
        content[random.randrange(len(content))] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _cut(content: bytearray, random: Random) -> None:
    del content[random.randint(0, len(content)) :]


def _remove(content: bytearray, random: Random) -> None:
    start = random.randint(0, len(content))
    del content[start : start + random.choice((1, 4, 16, 300))]


def _repeat(content: bytearray, random: Random) -> None:
    start, length = random.randint(0, len(content)), random.choice((1, 8, 64, 1000))
    content[start:start] = content[start : start + length] * random.choice((1, 2, 30))


def _splice(content: bytearray, random: Random) -> None:
    here, there, length = (random.randint(0, len(content)) for _ in range(3))
    content[here : here + length % 200] = content[there : there + length % 200]


def _insert(content: bytearray, random: Random) -> None:
    place = random.randint(0, len(content))
    content[place:place] = random.choice(WORDS)


def _overwrite(content: bytearray, random: Random) -> None:
    place, word = random.randint(0, len(content)), random.choice(HUGE)
    content[place : place + len(word)] = word


def _digits(content: bytearray, random: Random) -> None:
    places = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
    if places:
        place = random.choice(places)
        content[place : place + 1] = random.choice((b"-1", b"0", b"99999999999", b"1e400", b"0.5", b"", b"9" * 4400))


CHANGES: tuple[Change, ...] = (_flip, _byte, _cut, _remove, _repeat, _splice, _insert, _overwrite, _digits)


def changed(content: bytes, seed: int) -> bytes:
    """A file with one to five changes, of which the small ones are the more frequent; the same for the same seed."""
    random = Random(seed)
    found = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        random.choice(CHANGES)(found, random)
    return bytes(found)
