"""``convscope export``: pages as plain files, which open from disk and may be put on any web server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from convscope.cli.options import AsJson
from convscope.cli.planning import MaxMemory, planned


def export(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="ATLAS… SITE",
            help="Folders that convscope wrote: atlases, evolutions, runs, reports; then the folder of the pages.",
        ),
    ],
    as_json: AsJson = False,
    max_memory: MaxMemory = None,
) -> None:
    """Write pages as plain files: open index.html with any browser, or put the folder on any web server.

    An earlier export is replaced, once the new one is whole.
    """
    from convscope.cli.progress import progress
    from convscope.cli.screen import out
    from convscope.errors import SettingError
    from convscope.resources import file_jobs
    from convscope.web.atlas.place import AtlasPlace
    from convscope.web.export import check_target, export_place
    from convscope.web.opening import open_places
    from convscope.web.shelf.place import Shelf
    from convscope.web.site import check_apart

    *sources, site = folders
    if not sources:
        raise SettingError(f"only {site} was given; name what to show, and then a folder for its pages")
    check_target(site.resolve())
    places = open_places(sources)
    for place in places.values():
        if isinstance(place, AtlasPlace):
            check_apart(place.atlas, site.resolve())
    shown = next(iter(places.values())) if len(places) == 1 else Shelf(places)
    atlases = [place.atlas for place in places.values() if isinstance(place, AtlasPlace)]
    with (
        planned(file_jobs.export(atlases), max_memory, as_json, site),
        progress(as_json) as report,
    ):
        index = export_place(shown, site, lambda done, total: report("pages", done, total))
    if as_json:
        typer.echo(json.dumps({"index": str(index)}))
        return
    out.print(str(index), soft_wrap=True)
