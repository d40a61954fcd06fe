"""The page value of a correspondence folder: all that was found, or a clear error."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from convscope.errors import AtlasError, AtlasFormatError
from convscope.images import ImageSet
from convscope.pipeline.correspondence import CorrespondenceAsk, correspond_images
from convscope.probes.correspondence.choices import Choices
from convscope.web.correspondence import FACTS, correspondence_page
from tests.faces import PARTS, faces, model, random_net
from tests.images.make import encoded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    drawn = faces(4)
    marked = []
    (place / "images").mkdir()
    for number, (picture, boxes) in enumerate(zip(drawn.pictures, drawn.boxes, strict=True)):
        (place / "images" / f"{number}.png").write_bytes(encoded(picture))
        marked += [{"image": f"{number}.png", "part": p, "box": b.tolist()} for p, b in zip(PARTS, boxes, strict=True)]
    (place / "parts.json").write_text(json.dumps(marked))
    ask = CorrespondenceAsk(("1", "13"), Choices(draws=3, permutations=19))
    images = ImageSet.open(place / "images")
    return correspond_images(model(random_net()), images, place / "parts.json", place / "made", ask)


def test_a_page_says_what_the_files_say(folder: Path) -> None:
    page = correspondence_page(folder)
    facts = json.loads((folder / FACTS).read_text())
    assert [layer.layer for layer in page.layers] == ["1", "13"]
    assert page.parts == PARTS
    lines = [line for layer in page.layers for line in layer.lines]
    for line, row in zip(lines, facts["table"], strict=True):
        assert {key: value for key, value in asdict(line).items() if key != "random"} == row
        assert sum(line.random) / 3 == pytest.approx(line.random_delta)
    assert {choice.name: choice.value for choice in page.choices}["where"] == "anywhere"
    assert all((folder / name).is_file() for name in (page.figure, page.table))
    assert json.loads(json.dumps(asdict(page)))["layers"][1]["dimensions"] == 64


def test_what_is_missing_or_damaged(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="holds no finished correspondence"):
        correspondence_page(tmp_path)
    facts = json.loads((folder / FACTS).read_text())
    (tmp_path / "random.parquet").write_bytes((folder / "random.parquet").read_bytes())
    damaged = ["{", "[]", {}, facts | {"table": [{"layer": "1"}]}, facts | {"notes": [["x"]]}, facts | {"model": 3}]
    damaged += [facts | {"table": [facts["table"][0] | {"delta": "0.1"}]}, facts | {"layers": [{"layer": "1"}]}]
    for value in damaged:
        (tmp_path / FACTS).write_text(value if isinstance(value, str) else json.dumps(value))
        with pytest.raises(AtlasFormatError, match="is not as `convscope correspond` writes it"):
            correspondence_page(tmp_path)
    (tmp_path / FACTS).write_text(json.dumps(facts))
    assert correspondence_page(tmp_path) == correspondence_page(folder)
    (tmp_path / "random.parquet").write_bytes(b"PAR1")
    with pytest.raises(AtlasFormatError, match="with --overwrite"):
        correspondence_page(tmp_path)
