"""Recipes from TOML: those that come with convscope, and the user's own, with single values replaced."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from copy import deepcopy
from importlib.resources import files
from pathlib import Path
from typing import Any

from convscope.errors import SettingError
from convscope.images.entry import printable
from convscope.models.spec import unknown
from convscope.regular import read_text
from convscope.strict import Reader, parsed_toml
from convscope.train.recipe import Recipe

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FOLDER = files("convscope.train") / "recipes"


def shipped() -> tuple[str, ...]:
    """The names of the recipes that come with convscope."""
    return tuple(sorted(Path(entry.name).stem for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")))


def load_recipe(name: str | Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """A shipped recipe by its name, or one from a TOML file; raises SettingError.

    ``changes`` replaces single values by their dotted name: ``{"optimiser.rate": 0.02}``.
    """
    described = {"name": Path(name).stem, **parsed_toml(_text(name), f"recipe {name}", SettingError)}
    for place, value in (changes or {}).items():
        _set(described, place, value)
    return Reader(SettingError, optional=True).decode(Recipe, described, f"recipe {name}")


def changes_of(assignments: list[str]) -> dict[str, Any]:
    """``["epochs=3", "network.form='zfnet'"]`` as changes; values are written as in TOML, words may go unquoted."""
    found: dict[str, Any] = {}
    for place, value in map(_assignment, assignments):
        found = followed(found, {place: value})
    return found


def assignments_of(changes: Mapping[str, Any]) -> list[str]:
    """What ``changes_of`` reads as these changes; what can be stored, such as a name that is not UTF-8, as escapes."""
    return [printable(_assigned(place, value)) for place, value in changes.items()]


def _assigned(place: str, value: Any) -> str:
    bare = f"{place}={value}"
    return bare if isinstance(value, str) and changes_of([bare]) == {place: value} else f"{place}={_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)}={_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str | bool):  # both are as in JSON
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def followed(changes: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Both, to be made in this order: what is changed again, is changed after all that came before."""
    return {**{place: value for place, value in changes.items() if place not in later}, **later}


def _assignment(text: str) -> tuple[str, Any]:
    place, equals, value = (part.strip() for part in text.partition("="))
    if not place or not equals:
        raise SettingError(f"{text!r} changes nothing; write NAME=VALUE, for example optimiser.rate=0.02")
    try:
        return place, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return place, value
    except (ValueError, RecursionError) as error:
        raise SettingError(f"the value of {place} has too many digits, or is nested too deeply") from error


def _text(name: str | Path) -> str:
    if str(name) in shipped():
        return (_FOLDER / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix != ".toml":
        raise SettingError(f"{unknown('recipe', str(name), shipped())} Or give a .toml file")
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"recipe {path} cannot be read: {error}") from error


def _set(described: dict[str, Any], place: str, value: Any) -> None:
    *tables, last = place.split(".")
    inner = described
    for table in tables:
        inner = inner.setdefault(table, {})
        if not isinstance(inner, dict):
            raise SettingError(f"{place}: {table} is a value and holds nothing")
    inner[last] = deepcopy(value)  # a later change may go into it
