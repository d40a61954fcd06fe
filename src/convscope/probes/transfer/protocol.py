"""Protocols: how a data set is split, judged and compared; read from TOML, those of the paper's data sets included."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from convscope.errors import SettingError
from convscope.probes.transfer.metrics import METRICS
from convscope.regular import read_text
from convscope.strict import Reader, parsed_toml

_FOLDER = files("convscope.probes.transfer") / "protocols"
LAYOUTS = ("folders", "voc")
MOST_FOLDS = 1000


@dataclass(frozen=True)
class Published:
    """Somebody's number, in per cent; ``layer`` 0 where it is no question of layers."""

    who: str
    value: float
    per_class: int = 0
    spread: float | None = None
    """As printed behind the plus-minus sign."""
    layer: int = 0
    classifier: str = ""


@dataclass(frozen=True)
class Protocol:
    """``per_class`` training images of each class (empty: all there are); at most ``test`` others of each are judged.

    ``folds`` draws are made, unless the data set has parts of its own (``layout`` voc). ``without`` names classes that
    are left out. ``images``, ``classes`` and ``digest`` are what a whole copy has; a copy that has not is refused.
    ``inside`` are folders in which the class folders may lie.
    """

    name: str
    title: str = ""
    layout: str = "folders"
    metric: str = "accuracy"
    per_class: tuple[int, ...] = ()
    test: int = 50
    folds: int = 5
    without: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    images: int | None = None
    classes: int | None = None
    digest: str | None = None
    download: str | None = None
    """The class of ``torchvision.datasets`` that fetches the data."""
    note: str = ""
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        for holds, rule in (
            (self.layout in LAYOUTS, f"layout is {self.layout!r}; choose one of: {', '.join(LAYOUTS)}"),
            (self.metric in METRICS, f"metric is {self.metric!r}; choose one of: {', '.join(METRICS)}"),
            (
                self.layout != "voc" or self.metric != "accuracy",
                "images of layout voc show several classes, which metric accuracy cannot judge; choose "
                "average-precision",
            ),
            (all(count >= 1 for count in self.per_class), "numbers of training images per class must be at least 1"),
            (self.test >= 1 and self.folds >= 1, "test and folds must be at least 1"),
            (self.folds <= MOST_FOLDS, f"folds must be at most {MOST_FOLDS:,}, not {self.folds:,}"),
            (
                not any(Path(place).is_absolute() or ".." in Path(place).parts for place in self.inside),
                "inside names folders in the data set: no absolute path, and no ..",
            ),
        ):
            if not holds:
                raise SettingError(f"protocol {self.name}: {rule}")


def shipped_protocols() -> tuple[str, ...]:
    """The names of the protocols that come with convscope."""
    return tuple(sorted(Path(entry.name).stem for entry in _FOLDER.iterdir() if entry.name.endswith(".toml")))


def load_protocol(name: str | Path) -> Protocol:
    """A shipped protocol by its name, or one from a TOML file; raises SettingError."""
    described = parsed_toml(_text(name), f"protocol {name}", SettingError)
    return Reader(SettingError, optional=True).decode(
        Protocol, {"name": Path(name).stem, **described}, f"protocol {name}"
    )


def _text(name: str | Path) -> str:
    if str(name) in shipped_protocols():
        return (_FOLDER / f"{name}.toml").read_text("utf-8")
    path = Path(name)
    if path.suffix != ".toml":
        known = ", ".join(shipped_protocols())
        raise SettingError(f"there is no protocol {str(name)!r}; choose one of {known}, or a .toml file")
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"protocol {path} cannot be read: {error}") from error
