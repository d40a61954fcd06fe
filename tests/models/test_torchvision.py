from pathlib import Path

import pytest
import torch
import torchvision
from torchvision.models import get_model, get_model_weights, list_models

from convscope.errors import ModelError, SpecError, WeightsError
from convscope.models import load_model
from convscope.models.sources.torchvision import stated_preprocessing, weights_of
from convscope.models.spec import Spec
from tests.models.test_weights import Payload

NAMES = list_models(torchvision.models)


def test_torchvision_has_eighty_classifiers_or_more() -> None:
    assert len(NAMES) >= 80


@pytest.mark.parametrize("name", NAMES)
def test_every_classifier_states_its_preprocessing_without_a_download(name: str) -> None:
    spec = Spec("torchvision", name, "none")
    stated = stated_preprocessing(weights_of(spec), stated=True)
    preset = get_model_weights(name)["DEFAULT"].transforms()
    assert [stated.height, stated.width] == preset.crop_size * 2
    assert [stated.resize] == preset.resize_size
    assert stated.channels == 3
    assert [value / 255 for value in stated.mean] == pytest.approx(preset.mean)
    assert [value / 255 for value in stated.std] == pytest.approx(preset.std)
    assert len(weights_of(spec).meta["categories"]) == 1000


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_inception_nets_are_built_for_evaluation(name: str, tmp_path: Path) -> None:
    # A published file also holds the heads used in training.
    full = get_model(name, weights=None, aux_logits=True, init_weights=False)
    torch.save(full.state_dict(), tmp_path / "w.pth")
    filled = load_model(f"torchvision:{name}@IMAGENET1K_V1", weights=tmp_path / "w.pth")
    assert len(filled.notes) == 1
    assert "used in training only" in filled.notes[0]
    assert not any("aux" in key.lower() for key in filled.module.state_dict())
    inputs = torch.rand(1, 3, 96, 96)
    full.transform_input = True  # as torchvision sets it for its published weights
    assert torch.equal(filled.module(inputs), full.eval()(inputs))


def test_random_inception_nets_are_initialised_without_a_warning() -> None:
    model = load_model("torchvision:googlenet@none")
    assert vars(model.module)["transform_input"] is True
    assert float(model.module.get_parameter("fc.weight").detach().std()) == pytest.approx(0.01, rel=0.05)


def test_unknown_names_and_weights_list_near_ones() -> None:
    with pytest.raises(SpecError, match="Did you mean resnet18"):
        load_model("torchvision:resnt18")
    with pytest.raises(SpecError, match="resnet50 has IMAGENET1K_V1, IMAGENET1K_V2, DEFAULT, none"):
        load_model("torchvision:resnet50@IMAGENET1K_V9")
    with pytest.raises(SpecError, match="no torchvision classifier"):
        load_model("torchvision:fasterrcnn_resnet50_fpn@none")


def test_weights_chosen_by_name_bring_their_own_size() -> None:
    large = weights_of(Spec("torchvision", "vit_b_16", "IMAGENET1K_SWAG_E2E_V1"))
    assert stated_preprocessing(large, stated=True).height == 384
    default = weights_of(Spec("torchvision", "resnet50", None))
    assert default is weights_of(Spec("torchvision", "resnet50", "IMAGENET1K_V2"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty download folder, and a network on which every connection is refused."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_without_the_internet_the_error_says_what_to_do(hub: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"could not be downloaded .*squeezenet1_1@none"):
        load_model("torchvision:squeezenet1_1")
    assert capsys.readouterr().out == ""


def test_weights_in_the_download_folder_are_used(hub: Path) -> None:
    shifted = {name: entry + 1 for name, entry in get_model("squeezenet1_1").state_dict().items()}
    choice = weights_of(Spec("torchvision", "squeezenet1_1", None))
    torch.save(shifted, hub / Path(choice.url).name)
    model = load_model("torchvision:squeezenet1_1")
    assert all(torch.equal(shifted[name], entry) for name, entry in model.module.state_dict().items())
    assert model.notes == ()
    assert model.classes[1] == "goldfish"


def test_a_planted_download_does_not_run(hub: Path) -> None:
    choice = weights_of(Spec("torchvision", "squeezenet1_1", None))
    torch.save({"x": Payload(hub / "written")}, hub / Path(choice.url).name)
    with pytest.raises(WeightsError, match="nothing in it was run"):
        load_model("torchvision:squeezenet1_1")
    assert not (hub / "written").exists()
