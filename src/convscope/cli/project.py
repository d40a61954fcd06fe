"""``convscope project``: one unit, one picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.options import AsJson, Device, Method, ModelSpec, Unpool, Weights, load
from convscope.cli.planning import MaxMemory, planned

if TYPE_CHECKING:
    from convscope.images import ImageSet
    from convscope.images.pixels import Pixels


def project(
    model: ModelSpec,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    unit: Annotated[str, typer.Argument(metavar="UNIT", help="LAYER:CHANNEL or LAYER:CHANNEL@ROW,COLUMN")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The PNG to write.")] = Path(
        "projection.png"
    ),
    weights: Weights = None,
    method: Method = "auto",
    unpool: Unpool = "sum",
    device: Device = "cpu",
    max_memory: MaxMemory = None,
    as_json: AsJson = False,
) -> None:
    """Project one unit's activation for one image down to pixels, as a PNG beside what the model saw."""
    from convscope.atomic import replacing
    from convscope.display import beside, display_scale, to_picture, to_png
    from convscope.engine.memory import keep_freed_memory
    from convscope.engine.project import project as project_unit
    from convscope.images import ImageSet
    from convscope.resources import jobs
    from convscope.units import UnitAddress

    keep_freed_memory()
    picture, loaded = _only(ImageSet.open(image)), load(model, weights, device)
    demand = jobs.project(loaded, UnitAddress.parse(unit).layer, device)
    with planned(demand, max_memory, as_json, output):
        result = project_unit(loaded, picture, unit, method=method, unpool=unpool, device=device)
        scale = display_scale([result.pixels])
        with replacing(output) as temporary:
            temporary.write_bytes(to_png(beside(to_picture(result.pixels, scale), result.view)))
    facts = {
        "unit": str(result.unit),
        "value": result.value,
        "method": result.method,
        "window": result.window,
        "scale": scale,
        "output": str(output),
    }
    typer.echo(json.dumps(facts) if as_json else "\n".join(f"{name}: {value}" for name, value in facts.items()))


def _only(source: ImageSet) -> Pixels:
    """The picture of a set of one; raises ImageError with its name."""
    from convscope.errors import ImageError

    if len(source) != 1:
        raise ImageError(f"{source.name} holds {len(source)} images, and one unit is projected for one: name its file")
    try:
        return source.read(0)
    except ImageError as error:
        raise ImageError(f"{source.names[0]}: {error}") from error
