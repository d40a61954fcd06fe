"""The exported folder: whole, linked, painted as the atlas says, and safe to write again."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

from convscope.atlas.reader import Atlas, Projection
from convscope.atlas.schema import LayerRow, TopRow
from convscope.display import display_scale, to_picture
from convscope.errors import AtlasError
from convscope.web.atlas.sprites import paint_unit, patches_of
from convscope.web.atlas.tiles import Sheet, card_sheet, frame_of
from convscope.web.export import MARK
from convscope.web.pages import Box
from convscope.web.site import SiteSummary, export_site
from convscope.web.urls import INDEX
from tests.atlas.make import make_atlas
from tests.web.conftest import HOSTILE, Site


class Links(HTMLParser):
    """Collects addresses, and whatever could run."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value is not None]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def own_scripts(page: Path, found: list[str | None]) -> bool:
    """Whether a page loads the program's script, one more on the page of a layer, and nothing else."""
    expected = ["script.js", "take.js", *(["units.js"] if page.parent.name == "layers" else [])]
    return [Path(str(script)).parts[-2:] for script in found] == [("static", name) for name in expected]


def pages_of(site: Site) -> list[Path]:
    return sorted(site.folder.rglob("*.html"))


def test_every_link_resolves_inside_the_site_and_every_file_is_linked(site: Site) -> None:
    linked = {site.folder / "index.html", site.folder / MARK}
    for page in pages_of(site):
        for href in Links(page).found:
            parts = urlsplit(href)
            if href == "data:,":
                continue
            assert (parts.scheme, parts.netloc) == ("", ""), href
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.is_file(), f"{page}: {href}"
            assert target.is_relative_to(site.folder.resolve())
            linked.add(target)
    assert {path for path in site.folder.rglob("*") if path.is_file()} == linked


def test_nothing_but_the_script_can_run(site: Site) -> None:
    for page in pages_of(site):
        links = Links(page)
        assert links.handlers == []
        assert own_scripts(page, links.scripts)


def test_file_names_never_come_from_the_names_in_the_atlas(site: Site) -> None:
    for path in site.folder.rglob("*"):
        assert path.relative_to(site.folder).as_posix().isascii()
        assert "<" not in path.name
    assert (site.folder / INDEX.layer(HOSTILE)).is_file()


def test_a_card_shows_projections_beside_patches(site: Site) -> None:
    atlas, layer = site.atlas, site.atlas.layer("features.0")
    rows = atlas.top("features.0", 1)
    projections = [atlas.projection("features.0", 1, row.rank) for row in rows]
    scale = display_scale([projection.pixels for projection in projections if projection])
    with Image.open(site.folder / INDEX.card("features.0", 1)) as sprite:
        pixels = np.asarray(sprite.convert("RGB")).astype(int)
    cell = layer.field_height
    assert pixels.shape == (3 * cell, 6 * cell, 3)
    for place, (row, projection) in enumerate(zip(rows, projections, strict=True)):
        assert projection is not None
        y, x = place // 3 * cell, place % 3 * cell
        frame = frame_of(row, layer, 64, 64)
        expected = to_picture(projection.on_canvas(64, 64), scale)[frame.top :, frame.left :][:cell, :cell]
        np.testing.assert_array_equal(pixels[y : y + cell, x : x + cell], expected)
        if not row.clipped:
            patch = atlas.picture(row.image)[row.top : row.bottom, row.left : row.right]
            np.testing.assert_array_equal(pixels[y : y + cell, x + 3 * cell : x + 4 * cell], patch)


def test_what_a_clipped_window_does_not_see_is_greyed(site: Site) -> None:
    atlas, layer = site.atlas, site.atlas.layer("features.0")
    clipped = next(row for unit in range(11) for row in atlas.top("features.0", unit) if row.clipped and row.top == 0)
    with Image.open(site.folder / INDEX.card("features.0", clipped.unit)) as sprite:
        pixels = np.asarray(sprite.convert("RGB")).astype(int)
    cell = layer.field_height
    y, x = clipped.rank // 3 * cell, (clipped.rank % 3 + 3) * cell
    last = pixels[y + cell - 1, x : x + cell] if clipped.bottom < cell else pixels[y : y + cell, x + cell - 1]
    seen = atlas.picture(clipped.image)[: layer.field_height, clipped.left : clipped.right]
    assert np.ptp(last) <= max(4, 0.3 * np.ptp(seen.astype(int)) + 4)


def test_a_unit_without_projections_shows_patches_only(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 3),), raw=None, labelled=False, channels=1))
    summary = export_site(atlas, tmp_path / "site")
    assert summary == SiteSummary(tmp_path / "site" / "index.html", 1, 3, 23)
    page = (tmp_path / "site" / INDEX.unit("conv1", 0)).read_text()
    assert "This unit was not projected" in page
    assert not (tmp_path / "site" / INDEX.projections("conv1", 0)).exists()
    with Image.open(tmp_path / "site" / INDEX.card("conv1", 0)) as sprite:
        sheet = card_sheet(atlas.layer("conv1"), 64, 64, projected=False)
        assert sprite.size == (sheet.width, sheet.height)
    assert "0 of 2 units with activations were projected" in (tmp_path / "site" / INDEX.layer("conv1")).read_text()


