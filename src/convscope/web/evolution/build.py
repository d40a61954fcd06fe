"""Asks an evolution what each page says: one function per kind of page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convscope.errors import AddressError
from convscope.web.evolution.beside import AtlasBeside
from convscope.web.evolution.curve import convergence_chart
from convscope.web.evolution.facts import LayerFacts
from convscope.web.evolution.pages import (
    Bare,
    EvolutionLayerPage,
    EvolutionPage,
    EvolutionStripPage,
    LayerLine,
)
from convscope.web.evolution.parts import (
    head_of,
    home,
    large_of,
    marks_of,
    measures_of,
    method_of,
    name_of,
    numbers_of,
    spread,
    tile_of,
)
from convscope.web.evolution.stored import StoredEvolution
from convscope.web.evolution.strip import strip_of
from convscope.web.evolution.urls import FOLDER, ROOT, UNIT
from convscope.web.pages import Fact, Link, Picture
from convscope.web.results.parts import downloads_of, picture_of

SAMPLES = 8
"""Units of a layer on the page of the evolution."""
LARGEST_FILM = 8 << 20
"""Bytes of a film that a page shows by itself."""
SCRIPT = "scrubber.js"
FILM, STILL = "evolution.webp", "figure.png"
FILES = {
    "figure.png": "the projections of each unit's strongest activation (figure 4)",
    "patches.png": "the image patches that they belong to",
    "curves.png": "similarity to the end, settling points, jumps",
    "evolution.webp": "a film, one frame for each checkpoint",
    "evolution.gif": "the same film",
    "evolution.parquet": "every unit at every checkpoint: winner, activation, position, similarities",
    "curves.csv": "medians and quartiles of each layer",
}
"""What is offered of a folder, if it is there."""


def evolution_page(stored: StoredEvolution, notes: tuple[str, ...] = ()) -> EvolutionPage:
    """The page of the evolution, with ``notes`` on what is beside it."""
    facts = stored.facts
    return EvolutionPage(
        head=head_of(stored, ROOT, "Evolution", ROOT.index()),
        scrubber=ROOT.static(SCRIPT),
        name=name_of(stored),
        word=stored.short[0],
        marks=marks_of(stored, stored.courses),
        layers=tuple(_line(stored, layer) for layer in facts.layers),
        large=large_of(stored),
        orders=(
            Fact("by ranking", facts.order.ranking.sentence),
            Fact("by projection", facts.order.projection.sentence),
        ),
        method=method_of(stored),
        film=_film(stored),
        still=ROOT.file(STILL) if stored.files.has(STILL) else None,
        downloads=downloads_of(stored.files, FILES),
        facts=_facts(stored),
        skipped=tuple(Fact(skip.image, skip.reason) for skip in facts.skipped),
        notes=facts.notes + notes,
    )


def layer_page(stored: StoredEvolution, address: str) -> EvolutionLayerPage:
    """The page of a layer; AddressError if it was not looked at."""
    layer, course = stored.layer(address)
    names = list(stored.depths)
    place = names.index(address)
    links = [Link(name, FOLDER.layer(name)) for name in names]
    around = (links[place - 1] if place else None, links[place + 1] if place + 1 < len(links) else None)
    peaks, drawn = course.peaks(), set(layer.shown)
    return EvolutionLayerPage(
        head=head_of(stored, FOLDER, address, FOLDER.layer(address), (home(stored, FOLDER),), around),
        scrubber=FOLDER.static(SCRIPT),
        address=address,
        units=layer.units,
        silent=layer.silent_at_the_end,
        word=stored.short[0],
        marks=marks_of(stored, [course]),
        tiles=tuple(tile_of(stored, address, unit, FOLDER, peaks) for unit in layer.shown),
        bare=tuple(
            Bare(unit, numbers_of(~course.there[:, unit]), numbers_of(course.jump[:, unit]))
            for unit in range(layer.units)
            if unit not in drawn
        ),
        large=large_of(stored),
        measures=measures_of(stored, layer),
        chart=convergence_chart(stored, layer, course),
        method=method_of(stored),
        file=FOLDER.file("evolution.parquet"),
    )


def strip_page(
    stored: StoredEvolution, address: str, unit: int, beside: Sequence[AtlasBeside] = ()
) -> EvolutionStripPage:
    """The page of a unit, which leads to the same unit in atlases; AddressError if there is none."""
    strip = strip_of(stored, address, unit)
    if strip is None:
        raise AddressError(f"the evolution has no unit {address}:{unit}")
    shown = stored.layer(address)[0].shown
    before = [Link(str(near), UNIT.strip(address, near)) for near in shown if near < unit]
    after = [Link(str(near), UNIT.strip(address, near)) for near in shown if near > unit]
    trail = (home(stored, UNIT), Link(address, UNIT.layer(address)))
    around = (before[-1] if before else None, after[0] if after else None)
    return EvolutionStripPage(
        head=head_of(stored, UNIT, f"{address}:{unit}", UNIT.strip(address, unit), trail, around),
        strip=strip,
        jumps=sum(step.jump for step in strip.steps),
        method=method_of(stored),
        atlases=tuple(found for atlas in beside if (found := atlas.unit(UNIT.root, address, unit))),
    )


def _line(stored: StoredEvolution, layer: LayerFacts) -> LayerLine:
    address = layer.layer
    _, course = stored.layer(address)
    peaks, measures = course.peaks(), measures_of(stored, layer)
    first, last = stored.facts.positions[0], stored.facts.positions[-1]
    return LayerLine(
        address=address,
        href=ROOT.layer(address),
        units=layer.units,
        drawn=len(layer.shown),
        silent=layer.silent_at_the_end,
        measures=measures,
        dots=tuple(
            None
            if each.settled is None
            else round(100 * float(np.clip((each.settled - first) / (last - first), 0, 1)), 2)
            for each in measures
        ),
        samples=tuple(tile_of(stored, address, unit, ROOT, peaks) for unit in spread(layer.shown, SAMPLES)),
    )


def _film(stored: StoredEvolution) -> Picture | None:
    small = stored.files.has(FILM) and (stored.files.path / FILM).stat().st_size <= LARGEST_FILM
    return picture_of(stored.files, FILM) if small else None


def _facts(stored: StoredEvolution) -> tuple[Fact, ...]:
    facts = stored.facts
    return (
        Fact("checkpoints", str(len(facts.labels))),
        Fact("images", f"{facts.images.count} of {facts.images.name}"),
        Fact("rankings over", f"{facts.ranked_over} images"),
        Fact("fixed places", f"of the {facts.probed} checkpoint's winners"),
        Fact("digest of the images", facts.images.digest[:16]),
    )
