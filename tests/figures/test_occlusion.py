"""The figure has all its panels: looked at as pixels, by the colours that only they can have."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.figures.occlusion import TILE, Examples, figure_png
from convscope.models import load_model
from convscope.probes.occlusion.map import OcclusionMap
from convscope.probes.occlusion.occlude import occlude
from convscope.probes.occlusion.refine import Approximate
from tests.probes.make import FEEDING, LAYER, classifier, model, picture

DARKEST, BRIGHTEST = (68, 1, 84), (253, 231, 37)
"""The ends of the colour scale."""
FIRST_LABEL, SECOND_LABEL, OTHERS = (59, 111, 182), (225, 129, 44), (181, 181, 181)


@pytest.fixture(scope="module")
def found() -> OcclusionMap:
    return occlude(model(), picture(), 6, 3)


def pixels(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as opened:
        return np.asarray(opened.convert("RGB"))


def area(figure: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((figure == np.array(colour, np.uint8)).all(-1).sum())


def panels(figure: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The figure in five columns, without the heading."""
    return [part[170:600] for part in np.array_split(figure, 5, axis=1)]


def test_five_panels_each_with_what_belongs_there(found: OcclusionMap) -> None:
    figure = pixels(figure_png(found, "a title"))
    assert figure.shape[1] > 2000
    a, b, c, d, e = panels(figure)
    assert area(a, (128, 128, 128)) > 50  # the grey occluder
    for panel in (b, d):
        assert area(panel, DARKEST) > 100
        assert area(panel, BRIGHTEST) > 100
    assert area(c, (0, 0, 0)) > 2000  # the frame
    assert area(e, FIRST_LABEL) > 100
    assert all(panel.std() > 5 for panel in (a, b, c, d, e))
    assert (figure[:20] == 255).all()


def test_labels_by_how_often_they_occur_and_the_rest_is_grey(found: OcclusionMap) -> None:
    assert found.labels is not None
    index = np.arange(found.labels.index.size).reshape(found.grid.shape) % 12
    many = replace(
        found,
        labels=replace(found.labels, index=index),
        outputs=replace(found.outputs, count=12, names=(), predicted=3),
    )
    e = panels(pixels(figure_png(many)))[4]
    sizes = [area(e, colour) for colour in (FIRST_LABEL, SECOND_LABEL, OTHERS)]
    assert min(sizes) > 500
    assert sizes[2] > 3 * sizes[0]


def test_every_layer_has_its_row() -> None:
    two = occlude(model(), picture(), 8, layers=["1", LAYER])
    one = replace(two, layers=two.layers[:1])
    assert pixels(figure_png(two)).shape[0] > 1.6 * pixels(figure_png(one)).shape[0]


def test_examples_stand_beside_the_framed_projection(found: OcclusionMap) -> None:
    tiles = tuple(np.full((TILE, TILE, 3), (200, 10 * n, 7), np.uint8) for n in range(10))
    c = panels(pixels(figure_png(found, examples=[Examples(tiles, "others")])))[2]
    assert [area(c, (200, 10 * n, 7)) > 1000 for n in range(10)] == [True] * 8 + [False] * 2
    assert area(c, (0, 0, 0)) > 500


def test_the_occluder_can_be_drawn_anywhere(found: OcclusionMap) -> None:
    corner = pixels(figure_png(found, place=0))
    assert not np.array_equal(panels(corner)[0], panels(pixels(figure_png(found)))[0])
    assert np.array_equal(panels(corner)[3], panels(pixels(figure_png(found)))[3])


def test_an_approximate_map_says_so_in_its_heading() -> None:
    whole = occlude(model(), picture(), 4, 1)
    rough = occlude(model(), picture(), 4, 1, approximate=Approximate())
    heading = [pixels(figure_png(made))[96:120] for made in (whole, rough)]
    assert (heading[0] == 255).all()
    assert (heading[1] < 100).sum() > 500


def test_what_is_missing_leaves_room(found: OcclusionMap) -> None:
    features = load_model(classifier()[:5].eval(), preprocessing=FEEDING)
    bare = occlude(features, picture(), 24, target=f"{LAYER}:0")  # one place, no labels
    bare = replace(bare, layers=(replace(bare.layers[0], projection=None, method=None),))
    assert bare.grid.shape == (1, 1)
    assert pixels(figure_png(bare)).shape == pixels(figure_png(found)).shape


@pytest.mark.parametrize("name", ["$x^$", "犬", "a" * 200, "\\frac"])
def test_any_class_name_can_be_drawn(found: OcclusionMap, name: str) -> None:
    named = replace(
        found,
        outputs=replace(found.outputs, names=(name,) * 5),
        target=replace(found.target, name=name),
    )
    assert pixels(figure_png(named, name)).std() > 5
