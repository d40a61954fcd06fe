"""Listening: a socket of this machine, the application behind it, and an end within a second."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from convscope.errors import SettingError
from convscope.serve.gate import Gate, bracketed, is_wildcard

GRACE = 1
"""Seconds in which answers may still be finished after a stop."""
BACKLOG = 512
MOST = 65535
"""The largest port; larger ones would be taken for what is left of them in 16 bits."""
REASONS = {
    errno.EADDRINUSE: "is in use by another program. Choose another with --port, or 0 for any that is free",
    errno.EACCES: "may not be used without more rights. Choose one above 1023 with --port",
    errno.EADDRNOTAVAIL: "cannot be had: this machine has no such address. Choose another with --host",
}


@dataclass(frozen=True)
class Listening:
    """A socket that listens, and where."""

    socket: socket.socket
    address: str
    port: int


def listen(address: str, port: int) -> Listening:
    """Take a port, 0 for any that is free; SettingError if it cannot be had."""
    if not 0 <= port <= MOST:
        raise SettingError(f"there is no port {port}; ports are 0 (any that is free) to {MOST}")
    try:
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        taken = socket.create_server(where[:2], family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise SettingError(f"{address!r} is no address of this machine ({error.strerror})") from None
    except OSError as error:
        reason = REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
        raise SettingError(f"port {port} of {address} {reason}") from None
    return Listening(taken, address, taken.getsockname()[1])


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(24)


def called(address: str) -> tuple[str, ...]:
    """The machine's own name, by which others reach it, if ``address`` stands for all of its addresses."""
    return (socket.gethostname(),) if is_wildcard(address) else ()


def url_of(listening: Listening, gate: Gate) -> str:
    """The address to open, with the token if there is one."""
    (shown,) = called(listening.address) or (listening.address,)
    return f"http://{bracketed(shown)}:{listening.port}/" + (f"?token={gate.token}" if gate.token else "")


class _Server(uvicorn.Server):
    """A server that says when it listens, and ends what works for it before it waits for answers to be finished."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], stop: Callable[[], object]) -> None:
        super().__init__(config)
        self.ready, self.stop = ready, stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what works, then wait for what is being sent."""
        self.stop()
        await super().shutdown(sockets)


def make_server(
    app: FastAPI, ready: Callable[[], None] = lambda: None, stop: Callable[[], object] = lambda: None
) -> uvicorn.Server:
    """A server to be run with ``server.run(sockets=[…])``; ``ready`` is called when it listens, ``stop`` at its end.

    It keeps no log of requests: their addresses may hold the token.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        backlog=BACKLOG,
    )
    return _Server(config, ready, stop)
