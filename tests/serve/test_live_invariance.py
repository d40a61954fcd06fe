"""Invariance asked live: what is told is what ``invariance`` finds, and a slider follows it in a real browser."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from convscope.probes.invariance.invariance import invariance
from convscope.serve.live.context import Context
from convscope.serve.live.invariance import CURVES, chosen_layers
from tests.serve.asked import CLASSIFIER
from tests.serve.conftest import OWN
from tests.web.conftest import SIZES


def told(asked: TestClient, **question: object) -> list[dict[str, Any]]:
    answer = asked.post("/live/move", json={"at": "a", "image": 2, **question}, headers={"Origin": OWN})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize(("transform", "border"), [("translate-x", "wrap"), ("rotate", "reflect")])
def test_what_is_told_is_what_invariance_finds(
    asked: TestClient, context: Context, transform: str, border: str
) -> None:
    begun, *steps, finished = told(asked, transform=transform, border=border)
    picture = context.atlases["a"].picture(2)
    found = invariance(CLASSIFIER, [picture], transform, layers=begun["begun"]["layers"], border=border)
    assert begun["begun"]["values"] == [step["found"]["value"] for step in steps] == found.values.tolist()
    moved = np.array([step["found"]["normalised"] for step in steps]).T
    np.testing.assert_allclose(moved, found.normalised[0], atol=1e-3)
    assert found.answer is not None
    best = [step["found"]["predictions"][0]["name"] for step in steps]
    assert best == [found.answer.name(index) for index in found.answer.label[0].tolist()]
    assert finished["finished"]["seconds"] >= 0


def test_the_view_that_is_told_is_the_moved_image(asked: TestClient, context: Context) -> None:
    _, *steps, _ = told(asked, transform="translate-y", border="wrap")
    picture = context.atlases["a"].picture(2)
    for step in steps:
        encoded = base64.b64decode(step["found"]["view"].removeprefix("data:image/webp;base64,"))
        with Image.open(io.BytesIO(encoded)) as view:
            np.testing.assert_array_equal(np.asarray(view), np.roll(picture, int(step["found"]["value"]), 0))


def test_layers_are_spread_and_end_with_the_last() -> None:
    layers = chosen_layers(CLASSIFIER, "cpu")
    assert len(layers) <= CURVES
    assert layers[-1] == "head.1"
    assert len(set(layers)) == len(layers)


@pytest.mark.parametrize("question", [{"transform": "shear"}, {"border": ""}, {"values": [1]}])
def test_a_question_of_the_wrong_form_is_refused(asked: TestClient, question: dict[str, object]) -> None:
    answer = asked.post("/live/move", json={"at": "a", "image": 2, **question}, headers={"Origin": OWN})
    assert answer.status_code == 422
    assert next(iter(question)) in answer.json()["error"]


def test_a_border_that_is_no_colour_ends_in_a_sentence(asked: TestClient) -> None:
    assert "loud" in told(asked, border="loud")[-1]["error"]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_slider_moves_image_curves_and_classes(page: Page, opened: str, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{opened}/live/invariance.html?at=a&image=1&transform=rotate")
    expect(page.locator("#told")).to_contain_text("values in", timeout=20_000)
    assert page.locator("#curves polyline").count() == page.locator("#legend span").count() > 1
    slider = page.locator("#value")
    assert page.locator("#value-shown").text_content() == "0 (rotation, degrees counter-clockwise)"
    still = page.locator("#view").evaluate("canvas => canvas.toDataURL()")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator("#value-shown")).to_have_text("350 (rotation, degrees counter-clockwise)")
    assert page.locator("#view").evaluate("canvas => canvas.toDataURL()") != still
    assert page.evaluate("() => document.scrollingElement.scrollWidth") <= width
    page.get_by_label("What is done").select_option("scale")
    expect(page.locator("#value-shown")).to_have_text("1 (scale)", timeout=20_000)
    expect(page.locator("#told")).to_contain_text("values in", timeout=20_000)
    with page.expect_download() as table:
        page.get_by_role("button", name="All values as CSV").click()
    assert table.value.path().read_text().startswith("value,features")
    # The policy of the server lets the page make pictures of its own drawings.
    charts = page.locator("figure", has=page.locator("#curves"))
    for kind, begins in (("svg", b"<svg"), ("png", b"\x89PNG")):
        with page.expect_download() as saved:
            charts.locator(f'[data-take="{kind}"]').click()
        assert saved.value.suggested_filename == f"distances.{kind}"
        content = Path(saved.value.path()).read_bytes()
        assert content.startswith(begins)
        legend = page.locator("#legend span").all_inner_texts()
        assert kind == "png" or all(words in content.decode() for words in legend)
