"""Transfer: features kept as they are, and a new classifier on top (Zeiler & Fergus 2013, section 5.2 and table 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from convscope.errors import SettingError
from convscope.images import ImageSet
from convscope.models import Model, Preprocessing
from convscope.probes.transfer.classifiers import CLASSIFIERS, FIXED, STRENGTHS, Choice, check_classifiers, choose, fit
from convscope.probes.transfer.contents import Contents, check_no_leak, readable_folds
from convscope.probes.transfer.coordinates import Split, standardised
from convscope.probes.transfer.draws import Fold, draw, large_enough, per_class_of
from convscope.probes.transfer.extract import Extraction, Wanted, extract, wanted_features
from convscope.probes.transfer.labelled import Labelled, open_labelled
from convscope.probes.transfer.metrics import METRICS, Scores
from convscope.probes.transfer.protocol import Protocol, load_protocol
from convscope.probes.transfer.result import Cell, Transfer
from convscope.probes.transfer.stored import Stored

Report = Callable[[str, int, int], None]
"""(stage, done, total)."""
Recall = Callable[[str, Fold, Callable[[], Cell]], Cell]
"""Given the name of a cell, its fold, and how to make it: the cell, made or remembered."""
MEMORY = 2 << 30
ENOUGH = 5
"""Judged images of a class, of which nothing is said."""
LARGEST_SEED = 2**32 - 1
"""Of scikit-learn."""


@dataclass(frozen=True)
class Ask:
    """``layers`` are addresses, None: the input and every stage. ``memory`` in bytes bounds what is held of features;
    ``folds`` and ``test`` None: the protocol's.
    """

    protocol: Protocol = field(default_factory=lambda: load_protocol("folders"))
    layers: tuple[str, ...] | None = None
    per_class: tuple[int, ...] = ()
    folds: int | None = None
    test: int | None = None
    classifiers: tuple[str, ...] = tuple(CLASSIFIERS)
    form: str = "flat"
    seed: int = 0
    memory: int = MEMORY
    skip_small: bool = False
    """Leave out classes that have not enough images, instead of refusing the set."""

    def __post_init__(self) -> None:
        check_classifiers(self.classifiers)
        _ = self.used  # raises what is wrong with it before any image is read
        if self.memory < 1 << 20:
            raise SettingError(f"a limit on memory of {self.memory} bytes is too small; give at least 1 MiB")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise SettingError(f"the seed is {self.seed}; it must be 0 to {LARGEST_SEED}")

    @property
    def used(self) -> Protocol:
        """The protocol with what was changed of it."""
        folds = self.protocol.folds if self.folds is None else self.folds
        test = self.protocol.test if self.test is None else self.test
        return replace(self.protocol, folds=folds, test=test)


@dataclass(frozen=True)
class Prepared:
    """Splits that are free of leaks, before anything is learned."""

    labelled: Labelled
    ask: Ask
    folds: tuple[Fold, ...]
    contents: Contents
    small: Mapping[str, int]
    """Classes that were left out, and how many images they have."""

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """Images that could not be read, with the reason."""
        return tuple((self.labelled.images.names[i], why) for i, why in sorted(self.contents.skipped.items()))


def prepare(labelled: Labelled, ask: Ask, fed: Preprocessing, workers: int, report: Report) -> Prepared:
    """Draw the folds and look at every image that they use, as it is ``fed`` to the model; raises ImageSetError for
    classes with too few images, and for an image that is trained on and judged.
    """
    if labelled.parts is not None and (ask.folds is not None or ask.test is not None):
        raise SettingError(
            f"{labelled.name} has parts of its own, all of which are judged; leave --folds and --test out"
        )
    small: Mapping[str, int] = {}
    if ask.skip_small and labelled.parts is None:
        labelled, small = large_enough(labelled, 1 + max(ask.per_class or ask.protocol.per_class or (1,)))
    per_class = per_class_of(labelled, ask.used, ask.per_class)

    def drawn(known: Contents) -> Sequence[Fold]:
        return draw(labelled, ask.used, per_class, ask.seed, known.skipped)

    folds, contents = readable_folds(labelled, drawn, fed, workers, partial(report, "read"))
    check_no_leak(labelled, folds, contents)
    return Prepared(labelled, ask, folds, contents, small)


def transfer_prepared(
    model: Model,
    prepared: Prepared,
    how: Extraction,
    *,
    recall: Recall = lambda _name, _fold, make: make(),
    report: Report = lambda _stage, _done, _total: None,
) -> Transfer:
    """Features of all images that folds use, then every classifier on every layer in every fold."""
    ask, labelled = prepared.ask, prepared.labelled
    wanted = wanted_features(model, ask.layers, how.form, how.device)
    contents = dict(sorted(prepared.contents.digests.items()))
    stored = extract(model, labelled.images, contents, wanted, how, partial(report, "features"))
    rows = {index: row for row, index in enumerate(contents)}
    cells = tuple(_cells(prepared, wanted, stored, rows, recall, partial(report, "classifiers")))
    return Transfer(
        model=model.spec,
        data=labelled.name,
        protocol=ask.used,
        form=how.form,
        classes=labelled.classes,
        names=labelled.images.names,
        marks=labelled.marks,
        folds=prepared.folds,
        cells=cells,
        skipped=prepared.skipped,
        notes=(*model.notes, *labelled.notes, *_left_out(prepared.small), *_few(prepared), *_notes(cells)),
    )


def _cells(
    prepared: Prepared,
    wanted: Sequence[Wanted],
    stored: Mapping[str, Stored],
    rows: Mapping[int, int],
    recall: Recall,
    report: Callable[[int, int], None],
) -> Iterator[Cell]:
    ask = prepared.ask
    total = len(wanted) * len(prepared.folds) * len(ask.classifiers)
    done = 0
    for each in wanted:
        for fold in prepared.folds:
            places = [np.array([rows[i] for i in part.tolist()], np.int64) for part in (fold.training, fold.test)]
            split = _Once(partial(standardised, stored[each.address], places[0], places[1], ask.memory))
            for name in ask.classifiers:
                yield recall(f"{each.address}|{name}", fold, partial(_cell, prepared, each, fold, name, split))
                done += 1
                report(done, total)


class _Once:
    """A value that is made when it is first needed."""

    def __init__(self, make: Callable[[], Split]) -> None:
        self.make = make
        self.made: Split | None = None

    def __call__(self) -> Split:
        self.made = self.made or self.make()
        return self.made


def _cell(prepared: Prepared, wanted: Wanted, fold: Fold, name: str, split: Callable[[], Split]) -> Cell:
    """Learn from the training images of a fold, then judge the others."""
    ask, marks = prepared.ask, prepared.labelled.marks
    features, known = split(), marks[fold.training]
    choice = choose(name, features.training, known, ask.protocol.metric, ask.seed)
    scores = fit(name, features.training, known, choice.strength, features.test)
    return judged(prepared, fold, Judge(wanted.address, wanted.columns, name, choice), scores)


@dataclass(frozen=True)
class Judge:
    """Whose scores a cell is of; ``columns`` numbers of a layer, or parameters; ``choice`` of C where there is one."""

    layer: str
    columns: int
    classifier: str
    choice: Choice | None = None


def judged(prepared: Prepared, fold: Fold, judge: Judge, scores: Scores) -> Cell:
    """The cell of ``scores`` (test images of the fold, classes), by the protocol's metric."""
    found = METRICS[prepared.ask.protocol.metric](prepared.labelled.marks[fold.test], scores)
    predicted, margin = decided(scores)
    return Cell(
        layer=judge.layer,
        columns=judge.columns,
        classifier=judge.classifier,
        fold=fold.number,
        per_class=fold.per_class,
        value=found.mean,
        strength=None if judge.choice is None else judge.choice.strength,
        validated=judge.choice is not None and judge.choice.validated,
        by_class=found.by_class,
        predicted=predicted,
        margin=margin,
        at_end=judge.choice is not None and judge.choice.at_end,
    )


