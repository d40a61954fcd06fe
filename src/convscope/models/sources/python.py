"""``python:package.module:factory`` and module objects: the user's own code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from convscope.errors import ModelError, SpecError
from convscope.models.preprocessing import Preprocessing
from convscope.models.reproducible import reproducible
from convscope.models.source import Built, Order
from convscope.models.spec import Spec, refuse_variant, unknown


def build_python(order: Order) -> Built:
    """What the user's factory returns; SpecError if there is none, ModelError if that is no module."""
    refuse_variant(order.spec)
    with _current_folder_importable():
        with reproducible():
            factory = _factory(order.spec)
        with reproducible():  # afresh: what the import drew must not move what the factory draws
            module = factory()
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"{order.spec} returned a {type(module).__name__}, expected a torch.nn.Module. "
            "The factory is called without arguments and must return the network."
        )
    return adopt(module)


def adopt(module: nn.Module) -> Built:
    """A private copy of a module, with its optional attributes ``preprocessing`` and ``classes``."""
    try:
        private = deepcopy(module)
    except (RuntimeError, TypeError) as error:
        raise ModelError(
            f"the module {type(module).__name__} cannot be copied ({error}), and the original is never "
            "worked on. "
            "Pass python:MODULE:FACTORY with a factory that builds it afresh."
        ) from error
    return Built(private, _stated_preprocessing(module), _stated_classes(module), trained=True)


def _factory(spec: Spec) -> Callable[[], Any]:
    path, colon, name = spec.name.partition(":")
    if not colon or not all(part.isidentifier() for part in [*path.split("."), name]):
        raise SpecError(f"{spec} is incomplete: write python:package.module:factory.")
    try:
        namespace = vars(import_module(path))
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise  # the user's module is there, something that it imports is not
        raise SpecError(
            f"{spec}: there is no Python module {error.name!r} in the current folder or among the installed "
            "packages. "
            "Run from the folder that holds it, or install it."
        ) from error
    if not callable(namespace.get(name)):
        known = [each for each, value in namespace.items() if callable(value) and not each.startswith("_")]
        raise SpecError(f"{spec}: {unknown('factory', name, known)}")
    factory: Callable[[], Any] = namespace[name]
    return factory


@contextmanager
def _current_folder_importable() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)  # an installed command, unlike `python -m`, does not look there
    try:
        yield
    finally:
        sys.path.remove(folder)


def _stated_preprocessing(module: nn.Module) -> Preprocessing | None:
    stated = getattr(module, "preprocessing", None)
    return stated if isinstance(stated, Preprocessing) else None


def _stated_classes(module: nn.Module) -> tuple[str, ...]:
    stated = getattr(module, "classes", None)
    if isinstance(stated, list | tuple) and all(isinstance(name, str) for name in stated):
        return tuple(stated)
    return ()
