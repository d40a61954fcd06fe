"""Places and units by their definition, from the module's own maps and loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.engine.graphs import graph_of
from convscope.engine.layers import find_layers
from convscope.errors import NumberError
from convscope.probes.trust.spots import find_spots
from tests.engine.make import LAYERS, exact_model, exact_net, maps_of, pictures

COUNT = 5


def test_the_place_is_where_most_answers_and_the_units_the_strongest_there() -> None:
    made = pictures(COUNT, levels=256)
    model = exact_model()
    graph = graph_of(model)
    layers = find_layers(graph, LAYERS)
    images = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float()
    found = find_spots(graph, layers, images, 4)
    for layer in layers:
        maps = maps_of(exact_net(), layer.address, made).clamp_min(0).numpy()
        largest = maps.max((0, 2, 3))
        part = maps / np.where(largest > 0, largest, 1)[None, :, None, None]
        for image, spot in enumerate(found[layer.address]):
            sums = part[image].sum(0)
            assert sums[spot.y, spot.x] == pytest.approx(sums.max())
            here = part[:, :, spot.y, spot.x]
            active = [int(u) for u in np.argsort(-here[image], kind="stable") if here[image, u] > 0]
            assert list(spot.units) == active[:4]
            for unit, elsewhere in zip(spot.units, spot.elsewhere, strict=True):
                others = [(image + step) % COUNT for step in range(1, COUNT)]
                assert elsewhere == next((other for other in others if here[other, unit] > 0), None)


def test_a_layer_that_never_answers_has_spots_without_units() -> None:
    model = exact_model()
    with torch.no_grad():
        for part in (model.module[0], model.module[3]):  # type: ignore[index]
            part.weight.zero_()
            part.bias.fill_(-1)
    graph = graph_of(model)
    layers = find_layers(graph, LAYERS)
    found = find_spots(graph, layers, torch.zeros(2, 3, 32, 32), 4)
    assert all(spot.units == () for spots in found.values() for spot in spots)


def test_one_image_has_no_other_to_go_to() -> None:
    graph = graph_of(exact_model())
    layers = find_layers(graph, LAYERS)
    image = torch.from_numpy(pictures(1, levels=256)[0]).permute(2, 0, 1)[None].float()
    (spot,) = find_spots(graph, layers, image, 3)[LAYERS[0]]
    assert len(spot.units) == 3
    assert set(spot.elsewhere) == {None}


def test_nan_is_an_error() -> None:
    model = exact_model()
    with torch.no_grad():
        model.module[0].bias[0] = torch.nan  # type: ignore[index]
    graph = graph_of(model)
    with pytest.raises(NumberError, match="layer '1' gives NaN or infinity"):
        find_spots(graph, find_layers(graph, LAYERS), torch.zeros(1, 3, 32, 32), 3)
