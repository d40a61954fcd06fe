"""Optimisers and schedules by the names that recipes use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from convscope.train.recipe import Optimiser, Schedule

Parameters = Iterable[nn.Parameter]


def _sgd(weights: Parameters, chosen: Optimiser) -> Optimizer:
    return SGD(weights, chosen.rate, momentum=chosen.momentum, weight_decay=chosen.weight_decay)


def _adamw(weights: Parameters, chosen: Optimiser) -> Optimizer:
    return AdamW(weights, chosen.rate, betas=(chosen.momentum, 0.999), weight_decay=chosen.weight_decay)


OPTIMISERS: Mapping[str, Callable[[Parameters, Optimiser], Optimizer]] = {"sgd": _sgd, "adamw": _adamw}


def cycle_share(step: int, steps: int, schedule: Schedule) -> float:
    """Of the highest learning rate, at ``step`` of ``steps``: a straight rise, then half a cosine down to zero."""
    done = (step + 1) / max(steps, 1)
    if done < schedule.warm:
        return done / schedule.warm
    return 0.5 * (1 + math.cos(math.pi * min((done - schedule.warm) / (1 - schedule.warm), 1.0)))
