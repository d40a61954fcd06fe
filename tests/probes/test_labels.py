"""Labels are classes by their names, of which there may be none, or several."""

from __future__ import annotations

import pytest

from convscope.errors import ImageError
from convscope.probes.labels import true_class, unclear

NAMES = ("owl", "crane", "crane")


def test_one_class_of_the_name_is_the_true_one() -> None:
    assert unclear("owl", NAMES) is None
    assert true_class("owl", NAMES) == 0


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (None, "it has no label"),
        ("wolf", "its label 'wolf' is not among the model's 3 class names"),
        ("crane", "its label 'crane' is the name of 2 of the model's 3 classes"),
    ],
)
def test_none_or_several_are_said(label: str | None, reason: str) -> None:
    assert unclear(label, NAMES) == reason
    with pytest.raises(ImageError, match=f"^{reason}, so there is no true class"):
        true_class(label, NAMES)
