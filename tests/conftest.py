"""Settings of all property tests, the one browser of a process, and which tests count for coverage."""

from __future__ import annotations

import gc
import logging
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import torch
from coverage import Coverage
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# Two things took a fifth of every export. Half a million objects of torch live as long as the process, and the
# collector looked through them again and again. And pytest listens to each logger that does not hand on what it is
# told, whereupon torch writes down every step: so this one, which torch itself keeps hold of, is taken off the list.
gc.set_threshold(20_000, 10, 100)
assert torch._logging._internal.trace_log.name == "torch.__trace"
logging.root.manager.loggerDict.pop("torch.__trace", None)

settings.register_profile("convscope", deadline=None)  # a busy machine is no failure: timings stand in bench/
settings.load_profile("convscope")

HEART = tuple(str(Path(__file__).parent / part) for part in "atlas engine graph images rules".split())
"""Tests of the parts that pyproject.toml sets a floor of coverage for.

A part has to be covered by its own tests, not by commands that happen to pass through it; and tracing costs a quarter
of a test's time, which is minutes for all.
"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Trace the heart's tests only, where coverage is asked for."""
    tracing = None if str(item.path).startswith(HEART) else Coverage.current()
    if tracing:
        tracing.stop()
    try:
        return (yield)
    finally:
        if tracing:
            tracing.start()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield opened
        opened.close()
