"""Two sets, and one with itself: every copy is found, once, with what was done to it; nothing else is."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from PIL import Image

from convscope.images.pixels import Pixels
from convscope.probes.overlap.candidates import Candidates, _best_of_each, find_candidates, index_of
from convscope.probes.overlap.match import Matches, match
from convscope.probes.overlap.result import THRESHOLD
from convscope.probes.overlap.sampling import STEPS
from tests.probes.overlap.make import cropped, scene, views_of

SCENES = [scene(seed) for seed in range(30)]


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


COPIES: dict[int, Pixels] = {
    3: SCENES[3],
    5: SCENES[5][:, ::-1],
    7: cropped(SCENES[7], 0.1, 0.1, 0.95, 1),
    9: resized(SCENES[9], (33, 47)),
    11: cropped(SCENES[11][:, ::-1], 0, 0.15, 0.9, 0.95),
    13: (SCENES[13] * 0.7 + 20).astype(np.uint8),
}


def surest(found: Matches) -> set[tuple[int, int]]:
    chosen = found.take(found.edges >= THRESHOLD)
    return set(zip(chosen.first.tolist(), chosen.second.tolist(), strict=True))


def test_copies_are_found_from_either_side() -> None:
    others = [scene(seed) for seed in range(100, 110)]
    first, second = views_of(SCENES), views_of([*COPIES.values(), *others])
    expected = {(number, place) for place, number in enumerate(COPIES)}
    there, back = match(first, second), match(second, first)
    assert surest(there.matches) == expected
    assert surest(back.matches) == {(b, a) for a, b in expected}
    assert there.indexes == ("exact", "exact")
    found = {int(a): n for n, a in enumerate(there.matches.first) if there.matches.edges[n] >= THRESHOLD}
    assert [bool(there.matches.mirrored[found[number]]) for number in COPIES] == [
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    crop = found[7]
    assert not there.matches.on_second[crop]  # the first image is the larger
    np.testing.assert_allclose(there.matches.boxes[crop] / STEPS, (0.1, 0.85, 0.1, 0.9), atol=0.04)


def test_within_one_set_every_pair_is_found_once() -> None:
    views = views_of([*SCENES, *COPIES.values()])
    found = match(views, None).matches
    assert surest(found) == {(number, len(SCENES) + place) for place, number in enumerate(COPIES)}
    assert (found.first < found.second).all()


def test_an_image_with_many_copies_finds_them_all() -> None:
    draw = np.random.default_rng(0)
    copies = [np.clip(SCENES[0] + draw.normal(0, 2, SCENES[0].shape), 0, 255).astype(np.uint8) for _ in range(45)]
    found = match(views_of(SCENES), views_of(copies))
    assert surest(found.matches) == {(0, number) for number in range(45)}
    assert surest(match(views_of(copies), None).matches) == set(combinations(range(45), 2))


def test_flat_views_match_nothing_not_even_each_other() -> None:
    flat = [np.full((9, 9, 3), value, np.uint8) for value in (5, 5, 200)]
    assert len(match(views_of([*SCENES[:3], *flat]), views_of(flat)).matches) == 0
    assert len(match(views_of(flat), None).matches) == 0


def test_results_do_not_depend_on_threads_or_progress() -> None:
    said: list[tuple[str, int, int]] = []
    first, second = views_of(SCENES), views_of(list(COPIES.values()))
    one = match(first, second, workers=1).matches
    three = match(first, second, workers=3, report=lambda *words: said.append(words)).matches
    np.testing.assert_array_equal(one.edges, three.edges)
    assert [each for each in said if each[0] == "search"] == [("search", 6, 36), ("search", 36, 36)]


def test_of_each_pair_the_most_similar_is_kept_and_of_each_part_the_best() -> None:
    draw = np.random.default_rng(1)
    part, whole = draw.integers(0, 6, 200), draw.integers(0, 9, 200)
    similarity = draw.uniform(size=200).astype(np.float32)
    found = Candidates(part, whole, part, part > 0, similarity)
    expected = set()
    for image in range(6):
        best = {int(w): max(similarity[(part == image) & (whole == w)]) for w in set(whole[part == image].tolist())}
        expected |= {(image, w) for w in sorted(best, key=lambda w: -best[w])[:4]}
    kept = _best_of_each(found, 4)
    assert {(int(part[n]), int(whole[n])) for n in kept} == expected
    assert len(kept) == len(expected)


def test_no_image_is_its_own_candidate() -> None:
    views = views_of([*SCENES[:5], SCENES[2]])
    found = find_candidates(views, np.arange(6), index_of(views, np.arange(6), 6), 3, own=np.arange(6))
    assert (found.part != found.whole).all()
    assert {(2, 5), (5, 2)} <= set(zip(found.part.tolist(), found.whole.tolist(), strict=True))
