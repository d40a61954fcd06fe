"""Parts marked on images in a real browser: with mouse, finger and keys, kept in a file, and tested."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from starlette.testclient import TestClient

from convscope.atlas.reader import Atlas
from convscope.errors import PartsError
from convscope.images import ImageSet
from convscope.images.boxes import Part
from convscope.images.parts import read_parts
from convscope.models.preprocessing import Box
from convscope.probes.correspondence.correspond import correspond
from convscope.serve.jobs import Jobs
from convscope.serve.live.context import Context
from convscope.serve.uploads import Bounds, Uploads
from tests.serve.asked import CLASSIFIER, asked_atlas
from tests.web.conftest import SIZES

CROPPED = replace(CLASSIFIER, preprocessing=replace(CLASSIFIER.preprocessing, resize=36))
"""Sees the middle of a picture, so that its pixels are neither the view's nor a multiple of them."""
NAMES = ("one.png", 'two, "<b>".png', "b/three.png", "c/four.png", "d/four.png")
WIDTH, HEIGHT = 61, 40
BOXES: Sequence[Box] = ((4, 4, 14, 12), (8, 6, 16, 14), (3, 10, 13, 19))
MINIMUM = {"width": 1000, "height": 800}


@pytest.fixture(scope="module")
def cropped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cropped")
    asked_atlas(folder, CROPPED, NAMES, (WIDTH, HEIGHT))
    return folder


@pytest.fixture
def context(cropped: Path) -> Iterator[Context]:
    jobs = Jobs()
    atlas = Atlas.open(cropped / "atlas")
    yield Context(CROPPED, {"a": atlas}, jobs, Uploads(Bounds(encoded=100_000, images=3)))
    assert jobs.close(10)


def number_of(context: Context, name: str) -> int:
    return [row.name for row in context.atlases["a"].images()].index(name)


def start(page: Page, opened: str, *names: str) -> None:
    """Open the page, and choose images by their names."""
    page.goto(f"{opened}/live/correspondence.html")
    for name in names:
        thumb(page, name).click()
    expect(tiles(page)).to_have_count(len(names))


def thumb(page: Page, name: str) -> Locator:
    return page.locator("#choose").get_by_role("button", name=name, exact=True)


def tiles(page: Page) -> Locator:
    return page.locator("#marking svg")


def at(page: Page, tile: int, x: float, y: float) -> tuple[float, float]:
    """Where a point of the view is on the screen."""
    tiles(page).nth(tile).scroll_into_view_if_needed()
    area = tiles(page).nth(tile).bounding_box()
    assert area is not None
    return area["x"] + x / 32 * area["width"], area["y"] + y / 32 * area["height"]


def drag(page: Page, tile: int, x: float, y: float, to_x: float, to_y: float) -> None:
    page.mouse.move(*at(page, tile, x, y))
    page.mouse.down()
    page.mouse.move(*at(page, tile, (x + to_x) / 2, (y + to_y) / 2))
    page.mouse.move(*at(page, tile, to_x, to_y))
    page.mouse.up()


def choose(page: Page, part: int) -> None:
    page.get_by_role("radio").nth(part).check()


def numbers(page: Page) -> list[tuple[str, str, list[float]]]:
    """The table of boxes."""
    found: list[tuple[str, str, list[float]]] = page.locator("#boxes").evaluate(
        "body => [...body.rows].map(row => [row.cells[0].textContent, row.cells[1].textContent,"
        " [...row.querySelectorAll('input')].map(input => input.valueAsNumber)])"
    )
    return [(image, part, box) for image, part, box in found]


def boxes(page: Page) -> list[list[float]]:
    return [box for _, _, box in numbers(page)]


def save(page: Page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save parts").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def load(page: Page, content: str, name: str = "mine.csv") -> None:
    page.locator("#load").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content.encode()})


