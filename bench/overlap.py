"""Near-duplicates: how sure, how fast, and how the cost grows with the set.

Usage: python -m bench.overlap quality PHOTOGRAPHS [--fashion FOLDER]
       python -m bench.overlap time PHOTOGRAPHS [--images 10000] [--first 10000]
       python -m bench.overlap curve PHOTOGRAPHS [--largest 1000000] [--images 10000] [--questions 20000]

``quality`` chooses the threshold on one half of the photographs and reports on the other. ``time`` and ``curve`` need
more images than there are photographs: they blend random parts of two photographs each, at random strength, turned and
mirrored. That keeps spectra and the spread of descriptors near those of real ones (``time`` prints both), but it is
no real set. Below 2 GB of memory, but for ``curve`` at 1,000,000, which takes 4.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import convscope as cs
from convscope.images.pixels import Pixels
from convscope.images.spread import spread
from convscope.probes.overlap.candidates import QUESTIONS
from convscope.probes.overlap.descriptor import BOXES, MIRROR, Descriptors, describe
from convscope.probes.overlap.index import Index, ask, build
from convscope.probes.overlap.labelled import make_labelled
from convscope.probes.overlap.match import match
from convscope.probes.overlap.quality import Quality, check, quality_of
from convscope.probes.overlap.reading import read_set
from convscope.probes.overlap.result import THRESHOLD
from convscope.probes.overlap.view import SIDE, Views, grey_view

FASHION_PHOTOGRAPHS = 400
NEAR = 0.8
"""Similarity from which a neighbour should be found by the index: all but 1% of labelled pairs have more."""
COPIES = 0.1
"""Part of the second set that are changed copies of images of the first."""


def quality(folder: str, fashion: str | None) -> None:
    images = cs.ImageSet.open(folder)
    report("photographs", [images.read(index) for index in range(len(images))])
    if fashion is not None:
        clothes = cs.ImageSet.open(fashion)
        report("Fashion-MNIST", [clothes.read(index) for index in spread(len(clothes), FASHION_PHOTOGRAPHS)])
        seen = read_set(clothes.head(10_000))
        found = check(seen.images, seen.views, 100)
        assert found is not None
        print("\nFashion-MNIST, changed copies of 100 images among 10,000:")
        for threshold in (THRESHOLD, found.lowest() or 1.0):
            row("all", found, threshold)


def report(name: str, pictures: Sequence[Pixels]) -> None:
    halves = [quality_of(make_labelled(pictures[start::2], seed=start)) for start in (0, 1)]
    whole = quality_of(make_labelled(pictures))
    print(f"\n## {name}: {[sum(each.made) for each in (*halves, whole)]} pairs in two halves, and in all")
    print("| by | set | threshold for | precision | recall |" + "\n" + "|---" * 5 + "|")
    for by in ("edges", "grey values"):
        choosing, reporting, both = (each if by == "edges" else by_grey(each) for each in (*halves, whole))
        for wanted in (0.99, 0.999):
            for name, chosen, used in (("choosing", choosing, reporting), ("all", both, both)):
                threshold = chosen.lowest(wanted)
                if threshold is not None:
                    row(f"{by} | {name}, {wanted:g}", chosen, threshold)
                    if used is not chosen:
                        row(f"{by} | reporting", used, threshold)
    row("edges | choosing", halves[0], THRESHOLD)
    row("edges | reporting", halves[1], THRESHOLD)
    row("edges | all", whole, THRESHOLD)
    print("\n| change | recall at the default, all |\n|---|---|")
    for number, kind in enumerate(whole.kinds):
        print(f"| {kind} | {whole.recall(THRESHOLD, number):.3f} |")


def by_grey(found: Quality) -> Quality:
    """As if the correlation of grey values decided."""
    return replace(found, edges=found.correlation)


def row(name: str, found: Quality, threshold: float) -> None:
    print(f"| {name} | {threshold:.3f} | {found.precision(threshold) or 0:.4f} | {found.recall(threshold):.4f} |")


def pictures(folder: str) -> list[NDArray[np.float32]]:
    """The photographs, grey, no side above 160 pixels: parts are cut out of them often."""
    images, found = cs.ImageSet.open(folder), []
    for index in range(len(images)):
        pixels = images.read(index)
        picture = Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0]).convert("L")
        picture.thumbnail((160, 160))
        found.append(np.asarray(picture, np.float32))
    return found


def blended(photographs: list[NDArray[np.float32]], count: int, seed: int) -> tuple[Views, NDArray[np.int64]]:
    """The views, and the two photographs (count, 2) of each."""
    draw = np.random.default_rng(seed)
    views = np.empty((count, SIDE, SIDE), np.uint8)
    sources = draw.integers(len(photographs), size=(count, 2))
    for number, chosen in enumerate(sources):
        one, other = (part(photographs[source], draw) for source in chosen)
        share = draw.uniform(0.5, 1)
        views[number] = np.clip(share * one + (1 - share) * other, 0, 255)
    return views, sources


def part(picture: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    height, width = (max(4, int(side * draw.uniform(0.3, 0.8))) for side in picture.shape)
    top, left = draw.integers(picture.shape[0] - height + 1), draw.integers(picture.shape[1] - width + 1)
    cut = Image.fromarray(picture[top : top + height, left : left + width])
    resized = np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    turned = np.rot90(resized, int(draw.integers(4)))
    return np.asarray(turned[:, ::-1] if draw.random() < 0.5 else turned)


def with_copies(first: Views, second: Views, seed: int) -> NDArray[np.int64]:
    """Put changed copies (cropped, perhaps mirrored, noisy) into the second set; which image each copies, or -1."""
    draw = np.random.default_rng(seed)
    of = np.full(len(second), -1)
    for place in draw.permutation(len(second))[: int(COPIES * len(second))]:
        of[place] = draw.integers(len(first))
        size = int(SIDE * draw.uniform(0.8, 1))
        top, left = draw.integers(SIDE - size + 1, size=2)
        cut = Image.fromarray(first[of[place]][top : top + size, left : left + size])
        copy = np.asarray(cut.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) + draw.normal(0, 2, (SIDE, SIDE))
        second[place] = np.clip(copy[:, ::-1] if draw.random() < 0.5 else copy, 0, 255)
    return of


def nearest(descriptors: Descriptors) -> str:
    """How like the nearest other descriptor is: quantiles over the set."""
    product = descriptors @ descriptors.T
    np.fill_diagonal(product, -1)
    return ", ".join(f"{value:.2f}" for value in np.quantile(product.max(1), (0.1, 0.5, 0.9)))


def timed(folder: str, known: int, count: int) -> None:
    photographs = pictures(folder)
    real = np.stack([grey_view(each.astype(np.uint8)[..., None]) for each in photographs])
    (first, of_first), (second, of_second) = (
        blended(photographs, size, seed) for seed, size in ((1, known), (2, count))
    )
    print("nearest other descriptor, quantiles 10/50/90%, as many as there are photographs:")
    print(f"photographs {nearest(describe(real))}; blended {nearest(describe(first[: len(real)]))}")
    of = with_copies(first, second, 3)
    began, spent = time.perf_counter(), time.process_time()
    found = match(first, second)
    seconds, processor = time.perf_counter() - began, time.process_time() - spent
    own = of[found.matches.second] == found.matches.first
    pairs = found.matches.edges >= THRESHOLD
    ends = of_first[found.matches.first], of_second[found.matches.second]
    related = (ends[0][:, :, None] == ends[1][:, None, :]).any((1, 2))
    strange = (pairs & ~own & ~related).sum()
    print(
        f"{known} x {count} ({', '.join(found.indexes)}): {seconds:.1f} s ({processor:.1f} s of processors), "
        f"{found.candidates} candidates, {(own & pairs).sum()} of {(of >= 0).sum()} copies found, "
        f"{(pairs & ~own & related).sum()} pairs of blends of one photograph, {strange} others; peak {peak():.2f} GB"
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def curve(folder: str, largest: int, images: int, questions: int) -> None:
    """Seconds for the questions of ``images`` images, measured on some of them, by the index and comparing all."""
    photographs = pictures(folder)
    base = describe(blended(photographs, 20_000, 1)[0])
    second, _ = blended(photographs, images // 10, 2)
    asked = np.concatenate([describe(second, box) * sign for box in BOXES for sign in (np.float32(1), MIRROR)])
    asked = np.ascontiguousarray(asked[np.random.default_rng(4).permutation(len(asked))[:questions]])
    scale = images * QUESTIONS / len(asked)
    print(f"{images} images ask {images * QUESTIONS} questions; timed on {len(asked)} and scaled")
    print(
        "| indexed | build, s | index, s | all pairs, s | gain | index memory, MB | neighbours found |\n"
        + "|---" * 7
        + "|"
    )
    for size in [size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000) if size <= largest]:
        descriptors = grown(base, size)
        began = time.perf_counter()
        index = build(descriptors, 1, exact_up_to=0)
        built = time.perf_counter() - began
        exact = build(descriptors, 1, exact_up_to=np.inf)
        (by_index, fast), (by_all, slow) = (stopwatch(each, asked) for each in (index, exact))
        like = by_all[0][:, 0] >= NEAR
        same = (by_index[1][like, 0] == by_all[1][like, 0]).mean()
        print(
            f"| {size} | {built:.1f} | {fast * scale:.1f} | {slow * scale:.1f} | {slow / fast:.1f}x | "
            f"{index.memory / 1e6:.0f} | {same:.3f} of {like.sum()} |",
            flush=True,
        )
    print(f"peak {peak():.2f} GB")


def grown(base: Descriptors, size: int) -> Descriptors:
    """More descriptors: mixtures of two of the base, at random strength, scaled back to length 1."""
    if size <= len(base):
        return np.ascontiguousarray(base[:size])
    draw = np.random.default_rng(5)
    found = np.empty((size, base.shape[1]), np.float32)
    for start in range(0, size, 50_000):
        end = min(start + 50_000, size)
        one, other = (base[draw.integers(len(base), size=end - start)] for _ in range(2))
        share = draw.uniform(0.5, 1, (end - start, 1)).astype(np.float32)
        mixed = share * one + (1 - share) * other
        found[start:end] = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-6)
    return found


def stopwatch(index: Index, asked: Descriptors) -> tuple[tuple[NDArray[np.float32], NDArray[np.int64]], float]:
    began = time.perf_counter()
    found = ask(index, asked, 5)
    return found, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("quality", "time", "curve"))
    parser.add_argument("photographs")
    parser.add_argument("--fashion")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--first", type=int)
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=20_000)
    asked = parser.parse_args()
    if asked.what == "quality":
        quality(asked.photographs, asked.fashion)
    elif asked.what == "time":
        timed(asked.photographs, asked.first or asked.images, asked.images)
    else:
        curve(asked.photographs, asked.largest, asked.images, asked.questions)


if __name__ == "__main__":
    main()
