"""Model specs: ``scheme:name`` or ``scheme:name@variant``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from convscope.errors import SpecError

NO_WEIGHTS = "none"
"""The variant that stands for random weights."""


@dataclass(frozen=True)
class Spec:
    """A parsed spec; ``variant`` is what follows the last ``@``, or None."""

    scheme: str
    name: str
    variant: str | None

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}" + (f"@{self.variant}" if self.variant else "")


def parse_spec(text: str, schemes: Iterable[str]) -> Spec:
    """The parts of a spec; raises SpecError if there is no scheme that is one of ``schemes``, or no name."""
    scheme, colon, rest = text.partition(":")
    known = sorted(schemes)
    if not colon or scheme not in known:
        raise SpecError(f"{text!r} names no model. {_advice(scheme, colon, known)}")
    name, at, variant = rest.rpartition("@") if "@" in rest else (rest, "", "")
    if not name or (at and not variant):
        raise SpecError(f"{text!r} is incomplete: write {scheme}:NAME or {scheme}:NAME@VARIANT.")
    return Spec(scheme, name, variant or None)


def _advice(scheme: str, colon: str, known: list[str]) -> str:
    forms = ", ".join("python:MODULE:FACTORY" if each == "python" else f"{each}:NAME" for each in known)
    if not colon:
        return (
            f"Say where it comes from: {forms}; for example torchvision:vgg16. "
            "A weights file is not a model: name its architecture here and give the file as weights."
        )
    return f"{unknown('scheme', scheme, known)} Known forms: {forms}."


def unknown(what: str, met: str, known: Iterable[str]) -> str:
    """A sentence for an unknown word, with the nearest known ones."""
    known = list(known)
    close = get_close_matches(met, known, n=4, cutoff=0.5)
    hint = f"Did you mean {', '.join(close)}?" if close else f"Known are {', '.join(sorted(known)[:8])}, …"
    return f"There is no {what} {met!r} among the {len(known)} known. {hint}"


def refuse_variant(spec: Spec, *allowed: str) -> None:
    """Raise SpecError if the spec asks for a variant that its scheme does not have."""
    if spec.variant is not None and spec.variant not in allowed:
        forms = " or ".join([f"{spec.scheme}:{spec.name}", *(f"{spec.scheme}:{spec.name}@{each}" for each in allowed)])
        raise SpecError(f"{spec} asks for the variant {spec.variant!r}, which does not exist; write {forms}.")
