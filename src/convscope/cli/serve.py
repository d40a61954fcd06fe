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

from convscope.cli.options import SCHEMES, AsJson, Device, Weights, load, starting

if TYPE_CHECKING:
    from convscope.serve.gate import Gate
    from convscope.serve.jobs import Jobs
    from convscope.serve.listen import Listening
    from convscope.serve.live.context import Context
    from convscope.serve.shelf import Shelf

_SAFE = re.compile(r"[A-Za-z0-9._~-]{16,200}")


def serve(
    atlases: Annotated[list[Path], typer.Argument(metavar="ATLAS…", help="Folders that convscope wrote.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="MODEL",
            help="The model that the atlas was made from, for live questions; without it only pages are shown.",
            autocompletion=starting(SCHEMES),
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
    from convscope.models.source import optional

    optional("fastapi", "serve", "serve")
