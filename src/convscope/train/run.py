"""A training run in a folder: begin it, or go on with what is there."""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn

from convscope.atomic import replacing
from convscope.errors import SettingError
from convscope.lock import locked_by
from convscope.models import Preprocessing
from convscope.regular import read_text
from convscope.train.batches import Batches, Stored
from convscope.train.callbacks.plateau import Plateau
from convscope.train.callbacks.records import Records
from convscope.train.callbacks.renormalising import Renormalising
from convscope.train.callbacks.reporting import Report, Reporting
from convscope.train.callbacks.resumption import LAST, Resumption, check_state
from convscope.train.callbacks.snapshots import Snapshots
from convscope.train.draws import check_seed, drawn_from
from convscope.train.feeding import Feeding
from convscope.train.module import Training
from convscope.train.recipe import Images, Recipe
from convscope.train.result import RESULT, Trained, measured, read_trained, write_trained
from convscope.train.splits import Splits
from convscope.train.survey import Surveyed, survey
from convscope.zoo.architecture import Architecture, build
from convscope.zoo.centre import Centre
from convscope.zoo.snapshot import Snapshot

RUN = "run.json"
"""Written first: which run the folder belongs to."""
INTERPOLATION = "bilinear"


@dataclass(frozen=True)
class Machine:
    """Where and how a run is computed; ``devices`` share a batch, ``workers`` decode images that memory cannot hold."""

    accelerator: str = "auto"
    devices: int = 1
    workers: int = 4

    def __post_init__(self) -> None:
        for name, value, least in (("devices", self.devices, 1), ("workers", self.workers, 0)):
            if value < least:
                raise SettingError(f"{name} is {value}; it must be at least {least}")


def train(
    recipe: Recipe,
    splits: Splits,
    output: str | Path,
    *,
    seed: int = 0,
    machine: Machine | None = None,
    callbacks: Sequence[Callback] = (),
    report: Report = lambda _stage, _done, _total: None,
) -> Trained:
    """Train a network by ``recipe`` in the folder ``output``, or go on where a stopped run of the same recipe ended.

    A run that was stopped gives, once it is finished, what an unbroken one gives on the same machine. Raises
    SettingError for a folder with another run, or in which another process trains, and for a machine that is not
    there; NumberError if the loss is not finite, and WeightsError if a snapshot cannot be written, or the state to go
    on from is damaged; what was written before stays. Afterwards the last snapshot is evaluated as the recipe says.
    """
    run, used = Path(output), machine or Machine()
    check_seed(seed)
    if not (run / RESULT).exists():  # what is finished is read on any machine
        check_machine(recipe, used)
    key = begin(run, recipe, splits, seed)
    if (finished := read_trained(run)) is not None:
        return finished
    with _alone(run):
        if (finished := read_trained(run)) is not None:  # by whoever had the folder until now
            return finished
        return _trained(run, key, recipe, splits, seed, used, callbacks, report)


def _trained(
    run: Path,
    key: str,
    recipe: Recipe,
    splits: Splits,
    seed: int,
    machine: Machine,
    callbacks: Sequence[Callback],
    report: Report,
) -> Trained:
    last = run / LAST if (run / LAST).exists() else None
    done = 0 if last is None else check_state(last)
    views = views_of(recipe)
    surveyed = {
        part: survey(images, views, partial(report, f"read {part}"))
        for part, images in (("training", splits.training), ("validation", splits.validation))
    }
    mean = mean_of(surveyed["training"], recipe.images)
    network = _network(recipe.architecture, len(splits.training.classes), seed)
    training = Training(network, recipe, Feeding(recipe.images, mean, recipe.architecture.side), seed)
    about = Snapshot(recipe.architecture, splits.training.classes, recipe.images.resize, INTERPOLATION, 0, 0, key)
    watching = [
        *([] if recipe.renormalise is None else [Renormalising(recipe.renormalise)]),
        *([Plateau(recipe.schedule)] if recipe.schedule.kind == "plateau" else []),
        Snapshots(run, about, centre_of(mean, recipe)),
        Records(run),
        Reporting(report),
        *callbacks,
        Resumption(run),
    ]
    stored = {part: Stored(each, views, splits.training.classes) for part, each in surveyed.items()}
    batches = Batches(stored, recipe.batch, seed, machine.workers, done)
    with _quiet():
        trainer = _trainer(recipe, run, machine, watching)
        trainer.fit(training, datamodule=batches, ckpt_path=last, weights_only=True)
    skipped = tuple(pair for part in surveyed.values() for pair in part.skipped)
    if trainer.is_global_zero:
        write_trained(measured(run, recipe, splits, skipped, report))
    trainer.strategy.barrier()
    found = read_trained(run)
    assert found is not None
    return found


