"""The preprocessing of a model that states none."""

from __future__ import annotations

from torch import nn

from convscope.errors import ModelError
from convscope.models.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing


def assumed_preprocessing(module: nn.Module) -> Preprocessing:
    """224x224 out of a shorter side of 256, with as many channels as the first convolution takes.

    Three channels are normalised as ImageNet, any other number to 0..1. Raises ModelError without a
    convolution.
    """
    first = next((part for part in module.modules() if isinstance(part, nn.modules.conv._ConvNd)), None)
    if first is None:
        raise ModelError(
            f"{type(module).__name__} has no convolution to tell the number of input channels by. "
            "Say how pictures become its input: pass preprocessing=Preprocessing(…)."
        )
    channels = first.in_channels
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if channels == 3 else ((0.0,) * channels, (255.0,) * channels)
    return Preprocessing(height=224, width=224, resize=256, interpolation="bilinear", mean=mean, std=std, stated=False)
