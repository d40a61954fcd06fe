"""Two whole atlases: pairs of layers, summaries against plain counting, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convscope.atlas.comparison.compare import compare_atlases
from convscope.atlas.comparison.matching import NOBODY
from convscope.atlas.comparison.result import ADDRESS, ALIKE, ASKED, CORRELATION, OVERLAP, CompareAsk, summary_of
from convscope.atlas.comparison.sample import sample_of
from convscope.atlas.peaks import Peaks
from convscope.atlas.reader import Atlas
from convscope.errors import AddressError, AtlasFormatError, AtlasMismatchError
from tests.atlas.make import make_atlas

LAYERS = (("conv1", 9), ("conv2", 12))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def first(place: Path) -> Atlas:
    return Atlas.open(make_atlas(place / "first", LAYERS, images=60))


@pytest.fixture(scope="module")
def second(place: Path) -> Atlas:
    return Atlas.open(make_atlas(place / "second", LAYERS, images=60, seed=5))


@pytest.fixture(scope="module")
def old(place: Path) -> Atlas:
    return Atlas.open(make_atlas(place / "old", LAYERS, images=60, seed=5, peaks=False))


@pytest.fixture(scope="module")
def renamed(place: Path) -> Atlas:
    """The first, its layers called otherwise and in another order."""
    layers = (("other2", 12), ("other1", 9))
    return Atlas.open(make_atlas(place / "renamed", layers, images=60))


def test_an_atlas_is_like_itself(first: Atlas) -> None:
    found = compare_atlases(first, first, CompareAsk(one_to_one=True))
    assert (found.images, found.sampled, found.top) == (59, 59, 9)
    assert found.cka is not None
    np.testing.assert_allclose(np.diag(found.cka), 1, atol=1e-5)
    assert [(result.pair.first.layer, result.pair.why) for result in found.pairs] == [
        ("conv1", ADDRESS),
        ("conv2", ADDRESS),
    ]
    assert any("same network" in note for note in found.notes)
    for result in found.pairs:
        units = result.pair.first.units - 1  # the last one is dead
        assert result.matches.best.tolist() == [*range(units), NOBODY]
        np.testing.assert_allclose(result.matches.score[:units], 1, atol=1e-5)
        np.testing.assert_array_equal(result.overlap[:units], 1)
        told = summary_of(result)
        assert (told.compared, told.dead, told.others_dead, told.unmatched, told.lonely) == (units, 1, 1, 0, 0)
        assert (told.half, told.most, told.mutual, told.overlap) == (1, 1, 1, 1)
        assert told.cka == pytest.approx(1)
        assert result.matches.partner is not None
        assert result.matches.partner.tolist() == result.matches.best.tolist()


def test_a_summary_counts_what_the_peaks_say(first: Atlas, second: Atlas) -> None:
    (result, _) = compare_atlases(first, second).pairs
    one, other = first.peaks("conv1"), second.peaks("conv1")
    assert one is not None
    assert other is not None
    table = np.array([[np.corrcoef(a, b)[0, 1] for b in other.values[:-1]] for a in one.values[:-1].astype(float)])
    told = summary_of(result)
    assert told.basis == CORRELATION
    assert told.median == pytest.approx(np.median(table.max(1)), abs=1e-5)
    assert told.half == np.mean(table.max(1) > 0.5)
    assert told.mutual == np.mean([table[:, best].argmax() == unit for unit, best in enumerate(table.argmax(1))])
    for unit, best in enumerate(table.argmax(1).tolist()):
        mine, theirs = ({row.image for row in atlas.top("conv1", n)} for atlas, n in ((first, unit), (second, best)))
        assert result.overlap[unit] == pytest.approx(len(mine & theirs) / len(mine | theirs))


def test_images_that_only_one_sampled_do_not_count(
    first: Atlas, second: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Atlas.peaks

    def thinned(atlas: Atlas, layer: str) -> Peaks | None:
        found, step = whole(atlas, layer), 2 if atlas is first else 3
        assert found is not None
        return Peaks(found.images[::step], found.values[:, ::step])

    monkeypatch.setattr(Atlas, "peaks", thinned)
    sample = sample_of(first, second)
    assert sample is not None
    assert sample.images.tolist() == list(range(0, 59, 6))
    kept = whole(first, "conv2")
    assert kept is not None
    np.testing.assert_array_equal(sample.peaks("conv2", "conv2")[0], kept.values[:, ::6])


def test_peaks_of_other_images_than_those_of_the_first_layer_are_damage(
    first: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Atlas.peaks

    def mixed(atlas: Atlas, layer: str) -> Peaks | None:
        found = whole(atlas, layer)
        return found if layer == "conv1" or found is None else Peaks(found.images[1:], found.values[:, 1:])

    monkeypatch.setattr(Atlas, "peaks", mixed)
    with pytest.raises(AtlasFormatError, match="conv2 are not of the same images"):
        compare_atlases(first, first)


def test_layers_of_other_names_are_paired_by_likeness(first: Atlas, renamed: Atlas) -> None:
    found = compare_atlases(first, renamed)
    assert found.cka is not None
    for number, result in enumerate(found.pairs):
        assert result.pair.why == ALIKE
        assert result.pair.second.layer == renamed.layers()[int(found.cka[number].argmax())].layer


def test_layers_are_paired_as_asked(first: Atlas, second: Atlas) -> None:
    ask = CompareAsk((("conv2", "conv1"), ("conv1", "conv1"), ("conv2", "conv1")))
    pairs = [result.pair for result in compare_atlases(first, second, ask).pairs]
    assert [(pair.first.layer, pair.second.layer, pair.why) for pair in pairs] == [
        ("conv2", "conv1", ASKED),
        ("conv1", "conv1", ASKED),
    ]
    with pytest.raises(AddressError, match="no layer 'conv3'"):
        compare_atlases(first, second, CompareAsk((("conv1", "conv3"),)))


def test_without_peaks_shared_images_decide_and_that_is_said(first: Atlas, old: Atlas, renamed: Atlas) -> None:
    found = compare_atlases(first, old)
    assert (found.sampled, found.cka) == (None, None)
    assert f"{old.path}: no peaks" in found.notes[0]
    for result in found.pairs:
        assert (result.basis, result.cka) == (OVERLAP, None)
        matched = result.matches.best != NOBODY
        np.testing.assert_array_equal(result.matches.score[matched], result.overlap[matched])
    with pytest.raises(AtlasMismatchError, match="--layers A=B"):
        compare_atlases(old, renamed)


def test_other_images_are_refused(first: Atlas, second: Atlas) -> None:
    data = replace(second.manifest.data, digest="c3" * 32, name="drawings")
    strange = replace(second, manifest=replace(second.manifest, data=data))
    with pytest.raises(AtlasMismatchError, match=r"'photographs' \(digest b2b2b2b2b2b2\).*'drawings'.*same images"):
        compare_atlases(first, strange)


def test_every_unit_is_reported(first: Atlas, second: Atlas) -> None:
    told: list[tuple[str, int, int]] = []
    compare_atlases(first, second, report=lambda *words: told.append(words))
    assert told == [("match", 9, 21), ("match", 21, 21)]
