"""Atlas, unit and projection in a notebook: real PNG and HTML, and every name escaped."""

from __future__ import annotations

import io
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convscope.atlas.look import COLUMNS, TILE, UnitView
from convscope.atlas.projection import SMALLEST_SHOWN, Projection
from convscope.atlas.reader import Atlas
from convscope.display import PAPER, display_scale, fit, to_picture
from convscope.errors import AddressError
from tests.atlas.make import make_atlas

NASTY = "<script>alert('x')</script>&\""
OPEN_FOR_EVER = {"img", "br"}


class Cells(HTMLParser):
    """Collects the texts of table cells and images, and insists that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.images: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"p", "b", "img", "table", "tr", "th", "td"}, f"<{tag}> was let through"
        if tag not in OPEN_FOR_EVER:
            self.open.append(tag)
        else:
            self.images.append(dict(attrs)["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return Atlas.open(make_atlas(tmp_path_factory.mktemp("look") / "atlas", [("conv", 3), (NASTY.replace(" ", ""), 2)]))


def decoded(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        return np.asarray(picture)


def test_a_look_is_what_the_reader_tells(atlas: Atlas) -> None:
    view = atlas.look("conv:1")
    assert (view.layer, view.unit, view.top) == (atlas.layer("conv"), atlas.unit("conv", 1), atlas.top("conv", 1))
    assert view.names == tuple(atlas.image(row.image).name for row in view.top)
    assert [p.rank for p in view.projections] == list(range(9))
    for rank, found in enumerate(view.projections):
        single = atlas.projection("conv", 1, rank)
        assert single is not None
        assert (found.pixels == single.pixels).all()


def test_the_picture_holds_projections_left_and_patches_right(atlas: Atlas) -> None:
    view = atlas.look("conv:0")
    picture = decoded(view._repr_png_())
    height, width, _ = picture.shape
    assert height == COLUMNS * TILE + (COLUMNS - 1) * 2
    second = view.top[1]
    seen = atlas.picture(second.image)[second.top : second.bottom, second.left : second.right]
    left = width - height + TILE + 2  # the second tile of the right square
    assert (picture[:TILE, left : left + TILE] == fit(seen, TILE)).all()
    windows = [p.pixels for p in view.projections]  # the synthetic boxes are the receptive windows
    first = fit(to_picture(windows[0], display_scale(windows)), TILE)
    assert (picture[:TILE, :TILE] == first).all()


def test_html_holds_the_picture_and_the_numbers(atlas: Atlas) -> None:
    view = atlas.look("conv:0")
    shown = Cells(view._repr_html_())
    (source,) = shown.images
    assert b64decode(source.removeprefix("data:image/png;base64,")) == view._repr_png_()
    assert {f"{view.unit.peak_max:.4g}", *view.names, "7 x 7 pixels"} <= set(shown.cells)


def test_a_dead_unit_is_shown_as_such(atlas: Atlas) -> None:
    view = atlas.look("conv:2")
    assert "never: a dead unit" in Cells(view._repr_html_()).cells
    assert "No projections were kept" in view._repr_html_()
    assert set(np.unique(view.picture())) == {PAPER, 255}


def test_no_name_becomes_markup(atlas: Atlas) -> None:
    address = NASTY.replace(" ", "")
    table = Cells(atlas._repr_html_())
    assert address in table.cells
    view = atlas.look(f"{address}:0")
    hostile: UnitView = replace(view, names=tuple(NASTY for _ in view.names), method=NASTY)
    assert Cells(hostile._repr_html_()).cells.count(NASTY) == len(view.names)


def test_the_table_of_an_atlas_counts_dead_units(atlas: Atlas) -> None:
    cells = Cells(atlas._repr_html_()).cells
    place = cells.index("conv")
    layer = atlas.layer("conv")
    assert cells[place : place + 5] == ["conv", f"{layer.height} x {layer.width}", "3", "1", "7 x 7 pixels"]


def test_whole_image_fields_and_gates_are_named(atlas: Atlas) -> None:
    view = atlas.look("conv:0")
    whole = replace(view, layer=replace(view.layer, stride_y=0, gated=True))
    assert "whole image, gated" in Cells(whole._repr_html_()).cells


def test_a_position_is_refused(atlas: Atlas) -> None:
    with pytest.raises(AddressError, match=r"Look at conv:0"):
        atlas.look("conv:0@1,1")


def test_a_missing_picture_is_a_blank_patch(tmp_path: Path) -> None:
    folder = make_atlas(tmp_path / "atlas", [("conv", 2)])
    (folder / "pictures" / "0.parquet").unlink()
    assert all((patch == PAPER).all() for patch in Atlas.open(folder).look("conv:0").patches)


@pytest.mark.parametrize("side", [1, 7, 40, 200])
def test_a_stored_projection_shows_itself_large_enough(side: int) -> None:
    pixels = np.random.default_rng(side).normal(size=(side, side, 3)).astype(np.float32)
    shown = decoded(Projection("conv", 0, 0, 0, "gradient", 0, 0, pixels)._repr_png_())
    assert shown.shape == (max(side, SMALLEST_SHOWN),) * 2 + (3,)
    if side >= SMALLEST_SHOWN:
        assert (shown == to_picture(pixels, display_scale([pixels]))).all()


def test_a_notebook_finds_the_pictures(atlas: Atlas) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    offered, _ = formatters.DisplayFormatter().format(atlas.look("conv:0"))
    assert {"image/png", "text/html"} <= offered.keys()
    offered, _ = formatters.DisplayFormatter().format(atlas)
    assert "text/html" in offered
