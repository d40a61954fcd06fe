"""Files in remote stores, through fsspec: read within limits, named without credentials, safe to hand to a worker."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from sys import intern
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, unquote

from convscope.errors import ImageError, ImageSetError
from convscope.extras import optional
from convscope.images import webfiles
from convscope.images.files import FILE_LIMIT
from convscope.images.trouble import ADVICE, PAUSES, asked


class Store(Protocol):
    """What a kind of store can do; addresses are whole URLs. Raises whatever its library raises."""

    def span(self, system: Any, url: str, start: int, length: int) -> bytes:
        """See ``File.span``."""

    def state(self, system: Any, url: str) -> tuple[int, str]:
        """See ``File.state``."""

    def find(self, system: Any, url: str) -> list[str]:
        """Paths of all files below, relative to the address."""


class _Objects:
    """Buckets, and what fsspec shows in the same way."""

    def span(self, system: Any, url: str, start: int, length: int) -> bytes:
        """Bytes from ``start`` on, ``length`` of them or up to the end; raises ImageError."""
        try:
            return bytes(system.cat_file(url, start=start, end=start + length))
        except (FileNotFoundError, PermissionError):
            raise
        except Exception:
            if _ends_before(self, system, url, start):  # stores refuse a range that is empty
                return b""
            raise

    def state(self, system: Any, url: str) -> tuple[int, str]:
        """Size in bytes, and what changes when the content does; raises ImageError."""
        known = system.info(url)
        if known["type"] == "directory":
            raise ImageError("a folder, not a file")
        changes = (known.get(key) for key in ("ETag", "etag", "LastModified", "updated", "created"))
        return int(known["size"]), " ".join(str(value) for value in changes if value is not None)

    def find(self, system: Any, url: str) -> list[str]:
        """Asked in one listing for all depths."""
        root = system._strip_protocol(url).rstrip("/") + "/"
        return [path.removeprefix(root) for path in system.find(url) if path.startswith(root)]


def _ends_before(store: Store, system: Any, url: str, start: int) -> bool:
    try:
        return store.state(system, url)[0] <= start
    except Exception:
        return False


class Scheme(NamedTuple):
    """How addresses that begin so are reached: the package beside fsspec, the kind of store, what options it gets.

    ``pauses`` are the seconds after which it is asked again; no such where its library does so by itself.
    """

    package: str | None
    store: Store
    options: Callable[[], dict[str, Any]] = dict
    pauses: Sequence[float] = ()


SCHEMES: dict[str, Scheme] = {
    "s3": Scheme("s3fs", _Objects()),
    "gs": Scheme("gcsfs", _Objects()),
    "gcs": Scheme("gcsfs", _Objects()),
    "https": Scheme("aiohttp", webfiles.Web(), webfiles.options, PAUSES),
    "http": Scheme("aiohttp", webfiles.Web(), webfiles.options, PAUSES),
    "memory": Scheme(None, _Objects()),
}

T = TypeVar("T")

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>/+)(?P<rest>.*)", re.DOTALL)
_CHAINED = re.compile(r"[a-z0-9]+::")


def is_address(text: str) -> bool:
    """Whether a source is meant as an address of a store; a path as ``Path`` leaves it, ``s3:/…``, counts."""
    match = _ADDRESS.fullmatch(text)
    return _CHAINED.match(text) is not None or (
        match is not None and (match["scheme"].lower() in SCHEMES or len(match["slashes"]) >= 2)
    )


def remote_file(text: str) -> RemoteFile:
    """The file at an address; raises ImageSetError for one that cannot be used."""
    match = _ADDRESS.fullmatch(text)
    if match is None or match["scheme"].lower() not in SCHEMES or _CHAINED.match(text):
        raise ImageSetError(
            f"{shown(text)[:200]!r} is no address that is read. Expected one of "
            f"{', '.join(f'{scheme}://…' for scheme in SCHEMES)}, or a path on this machine."
        )
    if any(character < " " for character in text):
        raise ImageSetError(f"the address {shown(text)[:200]!r} holds a control character.")
    return RemoteFile(f"{match['scheme'].lower()}://", match["rest"])


def shown(url: str) -> str:
    """An address as it may be printed: no user, no password, no query, in which signatures and tokens stand."""
    plain = re.sub(r"(:/+)[^/?#]*@", r"\1", url, count=1)
    bucket = re.match(r"(s3|gs|gcs|memory):", plain, re.IGNORECASE)  # in whose names ? and # are letters like others
    return plain if bucket else re.sub(r"[?#].*", "?…", plain, flags=re.DOTALL)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at an address: ``path`` below a ``folder``, which the files of a set share, since a million add up."""

    folder: str
    path: str

    @property
    def url(self) -> str:
        """The whole address, with whatever credentials it has."""
        return self.folder + self.path

    @property
    def shown(self) -> str:
        """Its place, for messages."""
        return shown(self.url)

    @property
    def advice(self) -> str:
        """What may help where it cannot be read."""
        return ADVICE.get(self.folder.partition(":")[0], "")

    @property
    def name(self) -> str:
        """Its file name."""
        return PurePosixPath(self.named(shown(self.url).removesuffix("?…"))).name

    @property
    def stem(self) -> str:
        """Its file name without suffix."""
        return PurePosixPath(self.name).stem

    def read(self) -> bytes:
        """All bytes, at most ``FILE_LIMIT``; raises ImageError, which names no path."""
        content = self.span(0, FILE_LIMIT + 1)
        if len(content) > FILE_LIMIT:
            raise ImageError(f"a file of more than {FILE_LIMIT} bytes; at most so many are read")
        return content

    __call__ = read

    def span(self, start: int, length: int) -> bytes:
        """Bytes from ``start`` on, ``length`` of them or up to the end; raises ImageError."""
        return self._asked(lambda store, system: store.span(system, self.url, start, length))

    def state(self) -> tuple[int, str]:
        """Size in bytes, and what changes when the content does; raises ImageError."""
        return self._asked(lambda store, system: store.state(system, self.url))

    def found(self) -> list[str]:
        """Paths of all files below this address, relative to it, sorted; raises ImageError."""
        return sorted(self._asked(lambda store, system: store.find(system, self.url)))

    def named(self, path: str) -> str:
        """What to call the file of a path that ``found`` gave."""
        return unquote(path) if self.url.startswith("http") else path

    def below(self, path: str) -> RemoteFile:
        """The file of a path that ``found`` gave."""
        return RemoteFile(intern(self.url.rstrip("/") + "/"), path)

    def beside(self, line: str) -> RemoteFile:
        """What a line of a list names: a file in the list's folder or below it, since nobody vouches for the list."""
        if is_address(line) or line.startswith("/") or ".." in line.split("/") or "\0" in line:
            raise ImageSetError(
                f"The list {self.shown} names {shown(line)[:200]!r}. A list in a store names files in its own folder "
                "and below, without '..'; a list on this machine may name addresses of any store."
            )
        folder = self.url.partition("?")[0].rpartition("/")[0] + "/"
        return RemoteFile(intern(folder), quote(line) if self.url.startswith("http") else line)

    def _asked(self, question: Callable[[Store, Any], T]) -> T:
        name = self.folder.partition(":")[0]
        system = _file_system(name, os.getpid())
        scheme = SCHEMES[name]
        return asked(name, self.shown, lambda: question(scheme.store, system), scheme.pauses)


@cache
def _file_system(scheme: str, process: int) -> Any:  # noqa: ARG001 — a connection does not survive a fork
    """One connection for all threads of a process. Credentials are found by the store's own library."""
    package, options = SCHEMES[scheme].package, SCHEMES[scheme].options
    fsspec = optional("fsspec", "remote", f"Reading {scheme}://")
    if package is not None:
        optional(package, "remote", f"Reading {scheme}://")
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **options())
