"""One number of a whole network each, for those who compare many networks: lower is better unless said otherwise.

Each makes its own pass over the images; ``diagnose`` makes one for all. Options are those of ``diagnose``.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from convscope.engine.graphs import graph_of
from convscope.errors import SettingError
from convscope.models import Model
from convscope.probes.diagnosis.activity import activity_of
from convscope.probes.diagnosis.diagnose import shifts_of, show
from convscope.probes.diagnosis.layers import strided_op
from convscope.probes.diagnosis.observe import Watched
from convscope.probes.diagnosis.result import ActivityLayer, StridedOp
from convscope.probes.diagnosis.settings import Options, Pictures, Settings
from convscope.probes.diagnosis.sites import find_sites
from convscope.probes.diagnosis.strided import find_strided
from convscope.probes.diagnosis.weights import convolutions, first_layer
from convscope.probes.outputs import check_eval


def dead_share(model: Model, images: Pictures, **options: Unpack[Options]) -> float:
    """Share of all units, over all layers and hidden vectors, that never answer to any of the images.

    Raises SettingError for a network without such.
    """
    layers = [layer for layer in unit_layers(model, images, **options) if not layer.gate]
    if not layers:
        raise SettingError("there is no share of dead units: the network has no layer of units that could be")
    return float(np.concatenate([layer.dead for layer in layers]).mean())


def mid_coverage(model: Model) -> float:
    """Share of the mid band that first-layer filters cover: higher is better. Raises SettingError without such."""
    graph = graph_of(model)
    found, _ = convolutions(graph)
    first, missing = first_layer(found, graph)
    if first is None or first.spectra is None:
        raise SettingError(f"there is no spectrum of a first layer: {missing[0].reason}")
    return first.spectra.covered


def aliasing(model: Model, images: Pictures, **options: Unpack[Options]) -> float:
    """Share of energy above the new Nyquist limit, the mean over the ops that drop positions; 0 if there are none."""
    found = strided_ops(model, images, **options)
    return float(np.mean([op.above for op in found])) if found else 0.0


def map_consistency(model: Model, images: Pictures, **options: Unpack[Options]) -> float:
    """Agreement of thinned maps when their input moves, the mean over ops: higher is better; 1 if there are none."""
    found = [op.agreement for op in strided_ops(model, images, **options) if op.agreement is not None]
    return float(np.mean(found)) if found else 1.0


def shift_consistency(model: Model, images: Pictures, **options: Unpack[Options]) -> float:
    """Share of images and shifts that keep the predicted class: higher is better; raises SettingError without any."""
    settings = Settings(**options)
    check_eval(model)
    graph = graph_of(model, settings.device)
    shifts, missing = shifts_of(model, graph, settings.shifts)
    found = show(Watched(model, graph, shifts=shifts), images, settings).consistency if shifts else None
    if found is None:
        raise SettingError(f"no class can be followed: {missing[0].reason}")
    return found.mean


def unit_layers(model: Model, images: Pictures, **options: Unpack[Options]) -> tuple[ActivityLayer, ...]:
    """The units of ``diagnose``, and nothing else."""
    settings = Settings(**options)
    check_eval(model)
    graph = graph_of(model, settings.device)
    sites, _ = find_sites(graph)
    seen = show(Watched(model, graph, sites=sites), images, settings)
    return tuple(activity_of(site, seen.units[site.node]) for site in sites)


def strided_ops(model: Model, images: Pictures, **options: Unpack[Options]) -> tuple[StridedOp, ...]:
    """The aliasing of ``diagnose``, and nothing else; what cannot be measured is left out."""
    settings = Settings(**options)
    check_eval(model)
    graph = graph_of(model, settings.device)
    strided, _ = find_strided(graph, settings.channels)
    seen = show(Watched(model, graph, strided=strided), images, settings)
    return tuple(each for each in (strided_op(op, seen) for op in strided) if each is not None)
