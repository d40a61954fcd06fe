"""``convscope serve``: pages and live questions for a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from convscope.cli.options import AsJson, Device, Weights, load

if TYPE_CHECKING:
    from convscope.serve.jobs import Jobs

_SAFE = re.compile(r"[A-Za-z0-9._~-]{16,200}")


def serve(
    atlases: Annotated[list[Path], typer.Argument(metavar="ATLAS…", help="Folders that convscope wrote.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="The model that the atlas was made from, for live questions; without it only pages are shown.",
        ),
    ] = None,
    weights: Weights = None,
    device: Device = "cpu",
    port: Annotated[int, typer.Option("--port", help="0: any that is free.")] = 8000,
    host: Annotated[
        str,
        typer.Option("--host", metavar="ADDRESS", help="Where to listen: 127.0.0.1 for this machine, 0.0.0.0 for all."),
    ] = "127.0.0.1",
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="NAME", help="Another host name under which it is reached, as behind a proxy."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="WORD", help="Ask for it; made anew if others than this machine can connect."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the browser.")] = False,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="That one live question may take.")] = 600,
    max_upload: Annotated[
        float, typer.Option("--max-upload", min=0.001, max=1000, metavar="MB", help="Largest image to take in.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Show atlases in a browser; with --model, ask the model about your own images.

    Prints the address to open. Runs until it is stopped with Ctrl-C.
    """
    from convscope.extras import optional

    optional("fastapi", "serve", "serve")
    optional("uvicorn", "serve", "serve")
    from convscope.serve.app import make_app
    from convscope.serve.gate import gate_of
    from convscope.serve.jobs import Jobs
    from convscope.serve.listen import called, listen, make_server, url_of
    from convscope.serve.live.context import Context
    from convscope.serve.opening import open_folders
    from convscope.serve.uploads import Bounds, Uploads

    asked_for = _token(token, host, names)
    listening = listen(host, port)
    with listening.socket:
        gate = gate_of(host, listening.port, [*called(host), *(names or ())], asked_for)
        loaded = None if model is None else load(model, weights, device)
        opened = open_folders(atlases, loaded)
        for note in opened.notes:
            typer.echo(f"note: {note}", err=True)
        jobs, uploads = Jobs(seconds=seconds), Uploads(Bounds(encoded=int(max_upload * 1e6)))
        live = None if loaded is None else Context(loaded, opened.asked, jobs, uploads, device)
        url = url_of(listening, gate)
        server = make_server(
            make_app(opened.shelf, gate, live),
            lambda: _say(url, as_json=as_json, browser=open_),
            lambda: jobs.close(0),
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _quit)
        try:
            server.run(sockets=[listening.socket])
        except SystemExit as stop:
            _leave(jobs, stop.code)
            raise


def _token(given: str | None, host: str, names: Sequence[str] | None) -> str | None:
    """The token to ask for: the given one, or a new one if more than this machine can connect."""
    from convscope.serve.gate import is_loopback
    from convscope.serve.listen import new_token

    if given is not None and not _SAFE.fullmatch(given):
        raise typer.BadParameter("a token has 16 to 200 letters, digits, or -._~; leave it out, and one is made")
    return given or (None if is_loopback(host) and not names else new_token())


def _say(url: str, *, as_json: bool, browser: bool) -> None:
    typer.echo(json.dumps({"url": url}) if as_json else f"{url}\nCtrl-C stops it.")
    sys.stdout.flush()
    if browser:
        import webbrowser

        webbrowser.open(url)


def _quit(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    """Without a word: nothing was cut short, as the server ended before it passed the signal on."""
    raise SystemExit(128 + number)


def _leave(jobs: Jobs, code: object) -> None:
    """Wait a moment for the threads of jobs; one that is deep in a computation would keep the program from ending."""
    if not jobs.close(0.5):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
