"""The pages of an evolution against its tables, by loops over rows; its sprites against its raw pictures."""

from __future__ import annotations

import io
import json
import statistics
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from convscope.display import display_scale, fit, to_picture
from convscope.errors import AddressError, AtlasError, AtlasFormatError
from convscope.web import html
from convscope.web.evolution import pages
from convscope.web.evolution.build import evolution_page, layer_page, strip_page
from convscope.web.evolution.facts import FACTS
from convscope.web.evolution.place import evolution_place, recognised
from convscope.web.evolution.sprites import LARGE, SMALL, _cornered
from convscope.web.evolution.stored import StoredEvolution, open_evolution
from convscope.web.evolution.strip import strip_of
from convscope.web.evolution.urls import ROOT, EvolutionUrls
from convscope.web.html import to_html, to_json
from tests.web.make_evolution import HOSTILE, LABELS, made_up, write_numbers

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbers(tmp_path_factory.mktemp("evolution") / "made", made_up())


@pytest.fixture(scope="module")
def stored(folder: Path) -> StoredEvolution:
    return open_evolution(folder)


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[Row]:
    found: list[Row] = pq.read_table(folder / "evolution.parquet").to_pylist()
    return found


def of_unit(rows: list[Row], layer: str, unit: int) -> list[Row]:
    return [row for row in rows if row["layer"] == layer and row["unit"] == unit]


@pytest.mark.parametrize("address", ["conv1", HOSTILE, "conv3"])
def test_a_layer_has_every_unit_at_every_checkpoint(stored: StoredEvolution, rows: list[Row], address: str) -> None:
    page = layer_page(stored, address)
    assert sorted([tile.unit for tile in page.tiles] + [each.unit for each in page.bare]) == list(range(page.units))
    for tile in page.tiles:
        course = of_unit(rows, address, tile.unit)
        assert [row["checkpoint"] for row in course] == list(LABELS)
        assert list(tile.peaks) == [row["value"] for row in course]
        assert list(tile.jumps) == [number for number, row in enumerate(course) if row["jump"]]
    for each in page.bare:
        course = of_unit(rows, address, each.unit)
        assert list(each.silent) == [number for number, row in enumerate(course) if row["value"] is None]
        assert list(each.jumps) == [number for number, row in enumerate(course) if row["jump"]]


def count_marks(rows: list[Row], layers: list[str]) -> list[tuple[int, int]]:
    """Jumps, and units that had winners before and after, checkpoint by checkpoint."""
    found = []
    for number, label in enumerate(LABELS):
        here = {(r["layer"], r["unit"]): r for r in rows if r["checkpoint"] == label and r["layer"] in layers}
        before = {(r["layer"], r["unit"]): r for r in rows if number and r["checkpoint"] == LABELS[number - 1]}
        both = [key for key in here if here[key]["image"] and key in before and before[key]["image"]]
        assert all(here[key]["jump"] == (here[key]["image"] != before[key]["image"]) for key in both)
        found.append((sum(row["jump"] for row in here.values()), len(both)))
    return found


def test_marks_count_what_changed(stored: StoredEvolution, rows: list[Row]) -> None:
    page = layer_page(stored, HOSTILE)
    assert [(mark.jumped, mark.compared) for mark in page.marks] == count_marks(rows, [HOSTILE])
    everything = evolution_page(stored)
    assert [(m.jumped, m.compared) for m in everything.marks] == count_marks(rows, ["conv1", HOSTILE, "conv3"])
    assert [mark.short for mark in page.marks] == ["0", "1", "2", "5", "9"]
    assert all(0 <= mark.height <= 100 for mark in everything.marks)


def test_medians_are_those_of_the_units(stored: StoredEvolution, rows: list[Row]) -> None:
    ranking, projection = layer_page(stored, "conv1").measures
    for name, measure in (("ranking", ranking), ("projection", projection)):
        for label, median in zip(LABELS, measure.median, strict=True):
            values = [
                row[name]
                for row in rows
                if row["layer"] == "conv1" and row["checkpoint"] == label and row[name] is not None
            ]
            assert median == pytest.approx(statistics.median(values), abs=1e-6)
        assert measure.units == len(values)


