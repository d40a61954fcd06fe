"""Shows a page value as HTML or as JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from convscope.web.atlas.pages import ImagePage, ImagesPage, IndexPage, LayerPage, UnitPage
from convscope.web.comparison.pages import ComparedLayerPage, ComparisonPage
from convscope.web.evolution.pages import EvolutionLayerPage, EvolutionPage, EvolutionStripPage
from convscope.web.live import CorrespondencePage, InvariancePage, OcclusionPage
from convscope.web.pages import Page
from convscope.web.problem import ProblemPage
from convscope.web.results.ablation import AblationPage
from convscope.web.results.experiment import ExperimentPage
from convscope.web.results.run import RunPage
from convscope.web.shelf.page import ShelfPage

TEMPLATES: dict[type, str] = {
    IndexPage: "index.html",
    LayerPage: "layer.html",
    UnitPage: "unit.html",
    ImagePage: "image.html",
    ImagesPage: "images.html",
    ShelfPage: "shelf.html",
    ProblemPage: "problem.html",
    OcclusionPage: "occlusion.html",
    InvariancePage: "invariance.html",
    CorrespondencePage: "correspondence.html",
    EvolutionPage: "evolution.html",
    EvolutionLayerPage: "evolution_layer.html",
    EvolutionStripPage: "evolution_strip.html",
    RunPage: "run.html",
    AblationPage: "ablation.html",
    ExperimentPage: "experiment.html",
    ComparisonPage: "compare.html",
    ComparedLayerPage: "compare_layer.html",
}


@cache
def environment() -> Environment:
    """The templates: everything escaped, an unknown variable is an error."""
    made = Environment(
        loader=PackageLoader("convscope.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["number"] = number
    made.filters["percent"] = percent
    made.filters["hundredths"] = hundredths
    made.filters["exact"] = exact
    return made


def number(value: float) -> str:
    """A measured value in four significant digits, with a true minus sign."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def hundredths(value: float) -> str:
    """A correlation in two decimals, with a true minus sign."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def exact(value: float) -> str:
    """A number for scripts, in as many digits as tell all float32 numbers apart."""
    return f"{value:.9g}"


def percent(value: float) -> str:
    """A fraction in percent; what is not exactly all or nothing is never rounded to it."""
    if 0 < value < 0.001:
        return "<0.1%"
    if 0.999 < value < 1:
        return ">99.9%"
    return f"{100 * value:.3g}%"


def to_html(page: Page) -> str:
    """The page as one HTML document."""
    template = environment().get_template(TEMPLATES[type(page)])
    return template.render({field.name: getattr(page, field.name) for field in fields(page)})


def to_json(page: Page) -> str:
    """The page as JSON, field by field; ``ValueError`` if a number is not finite."""
    return json.dumps(page, default=vars, ensure_ascii=False, allow_nan=False)
