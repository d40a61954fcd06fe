"""Pages of a comparison against what was found, and its place against its addresses."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from convscope.atlas.comparison.matching import NOBODY
from convscope.atlas.comparison.result import summary_of
from convscope.web.comparison.build import compared_layer, overview
from convscope.web.comparison.place import ComparisonPlace
from convscope.web.comparison.urls import OVERVIEW, ComparisonUrls
from convscope.web.html import to_html, to_json
from convscope.web.place import one_by_one
from convscope.web.urls import INDEX
from tests.web.comparison import make_place
from tests.web.conftest import HOSTILE


@pytest.fixture(scope="module", params=[True, False], ids=["peaks", "no peaks"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ComparisonPlace:
    return make_place(tmp_path_factory.mktemp("comparison"), request.param)


def test_one_by_one_and_all_at_once_say_the_same(place: ComparisonPlace) -> None:
    alone = dict(one_by_one(place))
    assert dict(place.answers()) == alone
    assert sorted(place.names()) == sorted(alone)
    assert (place.kind, place.first) == ("comparison", "index.html")
    assert place.title == f"early | late {HOSTILE}"


def test_every_picture_that_a_page_shows_is_there(place: ComparisonPlace) -> None:
    names = set(place.names())
    pages = [(OVERVIEW.index(), to_html(overview(place.compared)))]
    for number, result in enumerate(place.comparison.pairs):
        name = OVERVIEW.pair(result.pair.first.layer, result.pair.second.layer)
        pages.append((name, to_html(compared_layer(place.compared, number))))
    for name, page in pages:
        root = "../" if "/" in name else ""
        shown = {part.split('"')[0].removeprefix(root) for part in page.split('src="')[1:]}
        assert shown <= names
        linked = {part.split('"')[0].removeprefix(root) for part in page.split('href="')[1:]} - {"data:,", "#main"}
        assert linked <= names, linked - names


def test_cards_are_those_of_the_atlases_themselves(place: ComparisonPlace) -> None:
    for side, catalogue in enumerate(place.compared.catalogues):
        for name, (where, layer, unit) in place.cards.items():
            if where == side:
                assert name == f"{'ab'[side]}/{INDEX.card(layer, unit)}"
                assert (layer, unit) in catalogue.driven
                answer = place.answer(name)
                assert answer is not None
                with Image.open(io.BytesIO(answer.content)) as card:
                    assert card.width // card.height == (2 if (layer, unit) in catalogue.projected else 1)


def test_a_layer_page_tells_what_was_found(place: ComparisonPlace) -> None:
    for number, result in enumerate(place.comparison.pairs):
        page = compared_layer(place.compared, number)
        assert page.summary == summary_of(result)
        assert sorted(match.first.unit for match in page.matches) == list(range(result.pair.first.units))
        for match in page.matches:
            unit = match.first.unit
            assert (match.second.unit if match.second else NOBODY) == result.matches.best[unit]
            assert match.score == (None if match.second is None else pytest.approx(result.matches.score[unit]))
            assert match.mutual == result.matches.mutual[unit]
            assert match.counterpart == result.matches.counterpart[unit]
            assert result.matches.partner is not None
            assert (NOBODY if match.partner is None else match.partner) == result.matches.partner[unit]
        scores = [-1 if match.score is None else match.score for match in page.matches]
        assert all(before >= after for before, after in pairwise(scores))
        assert page.matches[-1].first.dead


def test_the_overview_shows_likeness_and_samples_from_best_to_worst(place: ComparisonPlace) -> None:
    page, found = overview(place.compared), place.comparison
    assert (page.heat is None) == (found.cka is None)
    if page.heat is not None and found.cka is not None:
        for cell in page.heat.cells:
            assert cell.value == pytest.approx(found.cka[cell.row, cell.column])
        assert sum(cell.paired for cell in page.heat.cells) == 3
    for line, result in zip(page.lines, found.pairs, strict=True):
        scores = [sample.score for sample in line.samples]
        assert scores[0] == pytest.approx(np.nanmax(result.matches.score))
        assert scores[-1] == pytest.approx(np.nanmin(result.matches.score))
    assert "--diagnosis-a" in to_html(page)
    assert json.loads(to_json(page))["diagnosis"] is None


def test_names_from_data_sets_are_text(place: ComparisonPlace) -> None:
    for name, answer in place.answers():
        if name.endswith(".html"):
            assert b"<script>document" not in answer.content


def test_tables_hold_every_unit(place: ComparisonPlace) -> None:
    answers = {name: place.answer(name) for name in ("matches.csv", "matches.parquet", "comparison.json")}
    contents = {name: answer.content for name, answer in answers.items() if answer is not None}
    rows = pq.read_table(io.BytesIO(contents["matches.parquet"])).to_pylist()
    assert len(rows) == 9 + 6 + 6
    for row, told in zip(rows, csv.DictReader(io.StringIO(contents["matches.csv"].decode())), strict=True):
        result = next(
            each for each in place.comparison.pairs
            if (each.pair.first.layer, each.pair.second.layer) == (row["layer"], row["other_layer"])
        )  # fmt: skip
        best = result.matches.best[row["unit"]]
        assert row["match"] == (None if best == NOBODY else best)
        assert row["score"] == (None if best == NOBODY else result.matches.score[row["unit"]])
        assert row["dead"] == result.dead[0][row["unit"]]
        assert told["match"] == ("" if best == NOBODY else str(best))
    facts = json.loads(contents["comparison.json"])
    assert [pair["unmatched"] for pair in facts["pairs"]] == [
        summary_of(result).unmatched for result in place.comparison.pairs
    ]
    assert facts["asked"]["one_to_one"] is True


@pytest.mark.parametrize(
    "name",
    ["", "index", "../index.html", "a", "a/index.html", "a/sprites/features.0/99-card.webp", "x" * 100_000, "\0"],
)
def test_what_is_no_address_stands_nowhere(place: ComparisonPlace, name: str) -> None:
    assert place.answer(name) is None


def test_pairs_never_share_a_page() -> None:
    names = ["a", "b", "a-with-b", "with", "A", HOSTILE, "a" * 99]
    pairs = [(first, second) for first in names for second in names]
    assert len({ComparisonUrls().pair(*pair) for pair in pairs}) == len(pairs)
