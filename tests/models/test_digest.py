import copy
import hashlib
import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn

from convscope.errors import ModelError
from convscope.models import load_model
from convscope.models.digest import digest_of

PROGRAM = "from convscope.models import load_model; print(load_model('torchvision:squeezenet1_1@none').digest)"


def test_the_digest_is_the_same_in_another_process_and_after_other_draws() -> None:
    first = load_model("torchvision:squeezenet1_1@none").digest
    torch.rand(3)
    assert load_model("torchvision:squeezenet1_1@none").digest == first
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {PROGRAM}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == first


def test_the_digest_is_sha256_over_framed_entries() -> None:
    net = nn.Linear(2, 1)

    def framed(word: str) -> bytes:
        return len(word).to_bytes(8, "little") + word.encode()

    expected = framed("Linear")
    for name, shape in (("bias", "(1,)"), ("weight", "(1, 2)")):
        expected += framed(name) + framed("torch.float32") + framed(shape)
        expected += net.get_parameter(name).detach().numpy().tobytes()
    assert digest_of(net) == hashlib.sha256(expected).hexdigest()


def test_one_changed_weight_changes_the_digest(net: nn.Module) -> None:
    changed = copy.deepcopy(net)
    assert digest_of(changed) == digest_of(net)
    with torch.no_grad():
        changed.get_parameter("0.weight")[3, 2, 2, 2] += 1e-6
    assert digest_of(changed) != digest_of(net)


def test_buffers_dtype_shape_and_class_count(net: nn.Module) -> None:
    class Other(nn.Sequential):
        pass

    seen = {digest_of(net), digest_of(copy.deepcopy(net).double()), digest_of(copy.deepcopy(net).bfloat16())}
    moved = copy.deepcopy(net)
    moved.get_buffer("1.running_mean").add_(1)
    seen |= {digest_of(moved), digest_of(Other(*net.children()))}
    assert len(seen) == 5


def test_layout_in_memory_does_not_count(net: nn.Module) -> None:
    assert digest_of(copy.deepcopy(net).to(memory_format=torch.channels_last)) == digest_of(net)


def test_lazy_parameters_are_refused() -> None:
    with warnings.catch_warnings():  # some versions of torch call lazy modules experimental
        warnings.simplefilter("ignore")
        lazy = nn.LazyLinear(3)
    with pytest.raises(ModelError, match="Run the module once"):
        digest_of(lazy)
