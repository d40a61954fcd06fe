"""Plans from TOML: those that come with convscope, and the user's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from convscope.errors import SettingError
from convscope.regular import read_text
from convscope.strict import Reader, parsed_toml
from convscope.train.ablation.curves import CURVES
from convscope.train.ablation.measures import MEASURES
from convscope.train.ablation.plan import Plan

_FOLDER = files("convscope.train.ablation") / "plans"


def shipped_plans() -> tuple[str, ...]:
    """The names of the plans that come with convscope."""
    return tuple(sorted(Path(entry.name).stem for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")))


def load_plan(name: str | Path) -> Plan:
    """A shipped plan by its name, or one from a TOML file; raises SettingError."""
    described = {"name": Path(name).stem, **parsed_toml(_text(name), f"plan {name}", SettingError)}
    plan = Reader(SettingError, optional=True).decode(Plan, described, f"plan {name}")
    for what, asked, known in (("measures", plan.measures, MEASURES), ("curves", plan.curves, CURVES)):
        if strange := sorted({*asked} - {*known}):
            raise SettingError(f"plan {name}: no {what} {', '.join(strange)}; there are {', '.join(known)}")
    return plan


def _text(name: str | Path) -> str:
    if str(name) in shipped_plans():
        return (_FOLDER / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix != ".toml":
        raise SettingError(
            f"there is no plan {str(name)!r}; choose one of {', '.join(shipped_plans())}, or a .toml file"
        )
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"plan {path} cannot be read: {error}") from error
