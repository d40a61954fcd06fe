"""An evolution made up of random numbers, written by the real writers: any size, hostile names, silent units."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convscope.pipeline.evolution import FACTS, facts_of
from convscope.pipeline.evolution_rows import CurveRow, EvolutionRow, curve_rows, evolution_columns, projections_npz
from convscope.pipeline.results import ResultFolder
from convscope.probes.evolution.likeness import curve_of
from convscope.probes.evolution.record import NONE, Drawn, Place
from convscope.probes.evolution.result import Evolution, LayerEvolution, jumps_of

HOSTILE = "../../x\"'><script>document.title='owned'</script>#1 \N{SNOWMAN}/é"
LABELS = tuple(f"epoch {number}" for number in (0, 1, 2, 5, 9))
KEPT = 0.6
"""Part of the winners that stay from one checkpoint to the next."""


def made_up(
    layers: Sequence[tuple[str, int, int]] = (("conv1", 8, 8), (HOSTILE, 6, 4), ("conv3", 5, 0)),
    labels: Sequence[str] = LABELS,
    side: int = 9,
    seed: int = 0,
) -> Evolution:
    """Layers as address, number of units, and how many of them are drawn; unit 1 is silent at the first checkpoint."""
    random = np.random.default_rng(seed)
    images = tuple(f"{HOSTILE}-{number}.png" for number in range(40))
    return Evolution(
        labels=tuple(labels),
        positions=tuple(float(label.split()[-1]) for label in labels),
        images=images,
        skipped=((f"{HOSTILE}-bad.png", "it is <b>not</b> an image"),),
        sampled=40,
        method="deconvnet",
        probed="final",
        layers=tuple(_layer(random, *layer, len(labels), side) for layer in layers),
        notes=("weights are <i>random</i>",),
    )


def _layer(random: np.random.Generator, address: str, units: int, drawn: int, count: int, side: int) -> LayerEvolution:
    image = _winners(random, count, units)
    silent = image == NONE
    positions = np.arange(float(count))
    shown = tuple(np.linspace(0, units - 1, drawn).round().astype(int).tolist()) if drawn else ()
    value = np.where(silent, 0, random.uniform(0.1, 20, (count, units))).astype(np.float32)
    rising = np.linspace(0.2, 1, count)[:, None]
    ranking = np.clip(rising + random.normal(0, 0.03, (count, units)) * (1 - rising), -1, 1)
    return LayerEvolution(
        address, units, 12, 12, (side, side),
        image=image,
        value=value,
        y=np.where(silent, 0, random.integers(0, 12, (count, units))),
        x=np.where(silent, 0, random.integers(0, 12, (count, units))),
        jump=jumps_of(image),
        overlap=np.where(silent, np.nan, random.integers(0, 10, (count, units)) / 9).astype(np.float32),
        ranking=curve_of(ranking, positions.tolist(), random.normal(0.1, 0.05, 20)),
        projection=curve_of(ranking[:, list(shown)] ** 0.5, positions.tolist(), random.normal(0.7, 0.05, 20)),
        shown=shown,
        probes=(None,) * len(shown),
        drawn=tuple(
            tuple(_drawn(random, unit, image[number, unit], value[number, unit], side) for unit in shown)
            for number in range(count)
        ),
    )  # fmt: skip


def _winners(random: np.random.Generator, count: int, units: int) -> NDArray[np.int64]:
    image = np.empty((count, units), np.int64)
    image[0] = random.integers(0, 40, units)
    for number in range(1, count):
        stay = random.random(units) < KEPT
        image[number] = np.where(stay, image[number - 1], random.integers(0, 40, units))
    image[0, 1] = NONE
    return image


def _drawn(random: np.random.Generator, unit: int, image: int, value: float, side: int) -> Drawn | None:
    if image == NONE:
        return None
    height = side - image % 3  # clipped at a border
    projection = random.normal(0, 1, (height, side, 3)).astype(np.float32)
    patch = random.integers(0, 256, (height, side, 3)).astype(np.uint8)
    return Drawn(Place(unit, int(image), 0, 0, (0, 0, height, side)), float(value), projection, patch)


def asked(found: Evolution, digests: Sequence[str | None] = ()) -> dict[str, object]:
    """What decides a result, as the facts have it; without ``digests`` as no version of the program wrote it."""
    return {
        "checkpoints": [
            {"label": label, "position": at} | ({} if digest is None else {"model": "m", "digest": digest})
            for label, at, digest in zip(
                found.labels, found.positions, digests or [None] * len(found.labels), strict=True
            )
        ],
        "images": {"name": HOSTILE, "digest": "d" * 64, "count": len(found.images)},
        "settings": {"layers": [layer.address for layer in found.layers]},
    }


def write_shown(folder: Path, found: Evolution, digests: Sequence[str | None] = ()) -> Path:
    """What the pages show: the numbers, a film and a figure, here of one colour, which is much quicker."""
    write_numbers(folder, found, digests)
    grey = Image.new("RGB", (90, 60), (128, 128, 128))
    grey.save(folder / "figure.png")
    grey.save(folder / "evolution.webp", save_all=True, append_images=[Image.new("RGB", (90, 60))], duration=100)
    return folder


def write_numbers(folder: Path, found: Evolution, digests: Sequence[str | None] = ()) -> Path:
    """What the pages need, without figures."""
    result = ResultFolder(folder, FACTS, asked(found, digests))
    result.begin()
    result.write("projections.npz", projections_npz(found))
    result.write_columns("evolution.parquet", EvolutionRow, evolution_columns(found))
    result.write_rows("curves.csv", CurveRow, curve_rows(found))
    result.finish(facts_of(found), {})
    return folder
