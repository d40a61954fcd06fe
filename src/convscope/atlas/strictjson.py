"""An atlas' JSON files: written with sorted keys, read strictly."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, TypeVar

from convscope.errors import AtlasFormatError
from convscope.strict import Reader

T = TypeVar("T")


def dumps(value: Any) -> str:
    """The dataclass ``value`` as indented JSON with sorted keys and a final newline."""
    return json.dumps(asdict(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def decode(kind: type[T], value: object, where: str) -> T:
    """``value``, as parsed from JSON, as a ``kind``; raises AtlasFormatError where it is not exactly that."""
    return Reader(_damaged).decode(kind, value, where)


def _damaged(message: str) -> AtlasFormatError:
    return AtlasFormatError(f"{message} Was the file edited by hand? Make the atlas again.")
