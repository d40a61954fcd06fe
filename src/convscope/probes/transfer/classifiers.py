"""Linear classifiers on features: a support vector machine, or a softmax; their penalty chosen by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from convscope.errors import SettingError
from convscope.probes.transfer.coordinates import Coordinates
from convscope.probes.transfer.metrics import METRICS, Marks

Scores = NDArray[np.float64]
"""(images, classes); the highest of a row is the class that is predicted."""

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Of C, the weight of the errors against the penalty."""
FIXED = 10.0
"""C where there are too few images to choose it by."""
INNER = 3
_ITERATIONS = 2000
_DIGITS = 9
"""Of a mean over inner parts: equal ones differ by rounding, and that must not choose."""


@dataclass(frozen=True)
class Choice:
    """C, and whether it was chosen by cross-validation inside the training images.

    ``at_end``: it is an end of the range, and strictly better than the value beside it.
    """

    strength: float
    validated: bool
    at_end: bool = False


def _svm(strength: float) -> Any:
    return LinearSVC(C=strength, dual="auto", max_iter=_ITERATIONS, random_state=0)


def _softmax(strength: float) -> Any:
    return LogisticRegression(C=strength, max_iter=_ITERATIONS)


CLASSIFIERS: Mapping[str, Callable[[float], Any]] = {"softmax": _softmax, "svm": _svm}
"""``svm``: one against the rest, squared hinge loss; ``softmax``: multinomial. Both with an L2 penalty."""


def check_classifiers(names: tuple[str, ...]) -> None:
    """Raise SettingError for a name that is none, or that is given twice: its values would count twice."""
    if not names or (strange := sorted({*names} - {*CLASSIFIERS})):
        raise SettingError(f"classifiers are {', '.join(CLASSIFIERS)}, not {', '.join(strange) if names else 'none'}")
    if repeated := [name for name in names if names.count(name) > 1]:
        raise SettingError(f"classifier {repeated[0]} is named twice")


def fit(name: str, features: Coordinates, marks: Marks, strength: float, seen: Coordinates) -> Scores:
    """Fit on ``features`` (n, k) with ``marks`` int8 (n, classes), and score ``seen`` (m, k): float64 (m, classes).

    What no image shows scores minus infinity.
    With several marks per image (PASCAL VOC) a softmax sees an image once for each of its classes, and a support vector
    machine is fitted for each class without the images where the class is undecided (-1).
    """
    if (marks.clip(0).sum(1) == 1).all() and (marks >= 0).all():
        return _one_label(name, features, marks.argmax(1), strength, seen, marks.shape[1])
    if name == "softmax":
        images, classes = np.nonzero(marks == 1)
        return _one_label(name, features[images], classes, strength, seen, marks.shape[1])
    columns = []
    for own in marks.T:
        decided = own >= 0
        columns.append(_one_label(name, features[decided], own[decided], strength, seen, 2)[:, 1])
    return np.stack(columns, axis=1)


def _one_label(
    name: str, features: Coordinates, labels: NDArray[Any], strength: float, seen: Coordinates, classes: int
) -> Scores:
    scores = np.full((len(seen), classes), -np.inf)
    known = np.unique(labels)
    if len(known) < 2:  # nothing to tell apart, as where a small copy of PASCAL VOC lacks a class in one part
        scores[:, known] = 0.0
        return scores
    classifier = CLASSIFIERS[name](strength)
    with warnings.catch_warnings():
        # Of a solver that stops at its limit of iterations: it is close, and the choice of C decides what is kept.
        warnings.simplefilter("ignore")
        classifier.fit(features, labels)
    found = classifier.decision_function(seen)
    if found.ndim == 1:
        found = np.stack([-found, found], axis=1)
    scores[:, classifier.classes_] = found
    return scores


def choose(name: str, features: Coordinates, marks: Marks, metric: str, seed: int) -> Choice:
    """C by cross-validation inside the training images: the highest score, of equals the strongest penalty."""
    labels = _strata(marks)
    parts = min(INNER, int(np.bincount(labels)[np.unique(labels)].min()))
    if parts < 2:
        return Choice(FIXED, validated=False)
    inner = list(StratifiedKFold(parts, shuffle=True, random_state=seed).split(features, labels))
    values = []
    for strength in STRENGTHS:
        found = [
            METRICS[metric](marks[held], fit(name, features[kept], marks[kept], strength, features[held])).mean
            for kept, held in inner
        ]
        values.append(round(float(np.mean(found)), _DIGITS))
    best = int(np.argmax(values))
    # Of equals the first is taken, so the upper end is never one of them.
    at_end = best == len(values) - 1 or (best == 0 and values[0] > values[1])
    return Choice(STRENGTHS[best], validated=True, at_end=at_end)


def _strata(marks: Marks) -> NDArray[np.int64]:
    """The class by which images are spread: of several the rarest, so that each part has some of it."""
    rarity = (marks == 1).sum(0)
    found: NDArray[np.int64] = np.where(marks == 1, rarity, np.iinfo(np.int64).max).argmin(1)
    return found
