"""Addresses of a comparison's pages and files."""

from __future__ import annotations

from dataclasses import dataclass

from convscope.web.urls import Urls, slug

SIDES = ("a", "b")
"""Folders of what is shown of either atlas."""


@dataclass(frozen=True)
class ComparisonUrls:
    """Addresses, from a page whose way to the index's folder is ``root``; safe names, as those of ``Urls``."""

    root: str = ""

    def index(self) -> str:
        """The overview."""
        return f"{self.root}index.html"

    def pair(self, first: str, second: str) -> str:
        """The units of two layers."""
        # No slug holds "-with-": what follows its only "-" is twelve hexadecimal digits.
        name = slug(first) if first == second else f"{slug(first)}-with-{slug(second)}"
        return f"{self.root}layers/{name}.html"

    def side(self, number: int) -> Urls:
        """What is shown of the first (0) or the second atlas (1)."""
        return Urls(f"{self.root}{SIDES[number]}/")

    def filters(self, number: int, together: bool) -> str:
        """First-layer filters of either network, on one scale or each on its own."""
        return f"{self.root}{SIDES[number]}/filters-{'together' if together else 'each'}.png"

    def file(self, name: str) -> str:
        """A table or the summary."""
        return f"{self.root}{name}"

    def static(self, name: str) -> str:
        """A style sheet or script of the program."""
        return f"{self.root}static/{name}"


OVERVIEW = ComparisonUrls("")
PAIR = ComparisonUrls("../")
