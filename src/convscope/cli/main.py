"""The app: its commands, and what happens to errors and stops on their way out."""

from __future__ import annotations

import json
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from convscope.cli.ablate import ablate
from convscope.cli.atlas import atlas
from convscope.cli.compare import compare
from convscope.cli.correspond import correspond
from convscope.cli.diagnose import diagnose
from convscope.cli.evolve import evolve
from convscope.cli.export import export
from convscope.cli.invariance import invariance
from convscope.cli.look import coverage, layers
from convscope.cli.occlude import occlude
from convscope.cli.overlap import overlap
from convscope.cli.plan import plan
from convscope.cli.project import project
from convscope.cli.serve import serve
from convscope.cli.train import evaluate, train
from convscope.cli.transfer import transfer
from convscope.cli.trust import trust
from convscope.cli.verify import verify
from convscope.errors import ConvscopeError

USAGE = 2

app = typer.Typer(
    name="convscope",
    help="A microscope for convolutional networks: see what every feature map has learned.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    atlas,
    serve,
    export,
    project,
    occlude,
    invariance,
    correspond,
    diagnose,
    compare,
    evolve,
    trust,
    overlap,
    train,
    evaluate,
    ablate,
    transfer,
    plan,
    layers,
    coverage,
    verify,
):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        from convscope.version import installed_version

        typer.echo(installed_version())
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Nothing to do: the options act in their callbacks."""


def main() -> None:
    """Run the app; a mistake of the user's is one clear message and exit code 2, a stop is 130 or 143."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except (ConvscopeError, OSError) as error:  # OSError: a place that cannot be written, a full disk
        _fail(error)


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    typer.echo("stopped; the same command goes on from here", err=True)
    raise SystemExit(128 + number)


def _fail(error: Exception) -> NoReturn:
    if "--json" in sys.argv:
        typer.echo(json.dumps({"error": type(error).__name__, "message": str(error)}))
    typer.echo(f"{type(error).__name__}: {error}", err=True)
    raise SystemExit(USAGE) from None
