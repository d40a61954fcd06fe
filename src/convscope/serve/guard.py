"""Stands before the application: refuses what may not ask, and puts the same headers on every answer."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from html import escape

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convscope.serve.gate import READING, Asked, Gate, refusal, without_token
from convscope.serve.problem import UNEXPECTED, problem_response
from convscope.web.problem import STYLE

POLICY = {
    "default-src": "'none'",
    "img-src": "'self' data: blob:",
    "style-src": "'self'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer, errors included."""
FREE = frozenset({STYLE})
"""Addresses that need no token: what the page looks like that asks for one."""
BODY = 1_000_000
"""Bytes that a request may bring, but for images, which are bounded where they are received."""
IMAGES = "/live/images"

logger = logging.getLogger("convscope.serve")


@dataclass(frozen=True)
class Guard:
    """The application behind a gate."""

    app: ASGIApp
    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _answered_here(self.gate, scope)
        sender = _Sender(send)
        try:
            bounded = receive if scope["path"] == IMAGES else _Receiver(receive)
            await (answer or self.app)(scope, bounded, sender)
        except Exception:
            logger.exception("%s %r failed", scope["method"], scope["path"])
            if sender.started:
                raise
            accept = Headers(scope=scope).get("accept", "")
            await problem_response(accept, 500, UNEXPECTED)(scope, receive, sender)


@dataclass
class _Receiver:
    receive: Receive
    size: int = 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.size += len(message.get("body", b""))
        if self.size > BODY:
            raise HTTPException(413, f"A question may be {BODY / 1e6:g} MB long.", {"Connection": "close"})
        return message


@dataclass
class _Sender:
    send: Send
    started: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            MutableHeaders(scope=message).update(HEADERS)
        await self.send(message)


def asked_of(scope: Scope) -> Asked:
    """What a request says of itself."""
    headers = Headers(scope=scope)
    return Asked(
        method=scope["method"],
        hosts=tuple(headers.getlist("host")),
        origin=headers.get("origin"),
        site=headers.get("sec-fetch-site"),
        mode=headers.get("sec-fetch-mode"),
        dest=headers.get("sec-fetch-dest"),
        cookies="; ".join(headers.getlist("cookie")),
        authorization=headers.get("authorization", ""),
        query=scope["query_string"].decode("latin-1"),
    )


def _answered_here(gate: Gate, scope: Scope) -> Response | None:
    """The answer to what does not reach the application: a refusal, or the way on once a token was shown."""
    asked, accept = asked_of(scope), Headers(scope=scope).get("accept", "")
    gate = replace(gate, token=None) if scope["path"] in FREE else gate
    if (refused := refusal(gate, asked)) is not None:
        headers = {"WWW-Authenticate": 'Bearer realm="convscope"'} if refused.status == 401 else None
        return problem_response(accept, refused.status, refused.error, headers)
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    clean = without_token(path, asked.query)
    if gate.token is None or asked.method not in READING or clean is None:
        return None
    return _welcome(gate, gate.token, clean, followed=asked.site not in (None, "none", "same-origin"))


def _welcome(gate: Gate, token: str, address: str, *, followed: bool) -> Response:
    """Moves the token from the address to a cookie.

    A browser that ``followed`` a link of another site would not send a strict cookie along with a redirect: the page
    has to go on by itself.
    """
    onward = f'<!doctype html><title>convscope</title><meta http-equiv="refresh" content="0;url={escape(address)}">'
    made = HTMLResponse(onward) if followed else RedirectResponse(address, 303)
    made.set_cookie(gate.cookie, token, httponly=True, samesite="strict", path="/")
    made.headers["Cache-Control"] = "no-store"
    return made
