"""Correspondence asked live: what is told is what ``correspond`` finds on the same pictures and boxes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from convscope.errors import PartsError
from convscope.images import ImageSet
from convscope.images.boxes import Part
from convscope.models.preprocessing import Box
from convscope.probes.correspondence.correspond import correspond
from convscope.probes.correspondence.places import cover_of
from convscope.serve.live.context import Context
from convscope.serve.live.correspondence import Mark, parts_in_view
from tests.serve.asked import CLASSIFIER
from tests.serve.conftest import OWN

BOXES: dict[str, list[Box]] = {
    "eye": [(2, 3, 10, 9), (4, 4, 12, 12), (3, 6, 9, 14), (5, 2, 12, 8)],
    "nose": [(16, 16, 28, 24), (14, 18, 26, 30), (15, 15, 25, 25), (17, 13, 27, 22)],
}
IMAGES = [{"at": "a", "image": number} for number in range(4)]
MARKS = [
    {"image": image, "name": name, "box": list(box)} for name, boxes in BOXES.items() for image, box in enumerate(boxes)
]
FEW = {"draws": 3, "permutations": 99}


def told(asked: TestClient, **question: object) -> list[dict[str, Any]]:
    body = {"images": IMAGES, "parts": MARKS, **FEW, **question}
    answer = asked.post("/live/correspond", json=body, headers={"Origin": OWN})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def sent(asked: TestClient, picture: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    key: str = asked.post("/live/images", content=file.getvalue(), headers={"Origin": OWN}).json()["key"]
    return key


@pytest.mark.parametrize("where", ["anywhere", "swapped"])
def test_what_is_told_is_what_correspond_finds(context: Context, asked: TestClient, tmp_path: Path, where: str) -> None:
    """Three images of the atlas and one that is sent, whose box is written in pixels of its own picture here."""
    own = np.random.default_rng(5).integers(0, 256, (80, 64, 3), np.uint8)
    Image.fromarray(own).save(tmp_path / "own.png")
    for number in range(3):
        Image.fromarray(context.atlases["a"].picture(number)).save(tmp_path / f"{number}.png")
    names = ["0.png", "1.png", "2.png", "own.png"]
    scale = np.array([(1, 1), (1, 1), (1, 1), (64 / 32, 80 / 32)])
    parts = [
        Part(names[image], name, tuple(np.array(box) * [*scale[image], *scale[image]]))
        for name, boxes in BOXES.items()
        for image, box in enumerate(boxes)
    ]
    images = [*IMAGES[:3], {"key": sent(asked, own), "name": "own.png"}]
    layers = ["features.14", "head.0"]
    *steps, last = told(asked, images=images, where=where, layers=layers)
    found = correspond(CLASSIFIER, ImageSet.open(tmp_path), parts, layers, draws=3, where=where, permutations=99)
    assert [step["found"] for step in steps] == [{"done": 4 * done, "of": 32} for done in range(1, 9)]
    finished = last["finished"]
    assert [(line["layer"], line["part"]) for line in finished["table"]] == [
        (row.layer, row.part) for row in found.rows
    ]
    for line, row in zip(finished["table"], found.rows, strict=True):
        assert row.interval is not None
        assert row.difference_interval is not None
        numbers = (row.delta, *row.interval, row.random_delta, row.difference, *row.difference_interval, row.p)
        names_of = "delta low high random_delta difference difference_low difference_high p".split()
        assert [line[name] for name in names_of] == pytest.approx(numbers, rel=1e-4, abs=1e-6)
        assert line["draws"] == pytest.approx(row.random_deltas.tolist(), rel=1e-4)
        assert line["images"] == 4
    assert finished["layers"] == [{"layer": name, "dimensions": count} for name, count in found.layers]
    assert finished["random"][0]["delta"] == pytest.approx(found.random_delta("features.14"), rel=1e-4)
    assert finished["notes"] == list(found.notes)
    assert finished["left_out"] == []


def test_a_box_that_the_crop_cuts_away_is_left_out_and_said(asked: TestClient) -> None:
    outside = [{**mark, "box": [-6, 4, 4, 12]} if mark is MARKS[0] else mark for mark in MARKS]
    finished = told(asked, parts=outside)[-1]["finished"]
    reason = "only 40% of it is in the middle that the model sees"
    assert finished["left_out"] == [{"image": "0.png", "part": "eye", "reason": reason}]
    assert {line["part"]: line["images"] for line in finished["table"]} == {"eye": 3, "nose": 4}


def test_boxes_are_cut_to_the_view_as_those_of_a_file() -> None:
    marks = [Mark(image=0, name="a", box=(-1.4, 2.6, 9.5, 40)), Mark(image=1, name="a", box=(-9, -9, 1, 1))]
    parts, lost = parts_in_view(marks, ["x", "y"], (32, 30))
    (top, left, bottom, right), _ = cover_of((-1.4, 2.6, 9.5, 40), (32, 30))
    assert parts == (Part("x", "a", (left, top, right, bottom)),)
    assert lost == (("y", "a", "only 1% of it is in the middle that the model sees"),)
    with pytest.raises(PartsError, match="no image shows the part 'a'"):
        parts_in_view(marks[1:], ["x", "y"], (32, 30))


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ({"images": [{}]}, "choose one image"),
        ({"images": [{"at": "b", "image": 1}]}, "no atlas is open under the name 'b'"),
        ({"images": [{"at": "a", "image": 99}]}, "99"),
        ({"images": [{"key": "guessed"}]}, "not kept any more"),
        ({"images": [IMAGES[0], IMAGES[0]]}, "two of the images are called '0.png'"),
        ({"images": [{**IMAGES[0], "name": "mine"}]}, "leave the name out"),
        ({"images": IMAGES[:2]}, "there are 2 images"),
        ({"parts": MARKS[:1]}, "1 image(s) show the part 'eye'"),
        ({"parts": [*MARKS, MARKS[0]]}, "marked a second time"),
        ({"parts": [{**MARKS[0], "box": [3, 3, 3, 9]}]}, "is empty"),
        ({"parts": [{**MARKS[0], "name": f"part {number}"} for number in range(21)]}, "at most 20"),
        ({"parts": MARKS * 60, "draws": 100}, "fewer draws"),
        ({"layers": ["nowhere"]}, "nowhere"),
        ({"fill": "loud"}, "loud"),
    ],
)
def test_a_question_that_makes_no_sense_ends_in_a_sentence(
    asked: TestClient, question: dict[str, object], sentence: str
) -> None:
    last = told(asked, **question)[-1]
    assert sentence in last["error"]
    assert "Traceback" not in last["error"]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ({"more": 1}, "more"),
        ({"images": []}, "images"),
        ({"images": [{"at": "a", "image": 1, "path": "/etc/passwd"}]}, "path"),
        ({"images": IMAGES[:1] * 51}, "images"),
        ({"parts": []}, "parts"),
        ({"parts": MARKS[:1] * 501}, "parts"),
        ({"parts": [{**MARKS[0], "box": [1, 2, 3]}]}, "box"),
        ({"parts": [{**MARKS[0], "box": [1, 2, 3, 1e9]}]}, "box"),
        ({"parts": [{**MARKS[0], "image": -1}]}, "image"),
        ({"parts": [{**MARKS[0], "name": ""}]}, "name"),
        ({"draws": 0}, "draws"),
        ({"draws": 101}, "draws"),
        ({"where": "here"}, "where"),
        ({"permutations": 10**6}, "permutations"),
        ({"layers": []}, "layers"),
    ],
)
def test_a_question_of_the_wrong_form_is_refused(asked: TestClient, question: dict[str, object], name: str) -> None:
    body = {"images": IMAGES, "parts": MARKS, **question}
    answer = asked.post("/live/correspond", json=body, headers={"Origin": OWN})
    assert answer.status_code == 422
    assert name in answer.json()["error"]