def in_picture(box: Sequence[float]) -> Box:
    left, top, right, bottom = box
    return CROPPED.preprocessing.found((left, top, right, bottom), HEIGHT, WIDTH)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_that_are_drawn_are_saved_and_compared(
    page: Page, opened: str, context: Context, cropped: Path, tmp_path: Path, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{opened}/at/a/images/{number_of(context, 'one.png')}.html")
    page.get_by_role("main").get_by_role("link", name="Correspondence").click()
    expect(tiles(page)).to_have_count(1)
    for name in NAMES[1:3]:
        thumb(page, name).click()
    expect(tiles(page)).to_have_count(3)
    for part in range(2):
        choose(page, part)
        for tile, (left, top, right, bottom) in enumerate(BOXES):
            drag(page, tile, left + 12 * part, top, right + 12 * part, bottom)
    drawn = [
        Part(name, part, (left + shift, top, right + shift, bottom))
        for name, (left, top, right, bottom) in zip(NAMES[:3], BOXES, strict=True)
        for part, shift in (("left eye", 0), ("right eye", 12))
    ]
    assert numbers(page) == [(part.image, part.name, list(part.box)) for part in drawn]

    path = save(page, tmp_path)
    pictures = ImageSet.open(cropped / "pictures")
    saved = read_parts(path, pictures.names)
    assert [(part.image, part.name) for part in saved] == [(part.image, part.name) for part in drawn]
    for back, made in zip(saved, drawn, strict=True):
        assert back.box == pytest.approx(in_picture(made.box), abs=1e-3)

    page.get_by_label("Random draws").fill("3")
    page.get_by_role("button", name="Run the test").click()
    expect(page.locator("#told")).to_contain_text("2 parts compared in", timeout=20_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Table as CSV").click()
    lines = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    seen = tmp_path / "seen"
    seen.mkdir()
    numbered = {name: f"{number}.png" for number, name in enumerate(NAMES[:3])}  # random draws go by the order
    for name, own in numbered.items():
        Image.fromarray(context.atlases["a"].picture(number_of(context, name))).save(seen / own)
    whole = replace(CROPPED, preprocessing=replace(CROPPED.preprocessing, resize=None))
    found = correspond(
        whole, ImageSet.open(seen), [replace(part, image=numbered[part.image]) for part in drawn], draws=3
    )
    assert [(line["layer"], line["part"]) for line in lines] == [(row.layer, row.part) for row in found.rows]
    for line, row in zip(lines, found.rows, strict=True):
        assert row.interval is not None
        expected = (row.delta, *row.interval, row.difference, row.p)
        assert [float(line[name]) for name in ("delta", "low", "high", "difference", "p")] == pytest.approx(
            expected, rel=1e-4, abs=1e-6
        )
    assert page.locator("#tables svg circle.delta").count() == len(found.rows)
    assert page.locator("#tables svg circle.draw").count() == 3 * len(found.rows)
    expect(page.locator("#notes")).to_contain_text("fewer than 5 images")
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width
    # The file gives the very same covers, so that only the compression of the atlas's pictures is between the two.
    again = correspond(CROPPED, pictures, path, draws=3)
    covers = {numbered[example.image]: dict(example.covers) for example in again.examples}
    assert covers == {example.image: dict(example.covers) for example in found.examples}


def test_a_finger_draws_and_does_not_scroll(page: Page, opened: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    start(page, opened, "one.png")
    before = at(page, 0, 0, 0)
    session = page.context.new_cdp_session(page)
    for kind, place in (("touchStart", (6, 5)), ("touchMove", (12, 12)), ("touchMove", (20, 24)), ("touchEnd", None)):
        points = [] if place is None else [dict(zip("xy", at(page, 0, *place), strict=True))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(page.locator("#boxes tr")).to_have_count(1)
    assert boxes(page) == [[6, 5, 20, 24]]
    area = tiles(page).nth(0).bounding_box()
    assert area is not None
    assert (area["x"], area["y"]) == pytest.approx(before, abs=1)


def test_a_box_is_drawn_anew_moved_resized_and_undone(page: Page, opened: str) -> None:
    start(page, opened, "one.png")
    drag(page, 0, 4, 10, 14, 20)
    drag(page, 0, 28, 30, 20, 22)
    assert boxes(page) == [[20, 22, 28, 30]], "one box of a part on an image, drawn in any direction"
    drag(page, 0, 28, 30, 31, 31)
    assert boxes(page) == [[20, 22, 31, 31]], "by its corner"
    drag(page, 0, 21, 21.3, 16, 11.3)
    assert boxes(page) == [[15, 12, 26, 21]], "by its name"
    choose(page, 1)
    drag(page, 0, 1, 1, 99, 9)
    assert boxes(page) == [[15, 12, 26, 21], [1, 1, 32, 9]], "up to the border"
    page.mouse.click(*at(page, 0, 20, 16))
    expect(page.get_by_role("radio").nth(0)).to_be_checked()
    for left in ([[15, 12, 26, 21]], [[20, 22, 31, 31]], [[20, 22, 28, 30]], [[4, 10, 14, 20]], []):
        page.get_by_role("button", name="Undo").click()
        assert boxes(page) == left
    page.get_by_role("button", name="Undo").click()
    expect(tiles(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_all_can_be_done_with_keys(page: Page, opened: str) -> None:
    start(page, opened, "one.png")
    tiles(page).first.focus()
    for key in ("2", "Enter", "ArrowLeft", "ArrowLeft", "ArrowDown", "Shift+ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert numbers(page) == [("one.png", "right eye", [10, 13, 19, 20])]
    box = page.locator("g.box")
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-label", "right eye: left 10, top 13, right 19, bottom 20")
    page.keyboard.press("Control+z")
    assert boxes(page) == [[12, 12, 20, 20]], "steps of keys are one change"
    page.locator("#numbers summary").click()
    bottom = page.get_by_label("bottom of right eye on one.png")
    bottom.fill("25.5")
    bottom.press("Tab")
    assert boxes(page) == [[12, 12, 20, 25.5]]
    bottom.fill("3")
    bottom.press("Tab")
    expect(page.get_by_role("alert")).to_contain_text("left < right and top < bottom")
    assert boxes(page) == [[12, 12, 20, 25.5]]
    box.focus()
    page.keyboard.press("Delete")
    assert boxes(page) == []
    expect(tiles(page).first).to_be_focused()


def test_parts_are_added_named_and_taken_out(page: Page, opened: str) -> None:
    start(page, opened, "one.png", "b/three.png")
    page.get_by_role("button", name="Run the test").click()
    expect(page.get_by_role("alert")).to_contain_text("Mark a part first")
    page.get_by_role("button", name="Add a part").click()
    names = page.get_by_label("name of the part")
    expect(names.nth(3)).to_be_focused()
    page.keyboard.type("  <i>beak</i> ")
    page.keyboard.press("Tab")
    drag(page, 1, 4, 4, 9, 9)
    assert numbers(page) == [("b/three.png", "<i>beak</i>", [4, 4, 9, 9])]
    expect(page.locator("#parts li").nth(3)).to_contain_text("1 image, at least 2 are needed")
    page.get_by_role("button", name="Run the test").click()
    expect(page.get_by_role("alert")).to_contain_text("<i>beak</i> is marked on one image only")
    names.nth(0).fill("nose")
    names.nth(0).press("Tab")
    expect(page.get_by_role("alert")).to_have_text("There is a part nose already.")
    expect(names.nth(0)).to_have_value("left eye")
    page.get_by_role("button", name="Take the part <i>beak</i> out").click()
    assert boxes(page) == []
    page.get_by_role("button", name="Undo").click()
    assert boxes(page) == [[4, 4, 9, 9]]
    page.get_by_role("button", name="Take b/three.png out").click()
    expect(thumb(page, "b/three.png")).to_have_attribute("aria-pressed", "false")
    expect(tiles(page)).to_have_count(1)
    page.locator("#numbers").evaluate("details => { details.open = true; }")
    page.get_by_role("button", name="Undo").click()
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_a_file_brings_its_images_along(page: Page, opened: str, complaints: list[str], tmp_path: Path) -> None:
    start(page, opened, "one.png")
    listed = [
        {"image": "one.png", "part": 'n, "ose"\n', "box": [20, 10, 30, 20.5]},
        {"image": "three.png", "part": 'n, "ose"\n', "box": [0, 0, 61, 40]},
        {"image": "d/four.png", "part": "beak", "box": [30, 5, 40, 25]},
    ]
    load(page, json.dumps(listed), "mine.json")
    expect(tiles(page)).to_have_count(3)
    (tmp_path / "given.json").write_text(json.dumps(listed))
    for part, (_, name, box) in zip(read_parts(tmp_path / "given.json"), numbers(page), strict=True):
        assert part.name == name
        np.testing.assert_allclose(CROPPED.preprocessing.placed(part.box, HEIGHT, WIDTH), box, atol=0.006)
    saved = read_parts(save(page, tmp_path))
    assert [part.name for part in saved] == [entry["part"] for entry in listed]
    assert [part.image for part in saved] == ["one.png", "b/three.png", "d/four.png"]
    for part, entry in zip(saved, listed, strict=True):
        assert part.box == pytest.approx(entry["box"], abs=1e-3)
    head = "image,part,left,top,right,bottom\n"
    for text, sentence in (
        ("x", "The file begins with x."),
        (head, "The file marks no part."),
        (f"{head}five.png,nose,1,1,2,2", "Line 2: image five.png is not here: "),
        (f"{head}four.png,nose,1,1,2,2", "could be any of c/four.png, d/four.png"),
        (f"{head}one.png,nose,1,1,2,2\none.png,nose,1,1,2,2", "Line 3: the nose of one.png is marked a second time"),
        (f"{head}one.png,nose,1,1,200,2", "outside of the picture of 61 \N{MULTIPLICATION SIGN} 40 pixels"),
    ):
        load(page, text)
        expect(page.get_by_role("alert")).to_contain_text(sentence)
    assert len(boxes(page)) == 3
    refused = [f"{opened}/live/view?at=a&name={name}" for name in ("five.png", "four.png")]
    assert [line.split()[-1] for line in complaints] == refused
    complaints.clear()


HOSTILE = ('<b>"x"</b>', "a,b", "line\nbreak", "line\r\nbreak\r", '"', '""', "'", "=1+1", "é \N{SNOWMAN}", "{", "x\ty")
SPACED = (" before", "after\x85", "\x1cboth\n")


@pytest.mark.parametrize("names", [HOSTILE, SPACED], ids=["csv", "json"])
def test_hostile_names_come_back_from_files(page: Page, opened: str, tmp_path: Path, names: Sequence[str]) -> None:
    page.goto(f"{opened}/live/correspondence.html")
    entries = [
        {"image": image, "part": part, "box": [0.125, 1, 2e5, 7.5]} for image in names for part in reversed(names)
    ]
    text, found = page.evaluate(
        "async entries => { const file = await import('/live/static/partsfile.js'); const made = file.written(entries);"
        " return [made.text, file.read(made.text).map(({image, part, box}) => ({image, part, box}))]; }",
        entries,
    )
    assert found == entries
    (tmp_path / "parts").write_text(text, newline="")
    read = read_parts(tmp_path / "parts")
    assert [{"image": part.image, "part": part.name, "box": list(part.box)} for part in read] == entries


HEAD = "image,part,left,top,right,bottom"
FORMS = {
    f"\ufeff{HEAD}\r\na,b,1,2,3,4\r\n\r\n": True,
    "part,image,right,bottom,left,top\n b , a ,3,4,1,+2.0e0": True,
    f'{HEAD}\n"a",b"c,1,2,3,4': True,
    f'{HEAD}\n"a,b,1,2,3,4': False,
    f'{HEAD}\n"a"x,b,1,2,3,4': False,
    f"{HEAD}\na,b,1,2,3": False,
    f"{HEAD}\na,b,1,2,3,4,": False,
    f"{HEAD}\na,,1,2,3,4": False,
    f"{HEAD}\na,b,1,2,3,nan": False,
    f"{HEAD}\na,b,-1,2,3,4": False,
    f"{HEAD}\na,b,1,2,3,1e7": False,
    f"{HEAD}\na,b,3,2,1,4": False,
    "image,part,left,top,right\na,b,1,2,3": False,
    "": False,
    "[": False,
    "{}": False,
    "[1]": False,
    "[null]": False,
    '[{"image": "a", "part": "b", "box": [1, 2, 3, 4], "more": 1}]': False,
    '[{"image": "a", "part": "b", "box": [1, 2, 3, "4"]}]': False,
    '[{"image": "a", "part": "b", "box": [1, 2, 3, true]}]': False,
    '[{"image": 1, "part": "b", "box": [1, 2, 3, 4]}]': False,
    '[{"image": "a", "part": "b", "box": [1, 2, 3, 4]}]': True,
}


def taken(path: Path) -> Any:
    try:
        return [[part.image, part.name, list(part.box)] for part in read_parts(path)]
    except PartsError:
        return None


def test_the_page_reads_what_the_command_reads(page: Page, opened: str, tmp_path: Path) -> None:
    page.goto(f"{opened}/live/correspondence.html")
    found = page.evaluate(
        "async texts => { const file = await import('/live/static/partsfile.js'); return texts.map(text => {"
        " try { return file.read(text).map(({image, part, box}) => [image, part, box]); } catch (error) {"
        " return error.constructor === Error ? null : String(error); } }); }",
        [text.removeprefix("\ufeff") for text in FORMS],
    )
    for number, (text, fine) in enumerate(FORMS.items()):
        (tmp_path / "parts").write_text(text, newline="")
        assert found[number] == taken(tmp_path / "parts"), text
        assert (found[number] is not None) == fine, text


def test_files_of_ones_own_are_marked_as_the_model_sees_them(page: Page, opened: str, tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    for number in range(4):
        pixels = generator.integers(0, 256, (90, 50 + number, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"<i>{number}.png")
    own = [tmp_path / f"<i>{number}.png" for number in range(4)]
    page.goto(f"{opened}/live/correspondence.html")
    page.locator("#file").set_input_files(own[:2])
    expect(tiles(page)).to_have_count(2)
    for tile in range(2):
        drag(page, tile, 5, 6, 15 + tile, 20)
    saved = read_parts(save(page, tmp_path))
    for number, part in enumerate(saved):
        assert part.image == own[number].name
        placed = CROPPED.preprocessing.placed(part.box, 90, 50 + number)
        np.testing.assert_allclose(placed, (5, 6, 15 + number, 20), atol=1e-3)
    page.get_by_label("Random draws").fill("2")
    page.get_by_role("button", name="Run the test").click()
    expect(page.locator("#told")).to_contain_text("1 part compared in", timeout=20_000)
    expect(page.locator("#tables")).to_contain_text("left eye")
    page.locator("#file").set_input_files(own[0])
    twice = "There is an image <i>0.png already; the names of the images have to differ."
    expect(page.get_by_role("alert")).to_have_text(twice)
    page.locator("#file").set_input_files(own[2:])
    expect(page.get_by_role("alert")).to_contain_text("At most 3 images of your own are kept")
    expect(tiles(page)).to_have_count(3)
    page.get_by_role("button", name="Take <i>0.png out").click()
    page.locator("#file").set_input_files(own[3])
    expect(page.locator("#marking li").last).to_contain_text("<i>3.png")
    expect(tiles(page)).to_have_count(3)


def test_views_say_which_part_of_the_picture_they_show(asked: TestClient, context: Context) -> None:
    one = asked.get("/live/view", params={"at": "a", "name": "three.png"}).json()
    assert (one["name"], one["image"]) == ("b/three.png", number_of(context, "b/three.png"))
    assert (one["width"], one["height"]) == (WIDTH, HEIGHT)
    # 61 x 40 becomes 54 x 36, of which columns 11 to 43 and rows 2 to 34 are seen.
    np.testing.assert_allclose(one["box"], (11 * 61 / 54, 2 * 40 / 36, 43 * 61 / 54, 34 * 40 / 36))
    asks: Sequence[tuple[dict[str, str | int], int]] = (
        ({"at": "a", "name": "four.png"}, 404),
        ({"at": "a", "name": "one.png", "image": 0}, 422),
        ({"name": "one.png"}, 422),
        ({"key": "guessed"}, 404),
        ({"at": "b", "image": 0}, 404),
        ({}, 422),
    )
    for asked_for, status in asks:
        assert asked.get("/live/view", params=asked_for).status_code == status, asked_for
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 60_000, 3), np.uint8)).save(file, "PNG")
    key = context.uploads.keep(np.zeros((8, 4_000_000, 1), np.uint8))
    answer = asked.get("/live/view", params={"key": key})
    assert (answer.status_code, "Crop it first" in answer.json()["error"]) == (422, True)
