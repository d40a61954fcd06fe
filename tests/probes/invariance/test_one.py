"""One image followed value by value: the same numbers as the experiment on a set of one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope.errors import NumberError, SettingError
from convscope.probes.invariance.invariance import invariance
from convscope.probes.invariance.one import one_image
from tests.probes.make import answer, model, picture

ASKED = model()


@pytest.mark.parametrize("transform", ["translate-x", "scale", "rotate"])
@pytest.mark.parametrize("batch", [1, 7])
def test_the_same_numbers_as_the_experiment(transform: str, batch: int) -> None:
    ready = one_image(ASKED, picture(), transform)
    steps = list(ready.steps(batch))
    found = invariance(ASKED, [picture()], transform)
    assert [step.value for step in steps] == found.values.tolist()
    assert [each.address for each in ready.watched] == [each.address for each in found.layers]
    np.testing.assert_allclose(np.stack([step.normalised for step in steps], 1), found.normalised[0], atol=2e-4)
    assert found.answer is not None
    shares = np.stack([step.probabilities for step in steps if step.probabilities is not None])
    np.testing.assert_array_equal(shares.argmax(1), found.answer.label[0])


def test_probabilities_are_those_of_the_view_that_is_shown() -> None:
    for step in one_image(ASKED, picture(), "translate-y", [-5, 0, 3], border="wrap").steps(2):
        shares, _ = answer(step.view)
        assert step.probabilities is not None
        np.testing.assert_allclose(step.probabilities, shares, atol=1e-5)
        np.testing.assert_array_equal(step.view, np.roll(picture(), int(step.value), 0))


def test_at_rest_nothing_has_moved() -> None:
    (still,) = one_image(ASKED, picture(), "rotate", [0]).steps(8)
    assert still.normalised.max() < 1e-6


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_no_number_is_an_error(bad: float) -> None:
    broken = model()
    with torch.no_grad():
        broken.module.get_parameter("3.bias")[0] = bad
    with pytest.raises(NumberError, match=r"layer '4' gives NaN or infinity for this image"):
        list(one_image(broken, picture(), layers=["4"]).steps(4))


def test_settings_are_checked() -> None:
    with pytest.raises(SettingError, match="border"):
        one_image(ASKED, picture(), "rotate", border="loud")
