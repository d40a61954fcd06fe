"""Findings: what was met, how bad it is, and what to change; with the table of thresholds that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NONE, MILD, STRONG = "none", "mild", "strong"
SEVERITIES = (STRONG, MILD, NONE)
"""Worst first."""

PAPER = "Zeiler & Fergus 2013, section 4.1 and figure 6"
RENORM = "Zeiler & Fergus 2013, section 3"


@dataclass(frozen=True)
class Kind:
    """A kind of trouble: the number that shows it, from where on it is mild and strong, and what helps."""

    says: str
    """What the number says, in the words that follow it."""
    mild: float
    strong: float
    advice: str
    source: str
    share: bool = True
    """The number is a part of a whole, to be written in per cent."""

    @property
    def low_is_bad(self) -> bool:
        """Whether small numbers are the trouble."""
        return self.strong < self.mild

    def severity(self, number: float) -> str:
        """None, mild or strong: a number at a threshold counts as beyond it."""
        sign = -1 if self.low_is_bad else 1
        if sign * number >= sign * self.strong:
            return STRONG
        return MILD if sign * number >= sign * self.mild else NONE

    def written(self, number: float) -> str:
        """The number as text."""
        return f"{number:.1%}" if self.share else f"{number:.3g}"


KINDS: Mapping[str, Kind] = {
    "dominating filters": Kind(
        "times the layer's median RMS is the largest filter",
        5.0,
        10.0,
        "rescale filters whose RMS exceeds a radius after each update (the paper: 0.1); today batch normalisation or "
        "weight decay does the same",
        RENORM,
        share=False,
    ),
    "vanishing filters": Kind(
        "of the filters have less than a hundredth of the layer's median RMS",
        0.01,
        0.1,
        "remove these filters, what their bias gives moved into the next layer; fewer filters, or less weight decay",
        "Liu et al. 2017, network slimming",
    ),
    "duplicate filters": Kind(
        "of the filters repeat another one of the layer",
        0.01,
        0.1,
        "use fewer filters in this layer, or re-initialise the repeated ones and train on",
        "Prakash et al. 2019, RePr",
    ),
    "coarse first layer": Kind(
        "is the stride of the first convolution, in pixels",
        3.0,
        4.0,
        "smaller filters and a smaller stride (the paper: from 11x11 at stride 4 to 7x7 at stride 2); before a "
        "transformer, a stem of small convolutions (Xiao et al. 2021)",
        PAPER,
        share=False,
    ),
    "mid frequencies": Kind(
        "of the mid band (1/8 to 1/4 cycles per pixel) is covered by the filters",
        0.6,
        0.3,
        "smaller first-layer filters, a smaller stride and filters held within a radius, as in figure 6(c)",
        PAPER,
    ),
    "dead units": Kind(
        "of the units never answered",
        0.01,
        0.1,
        "a smaller learning rate or first-layer stride, normalisation, or a rectifier with a slope below zero",
        "Zeiler & Fergus 2013, section 4.1; He et al. 2015",
    ),
    "rarely active units": Kind(
        "of the units are above zero in fewer than one of 1,000 values",
        0.05,
        0.25,
        "look at what they answer to before removing them: a rare unit may be a specific one",
        "our choice",
    ),
    "saturation": Kind(
        "of the values are at a limit where the op no longer answers to a change",
        0.05,
        0.25,
        "normalise before the op, or use one without an upper limit",
        "Glorot & Bengio 2010",
    ),
    "aliasing": Kind(
        "of the energy lies above the new Nyquist limit",
        0.1,
        0.3,
        "blur before subsampling (anti-aliased pooling and strides), or a smaller stride",
        "Zhang 2019; Zeiler & Fergus 2013, figure 6(d, e)",
    ),
    "shift consistency": Kind(
        "correlation of the thinned maps of a moved input with the moved thinned maps",
        0.9,
        0.7,
        "blur before subsampling",
        "Zhang 2019",
        share=False,
    ),
    "class under shifts": Kind(
        "of the images keep their class when moved by a few pixels",
        0.95,
        0.85,
        "blur before every subsampling; train on shifted images, which helps only for images like those",
        "Zhang 2019; Azulay & Weiss 2019",
    ),
}
"""Kind to its thresholds. They were set so that a trained network without known trouble is mostly ``none`` or ``mild``
(docs/method.md), and are ours: neither the paper nor later work gives any."""


@dataclass(frozen=True)
class Reference:
    """The same number in the layers of reference networks."""

    nets: tuple[str, ...]
    layers: int
    low: float
    median: float
    high: float


@dataclass(frozen=True)
class Finding:
    """One number of one layer (empty: of the whole network) with its verdict."""

    kind: str
    layer: str
    severity: str
    number: float
    what: str
    """What was met, in words."""
    against: str
    """How reference networks do; empty where none has this number."""
    advice: str
    """What to change; empty where there is nothing to change."""
    source: str
    reference: Reference | None

    def __str__(self) -> str:
        where = self.layer or "network"
        compared = f"; against {self.against}" if self.against else ""
        return f"{self.severity:6} {self.kind}: {where}: {self.what}{compared}"
