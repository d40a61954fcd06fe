from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from convscope.atlas.projection import Projection
from convscope.atlas.reader import Atlas
from convscope.atlas.schema import TopRow
from convscope.atlas.tiles import crop, crop_projection, unit_block, unit_tiles
from convscope.display import GREY, PAPER, WHITE, display_scale, fit, grid, to_picture, to_png
from convscope.errors import AddressError
from convscope.render import contact_sheet
from tests.atlas.make import make_atlas


def row(top: int, left: int, bottom: int, right: int, rank: int = 0) -> TopRow:
    return TopRow("conv", 0, None, rank, 0, 1.0, 0, 0, top, left, bottom, right, False)


def colour(shade: int, height: int = 8, width: int = 8) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((height, width, 3), shade, np.uint8)


def test_scale_is_the_percentile_of_all_non_zero_values() -> None:
    generator = np.random.default_rng(1)
    some = [generator.normal(size=(n, n, 3)).astype(np.float32) for n in (3, 5, 8)]
    values = sorted(abs(float(value)) for pixels in some for value in pixels.ravel())
    place = 0.995 * (len(values) - 1)
    low = int(place)
    expected = values[low] + (place - low) * (values[low + 1] - values[low])
    assert display_scale(some) == pytest.approx(expected, rel=1e-12)
    padded = [np.pad(pixels, ((0, 40), (0, 40), (0, 0))) for pixels in some]
    assert display_scale(padded) == display_scale(some)


@pytest.mark.parametrize("some", [[], [np.zeros((2, 2, 3), np.float32)], [np.zeros((0, 2, 3), np.float32)]])
def test_scale_of_nothing_is_one(some: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]) -> None:
    assert display_scale(some) == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scale_of_non_finite_values_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="NaN or infinite"):
        display_scale([np.full((1, 1, 1), value, np.float32)])


@given(
    st.floats(-(2.0**100), 2.0**100, width=32),
    st.floats(2.0**-100, 2.0**100, width=32),
)
def test_shades_are_symmetric_and_zero_is_mid_grey(value: float, scale: float) -> None:
    pixels = np.array([0, value, -value], np.float32).reshape(1, 3, 1)
    zero, up, down = to_picture(pixels, scale)[0, :, 0].astype(int).tolist()
    assert zero == GREY == 128
    assert up - zero == zero - down
    assert abs((up - zero) - 127 * max(min(value / scale, 1), -1)) <= 0.5 + 1e-9


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_numbers_of_channels_are_shown_in_grey(channels: int) -> None:
    pixels = np.random.default_rng(0).normal(size=(4, 5, channels)).astype(np.float32)
    picture = to_picture(pixels, 2.0)
    assert picture.shape == (4, 5, 3)
    assert (picture == to_picture(np.repeat(pixels.mean(axis=-1, keepdims=True), 3, axis=-1), 2.0)).all()


def test_png_keeps_every_pixel() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(to_png(picture)))) == picture).all()
    assert (np.asarray(Image.open(io.BytesIO(to_png(picture[..., :1])))) == picture[..., :1]).all()


def test_patch_and_projection_are_cut_alike() -> None:
    generator = np.random.default_rng(0)
    canvas = generator.normal(size=(20, 24, 3)).astype(np.float32)
    for box in ((3, 4, 9, 11), (0, 0, 20, 24), (5, 5, 6, 7), (8, 2, 18, 20)):
        top, left, bottom, right = box
        part = Projection("conv", 0, 0, 0, "gradient", top, left, canvas[top:bottom, left:right])
        whole = np.zeros_like(canvas)
        whole[top:bottom, left:right] = canvas[top:bottom, left:right]
        window = row(4, 3, 12, 16)
        assert (crop_projection(part, window) == whole[4:12, 3:16]).all()
    picture = generator.integers(0, 256, (20, 24, 1)).astype(np.uint8)
    assert (crop(picture, row(4, 3, 12, 16)) == picture[4:12, 3:16].repeat(3, axis=-1)).all()


def test_small_windows_are_enlarged_as_squares() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    assert (fit(picture, 42) == picture.repeat(6, axis=0).repeat(6, axis=1)).all()


@pytest.mark.parametrize(("height", "width"), [(7, 3), (3, 7), (200, 50), (1, 300), (30, 31)])
def test_fit_keeps_the_aspect_and_centres(height: int, width: int) -> None:
    tile = fit(colour(10, height, width), 48)
    assert tile.shape == (48, 48, 3)
    inside = (tile == 10).all(axis=-1)
    assert (tile[~inside] == PAPER).all()
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    assert inside.sum() == len(rows) * len(columns)
    ratio = 48 / max(height, width)
    assert (len(rows), len(columns)) == (max(round(height * ratio), 1), max(round(width * ratio), 1))
    assert abs(rows[0] - (47 - rows[-1])) <= 1
    assert abs(columns[0] - (47 - columns[-1])) <= 1


