"""``load_model``: from what the user names to a ``Model``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from convscope.errors import ModelError, SpecError
from convscope.models.assume import assumed_preprocessing
from convscope.models.digest import digest_of
from convscope.models.fit import fit, not_finite
from convscope.models.model import Model
from convscope.models.preprocessing import Preprocessing
from convscope.models.source import Built, Order
from convscope.models.sources import SOURCES
from convscope.models.sources.python import adopt
from convscope.models.spec import NO_WEIGHTS, parse_spec
from convscope.models.weights import read_weights


def load_model(
    spec: str | nn.Module,
    *,
    weights: str | Path | None = None,
    preprocessing: Preprocessing | None = None,
    classes: Sequence[str] | None = None,
) -> Model:
    """A model made ready: ``load_model("torchvision:vgg16")``, ``load_model(my_module, preprocessing=…)``.

    ``weights`` is a file for the architecture, which is then built without downloading; with it (or
    ``@none``), ``classes`` also sets the number of outputs. Raises SpecError, WeightsError, ModelError or
    MissingExtraError.
    """
    names = _names(classes)
    built = _build(spec, weights is not None, names, preprocessing is not None)
    notes = _restore(built, weights)
    built.module.eval().requires_grad_(False)
    used = preprocessing or built.preprocessing or assumed_preprocessing(built.module)
    return Model(
        spec=spec if isinstance(spec, str) else f"module:{type(spec).__name__}",
        module=built.module,
        preprocessing=used,
        classes=_agreed(names, built.classes),
        digest=digest_of(built.module),
        notes=notes + _warnings(built, used),
    )


def _build(spec: str | nn.Module, file: bool, names: tuple[str, ...] | None, fed: bool) -> Built:
    if isinstance(spec, nn.Module):
        return adopt(spec)
    if not isinstance(spec, str):
        raise SpecError(f"met a {type(spec).__name__}, expected a spec such as 'torchvision:vgg16' or a torch module.")
    parsed = parse_spec(spec, SOURCES)
    free = file or parsed.variant == NO_WEIGHTS  # no published weights fix the number of outputs
    return SOURCES[parsed.scheme](Order(parsed, file, len(names) if names and free else None, fed))


def _restore(built: Built, weights: str | Path | None) -> tuple[str, ...]:
    if weights is None:
        return () if built.trained else (f"weights are random (@{NO_WEIGHTS})",)
    path = Path(weights)
    entries, notes = read_weights(path)
    return (*notes, *fit(built.module, entries, built.spare, path.name))


def _warnings(built: Built, used: Preprocessing) -> tuple[str, ...]:
    notes = []
    if not used.stated:
        notes.append(
            f"preprocessing is assumed, nothing states it for these weights: {used.height}x{used.width}, "
            f"{used.channels} channels, mean {used.mean}, std {used.std} in pixel units"
        )
    if built.classes and built.preprocessing and not built.preprocessing.stated:
        notes.append("class names are assumed to be those of the published weights; if not, give classes")
    if broken := not_finite(built.module):
        notes.append(f"weights hold NaN or infinity in {len(broken)} entries, the first is {broken[0]}")
    return tuple(notes)


def _names(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(classes, str):
        raise ModelError(f"classes is the text {classes!r}, expected a list of names, one per output.")
    return None if classes is None else tuple(classes)


def _agreed(given: tuple[str, ...] | None, stated: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return stated
    if stated and len(stated) != len(given):
        raise ModelError(
            f"{len(given)} class names were given, the model has {len(stated)} outputs. Give one name per "
            "output, or weights of a network with that many outputs."
        )
    return given
