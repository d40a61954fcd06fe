"""What the network says of an image, on its page."""

from __future__ import annotations

import pytest
import torch
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from convscope.serve.live.context import Context
from tests.serve.asked import CLASSIFIER


def test_it_is_what_the_module_says(asked: TestClient, context: Context) -> None:
    found = asked.get("/live/predict?at=a&image=2").json()["predictions"]
    view = torch.from_numpy(context.atlases["a"].picture(2).copy())[None]
    with torch.no_grad():
        shares = CLASSIFIER.module(CLASSIFIER.preprocessing.normalise(view)).softmax(1)[0]
    best = shares.topk(5)
    assert [each["name"] for each in found] == [CLASSIFIER.classes[index] for index in best.indices.tolist()]
    assert [each["probability"] for each in found] == pytest.approx(best.values.tolist(), rel=1e-4)


@pytest.mark.parametrize(("query", "status"), [("at=b&image=2", 404), ("at=a&image=99", 404), ("at=a&image=x", 422)])
def test_what_is_not_there_is_refused(asked: TestClient, query: str, status: int) -> None:
    answer = asked.get(f"/live/predict?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_page_of_an_image_shows_it(page: Page, opened: str) -> None:
    page.goto(f"{opened}/at/a/images/2.html")
    expect(page.locator("#predictions meter")).to_have_count(5)
    expect(page.locator("#predictions li").first).to_contain_text("class <")