def test_the_chart_draws_medians_between_unrelated_and_the_end(stored: StoredEvolution) -> None:
    page = layer_page(stored, "conv1")
    line, measure = page.chart.lines[0], page.measures[0]
    level = max(measure.unrelated or 0, 0)
    scaled = [(value - level) / (1 - level) for value in measure.median if value is not None]
    zero = next(tick.at for tick in page.chart.up if tick.text == "0")
    one = next(tick.at for tick in page.chart.up if tick.text == "1")
    assert [dot.y for dot in line.dots] == pytest.approx([zero + value * (one - zero) for value in scaled], abs=0.02)
    left, right = page.chart.places[0], page.chart.places[-1]
    expected = [left + at / 9 * (right - left) for at in (0, 1, 2, 5, 9)]
    assert list(page.chart.places) == pytest.approx(expected, abs=0.02)


def test_a_layer_without_pictures_has_no_curve_of_projections(stored: StoredEvolution) -> None:
    page = layer_page(stored, "conv3")
    assert page.tiles == ()
    assert page.measures[1].when == "nothing to compare"
    assert page.chart.lines[1].path == ""
    assert evolution_page(stored).layers[2].dots[1] is None


def test_a_strip_has_the_rows_of_its_unit(stored: StoredEvolution, rows: list[Row]) -> None:
    strip = strip_page(stored, "conv1", 1).strip
    for step, row in zip(strip.steps, of_unit(rows, "conv1", 1), strict=True):
        for name in ("value", "image", "y", "x", "jump", "overlap", "ranking"):
            assert getattr(step, name) == row[name]
        assert (step.patch is None) == (row["value"] is None)
    assert strip.steps[0].value is None
    assert strip.steps[2].patch is not None
    assert strip.sprite is not None
    assert strip.steps[2].patch.left == 2 * strip.sprite.width // len(LABELS)


def test_a_strip_for_another_page(stored: StoredEvolution) -> None:
    strip = strip_of(stored, HOSTILE, 0, EvolutionUrls("../../evolution/"))
    assert strip is not None
    assert strip.sprite is not None
    assert strip.sprite.href.startswith("../../evolution/sprites/")
    bare = strip_of(stored, "conv3", 2)
    assert bare is not None
    assert bare.sprite is None
    assert all(step.patch is None for step in bare.steps)
    assert any(step.value is not None for step in bare.steps)
    for layer, unit in (("elsewhere", 0), ("conv1", -1), ("conv1", 8)):
        assert strip_of(stored, layer, unit) is None
    with pytest.raises(AddressError, match="no layer 'elsewhere'; it has conv1"):
        layer_page(stored, "elsewhere")
    with pytest.raises(AddressError, match="no unit conv1:8"):
        strip_page(stored, "conv1", 8)


def cells(content: bytes, count: int) -> list[list[NDArray[np.uint8]]]:
    """A sprite cut up: rows, then checkpoints."""
    with Image.open(io.BytesIO(content)) as sprite:
        pixels = np.asarray(sprite.convert("RGBA"))
    side = pixels.shape[0] // 2
    assert pixels.shape[:2] == (2 * side, count * side)
    return [[pixels[y * side : (y + 1) * side, x * side : (x + 1) * side] for x in range(count)] for y in range(2)]


