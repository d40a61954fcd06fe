"""The page of the sweep lists every network, and none that failed without saying so."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench.compat import Row, failed, networks, table

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
LISTED = set(re.findall(r"^\| (\w+) \| \d", PAGE.read_text("utf-8"), re.MULTILINE))
GOOD = Row(
    "torchvision:some@none",
    64,
    layers=3,
    switches=1,
    output_error=0.0,
    scan_error=1e-9,
    gradient_error=1e-8,
    occlusion_error=1e-9,
)


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_every_network_is_listed(source: str) -> None:
    assert {spec.split(":")[1].split("@")[0] for spec in networks(source)} <= LISTED


def test_a_row_says_what_was_refused_and_what_went_wrong() -> None:
    refused = Row("timm:other@none", 64, refused=("sort (head)",), output_error=0.0)
    wrong = Row("timm:third@none", 64, problems=("gradient leaves",), output_error=0.0)
    page = table([GOOD, refused, wrong])
    assert "1 of 3 networks" in page
    assert re.search(r"\| other \|.* sort \(head\) \|", page)
    assert re.search(r"\| third \|.* gradient leaves \|", page)
    assert page.endswith("other, third.\n")


@pytest.mark.parametrize("error", [None, 1e-3, float("nan")])
@pytest.mark.parametrize("column", ["output_error", "scan_error", "gradient_error", "occlusion_error"])
def test_a_network_fails_unless_it_is_exact(column: str, error: float | None) -> None:
    assert not failed(GOOD)
    changed: dict[str, Any] = {column: error}
    assert failed(replace(GOOD, **changed))
