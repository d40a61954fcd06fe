"""Optional packages: imported when they are needed, with an error that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from convscope.errors import MissingExtraError


def optional(package: str, extra: str, purpose: str) -> Any:
    """The imported package; raises MissingExtraError if it is not installed."""
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:  # the package is there, something that it needs is not
            raise
        raise MissingExtraError(package, extra, purpose) from error
