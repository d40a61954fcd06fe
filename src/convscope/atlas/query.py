"""SQL over an atlas' tables, in a DuckDB that can reach nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from convscope.errors import AtlasError

NO_EXTENSIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}

# The tables are handed over as Arrow data sets: DuckDB itself needs no file and is given none.
LOCK_DOWN = (
    "SET python_enable_replacements = false",  # no Python variable as a table
    "SET enable_external_access = false",  # no file, no network, no extension
    "SET lock_configuration = true",  # and no way to take this back
)


def run_query(tables: Mapping[str, ds.Dataset], sql: str) -> pa.Table:
    """The answer to one SQL query; AtlasError if it is wrong, asks for what is locked, or gives no table."""
    with duckdb.connect(config=NO_EXTENSIONS) as connection:
        for name, table in tables.items():
            connection.register(name, table)
        for statement in LOCK_DOWN:
            connection.execute(statement)
        try:
            answer = connection.sql(sql)
            if answer is None:
                raise AtlasError(f"the query gives no table: {sql!r}. Use one SELECT statement.")
            return answer.to_arrow_table()
        except duckdb.Error as error:
            raise AtlasError(f"the query failed: {error}. The tables are {', '.join(tables)}.") from error
