"""Every link and every file name of the pages; nothing else joins paths.

Names are stable (the same atlas always gives the same names) and safe on every file system and in every URL:
lower-case ASCII letters, digits, ``.``, ``_`` and ``-`` only, whatever the model called its layers.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_UNSAFE = re.compile(r"[^a-z0-9_]+")
_LONGEST = 60
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}


def slug(address: str) -> str:
    """A file name for a layer address: the address itself where safe, else a readable part and a hash.

    Two addresses never share a slug, also where file names ignore case, because a plain slug holds no ``-``.
    """
    reserved = address.split(".")[0] in _RESERVED
    if len(address) <= _LONGEST and not reserved and _PLAIN.fullmatch(address):
        return address
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    readable = _UNSAFE.sub("_", address.lower()).strip("_")[:40]
    return f"{readable or 'layer'}-{digest}"


@dataclass(frozen=True)
class Urls:
    """Addresses of pages and pictures; ``root`` leads from the page with the link to the index's folder.

    ``Urls("")`` gives the file names themselves, relative to the site's folder.
    """

    root: str = ""

    def index(self) -> str:
        """The atlas."""
        return f"{self.root}index.html"

    def layer(self, layer: str) -> str:
        """One layer."""
        return f"{self.root}layers/{slug(layer)}.html"

    def unit(self, layer: str, unit: int) -> str:
        """One unit."""
        return f"{self.root}units/{slug(layer)}/{unit}.html"

    def images(self, part: int = 0) -> str:
        """One part of the list of images, counted from 0."""
        return f"{self.root}images/list-{part}.html"

    def image(self, image: int) -> str:
        """One image."""
        return f"{self.root}images/{image}.html"

    def card(self, layer: str, unit: int) -> str:
        """Small sprite of a unit: projections beside patches."""
        return f"{self.root}sprites/{slug(layer)}/{unit}-card.webp"

    def projections(self, layer: str, unit: int) -> str:
        """Large sprite of a unit's projections."""
        return f"{self.root}sprites/{slug(layer)}/{unit}-projections.webp"

    def picture(self, image: int, encoding: str) -> str:
        """What the model saw of an image; ``encoding`` is the atlas's picture format, jpeg or png."""
        return f"{self.root}pictures/{image}.{SUFFIXES[encoding]}"

    def sheet(self, layer: str) -> str:
        """Contact sheet of a layer."""
        return f"{self.root}sheets/{slug(layer)}.png"

    def static(self, name: str) -> str:
        """A style sheet or script of the program."""
        return f"{self.root}static/{name}"


SUFFIXES = {"jpeg": "jpg", "png": "png"}

INDEX = Urls("")
FOLDER = Urls("../")
UNIT = Urls("../../")


def json_of(page: str) -> str:
    """The JSON twin of a page's address."""
    return page.removesuffix(".html") + ".json"
