import pytest
import torch
from torch import Tensor, nn

from convscope.errors import WeightsError
from convscope.models.fit import fit, not_finite
from tests.models.conftest import small_net


def state_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: entry.clone() for name, entry in net.state_dict().items()}


def equal(left: nn.Module, right: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left.state_dict().values(), right.state_dict().values(), strict=True))


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "model._orig_mod.", "module.module."])
def test_weights_fit_whatever_wrapper_they_were_saved_from(net: nn.Module, prefix: str) -> None:
    other = small_net()
    assert not equal(net, other)
    notes = fit(net, {prefix + name: entry for name, entry in state_of(other).items()}, (), "w.pt")
    assert equal(net, other)
    assert notes == ()


def test_a_prefix_that_belongs_to_the_architecture_stays() -> None:
    wrapped = nn.ModuleDict({"model": small_net()})
    fit(wrapped, state_of(nn.ModuleDict({"model": small_net()})), (), "w.pt")


def test_every_misfit_is_named_and_counted_and_nothing_is_copied(net: nn.Module) -> None:
    before = state_of(net)
    wrong = state_of(small_net()) | {"extra.weight": torch.ones(1)}
    del wrong["0.bias"]
    wrong["4.weight"] = torch.ones(7, 144)
    with pytest.raises(WeightsError) as caught:
        fit(net, wrong, (), "w.pt")
    message = str(caught.value)
    assert "1 missing: 0.bias" in message
    assert "1 unexpected: extra.weight" in message
    assert "1 of another shape: 4.weight [7, 144] instead of [5, 144]" in message
    assert all(torch.equal(before[name], entry) for name, entry in net.state_dict().items())


def test_long_lists_of_misfits_are_cut(net: nn.Module) -> None:
    with pytest.raises(WeightsError, match=r"9 unexpected: u0, u1, u2, …"):
        fit(net, {f"u{index}": torch.ones(1) for index in range(9)}, (), "w.pt")


def test_counters_of_batch_normalisation_may_be_missing(net: nn.Module) -> None:
    old = state_of(small_net())
    del old["1.num_batches_tracked"]
    fit(net, old, (), "w.pt")
    assert torch.equal(net.state_dict()["0.weight"], old["0.weight"])


def test_heads_for_training_are_left_out_with_a_note(net: nn.Module) -> None:
    entries = state_of(small_net()) | {"aux1.conv.weight": torch.ones(1), "aux1.fc.bias": torch.ones(1)}
    assert fit(net, entries, ("aux1.",), "w.pt") == ("left out of w.pt: aux1, used in training only",)
    with pytest.raises(WeightsError, match="2 unexpected"):
        fit(net, entries, (), "w.pt")


def test_old_names_of_densenet_layers_are_understood() -> None:
    def block() -> nn.Module:
        layer = nn.ModuleDict({"norm1": nn.BatchNorm2d(2), "conv2": nn.Conv2d(2, 2, 1)})
        return nn.ModuleDict({"denselayer1": layer})

    source, target = block(), block()
    old = {name.replace("norm1", "norm.1").replace("conv2", "conv.2"): e for name, e in state_of(source).items()}
    assert "denselayer1.conv.2.weight" in old
    fit(target, old, (), "w.pth")
    assert equal(source, target)


def test_entries_that_are_not_finite_are_found(net: nn.Module) -> None:
    assert not_finite(net) == ()
    with torch.no_grad():
        net.get_parameter("4.bias")[2] = torch.inf
        net.get_parameter("0.weight")[0, 0, 0, 0] = torch.nan
    assert not_finite(net) == ("0.weight", "4.bias")
