"""Diagnosis: dead, dominating and duplicate filters, missing frequencies, aliasing (Zeiler & Fergus 2013, figure 6)."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Unpack

from convscope.engine.graphs import graph_of
from convscope.errors import SettingError
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.images.spread import spread
from convscope.models import Model
from convscope.probes.diagnosis.activity import activity_of
from convscope.probes.diagnosis.judge import (
    judged,
    numbers_of_activity,
    numbers_of_filters,
    numbers_of_first,
    numbers_of_shifts,
    numbers_of_strided,
)
from convscope.probes.diagnosis.layers import filter_layer, strided_op, unmeasured
from convscope.probes.diagnosis.observe import Seen, Watched, observe
from convscope.probes.diagnosis.reference import reference_nets, references
from convscope.probes.diagnosis.result import Diagnosis, LeftOut, StridedOp
from convscope.probes.diagnosis.settings import Options, Pictures, Settings
from convscope.probes.diagnosis.sites import Site, find_sites
from convscope.probes.diagnosis.strided import Strided, find_strided
from convscope.probes.diagnosis.weights import convolutions, first_layer
from convscope.probes.outputs import check_eval


def diagnose(model: Model, images: Pictures | None = None, **options: Unpack[Options]) -> Diagnosis:
    """Look for what is wrong with a network: in its filters, and with ``images`` in what they make of them.

    Filters are those that act, a batch normalisation folded in. Without images only weights are looked at, and
    ``left_out`` says what was not. Options: see ``Options``. Images that cannot be used are listed. Raises
    SettingError, ImageSetError, NumberError, ModelError and ExportError.
    """
    settings = Settings(**options)
    check_eval(model)
    graph = graph_of(model, settings.device)
    found, left_out = convolutions(graph)
    first, missing = first_layer(found, graph)
    sites, no_units = find_sites(graph)
    strided, no_aliasing = find_strided(graph, settings.channels)
    left_out = (*left_out, *missing, *no_units, *no_aliasing)
    if images is None:
        left_out = (*left_out, *_needing_images(sites, strided))
        seen = None
    else:
        shifts, no_shifts = shifts_of(model, graph, settings.shifts)
        seen = show(Watched(model, graph, sites, strided, shifts), images, settings)
        left_out = (*left_out, *no_shifts, *unmeasured(strided, seen))
    filters = tuple(filter_layer(graph, each, sites if seen else ()) for each in found)
    activity = tuple(activity_of(site, seen.units[site.node]) for site in sites) if seen else ()
    ops = tuple(each for each in (strided_op(op, seen) for op in strided) if each is not None) if seen else ()
    consistency = seen.consistency if seen else None
    if consistency is not None and consistency.classes == 1:
        left_out = (*left_out, LeftOut("the predicted class under shifts", "all images get the same class anyway"))
    count = seen.images if seen else 0
    numbers = chain(
        numbers_of_filters(filters),
        numbers_of_first(first),
        numbers_of_activity(activity, count),
        numbers_of_strided(ops),
        numbers_of_shifts(consistency, count),
    )
    return Diagnosis(
        model=model.spec,
        filters=filters,
        first=first,
        activity=activity,
        strided=ops,
        shifts=consistency,
        images=count,
        findings=judged(list(numbers), references()),
        left_out=left_out,
        skipped=tuple(seen.skipped) if seen else (),
        notes=(*model.notes, *_remarks(model, ops)),
    )


def _needing_images(sites: tuple[Site, ...], strided: tuple[Strided, ...]) -> tuple[LeftOut, ...]:
    what = (
        f"dead, rarely active and saturated units of {len(sites)} layers",
        f"aliasing and shift-consistency of {len(strided)} ops with a stride",
        "the predicted class under shifts",
    )
    return tuple(LeftOut(each, "needs images") for each in what)


def shifts_of(model: Model, graph: OpGraph, wanted: int) -> tuple[int, tuple[LeftOut, ...]]:
    """How many shifts can be made, and why not more."""
    shape = graph.by_name[graph.output].shape if graph.output in graph.by_name else None
    if shape is None or len(shape) != 2 or shape[1] < 2:
        return 0, (LeftOut("the predicted class under shifts", f"the output of shape {shape} is no row of classes"),)
    if wanted == 0:
        return 0, (LeftOut("the predicted class under shifts", "shifts is 0"),)
    most = min(model.preprocessing.height, model.preprocessing.width) - 1
    if wanted > most:
        raise SettingError(f"shifts is {wanted} pixels, and the model sees {most + 1}; give at most {most}")
    return wanted, ()


def _remarks(model: Model, ops: tuple[StridedOp, ...]) -> list[str]:
    notes = []
    if model.spec in {net.spec for net in reference_nets()}:
        notes.append("this network is itself among the reference nets, so it is compared with itself")
    part = [op for op in ops if len(op.measured) < op.units]
    if part:
        most = max(len(op.measured) for op in part)
        notes.append(f"aliasing of {len(part)} ops was measured on at most {most} of their channels, evenly spaced")
    return notes


def show(watched: Watched, images: Pictures, settings: Settings) -> Seen:
    """One pass over the images that were asked for; raises ImageSetError and NumberError."""
    source = images if isinstance(images, ImageSet) else ImageSet.open(images)
    asked = replace(watched, batch_size=settings.batch_size, device=settings.device)
    return observe(asked, source, spread(len(source), settings.limit), settings.report)
