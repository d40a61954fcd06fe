"""``convscope verify``: whether what convscope computes of a network is right, and whether an atlas still holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.options import GREY, SCHEMES, AsJson, Background, Device, Layers, Limit, Weights, starting
from convscope.cli.planning import MaxMemory

FAILED = 1
IMAGES_OF_A_SET, IMAGES_OF_AN_ATLAS = 2, 8

What = Annotated[
    list[str],
    typer.Argument(
        metavar="[ATLAS] [MODEL IMAGES]",
        help="An atlas, to check its files; a model and images, to check what is computed; all three, to check a "
        "sample of the atlas against them.",
        autocompletion=starting(SCHEMES),
    ),
]


def verify(
    what: What,
    weights: Weights = None,
    layers: Layers = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--images",
            min=1,
            help=f"Images to test on: {IMAGES_OF_A_SET} evenly spread over the set, {IMAGES_OF_AN_ATLAS} of an atlas.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which units, places and images are drawn.")] = 0,
    limit: Limit = None,
    background: Background = GREY,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make again the files of the atlas that are damaged, and no others.")
    ] = False,
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
) -> None:
    """Compute a model's values a second way, or check an atlas: print the largest difference of each layer.

    MODEL IMAGES: the exported graph against the model's own modules, every method against autograd, windows against
    whole maps, an occluder against whole occluded images; without --layers, projections are tested from eight layers.

    ATLAS: every file against its digest, and the tables against each other. ATLAS MODEL IMAGES: also a sample of its
    values and projections, computed again; with --repair, what is damaged is made again.

    The exit status is 1 if anything is damaged or differs by more than rounding.
    """
    from convscope.atlas.manifest import MANIFEST
    from convscope.cli.verify_atlas import AtlasCheck, verify_atlas
    from convscope.cli.verify_model import ModelCheck, verify_model
    from convscope.errors import SettingError

    match what:
        case [model, images]:
            if (Path(model) / MANIFEST).exists():
                raise SettingError(
                    f"{model} is an atlas, and {images} alone is not enough to check it: name it alone, or with both: "
                    "convscope verify ATLAS MODEL IMAGES"
                )
            if repair:
                raise SettingError("--repair is for an atlas: convscope verify ATLAS MODEL IMAGES --repair")
            drawn = count or IMAGES_OF_A_SET
            passed = verify_model(
                ModelCheck(model, Path(images), weights, layers, drawn, seed, limit, background, device, max_memory),
                as_json,
            )
        case [atlas, *source] if len(source) in (0, 2):
            if layers is not None:
                raise SettingError("--layers is for a model; an atlas is checked in all its layers")
            if repair and not source:
                raise SettingError(
                    "--repair computes again and needs model and images: convscope verify ATLAS MODEL IMAGES --repair"
                )
            given = {
                "--weights": weights is not None,
                "--images": count is not None,
                "--limit": limit is not None,
                "--background": background != GREY,
                "--max-memory": max_memory is not None,
            }
            if not source and (idle := [name for name, is_given in given.items() if is_given]):
                raise SettingError(
                    f"{', '.join(idle)}: files alone are read, and nothing is computed; give model and images as well: "
                    "convscope verify ATLAS MODEL IMAGES"
                )
            drawn = count or IMAGES_OF_AN_ATLAS
            opened = (source[0], Path(source[1])) if source else None
            passed = verify_atlas(
                AtlasCheck(Path(atlas), opened, weights, drawn, seed, limit, background, repair, device, max_memory),
                as_json,
            )
        case _:
            raise SettingError(
                f"expected an atlas, a model and images, or all three, not {len(what)} names: {' '.join(what)}"
            )
    if not passed:
        raise typer.Exit(FAILED)
