"""``convscope serve``: what it prints, what it refuses, how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from safetensors.torch import save_file

from tests.atlas.make import make_atlas
from tests.cli.process import Run, Said, finished, shell
from tests.serve.tiny import TINY, tiny_atlas
from tests.structure.source import ROOT

T = TypeVar("T")
SPEC = "python:tests.docs.tiny:build"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    make_atlas(folder / "atlas", images=4)
    return folder


def test_it_serves_without_torch_until_it_is_stopped(place: Path) -> None:
    process = shell(place, "serve", "atlas", "--port", "0", "--json")
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        assert url.startswith("http://127.0.0.1:")
        assert "zfnet" in httpx.get(url, follow_redirects=True, timeout=20).text
        assert httpx.get(f"{url}live/project").status_code == 404
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        process.send_signal(signal.SIGINT)
        said = finished(process)
        assert (said.code, said.out, said.err) == (130, "", "")
    finally:
        process.kill()


def visited(
    run: Run, words: Sequence[str | Path], visit: Callable[[str], T], number: signal.Signals = signal.SIGINT
) -> tuple[Said, T]:
    """Serve here, in the main thread, while a visitor in another thread looks around and then stops it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    over = threading.Event()

    def visitor() -> T:
        here = f"http://127.0.0.1:{port}/"
        while not answers(here):
            assert not over.wait(0.05), "the server never answered"
        try:
            return visit(here)
        finally:
            os.kill(os.getpid(), number)

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(visitor)
        try:
            said = run("serve", *words, "--port", str(port))
        finally:
            over.set()  # or the visitor would wait for ever for a server that never came
        return said, found.result()


def answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return bool(httpx.get(address, timeout=20).status_code)
    return False


def test_others_need_the_token_that_is_printed(run: Run) -> None:
    def visit(here: str) -> int:
        return httpx.get(here).status_code

    said, status = visited(run, ["atlas", "--host", "0.0.0.0", "--json"], visit)
    (token,) = parse_qs(urlsplit(json.loads(said.out)["url"]).query)["token"]
    assert (status, len(token) >= 32, said.code) == (401, True, 130)


def test_a_token_of_ones_own_and_another_way_to_stop(run: Run) -> None:
    token = "my-own-token-of-24-words"

    def visit(here: str) -> tuple[int, str, str]:
        with httpx.Client(follow_redirects=True, timeout=20) as client:
            refused = client.get(here).status_code
            page = client.get(here, params={"token": token})
        return refused, page.text, str(page.url)

    said, (refused, page, address) = visited(run, ["atlas", "--token", token], visit, signal.SIGTERM)
    assert (refused, "zfnet" in page, "token" in address) == (401, True, False)
    assert said.code == 143
    assert f"/?token={token}\n" in said.out


def test_a_model_is_asked(run: Run, tmp_path: Path) -> None:
    weights, folder = tmp_path / "weights.safetensors", tiny_atlas(tmp_path)
    save_file(TINY.module.state_dict(), weights)

    def visit(here: str) -> httpx.Response:
        return httpx.get(f"{here}live/project?at=atlas-2&layer=features.15&unit=1", timeout=60)

    said, found = visited(run, ["atlas", folder, "--model", SPEC, "--weights", weights], visit)
    assert (found.status_code, found.headers["content-type"]) == (200, "image/webp"), found.text
    assert said.code == 130
    assert "note: the atlas in atlas was made from zfnet" in said.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "AtlasError: there is no folder nowhere"),
        (["atlas", "--host", "203.0.113.1"], "SettingError: port 0 of 203.0.113.1 cannot be had"),
        (["atlas", "--port", "99999"], "SettingError: there is no port 99999; ports are 0 (any that is free) to 65535"),
        (["atlas", "--port", "-1"], "SettingError: there is no port -1"),
        (["atlas", "--host", "no host"], "SettingError: 'no host' is no address of this machine"),
        (["atlas", "--model", SPEC], "AtlasMismatchError: the atlas in atlas was made from zfnet"),
        (["atlas", "--model", "zoo:none"], "SpecError"),
    ],
)
def test_mistakes_are_one_line(run: Run, words: list[str], says: str) -> None:
    said = run("serve", "--port", "0", *words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(says)
    assert said.err.count("\n") == 1


def test_a_port_in_use_is_one_line(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = run("serve", "atlas", "--port", str(taken.getsockname()[1]))
    assert said.code == 2
    assert "is in use by another program. Choose another with --port" in said.err
    assert said.err.count("\n") == 1


def test_a_weak_token_is_refused(run: Run) -> None:
    said = run("serve", "atlas", "--port", "0", "--token", "letmein")
    assert said.code == 2
    assert "16 to 200" in said.err


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from convscope.cli import main\n"
        "sys.argv = ['convscope', 'serve', 'atlas']\n"
        "main()"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "pip install 'convscope[serve]'" in said.stderr
