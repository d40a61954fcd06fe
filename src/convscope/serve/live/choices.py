"""What a live page offers to choose from: the open atlases' images, the model's layers and classes."""

from __future__ import annotations

from convscope.serve.live.context import Context
from convscope.serve.live.correspondence import MOST_BOXES, MOST_DRAWS, MOST_IMAGES, MOST_PARTS
from convscope.web.atlas.catalogue import Catalogue
from convscope.web.live import (
    HERE,
    Asked,
    CorrespondencePage,
    InvariancePage,
    Most,
    Movement,
    OcclusionPage,
    live_head,
    offer_of,
)
from convscope.web.pages import Link

FILLS = ("grey", "mean", "blur", "noise", "zero", "#000000", "#ffffff")
BORDERS = ("reflect", "wrap", "crop", "grey", "mean", "zero")
SHADES = 64
PARTS = ("left eye", "right eye", "nose")
"""Those of the paper's table 1."""


def asked_of(context: Context) -> Asked:
    """What all live pages offer."""
    seen = context.model.preprocessing
    offers = tuple(offer_of(Catalogue(atlas), at) for at, atlas in context.atlases.items())
    return Asked(context.model.spec, seen.height, seen.width, context.uploads.bounds.encoded / 1e6, offers)


def occlusion_page(context: Context) -> OcclusionPage:
    """The page on which an occluder is slid."""
    from convscope.figures.ink import LINE_COLOURS, OTHERS
    from convscope.probes.occlusion.grid import default_patch

    asked = asked_of(context)
    layers = _layers(context)
    patch = default_patch((asked.height, asked.width))
    return OcclusionPage(
        head=live_head(f"Occlusion \N{MIDDLE DOT} {asked.model}", "occlusion", _trail(asked)),
        asked=asked,
        patch=patch,
        stride=max(patch // 2, 1),
        fills=FILLS,
        layers=layers,
        layer=layers[-1],
        classes=context.model.classes,
        colours=_colours(),
        marks=LINE_COLOURS,
        others=OTHERS,
    )


def invariance_page(context: Context) -> InvariancePage:
    """The page on which an image is moved."""
    from convscope.probes.invariance.transform import TRANSFORMS

    asked = asked_of(context)
    return InvariancePage(
        head=live_head(f"Invariance \N{MIDDLE DOT} {asked.model}", "invariance", _trail(asked)),
        asked=asked,
        transforms=tuple(Movement(each.name, each.axis) for each in TRANSFORMS.values()),
        borders=BORDERS,
        colours=_colours(),
    )


def correspondence_page(context: Context) -> CorrespondencePage:
    """The page on which parts are marked and compared."""
    from convscope.figures.ink import LINE_COLOURS
    from convscope.probes.correspondence.choices import DRAWS
    from convscope.probes.correspondence.draws import WHERE

    asked = asked_of(context)
    return CorrespondencePage(
        head=live_head(f"Correspondence \N{MIDDLE DOT} {asked.model}", "correspondence", _trail(asked)),
        asked=asked,
        parts=PARTS,
        colours=LINE_COLOURS,
        draws=DRAWS,
        wheres=tuple(WHERE),
        fills=FILLS,
        layers=_layers(context),
        most=Most(MOST_IMAGES, MOST_PARTS, MOST_BOXES, MOST_DRAWS, context.uploads.bounds.images),
    )


def _trail(asked: Asked) -> tuple[Link, ...]:
    return tuple(Link(offer.title, f"{HERE.root}at/{offer.at}/index.html") for offer in asked.offers[:1])


def _layers(context: Context) -> tuple[str, ...]:
    from convscope.engine.graphs import graph_of
    from convscope.engine.layers import layers

    return tuple(layer.address for layer in layers(graph_of(context.model, context.device)))


def _colours() -> tuple[str, ...]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    from convscope.figures.ink import COLOURS

    return tuple(to_hex(colour) for colour in colormaps[COLOURS].resampled(SHADES)(range(SHADES)))
