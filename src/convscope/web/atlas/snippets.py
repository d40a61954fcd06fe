"""What a reader can copy from a unit's page: Python that gets the same values, and a command."""

from __future__ import annotations

import shlex

from convscope.atlas.schema import TopRow, UnitRow
from convscope.web.atlas.catalogue import Catalogue


def python_snippet(catalogue: Catalogue, unit: UnitRow, *, projected: bool) -> str:
    """Python that gets what the unit's page shows, to be run beside the atlas."""
    lines = [
        "import convscope as cs",
        "",
        f"atlas = cs.Atlas.open({catalogue.atlas.path.resolve().name!r})",
        f"strongest = atlas.top({unit.layer!r}, {unit.unit})",
    ]
    if projected:
        lines.append(f"projection = atlas.projection({unit.layer!r}, {unit.unit}, rank=0)")
    return "\n".join(lines)


def project_command(catalogue: Catalogue, top: TopRow) -> str:
    """The command that projects one activation as the atlas would have done, to be run where the images are."""
    manifest = catalogue.atlas.manifest
    named = [manifest.model.spec, catalogue.atlas.image(top.image).name, f"{top.layer}:{top.unit}@{top.y},{top.x}"]
    unpool = manifest.settings.unpool
    options = ["--method", manifest.method, *(["--unpool", unpool] if unpool != "sum" else [])]
    # After -- a name that begins with a dash is no option.
    end = ["--"] if any(name.startswith("-") for name in named) else []
    return shlex.join(["convscope", "project", *options, *end, *named])