def decided(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    """The class of the highest score, int16 (images,), and how far it is above the second, float32 (images,)."""
    first, second = np.sort(scores, axis=1)[:, -1:-3:-1].T
    margin = np.subtract(first, second, out=np.zeros_like(first), where=np.isfinite(first))
    return scores.argmax(1).astype(np.int16), margin.astype(np.float32)


def _left_out(small: Mapping[str, int]) -> list[str]:
    listed = ", ".join(f"{name} ({count})" for name, count in small.items())
    return [f"left out, because they have too few images: {listed}"] if small else []


def _few(prepared: Prepared) -> list[str]:
    """On the class of which the fewest images are judged in a draw."""
    judged = np.stack([(prepared.labelled.marks[fold.test] == 1).sum(0) for fold in prepared.folds]).min(0)
    least = int(judged.min())
    if least >= ENOUGH:
        return []
    images = "a single image" if least == 1 else f"{least} images"
    return [f"{prepared.labelled.classes[int(judged.argmin())]} is judged by {images} in a draw: a coarse value"]


def _notes(cells: Sequence[Cell]) -> list[str]:
    notes = []
    fixed = sorted({cell.per_class for cell in cells if not cell.validated})
    if fixed:
        notes.append(f"C is {FIXED:g} with {', '.join(map(str, fixed))} images per class: too few to choose it by")
    chosen = [cell for cell in cells if cell.validated]
    ends = sum(cell.at_end for cell in chosen)
    if chosen and ends > len(chosen) / 4:
        notes.append(
            f"C lies at an end of {STRENGTHS[0]:g} to {STRENGTHS[-1]:g} in {ends} of {len(chosen)} cases; a wider "
            "range might do better"
        )
    return notes


def transfer(
    model: Model,
    data: Labelled | ImageSet | str | Path | object,
    ask: Ask = Ask(),
    features: str | Path | None = None,
    *,
    device: str = "cpu",
    workers: int = 2,
    report: Report = lambda _stage, _done, _total: None,
) -> Transfer:
    """How well linear classifiers do on each layer's features of labelled images (Zeiler & Fergus 2013, section 5.2).

    ``data`` is what ``open_labelled`` takes: class folders, an image set, a data set of the protocol. Features are kept
    in the folder ``features``, which many calls may share; None: in a temporary one. Raises AddressError,
    ImageSetError, NumberError and SettingError.
    """
    labelled = data if isinstance(data, Labelled) else open_labelled(data, ask.protocol)
    with _kept(features) as folder:
        how = Extraction(folder, ask.form, device, workers=workers)
        prepared = prepare(labelled, ask, model.preprocessing, workers, report)
        return transfer_prepared(model, prepared, how, report=report)


@contextmanager
def _kept(folder: str | Path | None) -> Iterator[Path]:
    if folder is not None:
        yield Path(folder)
        return
    with TemporaryDirectory(prefix="convscope-") as temporary:
        yield Path(temporary)
