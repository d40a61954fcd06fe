"""The command line: each command is a thin face on one call of the library."""

from convscope.cli.main import app as app
from convscope.cli.main import main as main

__all__ = ["app", "main"]
