"""An atlas and an evolution of one network, open side by side: pages of a unit lead from one to the other."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from safetensors.torch import save_file

from convscope.cli.export import export
from convscope.errors import AtlasFormatError
from convscope.images import ImageSet
from convscope.pipeline.build import Ask, build_atlas
from convscope.pipeline.evolution import EvolutionAsk, evolve_to
from convscope.probes.evolution.checkpoint import file_checkpoints
from convscope.probes.evolution.study import Settings
from convscope.serve.opening import open_folders
from convscope.web.atlas.place import AtlasPlace
from convscope.web.evolution.place import EvolutionPlace, evolution_place
from convscope.web.opening import open_place, open_places
from convscope.web.place import Place
from convscope.web.shelf.connect import UNTIED
from convscope.web.shelf.place import Shelf
from tests.atlas.make import make_atlas
from tests.serve.conftest import client
from tests.serve.tiny import tiny
from tests.web.make_evolution import HOSTILE, LABELS, made_up, write_numbers

THIS, OTHER = "a1" * 32, "0f" * 32
"""The digest that made-up atlases have, and another."""
LAYERS = (("conv1", 8), (HOSTILE, 6), ("conv3", 7), ("elsewhere", 3))
"""Of the third the evolution knows five units only, so it cannot be the same."""


def digests(*here: int) -> list[str]:
    return [THIS if number in here else OTHER for number in range(len(LABELS))]


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_atlas(tmp_path_factory.mktemp("grown") / "My atlas", LAYERS, images=12)


@pytest.fixture(scope="module")
def folders(atlas: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """An atlas of the fourth of five checkpoints."""
    return [atlas, write_numbers(tmp_path_factory.mktemp("grown") / "growth", made_up(), digests(3))]


def page(place: Place, address: str) -> str:
    found = place.answer(address)
    assert found is not None, address
    return found.content.decode()


def steps(place: Place, address: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(page(place, address))["evolutions"]
    return found


def test_the_page_of_a_unit_says_how_it_came_about(folders: Sequence[Path]) -> None:
    places = open_places(folders)
    rows = pq.read_table(folders[1] / "evolution.parquet").to_pylist()
    for unit in range(8):
        (found,) = steps(places["my-atlas"], f"units/conv1/{unit}.json")
        strip = found["strip"]
        assert isinstance(strip, dict)
        wanted = [row["image"] for row in rows if row["layer"] == "conv1" and row["unit"] == unit]
        assert [step["image"] for step in strip["steps"]] == wanted
        assert (found["here"], strip["unit"]) == (3, unit)
    shown = page(places["my-atlas"], "units/conv1/1.html")
    assert shown.count('<col class="now">') == 1
    assert '<link rel="stylesheet" href="../../../growth/static/evolution.css">' in shown
    assert 'href="../../../my-atlas/units/conv1/1.html"' in page(places["growth"], "strips/conv1/1.html")
    assert "made from this network at epoch 5" in page(places["growth"], "strips/conv1/1.html")


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in ("href", "src") and value}


def test_all_links_of_all_pages_lead_somewhere_on_the_shelf(folders: Sequence[Path]) -> None:
    shelf = Shelf(open_places(folders))
    answers = dict(shelf.answers())
    crossing = 0
    for name, answer in answers.items():
        if not name.endswith(".html"):
            continue
        for link in Links(answer.content.decode()).found - {"data:,"}:
            path = unquote(urlsplit(link).path) or PurePosixPath(name).name
            target = os.path.normpath(PurePosixPath(name).parent / path)
            assert target in answers, (name, link)
            crossing += target.split("/")[:2] != name.split("/")[:2]
    assert crossing > 50


def test_served_and_exported_pages_are_the_same(folders: Sequence[Path], tmp_path: Path) -> None:
    export([*folders, tmp_path / "site"], as_json=True)
    asked = client(open_folders(folders).shelf)
    names = [f"at/{at}.{end}" for end in ("html", "json") for at in ("my-atlas/units/conv1/1", "growth/strips/conv1/1")]
    for name in (*names, "at/growth/sprites/conv1/1-large.webp", "at/growth/static/evolution.css", "index.html"):
        assert asked.get(f"/{name}").content == (tmp_path / "site" / name).read_bytes(), name


def test_one_by_one_and_all_at_once_say_the_same(folders: Sequence[Path]) -> None:
    place = open_places(folders)["my-atlas"]
    made = dict(place.answers())
    assert all(made[name] == place.answer(name) for name in place.names() if name.startswith("units/"))


def test_what_is_not_in_both_is_left_out(folders: Sequence[Path]) -> None:
    places = open_places(folders)
    for layer in ("elsewhere", "conv3"):
        assert steps(places["my-atlas"], f"units/{layer}/1.json") == []
        assert "evolution.css" not in page(places["my-atlas"], f"units/{layer}/1.html")


def test_a_unit_that_was_not_drawn_leads_to_its_layer(atlas: Path, tmp_path: Path) -> None:
    growth = write_numbers(tmp_path / "growth", made_up(layers=[("conv1", 8, 2)]), digests(4))
    place = open_places([atlas, growth])["my-atlas"]
    links = [steps(place, f"units/conv1/{unit}.json")[0]["page"] for unit in (0, 1)]
    assert links == [
        {"text": "conv1:0", "href": "../../../growth/strips/conv1/0.html"},
        {"text": "conv1", "href": "../../../growth/layers/conv1.html"},
    ]


@pytest.mark.parametrize(("here", "at"), [((0,), 0), ((4,), 4), ((1, 3), 3)])
def test_any_checkpoint_may_be_the_network(atlas: Path, tmp_path: Path, here: tuple[int, ...], at: int) -> None:
    place = open_places([atlas, write_numbers(tmp_path / "growth", made_up(), digests(*here))])["my-atlas"]
    assert isinstance(place, AtlasPlace)
    assert [each.at for each in place.beside] == [at]


@pytest.mark.parametrize("known", [digests(), ()])
def test_without_a_proof_an_atlas_is_as_it_is_alone(atlas: Path, tmp_path: Path, known: Sequence[str]) -> None:
    places = open_places([atlas, write_numbers(tmp_path / "growth", made_up(), known)])
    alone = open_place(atlas)
    for name in ("index.html", *(f"units/conv1/{unit}.{kind}" for unit in (0, 1, 7) for kind in ("html", "json"))):
        assert places["my-atlas"].answer(name) == alone.answer(name)
    growth = places["growth"]
    assert isinstance(growth, EvolutionPlace)
    assert growth.notes == (() if known else (UNTIED,))
    assert ("written without digests" in page(growth, "index.html")) == (not known)
    assert "In the atlas" not in page(growth, "strips/conv1/1.html")


def test_an_evolution_alone_says_nothing_of_digests(tmp_path: Path) -> None:
    place = evolution_place(write_numbers(tmp_path / "growth", made_up()))
    assert "digests" not in page(place, "index.html")


def test_older_facts_without_a_list_of_checkpoints_are_read(atlas: Path, tmp_path: Path) -> None:
    growth = write_numbers(tmp_path / "growth", made_up())
    facts = json.loads((growth / "evolution.json").read_text())
    del facts["checkpoints"]
    (growth / "evolution.json").write_text(json.dumps(facts))
    assert "written without digests" in page(open_places([atlas, growth])["growth"], "index.html")
    (growth / "evolution.json").write_text(json.dumps(facts | {"checkpoints": [{"label": "x", "position": 1}]}))
    with pytest.raises(AtlasFormatError, match="are not those of the checkpoints"):
        open_place(growth)


def test_two_evolutions_of_one_network(atlas: Path, tmp_path: Path) -> None:
    two = [write_numbers(tmp_path / name, made_up(seed=seed), digests(4)) for seed, name in enumerate("ab")]
    found = steps(open_places([two[0], atlas, two[1]])["my-atlas"], "units/conv1/3.json")
    pages = [each["page"] for each in found]
    assert [link["href"] for link in pages if isinstance(link, dict)] == [
        f"../../../{name}/strips/conv1/3.html" for name in "ab"
    ]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A real evolution of three networks, and a real atlas of the second."""
    folder = tmp_path_factory.mktemp("really")
    (folder / "pictures").mkdir()
    for number in range(5):
        coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(coarse).resize((32, 32)).save(folder / "pictures" / f"{number}.png")
    images = ImageSet.open(folder / "pictures")
    models = [tiny(seed) for seed in range(3)]
    files = [folder / f"epoch-{number}.safetensors" for number in range(3)]
    for model, file in zip(models, files, strict=True):
        save_file(model.module.state_dict(), file)
    ask = EvolutionAsk(("features.0",), Settings(2, top=3, workers=1))
    evolve_to(file_checkpoints("python:tests.docs.tiny:build", files), images, folder / "growth", ask)
    build_atlas(models[1], images, folder / "atlas", Ask(layers=["features.0"], units=2, trust=False), workers=1)
    return [folder / "atlas", folder / "growth"]


def test_a_real_atlas_is_found_in_a_real_evolution(grown: Sequence[Path]) -> None:
    for model in (None, tiny(1)):
        (found,) = steps(open_folders(grown, model).shelf.places["atlas"], "units/features.0/1.json")
        assert found["here"] == 1
