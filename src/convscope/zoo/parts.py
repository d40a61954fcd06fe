"""What AlexNet and ZFNet have in common: contrast normalisation, the classifier, the initial weights."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator

from torch import nn


def contrast_normalisation() -> nn.LocalResponseNorm:
    """Across five neighbouring maps, as in Krizhevsky et al. 2012: ``x / (2 + 1e-4 * sum(x^2)) ** 0.75``.

    PyTorch divides alpha by the number of maps, hence 5e-4 for the paper's 1e-4.
    """
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


def overlapping_pool(ceil: bool = False) -> nn.MaxPool2d:
    """3x3 maxima, two positions apart; with ``ceil`` the last window may reach past the border."""
    return nn.MaxPool2d(3, stride=2, ceil_mode=ceil)


def classifier(features: int, num_classes: int, dropout: float) -> Iterator[tuple[str, nn.Module]]:
    """Layers 6 to 8, by name."""
    yield "flatten", nn.Flatten()
    for layer, width in ((6, features), (7, 4096)):
        yield f"fc{layer}", nn.Linear(width, 4096)
        yield f"relu{layer}", nn.ReLU()
        yield f"dropout{layer}", nn.Dropout(dropout)
    yield "fc8", nn.Linear(4096, num_classes)


def assemble(stages: Iterator[tuple[str, nn.Module]], ones: Collection[str] = ()) -> nn.Sequential:
    """A network of named stages: weights from N(0, 0.01), biases 0, or 1 in the stages named in ``ones``."""
    network = nn.Sequential(OrderedDict(stages))
    for name, parameter in network.named_parameters():
        stage, kind = name.split(".")
        if kind == "weight":
            nn.init.normal_(parameter, std=0.01)
        else:
            nn.init.constant_(parameter, float(stage in ones))
    return network
