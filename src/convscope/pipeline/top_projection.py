"""One of an atlas's strongest activations, projected again by any method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from convscope.atlas.projection import Projection
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import TopRow
from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.engine.project import Way
from convscope.models import Model
from convscope.pipeline.match import check_model
from convscope.pipeline.part_projection import project_image
from convscope.pipeline.winners import Winner
from convscope.rules.coverage import coverage


def project_top(
    model: Model,
    atlas: Atlas,
    top: TopRow,
    method: str,
    device: str = "cpu",
    check: Callable[[], None] = lambda: None,
) -> Projection:
    """The activation ``top``, carried down by ``method`` from the picture that the atlas keeps of its image.

    ``check`` is called between steps and may raise. Raises AtlasMismatchError for an atlas of another model,
    AddressError if the picture was not kept, and CoverageError.
    """
    check_model(atlas, model)
    check()
    graph = graph_of(model, device)
    (layer,) = find_layers(graph, [top.layer])
    covered = coverage(graph, [layer.node], method)
    covered.check()
    view = torch.from_numpy(np.array(atlas.picture(top.image)))[None]
    check()
    winner = Winner(top.image, layer, top.unit, top.rank, top.y, top.x)
    way = Way(covered.method, atlas.manifest.settings.unpool)
    (found,) = project_image(model, view, [winner], way, device)
    return found