def check_machine(recipe: Recipe, machine: Machine) -> None:
    """Raise SettingError where a recipe cannot be trained: an accelerator or devices that are not there."""
    try:
        with _quiet():
            trainer = L.Trainer(
                accelerator=machine.accelerator, devices=machine.devices, logger=False, enable_checkpointing=False
            )
    except (MisconfigurationException, ValueError, TypeError, ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise SettingError(
            f"accelerator {machine.accelerator!r} with {machine.devices} devices is not to be had here ({reason}); "
            "choose 'auto' or 'cpu', or fewer devices"
        ) from error
    if recipe.precision == "16-mixed" and isinstance(trainer.accelerator, CPUAccelerator):
        raise SettingError("precision is '16-mixed', which a CPU does not compute; choose 32 or bf16-mixed, or a GPU")


@contextmanager
def _alone(run: Path) -> Iterator[None]:
    """No other process trains in the folder; those that share this run come in with the first one."""
    if not is_first_process():
        yield
        return
    with locked_by(run, SettingError, partial(_busy, run)):
        yield


def _busy(run: Path, holder: str) -> str:
    return f"another process is training in {run} ({holder}); wait until it has finished, or choose another folder"


def is_first_process() -> bool:
    """Whether this process speaks for the run: of several that share it, only the first does."""
    return int(getattr(rank_zero_only, "rank", None) or 0) == 0


def views_of(recipe: Recipe) -> Preprocessing:
    """Images as they are stored: the shorter side resized, the square in the middle, pixels as they are."""
    resize, channels = recipe.images.resize, recipe.architecture.channels
    return Preprocessing(resize, resize, resize, INTERPOLATION, (0.0,) * channels, (1.0,) * channels, stated=True)


def mean_of(surveyed: Surveyed, images: Images) -> Tensor:
    """What is taken away: the mean image, its mean per channel, or zero; float (channels, resize, resize)."""
    mean = surveyed.mean.float()
    chosen = {
        "pixel": mean,
        "channel": mean.mean((1, 2), keepdim=True).expand_as(mean),
        "none": torch.zeros_like(mean),
    }
    return chosen[images.mean].contiguous()


def centre_of(mean: Tensor, recipe: Recipe) -> Centre:
    """The first stage of the finished network: the middle of the mean away, and the division."""
    side = recipe.architecture.side
    start = round((mean.shape[-1] - side) / 2)
    return Centre(mean[:, start : start + side, start : start + side], recipe.images.scale)


def begin(run: Path, recipe: Recipe, splits: Splits, seed: int) -> str:
    """Make the folder and say in it which run it is; returns the key. Raises SettingError if it is another run's."""
    asked: dict[str, Any] = {
        "recipe": asdict(recipe),
        "training": splits.training.digest,
        "validation": splits.validation.digest,
        "seed": seed,
    }
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    path = run / RUN
    try:
        run.mkdir(parents=True, exist_ok=True)
        known = json.loads(read_text(path)).get("key") if path.exists() else None
        if known is None:
            described = {"key": key, "validation_from": splits.origin, **asked, "excluded": list(splits.excluded)}
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(described, indent=1) + "\n", "utf-8")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise SettingError(f"{run} cannot be used as the folder of a run: {error}") from error
    if known not in (None, key):
        raise SettingError(
            f"{run} holds a run of another recipe, data or seed (data: less what a list leaves out); choose "
            "another folder with -o"
        )
    return key


def _network(architecture: Architecture, classes: int, seed: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn_from(seed).initial_seed())
        network = build(architecture, classes)
    return network.to(memory_format=torch.channels_last)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice on workers, log steps and its other products: what it advises on is chosen here."""
    logger = logging.getLogger("lightning.pytorch")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


PRECISIONS: dict[str, Literal["32", "16-mixed", "bf16-mixed"]] = {
    "32": "32",
    "16-mixed": "16-mixed",
    "bf16-mixed": "bf16-mixed",
}


def _trainer(recipe: Recipe, run: Path, machine: Machine, callbacks: list[Callback]) -> L.Trainer:
    logger: Logger = TensorBoardLogger(run, name="", version="tensorboard")
    return L.Trainer(
        accelerator=machine.accelerator,
        devices=machine.devices,
        max_epochs=recipe.epochs,
        precision=PRECISIONS[recipe.precision],
        callbacks=callbacks,
        logger=logger,
        log_every_n_steps=20,
        enable_checkpointing=True,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