def test_a_large_window_is_averaged_before_it_is_scaled() -> None:
    """Pixels that cancel in the tile must not set its contrast: on their scale it would be nearly grey."""
    generator = np.random.default_rng(0)
    slow = generator.normal(size=(14, 14, 3)).astype(np.float32).repeat(16, axis=0).repeat(16, axis=1)
    fast = 50 * (-1.0) ** np.add.outer(np.arange(224), np.arange(224))[..., None]
    projection = Projection("conv", 0, 0, 0, "deconvnet", 0, 0, (slow + fast).astype(np.float32))
    layer = LayerRow("conv", 0, "relu", 1, 1, 1, 224, 224, 1, 1, 0, 0, False)
    row = TopRow("conv", 0, None, 0, 0, 1.0, 0, 0, 0, 0, 224, 224, False)
    patches = patches_of(lambda image: None)
    sprites = paint_unit(layer, (224, 224), [row], [projection], patches)
    assert sprites.card is not None
    averaged = slow.reshape(56, 4, 56, 4, 3).mean(axis=(1, 3))
    expected = to_picture(averaged, float(np.percentile(np.abs(averaged), 99.5))).astype(int)
    with Image.open(io.BytesIO(sprites.card)) as sprite:
        tile = np.asarray(sprite.convert("RGB")).astype(int)[:56, :56]
    assert expected.std() > 30
    assert np.abs(tile.mean(axis=-1) - expected.mean(axis=-1)).mean() < 8
    patch = patches(0, Box(0, 0, 9, 9), Box(0, 0, 9, 9), 3)
    assert patches(0, Box(0, 0, 9, 9), Box(0, 0, 9, 9), 3) is patch


def test_the_pictures_are_those_of_the_atlas(site: Site) -> None:
    rows = list(site.atlas.picture_rows())
    assert [row.image for row in rows] == list(site.atlas.pictured())
    for row in rows:
        assert row == site.atlas.picture_row(row.image)
        assert (site.folder / INDEX.picture(row.image, row.format)).read_bytes() == row.encoded


def test_cells_are_counted_row_by_row() -> None:
    assert Sheet(10, 3, 2).box(5, block=1) == Box(50, 10, 10, 10)
    assert (Sheet(10, 3, 2).width, Sheet(10, 3, 2).height) == (60, 30)


def test_exporting_again_leaves_nothing_stale_and_gives_the_same_bytes(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 3),)))
    steps: list[tuple[int, int]] = []
    export_site(atlas, tmp_path / "site", progress=lambda done, total: steps.append((done, total)))
    first = contents(tmp_path / "site")
    assert steps == [(done, len(first) - 1) for done in range(1, len(first))]  # all but the mark
    (tmp_path / "site" / "layers" / "stale.html").write_text("old")
    export_site(atlas, tmp_path / "site")
    assert contents(tmp_path / "site") == first
    assert {path.name for path in tmp_path.iterdir()} == {"atlas", "site"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_export_that_fails_keeps_the_old_pages(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 3),)))
    export_site(atlas, tmp_path / "site")
    check_that_a_failing_export_leaves(contents(tmp_path / "site"), atlas, tmp_path)


def check_that_a_failing_export_leaves(before: dict[str, bytes], atlas: Atlas, folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_site(atlas, folder / "site", progress=stop)
    assert contents(folder / "site") == before
    assert {path.name for path in folder.iterdir()} == {"atlas", "site"}


def test_pages_that_were_being_exchanged_are_put_back(tmp_path: Path) -> None:
    """As of a run that was killed after it had taken the old pages away, and of a next one that fails."""
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 3),)))
    export_site(atlas, tmp_path / "site")
    before = contents(tmp_path / "site")
    (tmp_path / ".site.exporting").mkdir()
    (tmp_path / "site").rename(tmp_path / ".site.exporting" / "old")
    check_that_a_failing_export_leaves(before, atlas, tmp_path)


@pytest.mark.parametrize("last", [1, 2])
def test_a_stop_while_pages_are_exchanged_keeps_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 3),)))
    export_site(atlas, tmp_path / "site")
    before, rename, calls = contents(tmp_path / "site"), Path.rename, list[Path]()

    def stopped(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == last:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stopped)
    with pytest.raises(KeyboardInterrupt):
        export_site(atlas, tmp_path / "site")
    assert contents(tmp_path / "site") == before
    assert {path.name for path in tmp_path.iterdir()} == {"atlas", "site"}


def test_what_appears_while_pages_are_written_is_not_replaced(tmp_path: Path) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 3),)))

    def appear(done: int, total: int) -> None:
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "mine.txt").write_text("mine")

    with pytest.raises(AtlasError, match="not replaced"):
        export_site(atlas, tmp_path / "site", progress=appear)
    assert contents(tmp_path / "site") == {"mine.txt": b"mine"}


@pytest.mark.parametrize("where", ["notes", "atlas", "atlas/pictures/pages", ".", "file"])
def test_a_folder_with_something_else_in_it_is_never_replaced(tmp_path: Path, where: str) -> None:
    atlas = Atlas.open(make_atlas(tmp_path / "atlas", layers=(("conv1", 2),)))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(AtlasError, match=r"another folder|not replaced"):
        export_site(atlas, tmp_path / where)
    assert contents(tmp_path) == before