def test_tile_of_its_own_size_is_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    assert (fit(picture, 48) == picture).all()


def test_grid() -> None:
    sheet = grid([colour(shade) for shade in range(5)], columns=2, gap=3)
    assert sheet.shape == (3 * 8 + 2 * 3, 2 * 8 + 3, 3)
    for shade in range(5):
        y, x = shade // 2 * 11, shade % 2 * 11
        assert (sheet[y : y + 8, x : x + 8] == shade).all()
    assert (sheet == WHITE).sum() == sheet.size - 5 * 8 * 8 * 3
    with pytest.raises(ValueError, match="at least one"):
        grid([], 3)


def test_block_has_projections_left_and_patches_right() -> None:
    block = unit_block([colour(shade) for shade in range(9)], [colour(100 + shade) for shade in range(9)])
    side = 3 * 8 + 2 * 2
    assert block.shape == (side, 2 * side + 6, 3)
    for shade in range(9):
        y, x = shade // 3 * 10, shade % 3 * 10
        assert (block[y : y + 8, x : x + 8] == shade).all()
        assert (block[y : y + 8, side + 6 + x : side + 14 + x] == 100 + shade).all()
    with pytest.raises(ValueError, match="a patch for every projection"):
        unit_block([colour(1)], [])


def test_tiles_share_one_scale_and_keep_the_place_of_what_is_missing() -> None:
    weak, strong = np.full((4, 4, 3), 0.5, np.float32), np.full((4, 4, 3), -1, np.float32)
    made = {rank: Projection("conv", 0, rank, 0, "gradient", 0, 0, pixels) for rank, pixels in ((0, weak), (2, strong))}
    tiles = unit_tiles([row(0, 0, 4, 4, rank) for rank in range(3)], list(made.values()), 8)
    assert [tile[0, 0, 0] for tile in tiles] == [128 + 64, PAPER, 1]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return Atlas.open(make_atlas(tmp_path_factory.mktemp("atlas"), layers=[("conv1", 5), ("conv2", 3)]))


def find(sheet: Image.Image, block: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> list[tuple[int, int]]:
    """Where on the sheet the block lies, as (row, column)."""
    pixels, (height, width, _) = np.asarray(sheet), block.shape
    corners = np.argwhere((pixels == block[0, 0]).all(axis=-1)).tolist()
    return [(y, x) for y, x in corners if np.array_equal(pixels[y : y + height, x : x + width], block)]


def test_sheet_shows_every_unit_once_in_order(atlas: Atlas) -> None:
    sheet = contact_sheet(atlas, "conv2", tile=24)
    places = []
    for unit, projections in atlas.projections_of_layer("conv2"):
        tops = atlas.top("conv2", unit)
        patches = [fit(crop(atlas.picture(top.image), top), 24) for top in tops]
        (place,) = find(sheet, unit_block(unit_tiles(tops, projections, 24), patches))
        places.append(place)
    assert len(places) == 2
    assert places == sorted(places)


def test_chosen_units_are_the_same_blocks(atlas: Atlas) -> None:
    whole, few = contact_sheet(atlas, "conv1", columns=1), contact_sheet(atlas, "conv1", [2], columns=1)
    tops = atlas.top("conv1", 2)
    projections = [p for top in tops if (p := atlas.projection("conv1", 2, top.rank)) is not None]
    patches = [fit(crop(atlas.picture(top.image), top), 48) for top in tops]
    block = unit_block(unit_tiles(tops, projections, 48), patches)
    assert len(find(whole, block)) == len(find(few, block)) == 1
    assert few.height < whole.height
    with pytest.raises(AddressError, match="no unit 9"):
        contact_sheet(atlas, "conv1", [0, 9])


def test_dead_unit_and_empty_sheet(atlas: Atlas) -> None:
    sheet = np.asarray(contact_sheet(atlas, "conv1", [4], tile=20))
    assert (sheet == PAPER).all(axis=-1).sum() >= 18 * 20 * 20
    assert contact_sheet(atlas, "conv1", []).width > 0


def test_sheet_of_patches_alone_says_so(tmp_path: Path) -> None:
    kept, without = (Atlas.open(make_atlas(tmp_path / str(raw), raw=raw, top=4, channels=1)) for raw in (False, None))
    first, second = (np.asarray(contact_sheet(atlas, "features.0", [0])) for atlas in (kept, without))
    assert first.shape == second.shape
    tops = without.top("features.0", 0)
    patches = [fit(crop(without.picture(top.image), top), 48) for top in tops]
    empty = [np.full((48, 48, 3), PAPER, np.uint8)] * 4
    assert len(find(Image.fromarray(second), unit_block(empty, patches, columns=2))) == 1
