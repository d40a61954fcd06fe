"""The page ``docs/atlas-format.md``, made from the row types by ``python -m convscope.atlas.document``."""

from __future__ import annotations

import sys
from dataclasses import fields, is_dataclass
from inspect import getdoc
from typing import get_args, get_type_hints

from convscope.atlas.digests import DIGESTS, Digests
from convscope.atlas.manifest import MANIFEST, Manifest
from convscope.atlas.schema import FORMAT_VERSION, TABLES
from convscope.atlas.tables import schema_of
from convscope.atlas.versions import MIGRATIONS

INTRODUCTION = """\
# The atlas format

<!-- Made by `python -m convscope.atlas.document`: change its sources in `src/convscope/atlas/`. -->

An atlas is a folder of Parquet tables and a few JSON files, of format version FORMAT_VERSION. Anything that
reads Parquet reads it; nothing in it is executable, and convscope is not needed:

```sql
-- duckdb, in the atlas folder: the five units with the strongest response to images of one class
SELECT layer, unit, max(value) AS strongest
FROM 'top.parquet' JOIN 'images.parquet' USING (image)
WHERE label = 'beagle' AND among IS NULL
GROUP BY ALL ORDER BY strongest DESC LIMIT 5;
```

```python
import io, numpy, pandas
from PIL import Image

row = pandas.read_parquet("projections").iloc[0]
if row["format"] in ("webp", "avif"):  # the default: an 8-bit picture, here of 3 channels
    levels = (numpy.asarray(Image.open(io.BytesIO(row["values"])), "float32") - 128) / 127
    values = levels * abs(levels)
else:  # float16: raw numbers, of atlases made with --raw
    values = numpy.frombuffer(row["values"], "<f2").reshape(row["height"], row["width"], row["channels"])
projection = values.astype("float32") * row["peak"]  # belongs at row["top"], row["left"] of the input
```

With convscope, `Atlas.open(folder)` answers the usual questions, and `Atlas.query(sql)` runs SQL over the
tables `TABLES`, with no access to anything else.

Each column's documentation is also in the Parquet file, as the field metadata `doc`. A column that may hold
null says so; all others never do.
"""

WRITING = """\
## What a reader can rely on

- A file is whole or absent: each is written beside its place, flushed to the disk and renamed.
- `digests.json` lists a file once it is whole: a file that is not listed, or is not what the list says, is made again
  by the command that goes on. It is absent from atlases that were finished before there was such a list; they are read
  as before. [`convscope verify`](how-to/verify.md) compares.
- `manifest.json` is written last. A folder with `journal.json` but no manifest is unfinished; running the
  same command again finishes it. In a finished one the journal stays, and says what the manifest says: a repair goes
  by it where the manifest is damaged.
- Files are only ever removed from the folder itself: an atlas whose `projections` or `pictures` is a link is read, and
  not changed.
- One process writes at a time, holding a lock on `.convscope.lock`. Left-overs of a killed writer are called
  `.*.tmp`, and the next writer removes them.
- All files of an atlas belong to one run: same weights, data set, settings, and version of convscope. `key`,
  in the manifest, is the sha256 of these.
- `trust.parquet`, `peaks.parquet` and `spectra.parquet` may be absent: the atlas was not asked for it, or is older
  than it. Later versions may add such tables.
- `peaks.parquet` is the largest single table: about 3.4 bytes a row where no peak is zero, less where many are, so
  90 MB for 26,000 units and the full sample of 1,000 images. Layer, unit and image cost next to nothing
  (dictionaries); values are split into bytes before they are compressed. Each row group holds at most 2<sup>20</sup>
  rows, of one layer.
- The names of the files inside `projections/` and `pictures/` carry no meaning. Within a file, rows of
  `projections` are sorted by unit and rank in each layer.
MIGRATIONS
- A later format version is refused with a message that names the version of convscope that wrote it.
"""

WORDS = {
    "str": "text",
    "int": "whole number",
    "int | None": "whole number or null",
    "tuple[str, ...]": "list of texts",
    "dict[str, str]": "texts by name",
}
"""The types of manifest fields, as JSON knows them."""


def document() -> str:
    """The whole page, in Markdown."""
    tables = "\n".join(_table(name) for name in TABLES)
    introduction = INTRODUCTION.replace("FORMAT_VERSION", str(FORMAT_VERSION)).replace("TABLES", "`, `".join(TABLES))
    writing = WRITING.replace("MIGRATIONS", "\n".join(map(_migration, MIGRATIONS)))
    return f"{introduction}\n## Tables\n\n{tables}\n{_json(MANIFEST, Manifest)}\n{_json(DIGESTS, Digests)}\n{writing}"


def _migration(version: int) -> str:
    step = MIGRATIONS[version]
    assumed = ", ".join(
        f"`{name}` of `{table}` is taken to be {'null' if value is None else f'`{value}`'}"
        for table, added in step.columns.items()
        for name, value in added.items()
    )
    return f"- Version {version} is still read: {step.why}. Where it lacks a column, {assumed}."


def _table(name: str) -> str:
    row_type = TABLES[name]
    lines = [f"### {name}", "", getdoc(row_type) or "", "", "| column | type | meaning |", "|---|---|---|"]
    for column in schema_of(row_type):
        null = " or null" if column.nullable else ""
        lines.append(f"| `{column.name}` | {column.type}{null} | {column.metadata[b'doc'].decode()} |")
    return "\n".join((*lines, ""))


def _json(name: str, kind: type) -> str:
    lines = [
        f"## {name}",
        "",
        getdoc(kind) or "",
        "",
        "| field | type | meaning |",
        "|---|---|---|",
    ]
    lines += [f"| `{path}` | {words} | {doc} |" for path, words, doc in _leaves(kind, "")]
    return "\n".join((*lines, ""))


def _leaves(kind: type, prefix: str) -> list[tuple[str, str, str]]:
    """Dotted path, type in words and documentation of every field below a dataclass."""
    found: list[tuple[str, str, str]] = []
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = hints[field.name]
        inner = next((argument for argument in get_args(hint) if is_dataclass(argument)), None)
        if isinstance(inner, type):
            found += _leaves(inner, f"{prefix}{field.name}[].")
        elif is_dataclass(hint) and isinstance(hint, type):
            found += _leaves(hint, f"{prefix}{field.name}.")
        else:
            found.append((prefix + field.name, WORDS[str(field.type)], field.metadata["doc"]))
    return found


def main() -> None:
    """Write the page to standard output."""
    sys.stdout.write(document())


if __name__ == "__main__":
    main()
