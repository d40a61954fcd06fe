"""Arguments and options that several commands share, each said once."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from convscope.engine.executor import Executor
    from convscope.images import ImageSet
    from convscope.images.exclusion import Excluded
    from convscope.models import Model

METHODS = ["auto", "deconvnet", "guided_backprop", "gradient"]
UNPOOLS = ["sum", "last", "none"]
SCHEMES = ["sample:lite0", "torchvision:", "timm:", "zoo:zfnet", "zoo:alexnet", "snapshot:", "python:"]


def starting(values: list[str]) -> object:
    """A completion that offers the values that begin with what was typed."""
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


ModelSpec = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="torchvision:NAME[@WEIGHTS|@none], timm:NAME[@none], zoo:zfnet, zoo:alexnet, sample:lite0, "
        "snapshot:FILE (or the folder that `convscope train` wrote), or python:package.module:factory",
        autocompletion=starting(SCHEMES),
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option("--weights", metavar="FILE", help="Weights to load: .safetensors, or .pt/.ckpt holding weights only."),
]
Layers = Annotated[
    str | None,
    typer.Option("--layers", metavar="A,B,…", help="Layer addresses, comma-separated; see `convscope layers MODEL`."),
]
Method = Annotated[
    str,
    typer.Option(
        "--method",
        help="auto (DeconvNet where there are max-pool switches, else guided backprop), deconvnet, "
        "guided_backprop, gradient",
        autocompletion=starting(METHODS),
    ),
]
Unpool = Annotated[
    str,
    typer.Option(
        "--unpool",
        help="Where pooling windows share a maximum: sum (exact transpose), last, or none (no switches).",
        autocompletion=starting(UNPOOLS),
    ),
]
Patch = Annotated[
    str | None,
    typer.Option(
        "--patch",
        metavar="HxW",
        help="Occluder, height and width or one side, in pixels of what the model sees: 16x24, 16; default a "
        "fourteenth of the shorter side.",
    ),
]
Stride = Annotated[int | None, typer.Option("--stride", help="Pixels between occluders; default half the patch.")]
Images = Annotated[
    Path,
    typer.Argument(
        metavar="IMAGES",
        help="A folder, list file (.txt), idx.gz data set, Parquet or WebDataset shards (train-{000..003}.tar), or the "
        "address of such: s3://…, gs://…, https://….",
    ),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Use only the first images of the set.")]
Background = Annotated[
    str, typer.Option("--background", metavar="R,G,B", help="What shows through transparent pixels.")
]
GREY = "128,128,128"
Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A folder with one folder per class, or with train/ and val/ (or test/) of such; an idx.gz data set.",
    ),
]
Validation = Annotated[
    Path | None,
    typer.Option(
        "--validation",
        metavar="IMAGES",
        help="Where the held-out images are. Default: val/ or test/ beside train/, else a tenth of each class.",
    ),
]
Exclude = Annotated[
    Path | None,
    typer.Option(
        "--exclude",
        metavar="FILE",
        help="Images to leave out, by their names in the set: a list from `convscope overlap`.",
    ),
]
Accelerator = Annotated[str, typer.Option("--accelerator", help="auto, cpu, gpu, mps.")]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="The folder to write.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the result of another run.")]
Fill = Annotated[
    str,
    typer.Option(
        "--fill",
        help="grey, mean (of the image), zero (after normalisation), blur[:SIGMA], noise[:SEED], #rrggbb or r,g,b.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="Where the network runs: cpu, cuda, cuda:1, mps.")]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Compute on a Ray cluster: local (processes of this machine), auto (the one it belongs to), or HOST:PORT.",
    ),
]
RayWorkers = Annotated[
    int | None,
    typer.Option("--ray-workers", min=1, help="Processes on the cluster; default: as many as it has room for."),
]
RayCores = Annotated[int, typer.Option("--ray-cores", min=1, help="Cores of each of them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a machine-readable summary on standard output.")]


def split(text: str | None) -> list[str] | None:
    """``a,b`` as a list; None stays None."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def sides_of(patch: str | None) -> int | tuple[int, int] | None:
    """``16`` or ``16x24`` as a side, or height and width; None stays None."""
    if patch is None:
        return None
    sides = patch.lower().split("x")
    if len(sides) > 2 or not all(side.isascii() and side.isdigit() for side in sides):
        raise typer.BadParameter(f"{patch!r} is no patch; write a side, such as 16, or height and width: 16x24")
    return int(sides[0]) if len(sides) == 1 else (int(sides[0]), int(sides[1]))


def opened(images: Path, limit: int | None, background: str) -> ImageSet:
    """The images, or the first of them: what ``--limit`` and ``--background`` say decides what the set is."""
    from convscope.images import ImageSet

    found = ImageSet.open(images, background=_colour(background))
    return found if limit is None else found.head(limit)


_DIGITS = re.compile("[0-9]{1,3}")


def _colour(text: str) -> tuple[int, int, int]:
    parts = text.split(",")
    if len(parts) != 3 or not all(_DIGITS.fullmatch(part.strip()) and int(part) <= 255 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a colour; write three numbers from 0 to 255, such as 255,255,255")
    red, green, blue = (int(part) for part in parts)
    return red, green, blue


def load(spec: str, weights: Path | None, device: str = "cpu") -> Model:
    """The model, after a check that the device is there."""
    from convscope.models import load_model

    usable(device)
    return load_model(spec, weights=weights)


@contextmanager
def executor_of(ray: str | None, workers: int | None, cores: int) -> Iterator[Executor]:
    """Where the work is done: in this process, unless a Ray cluster is named.

    Ray tells of lost workers on standard output, which is for results: meanwhile it goes to standard error.
    """
    from convscope.engine.executor import HERE

    if ray is None:
        yield HERE
        return
    from convscope.cluster.executor import RayExecutor

    with redirect_stdout(sys.stderr):
        yield RayExecutor(ray, workers, cores)


def listed(exclude: Path | None) -> tuple[Excluded, ...]:
    """The images to leave out: none without a list."""
    from convscope.images.exclusion import read_exclusion

    return () if exclude is None else read_exclusion(exclude)


def usable(device: str) -> None:
    """Raise ModelError for a device that is not there."""
    import torch

    from convscope.errors import ModelError

    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device {device!r} cannot be used: {reason}. Try --device cpu") from None


def check_apart(images: Path, output: Path, option: str = "-o") -> None:
    """Refuse an output inside the image folder: its pictures would be taken for images the next time."""
    from convscope.errors import AtlasError

    if images.is_dir() and output.resolve().is_relative_to(images.resolve()):
        raise AtlasError(f"{output} lies in the image folder {images}; choose a place outside it with {option} DIR")
