"""From a model, images and marked parts to a folder: figure 8, table 1, and the raw numbers behind both."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from convscope.atlas.schema import column
from convscope.engine.graphs import graph_of
from convscope.errors import ImageError
from convscope.figures.correspondence import figure_png, table_png
from convscope.images import ImageSet
from convscope.images.boxes import Part
from convscope.images.parts import read_parts
from convscope.models import Model
from convscope.pipeline.results import Facts, ResultFolder, model_facts
from convscope.probes.correspondence.choices import Choices
from convscope.probes.correspondence.correspond import Run, correspond_by
from convscope.probes.correspondence.result import Consistency, Correspondence
from convscope.probes.features import find_features

FACTS = "correspondence.json"
"""Written last: a folder that has it is whole."""

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PairRow:
    """``pairs.parquet``: one row per layer, part and pair of images."""

    layer: str = column("address of the layer", "string")
    part: str = column("name of the part", "string")
    image_a: str = column("name of the one image", "string")
    image_b: str = column("name of the other", "string")
    distance: float = column("Hamming distance of sign(epsilon), as part of the dimensions", "float64")


@dataclass(frozen=True)
class RandomRow:
    """``random.parquet``: one row per layer, part and random draw."""

    layer: str = column("address of the layer", "string")
    part: str = column("the part whose sizes the regions have", "string")
    draw: int = column("number of the draw", "int32")
    delta: float = column("mean distance over the pairs of images", "float64")


@dataclass(frozen=True)
class TableRow:
    """``table.csv``: one row per layer and part."""

    layer: str = column("address of the layer", "string")
    part: str = column("name of the part", "string")
    images: int = column("images that show it", "int32")
    delta: float = column("mean distance over the pairs of images; lower is more consistent", "float64")
    spread: float | None = column("what stands behind ±, as chosen by spread", "float64")
    low: float | None = column("lower end of the 95% interval of delta over images", "float64")
    high: float | None = column("its upper end", "float64")
    changed: float = column("part of the dimensions that covering the part changes", "float64")
    random_delta: float = column("mean delta of the random draws", "float64")
    random_spread: float | None = column("the same ± of the random draws", "float64")
    random_changed: float = column("part of the dimensions that covering a random region changes", "float64")
    difference: float = column("delta minus random_delta", "float64")
    difference_low: float | None = column("lower end of its 95% interval", "float64")
    difference_high: float | None = column("its upper end", "float64")
    p: float = column("of the permutation test, one-sided", "float64")


@dataclass(frozen=True)
class CorrespondenceAsk:
    """What is asked; see ``correspond``."""

    layers: tuple[str, ...] | None = None
    choices: Choices = field(default_factory=Choices)


def correspond_images(
    model: Model,
    images: ImageSet,
    parts: str | Path,
    output: str | Path,
    ask: CorrespondenceAsk,
    *,
    device: str = "cpu",
    overwrite: bool = False,
    report: Report = lambda stage, done, total: None,  # noqa: ARG005
) -> Path:
    """Write the folder ``output``, or find it finished; gives its path. Raises the errors of ``correspond``."""
    listed = read_parts(parts, images.names, side=ask.choices.side)
    layers = [feature.address for feature in find_features(graph_of(model, device), ask.layers)]
    folder = ResultFolder(Path(output), FACTS, _asked(model, images, listed, layers, ask.choices))
    if folder.is_finished(overwrite=overwrite):
        return folder.path
    started = time.perf_counter()
    run = Run(device, lambda done, total: report("correspond", done, total))
    found = correspond_by(model, images, listed, layers, ask.choices, run)
    compared = time.perf_counter()
    folder.begin()
    folder.write_rows("pairs.parquet", PairRow, pair_rows(found))
    folder.write_rows("random.parquet", RandomRow, random_rows(found))
    folder.write_rows("table.csv", TableRow, table_rows(found))
    folder.write("figure.png", figure_png(found))
    folder.write("table.png", table_png(found))
    folder.finish(facts_of(found), {"correspondence": compared - started, "all": time.perf_counter() - started})
    return folder.path


def _asked(
    model: Model, images: ImageSet, parts: Sequence[Part], layers: Sequence[str], choices: Choices
) -> dict[str, Any]:
    """All that decides the result, for the record and to recognise it."""
    numbers = {name: number for number, name in enumerate(images.names)}
    pictures = hashlib.sha256()
    for name in dict.fromkeys(part.image for part in parts):
        pictures.update(_seen(model, images, numbers[name]))
    only = choices.only
    return {
        "model": model_facts(model),
        "images": {"name": images.name, "seen_sha256": pictures.hexdigest()},
        "parts": [{"image": part.image, "part": part.name, "box": list(part.box)} for part in parts],
        "settings": {"layers": list(layers)} | asdict(choices) | {"only": None if only is None else list(only)},
    }


def _seen(model: Model, images: ImageSet, number: int) -> bytes:
    try:
        return model.preprocessing.view(images.read(number)).tobytes()
    except ImageError as error:
        return str(error).encode()


def pair_rows(found: Correspondence) -> Iterator[PairRow]:
    """All pairs of images of each row of the table."""
    for row in found.rows:
        names = [found.images[index] for index in row.images]
        for a, one in enumerate(names):
            for b, other in enumerate(names[:a]):
                yield PairRow(row.layer, row.part, other, one, float(row.distances[a, b]))


def random_rows(found: Correspondence) -> Iterator[RandomRow]:
    """All random draws of each row of the table."""
    for row in found.rows:
        for draw, delta in enumerate(row.random_deltas.tolist()):
            yield RandomRow(row.layer, row.part, draw, delta)


def table_rows(found: Correspondence) -> Iterator[TableRow]:
    """Table 1, a row for each layer and part."""
    return (_table_row(row, found.settings.spread) for row in found.rows)


def _table_row(row: Consistency, spread: str) -> TableRow:
    low, high = row.interval or (None, None)
    difference_low, difference_high = row.difference_interval or (None, None)
    return TableRow(
        layer=row.layer,
        part=row.part,
        images=len(row.images),
        delta=row.delta,
        spread=row.spread(spread),
        low=low,
        high=high,
        changed=row.changed,
        random_delta=row.random_delta,
        random_spread=row.random_spread(spread),
        random_changed=row.random_changed,
        difference=row.difference,
        difference_low=difference_low,
        difference_high=difference_high,
        p=row.p,
    )


def facts_of(found: Correspondence) -> Facts:
    """The findings in numbers and words, ready for JSON."""
    return {
        "layers": [{"layer": address, "dimensions": count} for address, count in found.layers],
        "table": [asdict(row) for row in table_rows(found)],
        "random": [{"layer": layer, "delta": found.random_delta(layer)} for layer, _ in found.layers],
        "used": {part: [found.images[i] for i in found.row(found.layers[0][0], part).images] for part in found.parts},
        "left_out": [{"image": image, "part": part, "reason": reason} for image, part, reason in found.left_out],
        "notes": list(found.notes),
    }
