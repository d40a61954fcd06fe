"""Occlusion asked live: what is told is what ``occlude`` finds, and the page shows it in a real browser."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from convscope.display import display_scale, to_picture
from convscope.probes.occlusion.grid import make_grid
from convscope.probes.occlusion.occlude import occlude
from convscope.serve.live.context import Context
from convscope.serve.live.occlusion import FEW, passes
from tests.serve.asked import CLASSIFIER
from tests.serve.conftest import OWN
from tests.web.conftest import SIZES

FROM_HERE = {"Origin": OWN}


def events(asked: TestClient, **question: object) -> list[dict[str, Any]]:
    answer = asked.post("/live/occlude", json=question, headers=FROM_HERE)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def grids(told: list[dict[str, Any]], name: str) -> Any:
    """The values of all events in the order of places; every place is told exactly once."""
    shape = len(told[0]["begun"]["rows"]), len(told[0]["begun"]["columns"])
    found = [event["found"] for event in told if "found" in event]
    pairs = [pair for event in found for pair in zip(event["places"], event[name], strict=True)]
    assert sorted(place for place, _ in pairs) == list(range(shape[0] * shape[1]))
    return np.array([value for _, value in sorted(pairs)]).reshape(shape)


def pixels_of(address: str) -> Any:
    encoded = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


@given(rows=st.integers(1, 12), columns=st.integers(1, 12))
def test_every_place_comes_once_and_the_corners_first(rows: int, columns: int) -> None:
    grid = make_grid((rows, columns), 1, 1)
    found = list(passes(grid))
    assert sorted(place for part in found for place in part) == list(range(rows * columns))
    assert found[0][0] == 0
    assert all(len(part) <= FEW * 2**number for number, part in enumerate(found))
    assert all(found)


def test_what_is_told_of_an_uploaded_image_is_what_occlude_finds(context: Context, asked: TestClient) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (50, 60, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    sent = asked.post("/live/images", content=file.getvalue(), headers=FROM_HERE)
    told = events(asked, key=sent.json()["key"], patch=9, stride=4, fill="mean", target="1")
    found = occlude(CLASSIFIER, picture, 9, 4, "mean", target="1")
    begun = told[0]["begun"]
    np.testing.assert_array_equal(pixels_of(begun["view"]), found.view)
    np.testing.assert_array_equal(pixels_of(begun["fill"]), found.fill)
    assert (tuple(begun["rows"]), tuple(begun["columns"])) == (found.rows, found.columns)
    assert begun["unoccluded"] == pytest.approx(found.unoccluded, rel=1e-5)
    np.testing.assert_allclose(grids(told, "target"), found.target_grid, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(grids(told, "sums"), found.layers[0].sums, rtol=1e-4, atol=1e-4)
    assert found.labels is not None
    np.testing.assert_array_equal(grids(told, "label"), found.labels.index)
    assert begun["layers"][0]["address"] == f"{found.layers[0].layer}:{found.layers[0].unit}"
    (projected,) = [event["projected"] for event in told if "projected" in event]
    assert list(told[1]) == ["found"]  # values come before what takes as long as the image itself
    (response,) = found.layers
    assert response.projection is not None
    shown = to_picture(response.projection, display_scale([response.projection]))
    np.testing.assert_array_equal(pixels_of(projected[0]), shown)
    assert told[-1]["finished"]["seconds"] >= 0


def test_an_image_of_the_atlas_is_asked_about_as_the_model_saw_it(context: Context, asked: TestClient) -> None:
    told = events(asked, at="a", image=3)
    np.testing.assert_array_equal(pixels_of(told[0]["begun"]["view"]), context.atlases["a"].picture(3))
    shares = [entry["probability"] for entry in told[0]["begun"]["predictions"]]
    assert shares == sorted(shares, reverse=True)
    assert told[0]["begun"]["settings"]["fill"] == "grey"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({}, "choose one image"),
        ({"at": "a"}, "choose one image"),
        ({"at": "a", "image": 1, "key": "k"}, "choose one image"),
        ({"at": "b", "image": 1}, "no atlas is open under the name 'b'"),
        ({"at": "a", "image": 99}, "99"),
        ({"key": "guessed"}, "not kept any more"),
        ({"at": "a", "image": 1, "patch": 99}, "does not fit"),
        ({"at": "a", "image": 1, "fill": "loud"}, "loud"),
        ({"at": "a", "image": 1, "target": "zebra"}, "zebra"),
        ({"at": "a", "image": 1, "layer": "nowhere"}, "nowhere"),
    ],
)
def test_a_question_that_makes_no_sense_ends_in_a_sentence(
    asked: TestClient, question: dict[str, object], sentence: str
) -> None:
    told = events(asked, **question)
    assert sentence in told[-1]["error"]
    assert "Traceback" not in told[-1]["error"]


@pytest.mark.parametrize("question", [{"patch": 0}, {"stride": "x"}, {"fill": ""}, {"more": 1}, {"image": -1}])
def test_a_question_of_the_wrong_form_is_refused(asked: TestClient, question: dict[str, object]) -> None:
    answer = asked.post("/live/occlude", json={"at": "a", "image": 1, **question}, headers=FROM_HERE)
    assert answer.status_code == 422
    assert next(iter(question)) in answer.json()["error"]


def test_too_many_places_are_refused(asked: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.serve.live.occlusion.PLACES", 10)
    told = events(asked, at="a", image=1, patch=2, stride=1)
    assert "choose a larger stride" in told[-1]["error"]


def painted(page: Page, panel: str) -> int:
    """Number of colours in a panel."""
    found: int = page.locator(f"#{panel}-panel").evaluate(
        "canvas => new Set(new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.buffer)).size"
    )
    return found


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_from_an_image_of_the_atlas_to_the_five_panels(page: Page, opened: str, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{opened}/at/a/images/3.html")
    page.get_by_role("main").get_by_role("link", name="Occlusion").click()
    expect(page.locator("#told")).to_contain_text("places in", timeout=20_000)
    expect(page.locator("#chosen-name")).to_have_text("3.png")
    for panel in ("image", "sums", "projection", "target"):
        assert painted(page, panel) > 3, panel
    expect(page.locator("#image-remark")).to_contain_text("largest drop")
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width


def test_the_occluder_follows_pointer_and_arrows(page: Page, opened: str) -> None:
    page.goto(f"{opened}/live/occlusion.html?at=a&image=1&patch=8&stride=8")
    expect(page.locator("#told")).to_contain_text("places in", timeout=20_000)
    assert page.get_by_label("Patch").input_value() == "8"
    panel = page.locator("#target-panel")
    panel.hover(position={"x": 2, "y": 2})
    expect(page.locator("#image-remark")).to_have_text("row 0, column 0")
    page.mouse.move(0, 0)
    panel.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#image-remark")).not_to_contain_text("largest")
    assert "/live/occlusion.html" in page.url


def test_a_file_is_dropped_asked_about_and_saved(page: Page, opened: str, tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (30, 30, 3), np.uint8)).save(tmp_path / "<b>mine.png")
    page.goto(f"{opened}/live/occlusion.html")
    page.get_by_role("button", name="Slide the occluder").click()
    expect(page.get_by_role("alert")).to_have_text("Choose an image first, or drop a file.")
    page.locator("#file").set_input_files(tmp_path / "<b>mine.png")
    expect(page.locator("#told")).to_contain_text("places in", timeout=20_000)
    expect(page.locator("#chosen-name")).to_have_text("<b>mine.png")
    expect(page.get_by_role("alert")).to_be_hidden()
    with page.expect_download() as table:
        page.get_by_role("button", name="All values as CSV").click()
    lines = table.value.path().read_text().splitlines()
    assert lines[0] == "row,column,target,sum,label_probability,label"
    assert len(lines) > 10
    with page.expect_download() as picture:
        page.locator("[data-save=target]").click()
    with Image.open(picture.value.path()) as saved:
        assert saved.format == "PNG"


def test_a_file_that_is_no_image_or_too_large_is_told_in_words(page: Page, opened: str, tmp_path: Path) -> None:
    (tmp_path / "big.png").write_bytes(bytes(200_000))
    page.goto(f"{opened}/live/occlusion.html")
    page.locator("#file").set_input_files(tmp_path / "big.png")
    expect(page.get_by_role("alert")).to_contain_text("at most 0.1 MB")


def test_cancel_stops_the_work(page: Page, opened: str, context: Context) -> None:
    # Clicked by the page itself as soon as there is something to cancel: the work is over before a hand gets there.
    page.add_init_script("""addEventListener("DOMContentLoaded", () => {
      const button = document.getElementById("cancel");
      new MutationObserver(() => { if (!button.hidden) button.click(); }).observe(button, { attributes: true });
    });""")
    page.goto(f"{opened}/live/occlusion.html?at=a&image=1&patch=2&stride=1")
    expect(page.locator("#told")).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    page.wait_for_timeout(1000)
    assert context.jobs.count == 0
