"""Tables for people, as Markdown."""

from __future__ import annotations

from convscope.pipeline.table import NOTHING, Table, inline


def test_heads_a_rule_and_a_line_each() -> None:
    table = Table(("layer", "numbers", "svm"), (("input", "432", "12.00 ± 1.00"), ("2", NOTHING, "x")))
    assert table.markdown().splitlines() == [
        "| layer | numbers | svm |",
        "| --- | ---: | ---: |",
        "| input | 432 | 12.00 ± 1.00 |",
        "| 2 | - | x |",
    ]


def test_what_could_end_a_cell_is_escaped() -> None:
    (line,) = Table(("a", "b"), (("x | y\nz", "back\\|slash"),)).markdown().splitlines()[2:]
    assert line == "| x \\| y z | back\\\\\\|slash |"


def test_a_table_without_lines() -> None:
    assert Table(("a",), ()).markdown() == "| a |\n| --- |"


def test_html_does_not_pass() -> None:
    assert "\\<img" in Table(("a",), (("<img src=x>",),)).markdown()
    assert inline("<script>*a*\n# [b](c)|`d`") == r"\<script\>\*a\* \# \[b\]\(c\)\|\`d\`"


def test_plain_names_stay_as_they_are() -> None:
    assert inline("T-shirt or top, 2.5") == "T-shirt or top, 2.5"