@pytest.mark.parametrize(("address", "side"), [(ROOT.small("conv1", 1), SMALL), (ROOT.large("conv1", 1), LARGE)])
def test_a_sprite_shows_the_raw_pictures(folder: Path, rows: list[Row], address: str, side: int) -> None:
    answer = evolution_place(folder).answer(address)
    assert answer is not None
    assert answer.media == "image/webp"
    projections, patches = cells(answer.content, len(LABELS))
    with np.load(folder / "projections.npz") as opened:
        archive = {name: opened[name] for name in opened.files if "_0_1_" in name}
    for number, row in enumerate(of_unit(rows, "conv1", 1)):
        tiles = projections[number], patches[number]
        assert all(tile.shape == (side, side, 4) for tile in tiles)
        assert all((tile[..., 3] == (0 if row["value"] is None else 255)).all() for tile in tiles)
        if row["value"] is None:
            continue
        raw, patch = archive[f"projection_0_1_{number}"], archive[f"patch_0_1_{number}"]
        wanted = fit(to_picture(raw, display_scale([raw])), side, 128), fit(patch, side, 128)
        for tile, expected in zip(tiles, wanted, strict=True):
            rest = np.s_[side // 3 :]  # below a corner
            assert np.corrcoef(tile[rest, :, :3].ravel(), expected[rest].ravel())[0, 1] > 0.9  # lossy
            orange = tile[side // 12 : side // 8, -side // 8 : -side // 12, :3].mean((0, 1))
            assert (np.abs(orange - (225, 129, 44)).max() < 40) == row["jump"]


def test_a_place_answers_all_its_names_and_no_others(folder: Path) -> None:
    place = evolution_place(folder)
    names = list(place.names())
    assert len(names) == len(set(names))
    assert place.first in names
    for name, answer in place.answers():
        assert answer.content, name
        if name.endswith(".json"):
            json.loads(answer.content)
        if name.endswith(".html"):
            text = answer.content.decode()
            assert "<script>document" not in text
            assert "style=" not in text
            assert "<b>not</b>" not in text
    for name in ("", "evolution.json", "files/evolution.json", "../evolution.json", "files/../evolution.json", "a\0"):
        assert place.answer(name) is None


def test_every_field_of_a_value_is_used_by_a_template() -> None:
    """Also of values within pages."""
    names = ("evolution.html", "evolution_layer.html", "evolution_strip.html", "scrub.html")
    text = "\n".join((Path(html.__file__).parent / "templates" / name).read_text() for name in names)
    for kind in (pages.Mark, pages.Measure, pages.Tile, pages.Bare, pages.Step, pages.EvolutionStrip, pages.LayerLine):
        unused = [field.name for field in fields(kind) if f".{field.name}" not in text]
        assert unused == [] or (kind is pages.EvolutionStrip and unused == ["href"])


def test_pages_are_shown_as_html_and_json(stored: StoredEvolution) -> None:
    for page in (evolution_page(stored), layer_page(stored, HOSTILE), strip_page(stored, HOSTILE, 0)):
        assert "<h1" in to_html(page)
        assert json.loads(to_json(page))["head"]["title"]


def edited(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = folder / FACTS
        facts = json.loads(path.read_text())
        change(facts)
        path.write_text(json.dumps(facts))

    return edit


def linked(name: str) -> Callable[[Path], None]:
    def link(folder: Path) -> None:
        (folder / name).rename(folder / "elsewhere")
        (folder / name).symlink_to("elsewhere")

    return link


def replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return replace


DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "no JSON": (replaced(FACTS, b"{"), "evolution.json is not JSON"),
    "too deep": (replaced(FACTS, b"[" * 100_000), "evolution.json is not JSON"),
    "a list": (replaced(FACTS, b"[]"), "evolution.json holds a list"),
    "no layers": (edited(lambda facts: facts.pop("layers")), "missing fields: layers"),
    "text for a number": (edited(lambda facts: facts["layers"][0].update(units="8")), r"\[0\].units: expected int"),
    "one checkpoint": (edited(lambda facts: facts.update(labels=["a"])), "1 labels and 5 positions"),
    "backwards": (edited(lambda facts: facts["positions"].reverse()), "do not rise"),
    "a layer twice": (edited(lambda facts: facts["layers"].append(facts["layers"][0])), "a layer is there twice"),
    "an impossible unit": (edited(lambda facts: facts["layers"][0].update(shown=[99])), "layer conv1 shows units"),
    "a median too few": (edited(lambda facts: facts["layers"][0]["jumps"].pop()), "has not 5 jumps and medians"),
    "another layer": (edited(lambda facts: facts["layers"][0].update(layer="x")), r"evolution.parquet has not one row"),
    "half a surrogate pair": (edited(lambda facts: facts["layers"][0].update(layer="\ud800")), "has not one row"),
    "more units": (edited(lambda facts: facts["layers"][2].update(units=6)), r"parquet has 95 rows, expected 100"),
    "no Parquet": (replaced("evolution.parquet", b"PAR1"), "evolution.parquet is not as this program writes it"),
    "no CSV": (replaced("curves.csv", b"a,b\n1,2\n"), "curves.csv is not as this program writes it"),
    "a link": (linked("evolution.parquet"), "evolution.parquet is a link"),
    "facts by a link": (linked(FACTS), "evolution.json is a link"),
    "a missing table": (lambda folder: (folder / "curves.csv").unlink(), "curves.csv is missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGE)
def test_what_is_damaged_is_named(tmp_path: Path, folder: Path, case: str) -> None:
    damage, message = DAMAGE[case]
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    damage(copy)
    with pytest.raises(AtlasError, match=message):
        evolution_place(copy)


def archive_with(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def encrypted(archive: bytes) -> bytes:
    """The same with the bit that says that its first entry wants a password."""
    place = archive.rindex(b"PK\1\2") + 8
    return archive[:place] + bytes([archive[place] | 1]) + archive[place + 1 :]


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def promise(shape: tuple[int, ...]) -> bytes:
    """The header of an array that is not there."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


ENTRY = "projection_0_0_1.npy"
PICTURES = {
    "no archive": (b"nothing", "projections.npz is no NumPy archive"),
    "a missing picture": (archive_with("other.npy", b""), "projection_0_0_1 is missing or damaged"),
    "no array": (archive_with(ENTRY, b"nothing"), "projection_0_0_1 is missing or damaged"),
    "a password": (encrypted(archive_with(ENTRY, b"x")), "projection_0_0_1 is missing or damaged .*encrypted"),
    "an object": (
        archive_with(ENTRY, npy(np.array([[[None]]]))),
        "it holds object",
    ),
    "a promise of memory": (archive_with(ENTRY, promise((9**9, 9**9, 3))), "projection_0_0_1 is missing"),
    "a header cut off": (archive_with(ENTRY, b"\x93NUMPY\x01\x00\x02\x00{\""), "projection_0_0_1 is missing"),
    "no number": (
        archive_with(ENTRY, npy(np.full((2, 2, 3), np.nan, np.float32))),
        "patch_0_0_1 is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PICTURES)
def test_a_damaged_picture_is_named(tmp_path: Path, folder: Path, case: str) -> None:
    content, message = PICTURES[case]
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "projections.npz").write_bytes(content)
    archive = open_evolution(tmp_path).archive
    with pytest.raises(AtlasFormatError, match=message):
        archive.drawn(0, 0, 1)


@pytest.mark.parametrize("side", range(1, 65))
def test_the_corner_of_a_jump_lies_inside_a_cell_of_any_size(side: int) -> None:
    tile = np.zeros((side, side, 3), np.uint8)
    marked = (_cornered(tile) != tile).any(2)
    assert marked.any() == (side > 2)
    assert not marked[:, -1].any()
    assert not marked[0].any()


def test_a_folder_without_facts_is_no_evolution(tmp_path: Path, folder: Path) -> None:
    assert recognised(folder)
    assert not recognised(tmp_path)
    assert not recognised(tmp_path / "nowhere")
    with pytest.raises(AtlasError, match=r"evolution.json is missing. Name the folder of a finished result"):
        open_evolution(tmp_path)
