"""What each kind of job that runs a network asks for: one function each, from what the job itself is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convscope.engine.allowance import PAIR
from convscope.images import ImageSet
from convscope.images.parts import read_parts
from convscope.models import Model
from convscope.pipeline.atlas_trust import images_for
from convscope.pipeline.build import Ask
from convscope.pipeline.diagnosis import DiagnosisAsk
from convscope.pipeline.invariance import InvarianceAsk
from convscope.pipeline.trust import TrustAsk
from convscope.probes.correspondence.choices import Choices
from convscope.probes.diagnosis.aliasing import AT_ONCE
from convscope.probes.evolution.checkpoint import Checkpoint
from convscope.probes.evolution.study import Settings as Study
from convscope.probes.invariance.transform import find_transform, find_values
from convscope.probes.trust.measure import LAYERS
from convscope.resources.demand import Demand
from convscope.resources.net import Net
from convscope.resources.pace import seconds_per_image, seconds_per_pixel
from convscope.resources.stored import JOURNAL, PAGES, SAMPLE, Kept

if TYPE_CHECKING:  # it needs an extra
    from convscope.probes.transfer.labelled import Labelled
    from convscope.probes.transfer.transfer import Ask as Transfer

FORWARD = "from one pass of the network and one image, timed here"
TESTS = 12
"""Walks down for the sanity scores of a layer, of each image that they are measured on."""
ON_WINDOWS = 0.1
"""Time of a walk down a window of middling size, as a part of a pass."""
SPECTRA = 10 * 4 * AT_ONCE
"""Bytes of the maps before thinning that are compared at once, their spectra, and what is made of these."""
FIGURES = 3_000_000
"""Bytes of the figures and tables of a result, roughly."""


def atlas(
    model: Model,
    images: ImageSet,
    ask: Ask,
    *,
    batch: int,
    workers: int,
    device: str,
    pages: bool,
) -> Demand:
    """The scan of all images, then the projections of the strongest."""
    net = Net.of(model, ask.layers, device)
    kept = Kept(len(images), net.size, model.preprocessing.channels, ask.top, ask.units, ask.raw)
    units = sum(layer.units for layer in net.layers)
    projections = kept.projections(net.layers)
    pixels = sum(kept.projected(layer) * kept.box(layer) for layer in net.layers)
    winning = kept.images_on_top(net.layers)
    predicted = (len(images) + (winning if projections else 0)) * net.found.predicted
    predicted += sum(kept.projected(layer) * net.down(layer) for layer in net.layers)
    if ask.trust and projections:
        predicted += TESTS * images_for(len(net.layers)) * sum(map(net.down, net.layers))
    tallies = units * (kept.top * 32 + 200 + 4 * min(len(images), SAMPLE))

    scanning = net.passing(batch, workers, 2 * tallies)

    def seconds() -> float:
        encoding = 0.0 if kept.raw else pixels * seconds_per_pixel()
        reading = (len(images) / workers + winning) * seconds_per_image(images, model.preprocessing)
        return predicted * net.slowness() + encoding + reading

    journal = units * kept.top * JOURNAL * -(-len(images) // 256)
    return Demand(
        "atlas",
        len(images),
        units,
        projections,
        steps=(scanning, net.descending(projections, tallies)) if projections else (scanning,),
        disk=kept.store(net.layers) + journal + (PAGES * units if pages else 0),
        measure=seconds,
        basis=FORWARD,
    )


def project(model: Model, layer: str, device: str) -> Demand:
    """One activation of one image."""
    net = Net.of(model, [layer], device)
    predicted = net.found.predicted + net.down(net.layers[0])
    return Demand(
        "project",
        images=1,
        units=1,
        projections=1,
        steps=(net.descending(1),),
        disk=6 * net.view,
        measure=lambda: predicted * net.slowness(),
        basis=FORWARD,
    )


def occlude(model: Model, images: ImageSet, places: int, predicted: float, device: str) -> Demand:
    """A sweep over each image, of ``predicted`` seconds (as planned for the imagined machine)."""
    net = Net.whole(model, device)
    total = len(images) * (predicted + 2 * net.found.predicted)
    return Demand(
        "occlude",
        len(images),
        steps=(net.sweeping(), net.descending(1), net.passing(16, 0)),
        disk=len(images) * (400_000 + 100 * places),
        measure=lambda: total * net.slowness(),
        basis=FORWARD,
    )


def passes(
    job: str,
    models: Sequence[Model],
    images: int,
    each: float,
    *,
    source: ImageSet | None,
    batch: int,
    device: str,
    disk: int,
    descents: int = 0,
    state: int = 0,
    least: int = 1,
) -> Demand:
    """A job that is ``each`` forward passes, or what takes as long, of every one of so many images, for each model."""
    nets = [Net.whole(model, device) for model in models]
    steps = [net.passing(batch, 1, state, least) for net in nets] + [
        net.descending(descents, state) for net in nets if descents
    ]

    def seconds() -> float:
        computing = sum(images * each * net.found.predicted * net.slowness() for net in nets)
        decoding = 0.0 if source is None else images * seconds_per_image(source, models[0].preprocessing)
        return computing + decoding

    return Demand(job, images, steps=tuple(steps), disk=disk, measure=seconds, basis=FORWARD)


def invariance(models: Sequence[Model], images: ImageSet, ask: InvarianceAsk, device: str) -> Demand:
    """Each image as it is, and by every value of every transform."""
    size = (models[0].preprocessing.height, models[0].preprocessing.width)
    each = sum(1 + len(find_values(find_transform(name), ask.values, size)) for name in ask.transforms)
    count = min(ask.options.get("limit") or len(images), len(images))
    disk = len(models) * (FIGURES + 200 * each * count)
    return passes("invariance", models, count, each, source=images, batch=40, device=device, disk=disk, least=PAIR)


def correspond(model: Model, images: ImageSet, parts: Path, choices: Choices, device: str) -> Demand:
    """Each marked part covered, and so many random regions beside it."""
    marked = read_parts(parts, images.names, side=choices.side)
    taken = [part for part in marked if not choices.only or part.name in choices.only]
    covers = len(taken) * (1 + choices.draws)
    each = covers / len(images)
    return passes(
        "correspond", [model], len(images), each, source=images, batch=16, device=device, disk=FIGURES, least=PAIR
    )


def diagnose(models: Sequence[Model], images: ImageSet | None, ask: DiagnosisAsk, device: str) -> Demand:
    """Each image as it is and shifted; without images, the weights alone."""
    count = 0 if images is None else min(ask.limit or len(images), len(images))
    disk, state = len(models) * FIGURES, SPECTRA if count else 0
    return passes(
        "diagnose", models, count, 1 + ask.shifts, source=images, batch=16, device=device, disk=disk, state=state
    )


def evolve(checkpoints: Sequence[Checkpoint], images: ImageSet, study: Study, layers: Sequence[str] | None) -> Demand:
    """Every image at every checkpoint, and the projections of some units."""
    net = Net.of(checkpoints[0].load(), layers, study.device)
    shown = study.units * len(net.layers) if isinstance(study.units, int) else len(study.units)
    projections = shown * len(checkpoints)
    units = sum(layer.units for layer in net.layers)
    predicted = len(checkpoints) * len(images) * net.found.predicted + projections * net.found.predicted
    each = units * len(images) * 4
    return Demand(
        "evolve",
        len(images),
        units,
        projections,
        steps=(net.passing(study.batch_size, study.workers or 1, 2 * each), net.descending(projections, 2 * each)),
        disk=len(checkpoints) * each + projections * 3 * net.view + FIGURES,
        measure=lambda: predicted * net.slowness() + len(images) * seconds_per_image(images, net.model.preprocessing),
        basis=FORWARD,
    )


def _tested(layers: Sequence[str] | None) -> int:
    """How many layers are tested, at most; None: those that are chosen by default."""
    return LAYERS if layers is None else len(layers)


def trust(model: Model, images: ImageSet, ask: TrustAsk, device: str) -> Demand:
    """For every method and layer, some pictures of each image, with the weights as they are and re-initialised."""
    methods = 3 if ask.method == "all" else 1
    each = methods * _tested(ask.layers) * (ask.steps + 2) * (1 + (ask.units + 1) * ON_WINDOWS)
    count = min(ask.count, len(images))
    return passes("trust", [model], count, each, source=images, batch=count, device=device, disk=FIGURES, descents=8)


def verify(model: Model, images: ImageSet, count: int, layers: Sequence[str] | None, device: str) -> Demand:
    """A few images, each several times over for each layer."""
    return _verified(model, images, count, 4 + 7 * _tested(layers), device)


def verify_atlas(model: Model, images: ImageSet, count: int, device: str) -> Demand:
    """A few images, and some of what an atlas keeps of each."""
    return _verified(model, images, count, 10, device)


def _verified(model: Model, images: ImageSet, count: int, each: int, device: str) -> Demand:
    used = min(count, len(images))
    return passes("verify", [model], used, each, source=images, batch=used, device=device, disk=0, descents=8)


def evaluate(models: Sequence[Model], images: ImageSet, crops: int, device: str) -> Demand:
    """Each image, in so many crops."""
    return passes("evaluate", models, len(images), crops, source=images, batch=64, device=device, disk=0)


def transfer(model: Model, data: Labelled, ask: Transfer, device: str) -> Demand:
    """Each image once, its features kept, and classifiers on them; the time of those is not foretold."""
    from convscope.probes.transfer.extract import wanted_features

    columns = sum(each.columns for each in wanted_features(model, ask.layers, ask.form, device))
    images = data.images
    disk = len(images) * columns * 4 + FIGURES
    return passes(
        "transfer", [model], len(images), 1, source=images, batch=32, device=device, disk=disk, state=ask.memory
    )
