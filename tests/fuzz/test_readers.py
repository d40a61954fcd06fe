"""Every reader on changed files: it reads them, or refuses them with an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import changed
from tests.fuzz.reader import Hang, Reader, run
from tests.fuzz.readers import READERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("name", READERS)
def test_valid_files_are_read(name: str, tmp_path: Path) -> None:
    seeds = READERS[name].seeds()
    assert seeds
    for content in seeds:
        assert run(READERS[name], content, tmp_path) == "read"


@pytest.mark.parametrize("name", READERS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_changed_files_are_read_or_refused(name: str, folder: Path, seed: int) -> None:
    seeds = READERS[name].seeds()
    run(READERS[name], changed(seeds[seed % len(seeds)], seed), folder)


def test_some_changes_are_refused(tmp_path: Path) -> None:
    """Otherwise nothing would be tested."""
    for name in ("image", "Parquet images", "WebDataset shard", "safetensors", "recipe", "atlas/manifest.json"):
        seeds = READERS[name].seeds()
        ends = {run(READERS[name], changed(seeds[0], seed), tmp_path) for seed in range(60)}
        assert "refused" in ends, name


@pytest.mark.parametrize("fault", ["error", "warning", "hang", "memory", "silent"])
def test_faults_are_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time
    import warnings

    from convscope.errors import ImageError
    from tests.fuzz import reader

    if fault == "hang":
        monkeypatch.setattr(reader, "SECONDS", 0.05)

    def silent() -> None:
        raise ImageError("")

    nothing: dict[str, int] = {}
    faults: dict[str, Callable[[], object]] = {
        "error": lambda: nothing["missing"],
        "warning": lambda: warnings.warn("strange", UserWarning, stacklevel=1),
        "hang": lambda: time.sleep(5),
        "memory": lambda: bytearray(2 * reader.MEMORY),
        "silent": silent,
    }
    kinds: dict[str, type[BaseException]] = {
        "error": KeyError,
        "warning": UserWarning,
        "hang": Hang,
        "memory": MemoryError,
        "silent": AssertionError,
    }
    with pytest.raises(kinds[fault]):
        run(Reader(list, lambda content, folder: faults[fault]()), b"", tmp_path)
