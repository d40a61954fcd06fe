"""Correspondence: whether a network answers in the same way when the same part of different images is covered.

Zeiler & Fergus 2013, section 4.3, figure 8 and table 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from convscope.engine.forward import Forward, prepare
from convscope.engine.graphs import graph_of
from convscope.errors import about
from convscope.images import ImageSet
from convscope.images.boxes import Part, box_of
from convscope.images.parts import read_parts
from convscope.models import Model
from convscope.probes.correspondence.chance import Distances, bootstrap, drawn_distances, interval, permutation_p
from convscope.probes.correspondence.choices import Choices
from convscope.probes.correspondence.covers import PartCovers, check_room, part_covers, remarks
from convscope.probes.correspondence.places import find_places
from convscope.probes.correspondence.result import Consistency, Correspondence, Example, Interval, Settings
from convscope.probes.correspondence.signs import Signs, Starting, distances, occluded_signs
from convscope.probes.features import Feature, find_features
from convscope.probes.fills import View, fill_picture
from convscope.probes.outputs import check_eval

Progress = Callable[[int, int], None]
"""(occlusions done, occlusions in all)."""
RESAMPLES = 2_000
EXAMPLES = 8


class Options(TypedDict, total=False):
    """Settings of ``correspond`` that are given by name; what they mean and their defaults stand at ``Choices``."""

    zero: str
    draws: int
    where: str
    spread: str
    fill: str
    only: Sequence[str] | None
    side: float | None
    seed: int
    permutations: int
    device: str
    report: Progress


def correspond(
    model: Model,
    images: ImageSet,
    parts: str | Path | Sequence[Part],
    layers: Sequence[str] | None = None,
    **options: Unpack[Options],
) -> Correspondence:
    """Cover each marked part on each image, and compare between images which features fall and which rise.

    ``parts`` is a file (see ``read_parts``) or a sequence of Part, boxes in pixels of each picture. For each of
    ``layers`` (default: the top of the convolutions and the last hidden vector) and each part: Delta, the mean over
    pairs of images of the Hamming distance between sign(epsilon), by part of the dimensions; the same for random
    regions of the same size; a permutation test and bootstrap intervals. Options: see ``Choices``, and ``device``,
    ``report``. Raises PartsError, AddressError, SettingError, NumberError and ModelError.
    """
    given: dict[str, Any] = dict(options)
    run = Run(given.pop("device", "cpu"), given.pop("report", _silent))
    return correspond_by(model, images, parts, layers, Choices(**given), run)


def _silent(done: int, total: int) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Run:
    """Where an experiment runs, and who is told of its progress."""

    device: str = "cpu"
    report: Progress = _silent


def correspond_by(
    model: Model,
    images: ImageSet,
    parts: str | Path | Sequence[Part],
    layers: Sequence[str] | None,
    choices: Choices,
    run: Run,
) -> Correspondence:
    """``correspond`` with its settings as values."""
    check_eval(model)
    graph = graph_of(model, run.device)
    features = find_features(graph, layers)
    listed = read_parts(parts, images.names, side=choices.side) if isinstance(parts, str | Path) else tuple(parts)
    for part in listed:
        box_of(list(part.box), f"part {part.name!r} of {part.image!r}")
    places = find_places(images, listed, model.preprocessing, choices.only)
    covers = part_covers(places, (model.preprocessing.height, model.preprocessing.width), choices)
    check_room(covers, features)
    forward = prepare(graph, [feature.node for feature in features], run.device)
    experiment = _Experiment(model, forward, features, choices, images.names)
    rows = list(experiment.measure(covers, run.report))
    return Correspondence(
        rows=tuple(row for feature in features for row in rows if row.layer == feature.address),
        layers=tuple((feature.address, feature.dimensions) for feature in features),
        parts=places.parts,
        images=images.names,
        examples=_examples(experiment, images, covers),
        settings=_settings(choices),
        left_out=places.left_out,
        notes=(*model.notes, *remarks(covers, choices)),
    )


@dataclass(frozen=True)
class _Experiment:
    model: Model
    forward: Forward
    features: tuple[Feature, ...]
    choices: Choices
    names: tuple[str, ...]
    """Of all images of the set."""

    def starting(self, view: View) -> Starting:
        """A view with what covers it."""
        return Starting(view, fill_picture(self.choices.fill, view, self.model.preprocessing))

    def measure(self, covers: Sequence[PartCovers], report: Progress) -> Iterator[Consistency]:
        """Part by part, so that only one part's signs are held."""
        total = sum(len(row) for each in covers for row in each.rows)
        done = 0
        for number, each in enumerate(covers):
            signs: dict[str, list[Signs]] = {}
            for image, row in zip(each.images, each.rows, strict=True):
                with about(f"image {self.names[image.index]!r}"):
                    answers = occluded_signs(self.forward, self.model.preprocessing, self.starting(image.view), row)
                for node, answer in answers.items():
                    signs.setdefault(node, []).append(answer)
                done += len(row)
                report(done, total)
            for feature in self.features:
                yield self._consistency(feature.address, each, np.concatenate(signs.pop(feature.node)), number)

    def _consistency(self, layer: str, covers: PartCovers, signs: Signs, number: int) -> Consistency:
        count = len(covers.images)
        apart = distances(signs, self.choices.zero)
        each = drawn_distances(apart, count)
        rng = np.random.default_rng((self.choices.seed, number, 1))
        p = permutation_p(apart, count, self.choices.permutations, rng)
        changed = (signs != 0).mean(1).reshape(count, -1)
        whole, difference = _intervals(each, rng)
        return Consistency(
            layer=layer,
            part=covers.part,
            images=tuple(image.index for image in covers.images),
            distances=each[0],
            random_distances=each[1:],
            p=p,
            interval=whole,
            difference_interval=difference,
            changed=float(changed[:, 0].mean()),
            random_changed=float(changed[:, 1:].mean()),
        )


def _intervals(each: Distances, rng: np.random.Generator) -> tuple[Interval | None, Interval | None]:
    if each.shape[-1] < 3:
        return None, None
    part, difference = bootstrap(np.stack((each[0], each[0] - each[1:].mean(0))), RESAMPLES, rng)
    return interval(part), interval(difference)


def _settings(choices: Choices) -> Settings:
    return Settings(
        choices.zero,
        choices.draws,
        choices.where,
        choices.spread,
        choices.fill,
        choices.seed,
        choices.permutations,
    )


def _examples(experiment: _Experiment, images: ImageSet, covers: Sequence[PartCovers]) -> tuple[Example, ...]:
    """The first images, those with the most parts before others."""
    of_image: dict[int, list[tuple[PartCovers, int]]] = {}
    for each in covers:
        for row, image in enumerate(each.images):
            of_image.setdefault(image.index, []).append((each, row))
    chosen = sorted(sorted(of_image), key=lambda index: -len(of_image[index]))[:EXAMPLES]
    return tuple(_example(experiment, images.names[index], of_image[index]) for index in chosen)


def _example(experiment: _Experiment, name: str, shown: Sequence[tuple[PartCovers, int]]) -> Example:
    first, row = shown[0]
    start = experiment.starting(first.images[row].view)
    covers = {each.part: each.rows[number][0] for each, number in shown}
    return Example(name, start.view, start.fill, covers, first.rows[row][1])
