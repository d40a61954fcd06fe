"""Interrupted again and again, an atlas and its pages end as if nobody had; more of it: ``tests.faults.interrupt``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.faults.interrupt import SCAN_PART
from tests.structure.source import ROOT, SOURCE


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A process of its own, because it forks: threads of the tests would be gone in its children."""
    command = [sys.executable, "-m", "tests.faults.interrupt", "--interruptions", "6", "--seed", "4"]
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=500)
    assert ran.stdout, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_every_byte_is_that_of_the_unbroken_run(report: dict[str, Any]) -> None:
    assert report["different"] == []
    assert report["finished"] > 0
    assert sum(report["interruptions"].values()) >= 6


def test_a_fault_is_an_error_that_convscope_explains(report: dict[str, Any]) -> None:
    assert report["unexpected"] == []


def test_going_on_costs_no_more_than_the_part_in_flight(report: dict[str, Any]) -> None:
    assert report["unbroken_images"] > 3 * SCAN_PART
    for read, attempts, harmed in zip(report["images_read"], report["attempts"], report["harmed"], strict=True):
        assert read <= report["unbroken_images"] + SCAN_PART * (attempts - 1 + harmed)
