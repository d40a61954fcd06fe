"""Where live questions about a place are asked: addresses that only a server with a model has."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from convscope.web.pages import Link
from convscope.web.urls import Urls

QUESTIONS = {"occlusion": "Occlusion", "invariance": "Invariance", "correspondence": "Correspondence"}
"""Pages on which questions are asked, and their titles."""


@dataclass(frozen=True)
class Asks:
    """Addresses of live questions about the place ``at``; links are made from a page whose root is ``urls``."""

    at: str

    def page(self, urls: Urls, question: str, **about: int | str) -> str:
        """The page on which a question is asked, with what it is about filled in."""
        return f"{urls.root}../../live/{question}.html?{urlencode({'at': self.at, **about})}"

    def pages(self, urls: Urls, **about: int | str) -> tuple[Link, ...]:
        """Links to all of them."""
        return tuple(Link(title, self.page(urls, name, **about)) for name, title in QUESTIONS.items())

    def projection(self, urls: Urls, layer: str, unit: int, rank: int, method: str) -> str:
        """A picture: one of a unit's strongest activations, projected by a method."""
        asked = {"at": self.at, "layer": layer, "unit": unit, "rank": rank, "method": method}
        return f"{urls.root}../../live/project?{urlencode(asked)}"

    def prediction(self, urls: Urls, image: int) -> str:
        """What the network says of an image, as JSON."""
        return f"{urls.root}../../live/predict?{urlencode({'at': self.at, 'image': image})}"

    def script(self, urls: Urls, name: str) -> str:
        """A script for what only a server shows."""
        return f"{urls.root}../../live/static/{name}"
