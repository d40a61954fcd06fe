"""The folder of one experiment's result: recognised by its key, and whole once its facts are there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch

from convscope.atlas.tables import schema_of
from convscope.atomic import file_in_the_way, replacing
from convscope.engine.graphs import digest_of
from convscope.errors import SettingError
from convscope.models import Model
from convscope.regular import read_text
from convscope.version import installed_version

Facts = Mapping[str, Any]
"""Ready for JSON."""


@dataclass(frozen=True)
class ResultFolder:
    """Where a result lies; ``facts`` is the JSON file that is written last, ``asked`` all that decides the result.

    ``files`` are the others that a result of this kind may have, so that none of an older one stays beside a new one.
    """

    path: Path
    facts: str
    asked: Facts
    files: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """SHA-256 (hex) of what was asked."""
        return hashlib.sha256(json.dumps(self.asked, sort_keys=True).encode()).hexdigest()

    def is_finished(self, *, overwrite: bool) -> bool:
        """Whether the folder holds this very result; raises SettingError if it holds another one, or is no folder."""
        check_place(self.path, self.facts)
        try:
            written = json.loads(read_text(self.path / self.facts))["key"]
        except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
            return False
        if written != self.key and not overwrite:
            raise SettingError(
                f"{self.path} holds a result ({self.facts}) of another image, model or settings; choose another "
                "folder with -o, or give --overwrite"
            )
        return bool(written == self.key)

    def begin(self) -> None:
        """Make the folder, and take away the facts and ``files`` of a result that is about to be replaced."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name in (self.facts, *self.files):
            (self.path / name).unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(content)

    def write_rows(self, name: str, kind: type, rows: Iterable[Any]) -> None:
        """Write rows of the dataclass ``kind``, whose fields are ``column``, as Parquet or, for ``.csv``, as CSV."""
        listed = list(rows)
        self.write_columns(
            name, kind, [{field.name: [getattr(row, field.name) for row in listed] for field in fields(kind)}]
        )

    def write_columns(self, name: str, kind: type, parts: Iterable[Mapping[str, Any]]) -> None:
        """As ``write_rows``, from whole columns: each part maps every column to an array, a list or one value."""
        schema = schema_of(kind)
        tables = [_table(schema, part) for part in parts]
        # Opened here, for Arrow takes no name that is not UTF-8.
        with replacing(self.path / name) as temporary, temporary.open("wb") as file:
            whole = pa.concat_tables([schema.empty_table(), *tables])
            # as one chunk: with pyarrow 18 an empty first one has the head of a CSV file written twice
            _TABLE_WRITERS[Path(name).suffix](whole.combine_chunks(), file)

    def finish(self, found: Facts, seconds: Mapping[str, float]) -> None:
        """Write the facts, which says that the folder is whole."""
        spent = {stage: round(value, 3) for stage, value in seconds.items()}
        facts = {"key": self.key, **self.asked, **found, "seconds": spent, "made_with": _versions()}
        self.write(self.facts, (json.dumps(facts, indent=1, allow_nan=False) + "\n").encode())


def check_place(path: Path, facts: str) -> None:
    """Raise SettingError where no folder can be, and for one with the result of another command than has ``facts``."""
    if (there := file_in_the_way(path)) is not None:
        raise SettingError(f"{there} is a file, and a result is a folder; choose another place with -o")
    others = [each.name for each in sorted(path.glob("*.json")) if each.name != facts and _is_result(each)]
    if others:
        raise SettingError(
            f"{path} holds the result of another command ({', '.join(others)}), and the files of the two would be "
            "mixed up; choose another folder with -o"
        )


def _is_result(path: Path) -> bool:
    try:
        read = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(read, dict) and {"key", "made_with"} <= set(read)


def _table(schema: pa.Schema, part: Mapping[str, Any]) -> pa.Table:
    length = max(len(value) for value in part.values() if not isinstance(value, str | None | int | float))
    columns = [
        pa.repeat(pa.scalar(part[field.name], field.type), length)
        if isinstance(part[field.name], str | None | int | float)
        else pa.array(part[field.name], field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


_TABLE_WRITERS: Mapping[str, Callable[[pa.Table, BinaryIO], object]] = {
    ".parquet": pq.write_table,
    ".csv": pyarrow.csv.write_csv,
}


def model_facts(model: Model) -> Facts:
    """Which model a result is of."""
    return {
        "spec": model.spec,
        "weights_digest": model.digest,
        "digest": digest_of(model),
        "preprocessing": repr(model.preprocessing),
    }


def skips_facts(skipped: Sequence[tuple[str, str]]) -> list[Facts]:
    """Images that were left out, each with its reason."""
    return [{"image": name, "reason": reason} for name, reason in skipped]


def _versions() -> Facts:
    return {
        "convscope": installed_version(),
        "torch": torch.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
