"""Every link and every file name of an evolution's pages."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.urls import slug


@dataclass(frozen=True)
class EvolutionUrls:
    """Addresses of pages and pictures; ``root`` leads from the page with the link to the evolution's folder."""

    root: str = ""

    def index(self) -> str:
        """The evolution as a whole."""
        return f"{self.root}index.html"

    def layer(self, layer: str) -> str:
        """All units of a layer, with the scrubber."""
        return f"{self.root}layers/{slug(layer)}.html"

    def strip(self, layer: str, unit: int) -> str:
        """One unit over all checkpoints."""
        return f"{self.root}strips/{slug(layer)}/{unit}.html"

    def small(self, layer: str, unit: int) -> str:
        """Small sprite of a unit over all checkpoints."""
        return f"{self.root}sprites/{slug(layer)}/{unit}-small.webp"

    def large(self, layer: str, unit: int) -> str:
        """Large sprite of a unit over all checkpoints."""
        return f"{self.root}sprites/{slug(layer)}/{unit}-large.webp"

    def file(self, name: str) -> str:
        """A file of the result, as it is."""
        return f"{self.root}files/{name}"

    def static(self, name: str) -> str:
        """A style sheet or script of the program."""
        return f"{self.root}static/{name}"


ROOT = EvolutionUrls("")
FOLDER = EvolutionUrls("../")
UNIT = EvolutionUrls("../../")
