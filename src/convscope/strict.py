"""JSON and TOML, and what they hold as frozen dataclasses: exactly the declared fields and types, or an error.

The declared types are the whole vocabulary: ``str``, ``int``, ``float``, ``bool``, ``X | None``, ``tuple[X, ...]``,
``dict[str, X]``, ``dict[int, X]`` and dataclasses of these.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
_BITS = 64
_DIGITS = 19
"""Of a whole number as a key."""


def parsed_json(text: str | bytes, name: str, refuse: Callable[[str], Exception]) -> Any:
    """A JSON document; ``refuse`` makes an error of a message, which begins with ``name``."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise refuse(f"{name} is not JSON: it is nested too deeply") from error
    except ValueError as error:
        raise refuse(f"{name} is not JSON: {error}") from error


def parsed_toml(text: str, name: str, refuse: Callable[[str], Exception]) -> dict[str, Any]:
    """A TOML document; ``refuse`` makes an error of a message, which begins with ``name``."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise refuse(f"{name} is not TOML: {error}") from error
    except RecursionError as error:
        raise refuse(f"{name} is not TOML: it is nested too deeply") from error
    except ValueError as error:  # Python turns no more than some thousand digits into a number
        raise refuse(f"{name} is not TOML: it has a number of too many digits") from error


@dataclass(frozen=True)
class Reader:
    """How to read: ``refuse`` makes an error of a message; if ``optional``, fields with a default may be left out."""

    refuse: Callable[[str], Exception]
    optional: bool = False

    def decode(self, kind: type[T], value: object, where: str) -> T:
        """``value`` as a ``kind``; ``where`` names it in messages, e.g. ``manifest.json: settings``."""
        return self._decode(kind, value, where)  # type: ignore[no-any-return]

    def _decode(self, kind: Any, value: Any, where: str) -> Any:
        if is_dataclass(kind):
            return self._dataclass(kind, value, where)
        origin, arguments = get_origin(kind), get_args(kind)
        if origin is UnionType:
            (inner,) = (argument for argument in arguments if argument is not NoneType)
            return None if value is None else self._decode(inner, value, where)
        if origin is tuple:
            items = self._expect(list, value, where)
            return tuple(self._decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(items))
        if origin is dict:
            pairs = self._expect(dict, value, where)
            return {
                self._key(arguments[0], k, where): self._decode(arguments[1], v, f"{where}.{k}")
                for k, v in pairs.items()
            }
        if kind in (int, float) and type(value) in (int, float):
            return self._number(kind, value, where)
        return self._expect(kind, value, where)

    def _number(self, kind: type, value: Any, where: str) -> Any:
        """Neither what JSON cannot write again (NaN), nor whole numbers so large that they cannot be printed."""
        if type(value) is int and value.bit_length() > _BITS:
            raise self.refuse(
                f"{where}: expected {kind.__name__} of at most {_BITS} bits, found one of {value.bit_length()} bits."
            )
        if not math.isfinite(value):
            raise self.refuse(f"{where}: expected a finite number, found {value}.")
        return float(value) if kind is float else self._expect(kind, value, where)

    def _dataclass(self, kind: Any, value: Any, where: str) -> Any:
        given = self._expect(dict, value, where)
        names = [field.name for field in fields(kind)]
        needed = [field.name for field in fields(kind) if not (self.optional and _has_default(field))]
        missing, unknown = sorted(set(needed) - set(given)), sorted(set(given) - set(names))
        if missing or unknown:
            raise self.refuse(
                f"{where}: missing fields: {', '.join(missing) or 'none'}; unknown fields: "
                f"{', '.join(unknown) or 'none'} (known are {', '.join(names)})."
            )
        hints = get_type_hints(kind)
        return kind(**{name: self._decode(hints[name], given[name], f"{where}.{name}") for name in given})

    def _key(self, kind: type, key: str, where: str) -> Any:
        if kind is int and not (key.isdecimal() and len(key) <= _DIGITS):
            raise self.refuse(f"{where}: expected whole numbers as keys, found {key[:40]!r}.")
        return kind(key)

    def _expect(self, kind: type, value: Any, where: str) -> Any:
        # type() and not isinstance(): true is an int in Python, but not in a file.
        if type(value) is not kind:
            raise self.refuse(f"{where}: expected {kind.__name__}, found {type(value).__name__} ({_shown(value)!r}).")
        return value


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _shown(value: object) -> str:
    try:
        return str(value)[:40]
    except (ValueError, RecursionError):  # too many digits, or too deep
        return "…"
