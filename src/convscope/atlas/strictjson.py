"""Dataclasses to JSON and back, strictly: what is read has exactly the declared fields and types.

The declared types are the whole vocabulary: ``str``, ``int``, ``bool``, ``X | None``, ``tuple[X, ...]``,
``dict[str, X]`` and dataclasses of these.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from convscope.errors import AtlasFormatError

T = TypeVar("T")


def dumps(value: Any) -> str:
    """The dataclass ``value`` as indented JSON with sorted keys and a final newline."""
    return json.dumps(asdict(value), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def decode(kind: type[T], value: object, where: str) -> T:
    """``value``, as parsed from JSON, as a ``kind``.

    ``where`` names the value in messages, e.g. ``manifest.json: settings``.
    Raises AtlasFormatError where the value has another type, a missing field or an unknown one.
    """
    return _decode(kind, value, where)  # type: ignore[no-any-return]


def _decode(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if value is None else _decode(inner, value, where)
    if origin is tuple:
        items = _expect(list, value, where)
        return tuple(_decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin is dict:
        pairs = _expect(dict, value, where)
        return {key: _decode(arguments[1], item, f"{where}.{key}") for key, item in pairs.items()}
    return _expect(kind, value, where)


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    given = _expect(dict, value, where)
    names = [field.name for field in fields(kind)]
    missing, unknown = sorted(set(names) - set(given)), sorted(set(given) - set(names))
    if missing or unknown:
        raise AtlasFormatError(
            f"{where}: missing fields: {', '.join(missing) or 'none'}; unknown fields: "
            f"{', '.join(unknown) or 'none'}. Was the file edited by hand? Make the atlas again."
        )
    hints = get_type_hints(kind)
    return kind(**{name: _decode(hints[name], given[name], f"{where}.{name}") for name in names})


def _expect(kind: type, value: Any, where: str) -> Any:
    # type() and not isinstance(): true is an int in Python, but not in a manifest.
    if type(value) is not kind:
        raise AtlasFormatError(
            f"{where}: expected {kind.__name__}, found {type(value).__name__} ({str(value)[:40]!r}). "
            "Was the file edited by hand? Make the atlas again."
        )
    return value
