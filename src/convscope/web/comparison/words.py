"""What the pages of a comparison say in sentences.

Sources: Li et al. 2015 ("Convergent learning", 1511.07543), Kornblith et al. 2019 (1905.00414).
"""

from __future__ import annotations

from convscope.atlas.comparison.result import ADDRESS, ALIKE, ASKED, CORRELATION, OVERLAP, Comparison

WHY = {ASKED: "asked for", ADDRESS: "same address and op", ALIKE: "highest CKA"}

_BY = {
    CORRELATION: (
        "A unit's match is the unit of the other layer whose peaks, its strongest activations in each of {sampled} "
        "images, correlate best with its own (Pearson; Li et al. 2015)."
    ),
    OVERLAP: (
        "At least one atlas has no peaks, so a unit's match is the unit of the other layer that shares most of its top "
        "images: shared images of all that either has."
    ),
}
_CHANCE = (
    "Chance is measured by permuting the images of one atlas {permutations} times (seed {seed}): a unit has a "
    "counterpart if its match is better than its best in every permutation, which 1 unit in {odds} that is like "
    "nobody would pass. Top images are the {top} strongest of {images}."
)


def method_of(found: Comparison, basis: str) -> str:
    """How units were matched, in words."""
    return " ".join((_BY[basis], _CHANCE)).format(
        sampled=found.sampled,
        permutations=found.ask.chance.permutations,
        seed=found.ask.chance.seed,
        odds=found.ask.chance.permutations + 1,
        top=found.top,
        images=found.images,
    )


LIMITS = (
    "A match is about these images and about one number of each, the strongest activation. Two units that answer at "
    "different places of the same images match; what they answer to in other images is not seen.",
    "Units of two networks that know the classes correlate through the classes alone: above chance is little. Look at "
    "the share above 0.5 and 0.8, and at the pictures.",
    "One best unit is one way to match. A network may hold in several units together what another holds in one (Li et "
    "al. 2015 find such groups), and a unit without a counterpart may be a mixture of others.",
    "CKA compares layers as a whole, whatever their units, and is decided by the directions of largest variance.",
)
"""What a match does not show."""
