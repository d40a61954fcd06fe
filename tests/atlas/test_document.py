from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from convscope.atlas.document import document
from convscope.atlas.schema import TABLES

PAGE = Path(__file__).parents[2] / "docs" / "atlas-format.md"


def test_page_is_fresh() -> None:
    assert PAGE.read_text("utf-8") == document(), "run: python -m convscope.atlas.document > docs/atlas-format.md"


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_described_under_its_table(table: str) -> None:
    section = document().split(f"### {table}\n")[1].split("\n#")[0]
    for column in fields(TABLES[table]):
        assert f"| `{column.name}` | " in section
        assert column.metadata["doc"] in section
