"""One of an atlas's strongest activations, projected again by any method."""

from __future__ import annotations

from collections.abc import Callable

import torch

from convscope.atlas.projection import Projection
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import TopRow
from convscope.engine.graphs import digest_of, graph_of
from convscope.engine.project import Way, project_units
from convscope.engine.trace import trace
from convscope.errors import AtlasMismatchError
from convscope.models import Model
from convscope.rules.coverage import coverage
