"""A member of each kind of family, held against the module it came from; `python -m bench.compat` does it for all."""

import pytest
import torch
import torchvision
from bench.compat import examine, failed, networks

TORCHVISION = (
    "alexnet",  # large windows, max-pooling
    "convnext_tiny",  # layer normalisation across channels, layer scale
    "densenet121",  # concatenations, functional in-place ReLU
    "efficientnet_b0",  # squeeze-excite, SiLU
    "googlenet",  # functional ReLU, channels taken apart at the input
    "mobilenet_v2",  # ReLU6
    "mobilenet_v3_small",  # hard swish, hard sigmoid gates
    "regnet_y_400mf",  # group convolutions and gates
    "resnet18",  # one ReLU used twice in each block
    "shufflenet_v2_x0_5",  # channels split and shuffled
    "squeezenet1_1",
)
TIMM = (
    "ecaresnet26t",  # gate made by a 1-D convolution
    "ghostnet_050",  # in-place sum into a slice
    "hrnet_w18_small",  # upsampling
    "repvgg_a0",
    "resnetblur18",  # pooling without aliasing
    "resnetv2_50d_frn",  # thresholded linear units
    "skresnet18",  # stacked branches, a gate for each
)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name: str) -> None:
    holds(f"torchvision:{name}@none")


@pytest.mark.parametrize("name", TIMM)
def test_timm(name: str) -> None:
    pytest.importorskip("timm")
    holds(f"timm:{name}@none")


def holds(spec: str) -> None:
    row = examine(spec, 64)
    assert not failed(row), row
    assert row.layers > 1
    assert row.whole == 0


def test_the_sweep_takes_all_classifiers_and_a_few_dozen_families() -> None:
    assert len(networks("torchvision")) == len(torchvision.models.list_models(torchvision.models)) >= 80
    assert len(networks("timm")) >= 45


def test_a_network_whose_projection_is_refused_has_failed() -> None:
    row = examine("torchvision:resnet18@nothing", 64)
    assert failed(row)
    assert row.problems[0].startswith("SpecError")
    assert torch.is_grad_enabled()
