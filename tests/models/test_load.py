"""``load_model``: notes, class names, weights files, and that the user's own things stay as they were."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import convscope.models
from convscope.errors import ModelError, WeightsError
from convscope.models import Model, Preprocessing, load_model
from tests.models.conftest import small_net

NONE = "torchvision:squeezenet1_1@none"


def test_a_model_is_in_eval_mode_and_takes_no_gradients() -> None:
    model = load_model(NONE)
    assert isinstance(model, Model)
    assert model.spec == NONE
    assert not any(part.training for part in model.module.modules())
    assert not any(parameter.requires_grad for parameter in model.module.parameters())
    assert model.notes == ("weights are random (@none)",)
    views = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    assert model.module(model.preprocessing.normalise(views)).shape == (1, len(model.classes))


def test_the_users_module_is_not_modified(net: nn.Module, small: Preprocessing) -> None:
    calls: list[str] = []
    net.get_submodule("2").register_forward_hook(lambda *_: calls.append("theirs"))
    net.train()
    before = {name: entry.clone() for name, entry in net.state_dict().items()}
    model = load_model(net, preprocessing=small)
    model.module.get_submodule("0").register_forward_hook(lambda *_: calls.append("ours"))
    with torch.no_grad():
        model.module.get_parameter("0.weight").zero_()
    assert model.module is not net
    assert all(part.training for part in net.modules())
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(before[name], entry) for name, entry in net.state_dict().items())
    net(torch.zeros(2, 3, 8, 8))
    assert calls == ["theirs"]


def test_a_module_object_has_a_spec_a_digest_and_what_was_given(net: nn.Module, small: Preprocessing) -> None:
    model = load_model(net, preprocessing=small, classes=["a", "b", "c", "d", "e"])
    assert (model.spec, model.preprocessing, model.notes) == ("module:Sequential", small, ())
    assert model.classes == ("a", "b", "c", "d", "e")
    assert model.digest == load_model(net).digest


def test_preprocessing_is_assumed_by_the_first_convolution_and_said(net: nn.Module) -> None:
    model = load_model(net)
    used = model.preprocessing
    assert (used.height, used.width, used.resize, used.channels, used.stated) == (224, 224, 256, 3, False)
    assert used.mean[0] == pytest.approx(0.485 * 255)
    assert any("preprocessing is assumed" in note for note in model.notes)
    grey = load_model(nn.Sequential(nn.Conv2d(1, 2, 3))).preprocessing
    assert (grey.mean, grey.std) == ((0.0,), (255.0,))
    with pytest.raises(ModelError, match="pass preprocessing="):
        load_model(nn.Linear(3, 3))


def test_attributes_of_the_module_are_used(net: nn.Module, small: Preprocessing) -> None:
    net.preprocessing = small  # type: ignore[assignment]
    net.classes = ["a", "b", "c", "d", "e"]  # type: ignore[assignment]
    model = load_model(net)
    assert model.preprocessing is small
    assert model.classes == ("a", "b", "c", "d", "e")
    with pytest.raises(ModelError, match="2 class names were given, the model has 5"):
        load_model(net, classes=["x", "y"])


def test_a_module_that_cannot_be_copied_is_refused(net: nn.Module) -> None:
    net.cache = torch.ones(2, requires_grad=True) * 2  # not a leaf
    with pytest.raises(ModelError, match="cannot be copied"):
        load_model(net)


def test_weights_from_a_file_replace_those_of_the_copy_only(net: nn.Module, tmp_path: Path) -> None:
    other = small_net()
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    before = net.get_parameter("0.weight").detach().clone()
    model = load_model(net, weights=tmp_path / "w.safetensors")
    assert torch.equal(model.module.get_parameter("0.weight"), other.get_parameter("0.weight"))
    assert torch.equal(net.get_parameter("0.weight"), before)
    assert model.digest == load_model(other).digest


def test_a_file_for_an_architecture_needs_no_download(tmp_path: Path) -> None:
    state = load_model(NONE).module.state_dict()
    shifted: dict[str, Tensor] = {f"module.{name}": entry + 1 for name, entry in state.items()}
    torch.save({"state_dict": shifted, "epoch": 1}, tmp_path / "w.pth")
    plain = load_model("torchvision:squeezenet1_1", weights=str(tmp_path / "w.pth"))
    assert torch.equal(plain.module.state_dict()["classifier.1.bias"], state["classifier.1.bias"] + 1)
    assert not plain.preprocessing.stated
    assert plain.notes[0].endswith("left unread: epoch")
    assert "preprocessing is assumed" in plain.notes[1]
    assert "class names are assumed" in plain.notes[2]
    # Naming the weights says that the file holds those, so what torchvision states of them holds too.
    named = load_model("torchvision:squeezenet1_1@IMAGENET1K_V1", weights=tmp_path / "w.pth")
    assert named.preprocessing.stated
    assert len(named.notes) == 1


def test_class_names_set_the_number_of_outputs_where_weights_do_not(tmp_path: Path) -> None:
    names = ["cat", "dog", "other"]
    random = load_model(NONE, classes=names)
    assert random.module(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    save_file(random.module.state_dict(), tmp_path / "w.safetensors")
    tuned = load_model("torchvision:squeezenet1_1", weights=tmp_path / "w.safetensors", classes=names)
    assert (tuned.classes, tuned.digest) == (("cat", "dog", "other"), random.digest)
    with pytest.raises(WeightsError, match="give the names of the classes"):
        load_model("torchvision:squeezenet1_1", weights=tmp_path / "w.safetensors")


def test_a_text_is_not_a_list_of_class_names() -> None:
    with pytest.raises(ModelError, match="expected a list of names"):
        load_model(NONE, classes="cat")


def test_weights_that_are_not_finite_are_noted(net: nn.Module, tmp_path: Path) -> None:
    state = {name: entry.clone() for name, entry in net.state_dict().items()}
    state["4.bias"][0] = torch.nan
    save_file(state, tmp_path / "w.safetensors")
    notes = load_model(net, weights=tmp_path / "w.safetensors").notes
    assert "weights hold NaN or infinity in 1 entries, the first is 4.bias" in notes


@pytest.mark.parametrize("spec", [NONE, "zoo:zfnet", "timm:resnet18@none", "sample:lite0@none"])
def test_random_weights_are_reproducible_and_the_callers_draws_undisturbed(spec: str) -> None:
    torch.manual_seed(5)
    torch_state, numpy_state = torch.get_rng_state(), pickle.dumps(np.random.get_state())
    first = load_model(spec)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert pickle.dumps(np.random.get_state()) == numpy_state
    torch.manual_seed(6)
    assert load_model(spec).digest == first.digest
    assert first.notes == ("weights are random (@none)",)


def test_the_front_door_has_three_names() -> None:
    assert convscope.models.__all__ == ["Model", "Preprocessing", "load_model"]
