"""A recipe: everything that decides a training run but the data and the seed, as one frozen value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from convscope.errors import SettingError
from convscope.probes.evaluation.evaluate import CROPS
from convscope.zoo import ARCHITECTURES
from convscope.zoo.architecture import Architecture
from convscope.zoo.edits import Edit, edited

PAPER_EPOCHS = (1, 2, 5, 10, 20, 30, 40, 64)
"""Of figure 4."""


@dataclass(frozen=True)
class Network:
    """The architecture: one of the zoo, with an edit; ``side`` and ``channels`` where the data need others."""

    form: str
    side: int | None = None
    channels: int | None = None
    deviation: float | None = None
    """Of the initial weights; None: by the number of inputs (He et al. 2015)."""
    edit: Edit = field(default_factory=Edit)


@dataclass(frozen=True)
class Images:
    """How images become inputs: resized to ``resize`` (shorter side, then the middle), cut to the network's side.

    ``crops``: ``ten`` (four corners and the middle, each also mirrored: paper, section 3), ``random`` (any place within
    the image grown by ``border`` pixels of its mean) or ``middle``. ``mean``: ``pixel`` (the mean image), ``channel``
    or ``none``; ``scale`` divides afterwards. ``rotate``: random rotation by up to so many degrees.
    """

    resize: int
    crops: str = "random"
    mirror: bool = True
    border: int = 0
    rotate: float = 0.0
    mean: str = "pixel"
    scale: float = 1.0


@dataclass(frozen=True)
class Optimiser:
    """``sgd`` with momentum, or ``adamw``; ``rate`` is the learning rate at the start (of ``cycle``: at its height)."""

    kind: str
    rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """``plateau``: times ``factor`` when the validation error has not fallen for ``patience`` epochs; ``cycle``: up
    over the first ``warm`` share of all steps and down to zero along a cosine; ``constant``.
    """

    kind: str = "constant"
    factor: float = 0.1
    patience: int = 3
    warm: float = 0.1


@dataclass(frozen=True)
class Recipe:
    """A training run; ``renormalise`` is the radius of the filters (paper, section 3), None for no limit."""

    name: str
    network: Network
    images: Images
    optimiser: Optimiser
    schedule: Schedule
    batch: int
    epochs: int
    renormalise: float | None = None
    snapshots: tuple[int, ...] = PAPER_EPOCHS
    """After these epochs, and after the last; 0 is the untrained network."""
    steps: tuple[int, ...] = ()
    """And after these numbers of steps."""
    evaluation: str = "middle"
    """``middle`` crop, or the mean of ``ten`` crops."""
    precision: str = "32"
    note: str = ""

    def __post_init__(self) -> None:
        for holds, rule in _rules(self):
            if not holds:
                raise SettingError(f"recipe {self.name}: {rule}")

    @property
    def architecture(self) -> Architecture:
        """The network, edited; raises ModelError."""
        wanted = self.network
        known = ARCHITECTURES[wanted.form]
        sized = replace(
            known,
            side=wanted.side or known.side,
            channels=wanted.channels or known.channels,
            deviation=wanted.deviation,
            scale=self.images.scale,
        )
        return edited(sized, wanted.edit)


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "network.form": tuple(ARCHITECTURES),
    "images.crops": ("ten", "random", "middle"),
    "images.mean": ("pixel", "channel", "none"),
    "optimiser.kind": ("sgd", "adamw"),
    "schedule.kind": ("plateau", "cycle", "constant"),
    "evaluation": CROPS,
    "precision": ("32", "16-mixed", "bf16-mixed"),
}
_POSITIVE = ("images.resize", "images.scale", "optimiser.rate", "schedule.factor", "batch", "epochs")
_SHARES = ("optimiser.momentum", "schedule.factor", "schedule.warm")
_NOT_NEGATIVE = ("images.border", "images.rotate", "optimiser.weight_decay", "schedule.patience")


def _rules(recipe: Recipe) -> Iterator[tuple[bool, str]]:
    for place, known in _CHOICES.items():
        value = attrgetter(place)(recipe)
        yield value in known, f"{place} is {value!r}; choose one of: {', '.join(known)}"
    for place in _POSITIVE:
        value = attrgetter(place)(recipe)
        yield value > 0, f"{place} is {value}; it must be above 0"
    for place in _SHARES:
        value = attrgetter(place)(recipe)
        yield 0 <= value < 1, f"{place} is {value}; it must be at least 0 and below 1"
    for place in _NOT_NEGATIVE:
        value = attrgetter(place)(recipe)
        yield value >= 0, f"{place} is {value}; it must not be negative"
    yield min(recipe.snapshots, default=0) >= 0, "snapshots are numbers of epochs, 0 for the untrained network"
    yield min(recipe.steps, default=1) > 0, "steps count from 1"
    yield (
        recipe.renormalise is None or recipe.renormalise > 0,
        "renormalise is a radius, above 0",
    )
    deviation = recipe.network.deviation
    yield deviation is None or deviation > 0, f"network.deviation is {deviation}; it must be above 0"
    side = recipe.architecture.side
    yield (
        recipe.images.resize >= side,
        f"images.resize is {recipe.images.resize}, smaller than the network's {side} pixels",
    )
    yield (
        recipe.evaluation != "ten" or recipe.images.resize > side,
        f"evaluation is 'ten', and images.resize is {recipe.images.resize}, which leaves nothing to cut from for a "
        f"network of {side} pixels; enlarge images.resize, or choose evaluation 'middle'",
    )
