import sys

import pytest
import torch

from convscope.errors import MissingExtraError, ModelError, SpecError
from convscope.models import Preprocessing, load_model
from convscope.models.sources.timm import stated_preprocessing
from convscope.models.spec import Spec

timm = pytest.importorskip("timm")


def test_a_timm_model_brings_its_preprocessing_and_class_names() -> None:
    model = load_model("timm:resnet18@none")
    used = model.preprocessing
    config = timm.data.resolve_model_data_config(timm.create_model("resnet18"))
    assert (3, used.height, used.width) == config["input_size"]
    assert used.resize == int(224 / config["crop_pct"])
    assert used.interpolation == config["interpolation"]
    assert [value / 255 for value in used.mean] == pytest.approx(config["mean"])
    assert model.classes[0].startswith("tench")
    assert len(model.classes) == 1000
    assert model.module(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_class_names_set_the_number_of_outputs() -> None:
    model = load_model("timm:resnet18@none", classes=["a", "b"])
    assert model.module(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
    assert model.classes == ("a", "b")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("timm:resnt18", "Did you mean resnet18"),
        ("timm:resnet18.nothing", "resnet18.a1_in1k"),
        ("timm:hf-hub:someone/something", "no timm model"),
        ("timm:local-dir:/tmp", "no timm model"),
    ],
)
def test_only_names_of_timms_own_registry_are_loaded(spec: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load_model(spec)


@pytest.mark.parametrize(
    ("config", "resize"),
    [
        ({"crop_mode": "squash", "crop_pct": 0.9, "input_size": (3, 90, 180)}, (100, 200)),
        ({"crop_mode": "center", "crop_pct": 0.9, "input_size": (3, 90, 90)}, 100),
    ],
)
def test_crop_modes_are_followed(config: dict[str, object], resize: object) -> None:
    module = torch.nn.Identity()
    module.pretrained_cfg = config  # type: ignore[assignment]
    assert stated_preprocessing(timm, module, Spec("timm", "x", None), True).resize == resize


@pytest.mark.parametrize("config", [{"crop_mode": "border"}, {"input_size": (3, 90, 180)}])
def test_crop_modes_that_cannot_be_repeated_are_refused(config: dict[str, object]) -> None:
    module = torch.nn.Identity()
    module.pretrained_cfg = config  # type: ignore[assignment]
    with pytest.raises(ModelError, match="cannot repeat exactly"):
        stated_preprocessing(timm, module, Spec("timm", "x", None), True)


def test_preprocessing_of_the_users_own_is_taken_instead(small: Preprocessing) -> None:
    assert load_model("timm:resnet18@none", preprocessing=small).preprocessing is small


def test_without_timm_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"convscope\[timm\]"):
        load_model("timm:resnet18@none")


def test_without_the_internet_the_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hub = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
    with pytest.raises(ModelError, match="timm:resnet18@none"):
        load_model("timm:resnet18")
