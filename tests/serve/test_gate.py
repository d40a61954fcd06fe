"""Who is let in, by what a request says of itself."""

from __future__ import annotations

import socket
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope.serve.gate import (
    Asked,
    Gate,
    Refusal,
    gate_of,
    is_loopback,
    is_wildcard,
    refusal,
    same,
    without_token,
)
from convscope.serve.listen import Listening, called, url_of

TOKEN = "a-token-that-nobody-guesses"
LOCAL = gate_of("127.0.0.1", 8000)
CLOSED = gate_of("127.0.0.1", 8000, token=TOKEN)
HERE = Asked("GET", ("127.0.0.1:8000",))
POST = replace(HERE, method="POST")


def status(gate: Gate, asked: Asked) -> int | None:
    found = refusal(gate, asked)
    return None if found is None else found.status


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST:8000", "[::1]:8000"])
def test_loopback_names_with_the_port_are_its_own(host: str) -> None:
    assert status(LOCAL, Asked("GET", (host,))) is None


@pytest.mark.parametrize(
    "hosts",
    [
        ("evil.example:8000",),
        ("127.0.0.1.evil.example:8000",),
        ("127.0.0.1",),
        ("127.0.0.1:80",),
        ("127.0.0.1:8000@evil.example",),
        ("10.0.0.5:8000",),
        ("127.0.0.1:8000", "evil.example"),
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("",),
        (),
    ],
)
def test_other_names_are_refused(hosts: tuple[str, ...]) -> None:
    assert status(LOCAL, Asked("GET", hosts)) == 403


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "127.0.0.1"])
def test_the_address_that_is_printed_is_let_in(address: str) -> None:
    with socket.socket() as unused:
        listening = Listening(unused, address, 8000)
        gate = gate_of(address, 8000, called(address), TOKEN)
        printed = urlsplit(url_of(listening, gate))
    assert status(gate, Asked("GET", (printed.netloc,), query=printed.query)) is None


@pytest.mark.parametrize("dest", ["iframe", "frame", "object", "embed"])
def test_a_frame_on_another_site_is_no_link(dest: str) -> None:
    elsewhere = replace(HERE, site="cross-site", mode="navigate")
    assert status(LOCAL, replace(elsewhere, dest="document")) is None
    assert status(LOCAL, replace(elsewhere, dest=dest)) == 403
    assert status(LOCAL, replace(elsewhere, dest=dest, site="same-origin")) is None


def test_port_80_need_not_be_said() -> None:
    gate = gate_of("127.0.0.1", 80)
    assert status(gate, Asked("GET", ("localhost",))) is None
    assert status(gate, Asked("GET", ("localhost:80",))) is None


@pytest.mark.parametrize(
    ("host", "expected"),
    [("lens.example", None), ("Lens.Example:8000", None), ("lens.example:99", 403), ("other.example", 403)],
)
def test_further_names_are_its_own(host: str, expected: int | None) -> None:
    assert status(gate_of("127.0.0.1", 8000, ["Lens.example"]), Asked("GET", (host,))) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [("10.0.0.5:8000", None), ("[fe80::1]:8000", None), ("10.0.0.5:80", 403), ("rebound.example:8000", 403)],
)
def test_on_all_addresses_numbers_are_its_own_but_names_are_not(host: str, expected: int | None) -> None:
    assert status(gate_of("0.0.0.0", 8000), Asked("GET", (host,))) == expected


@pytest.mark.parametrize(
    ("address", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.9.9.9", True, False),
        ("localhost", True, False),
        ("::1", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("10.0.0.5", False, False),
        ("lens.example", False, False),
        ("", False, False),
    ],
)
def test_addresses(address: str, loopback: bool, wildcard: bool) -> None:
    assert (is_loopback(address), is_wildcard(address)) == (loopback, wildcard)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (POST, None),  # no browser
        (replace(POST, origin="http://127.0.0.1:8000", site="same-origin"), None),
        (replace(POST, origin="https://127.0.0.1:8000"), None),  # a proxy that speaks TLS
        (replace(POST, site="same-origin"), None),
        (replace(POST, origin="http://localhost:8000"), 403),  # another of its names is another origin
        (replace(POST, origin="http://127.0.0.1:9000", site="same-site"), 403),
        (replace(POST, origin="https://evil.example", site="cross-site"), 403),
        (replace(POST, origin="null"), 403),
        (replace(POST, origin=""), 403),
        (replace(POST, origin="http://127.0.0.1:8000.evil.example"), 403),
        (replace(POST, site="cross-site"), 403),
        (replace(POST, site="same-site"), 403),
        (replace(POST, site="cross-site", mode="navigate"), 403),  # a form of another site
        (replace(HERE, site="cross-site", mode="navigate"), None),  # a link from another site
        (replace(HERE, site="cross-site", mode="no-cors"), 403),  # a picture in another site
        (replace(HERE, site="same-site", mode="cors"), 403),
        (replace(HERE, site="none", mode="navigate"), None),
        (replace(HERE, method="DELETE", origin="http://evil.example"), 403),
    ],
)
def test_other_sites_may_only_link(asked: Asked, expected: int | None) -> None:
    assert status(LOCAL, asked) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (HERE, 401),
        (replace(HERE, query=f"token={TOKEN}"), None),
        (replace(HERE, query=f"a=b&token={TOKEN}"), None),
        (replace(HERE, cookies=f"convscope-8000={TOKEN}"), None),
        (replace(HERE, cookies=f'bad[="{{; convscope-8000={TOKEN}; x=y'), None),  # others set cookies as well
        (replace(HERE, authorization=f"Bearer {TOKEN}"), None),
        (replace(HERE, authorization=f"bearer  {TOKEN} "), None),
        (replace(HERE, authorization=f"Basic {TOKEN}"), 401),
        (replace(HERE, authorization=TOKEN), 401),
        (replace(HERE, query=f"token={TOKEN}x"), 401),
        (replace(HERE, query=f"token={TOKEN[:-1]}"), 401),
        (replace(HERE, query="token="), 401),
        (replace(HERE, query=f"Token={TOKEN}"), 401),
        (replace(HERE, cookies=f"convscope-8001={TOKEN}"), 401),  # of a server on another port
        (replace(HERE, cookies="convscope-8000=\udcff"), 401),
        (replace(HERE, hosts=("evil.example",), cookies=f"convscope-8000={TOKEN}"), 403),
        (replace(POST, origin="https://evil.example", cookies=f"convscope-8000={TOKEN}"), 403),
    ],
)
def test_the_token_in_all_forms(asked: Asked, expected: int | None) -> None:
    assert status(CLOSED, asked) == expected


@given(st.text(), st.text())
def test_tokens_are_compared_whole(one: str, other: str) -> None:
    assert same(one, other) == (one == other)


@given(st.builds(Asked, st.text(), st.tuples(st.text()), *[st.none() | st.text()] * 3, *[st.text()] * 3))
def test_nothing_that_a_request_says_is_too_odd(asked: Asked) -> None:
    found = refusal(CLOSED, asked)
    assert isinstance(found, Refusal)
    assert found.error


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/", "token=x", "/"),
        ("/at/a%20b/", "q=1&token=x&r=", "/at/a%20b/?q=1&r="),
        ("/", "q=1", None),
        ("//evil.example/", "token=x", "/evil.example/"),
        ("/\\evil.example/", "token=x", "/evil.example/"),
    ],
)
def test_the_token_is_taken_out_of_the_address(path: str, query: str, expected: str | None) -> None:
    assert without_token(path, query) == expected
