"""Top-1 and top-5 error on labelled images, of one network or of several together (Zeiler & Fergus 2013, table 2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from convscope.engine.forward import Forward, prepare
from convscope.engine.graphs import graph_of
from convscope.engine.loading import batches
from convscope.errors import ImageSetError, ModelError, NumberError, SettingError
from convscope.finite import is_finite
from convscope.graph.opgraph import OpGraph
from convscope.images import ImageSet
from convscope.models import Model, Preprocessing
from convscope.models.crops import ten_crops
from convscope.probes.evaluation.result import Evaluation
from convscope.probes.labels import unclear
from convscope.probes.outputs import check_eval, outputs_of

Crops = Literal["middle", "ten"]
CROPS: tuple[Crops, ...] = ("middle", "ten")
Report = Callable[[int, int], None]


def evaluate(
    models: Model | Sequence[Model],
    images: ImageSet,
    *,
    crops: Crops = "middle",
    batch_size: int = 64,
    device: str = "cpu",
    workers: int = 2,
    report: Report = lambda _done, _total: None,
) -> Evaluation:
    """Probabilities for every labelled image: the mean over the crops, then over the models.

    ``crops``: ``middle``, or ``ten`` (four corners and the middle of the resized image, each also mirrored). Images
    without a label, with one that is not the name of one class, or that cannot be read are listed as skipped. Raises
    SettingError for unknown crops, ModelError for models with other classes than the first or crops that the
    preprocessing does not allow, ImageSetError if no image is left, NumberError for an answer that is no number.
    """
    every = [models] if isinstance(models, Model) else list(models)
    _check(every, crops)
    classes = every[0].classes
    reasons = {label: unclear(label, classes) for label in set(images.labels)}
    usable = [index for index, label in enumerate(images.labels) if reasons[label] is None]
    strange = tuple(
        (name, reason) for name, label in zip(images.names, images.labels, strict=True) if (reason := reasons[label])
    )
    total = len(usable) * len(every)
    found: list[NDArray[np.float32]] = []
    kept: list[int] = []
    skipped: list[tuple[str, str]] = []
    for number, model in enumerate(every):
        network = _Network.of(model, crops, device)
        parts, kept, skipped = [], [], []
        for batch in batches(images, usable, network.views, batch_size, workers):
            parts.append(network.probabilities(batch.views))
            if not is_finite(parts[-1]):
                bad = images.names[int(batch.index[~torch.isfinite(parts[-1]).all(1)][0])]
                raise NumberError(
                    f"{model.spec} answers NaN or infinity to the image {bad!r}, which has no rank. Look for NaN in "
                    "the weights, and check how the model is normalised"
                )
            kept += batch.index.tolist()
            skipped += [(images.names[each.image], each.skipped) for each in batch.outcomes if each.skipped is not None]
            report(number * len(usable) + len(kept) + len(skipped), total)
        if not kept:
            raise ImageSetError(f"no image of {images.name} can be used; {_first([*strange, *skipped])}")
        found.append(torch.cat(parts).numpy())
    return Evaluation(
        models=tuple(model.spec for model in every),
        classes=classes,
        crops=crops,
        images=tuple(images.names[index] for index in kept),
        skipped=(*strange, *skipped),
        labels=np.array([classes.index(str(images.labels[index])) for index in kept]),
        probabilities=np.stack(found).mean(0, dtype=np.float64).astype(np.float32),
    )


@dataclass(frozen=True)
class _Network:
    """A network that is ready, and the view of a picture from which its crops are cut."""

    model: Model
    graph: OpGraph
    forward: Forward
    views: Preprocessing
    crops: Crops

    @classmethod
    def of(cls, model: Model, crops: Crops, device: str) -> _Network:
        """Made ready for ``device``; raises ModelError where ten crops cannot be cut."""
        graph = graph_of(model, device)
        views = model.preprocessing if crops == "middle" else _uncropped(model.preprocessing)
        return cls(model, graph, prepare(graph, [graph.output], device), views, crops)

    def probabilities(self, views: Tensor) -> Tensor:
        """uint8 (n, height, width, channels) -> float32 (n, classes), the mean over the crops."""
        if not len(views):
            return torch.empty(0, len(self.model.classes))
        seen, count = views, 1
        if self.crops == "ten":
            sides = self.model.preprocessing.height, self.model.preprocessing.width
            seen, count = ten_crops(views.permute(0, 3, 1, 2), *sides).flatten(0, 1).permute(0, 2, 3, 1), 10
        shown: list[Tensor] = []
        # The map is only valid during the call.
        self.forward(self.model.preprocessing.normalise(seen), lambda _, output: shown.append(output.cpu().clone()))
        output = shown[0]
        found = outputs_of(self.graph, output[:1], self.model.classes).probabilities(output)
        return found.reshape(-1, count, found.shape[1]).mean(1)


def _uncropped(preprocessing: Preprocessing) -> Preprocessing:
    """The square in the middle that the paper cuts its crops from."""
    resize = preprocessing.resize
    if not isinstance(resize, int) or resize <= max(preprocessing.height, preprocessing.width):
        raise ModelError(
            f"ten crops need images that are larger than the input ({preprocessing.height}x{preprocessing.width}), and "
            f"this preprocessing resizes to {resize}. Use crops='middle'"
        )
    return replace(preprocessing, height=resize, width=resize)


def _check(models: Sequence[Model], crops: str) -> None:
    if crops not in CROPS:
        raise SettingError(f"crops is {crops!r}; choose one of: {', '.join(CROPS)}")
    if not models:
        raise SettingError("no model to evaluate; give at least one")
    for model in models:
        check_eval(model)
        if not model.classes:
            raise ModelError(f"{model.spec} has no class names to compare labels with; load it with classes=[…]")
        if model.classes != models[0].classes:
            raise ModelError(f"{model.spec} has other classes than {models[0].spec}; only equals can vote together")


def _first(skipped: Sequence[tuple[str, str]]) -> str:
    return f"{skipped[0][0]}: {skipped[0][1]}"
