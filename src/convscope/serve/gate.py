"""Who may ask: the rules, as functions of what a request says of itself."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlencode

from starlette.requests import cookie_parser

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
READING = ("GET", "HEAD")
OWN_SITE = (None, "same-origin", "none")  # a browser without fetch metadata, a page of ours, the address bar


@dataclass(frozen=True)
class Gate:
    """The names under which the server is reached, in lower case with their ports, and the token if there is one.

    ``addresses``: the server listens on all addresses of the machine, so any address in numbers is its own.
    """

    port: int
    hosts: frozenset[str]
    addresses: bool = False
    token: str | None = None

    @property
    def cookie(self) -> str:
        """Name of the cookie that keeps the token; cookies of one host are shared by all its ports."""
        return f"convscope-{self.port}"


@dataclass(frozen=True)
class Asked:
    """What a request says of itself."""

    method: str
    hosts: tuple[str, ...]
    origin: str | None = None
    site: str | None = None
    """Sec-Fetch-Site: how the page that asks is related to this server."""
    mode: str | None = None
    dest: str | None = None
    """Sec-Fetch-Dest: what the answer is for; a page in a frame is none that somebody opened."""
    cookies: str = ""
    authorization: str = ""
    query: str = ""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    error: str


def gate_of(address: str, port: int, names: Iterable[str] = (), token: str | None = None) -> Gate:
    """The gate of a server that listens on ``address``; ``names`` are other hosts under which it is reached."""
    own = [*LOOPBACK, bracketed(address)]
    hosts = {host for name in own for host in _spelt(name, port)}
    hosts |= {host for name in names for host in (name.lower(), *_spelt(name.lower(), port))}
    return Gate(port, frozenset(hosts), is_wildcard(address), token)


def _spelt(name: str, port: int) -> tuple[str, ...]:
    """A name as a Host header says it: browsers leave out port 80."""
    full = f"{name.lower()}:{port}"
    return (full, name.lower()) if port == 80 else (full,)


def bracketed(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address


def is_wildcard(address: str) -> bool:
    """Whether to listen on an address is to listen on all of the machine."""
    return _is_address(address) and ip_address(address).is_unspecified


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    return address == "localhost" or (_is_address(address) and ip_address(address).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def refusal(gate: Gate, asked: Asked) -> Refusal | None:
    """Why a request is refused, if it is; where it stands is of no matter, only where it comes from."""
    return _wrong_host(gate, asked) or _wrong_origin(asked) or _wrong_token(gate, asked)


def _wrong_host(gate: Gate, asked: Asked) -> Refusal | None:
    # Another name in the Host header: a page elsewhere may have given its own name this machine's address.
    if len(asked.hosts) == 1 and is_own(gate, asked.hosts[0].lower()):
        return None
    return Refusal(
        403,
        f"This server is not called {', '.join(asked.hosts)[:100] or 'nothing'}. Open it by the address that it "
        "printed when it was started, or start it with --name NAME for another name of it.",
    )


def is_own(gate: Gate, host: str) -> bool:
    """Whether a Host header names this server."""
    if host in gate.hosts:
        return True
    name, _, port = host.rpartition(":")
    return gate.addresses and port == str(gate.port) and _is_address(name.removeprefix("[").removesuffix("]"))


def _wrong_origin(asked: Asked) -> Refusal | None:
    own = {f"{scheme}://{asked.hosts[0].lower()}" for scheme in ("http", "https")}
    if asked.origin is not None and asked.method not in READING:
        allowed = asked.origin.lower() in own
    else:
        # Links from elsewhere are welcome; pictures, scripts and forms of other sites are not.
        followed = asked.mode == "navigate" and asked.dest in (None, "document") and asked.method in READING
        allowed = asked.site in OWN_SITE or followed
    return None if allowed else Refusal(403, "This request comes from a page of another site, and those may only link.")


def _wrong_token(gate: Gate, asked: Asked) -> Refusal | None:
    if gate.token is None or any(same(proof, gate.token) for proof in _proofs(gate, asked)):
        return None
    return Refusal(
        401,
        "Open the whole address that the server printed when it was started, with ?token=… at its end; programs "
        "send the header Authorization: Bearer TOKEN.",
    )


def _proofs(gate: Gate, asked: Asked) -> Iterable[str]:
    kind, _, credentials = asked.authorization.partition(" ")
    if kind.lower() == "bearer":
        yield credentials.strip()
    yield cookie_parser(asked.cookies).get(gate.cookie, "")
    yield from (value for name, value in parse_qsl(asked.query) if name == "token")


def same(one: str, other: str) -> bool:
    """Whether two tokens are one, in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def without_token(path: str, query: str) -> str | None:
    """The address without the token, None if it holds none; ``path`` as it was sent."""
    pairs = parse_qsl(query, keep_blank_values=True)
    rest = [(name, value) for name, value in pairs if name != "token"]
    if len(rest) == len(pairs):
        return None
    # Two slashes at the beginning would name another host.
    return "/" + path.lstrip("/\\") + (f"?{urlencode(rest)}" if rest else "")
