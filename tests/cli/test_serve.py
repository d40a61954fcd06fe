"""``convscope serve`` as a process of its own: what it prints, what it refuses, how it stops."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from safetensors.torch import save_file

from tests.atlas.make import make_atlas
from tests.cli.process import Run, finished, shell
from tests.serve.tiny import TINY, tiny_atlas
from tests.structure.source import ROOT

SPEC = "python:tests.docs.tiny:build"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    make_atlas(folder / "atlas", images=4)
    return folder


@contextmanager
def served(place: Path, *words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server as a process, and the URL that it prints."""
    process = shell(place, "serve", *words, "--port", "0", "--json")
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def test_it_serves_without_torch_until_it_is_stopped(place: Path) -> None:
    with served(place, "atlas") as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert "zfnet" in httpx.get(url, follow_redirects=True).text
        assert httpx.get(f"{url}live/project").status_code == 404
        assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        process.send_signal(signal.SIGINT)
        said = finished(process)
        assert (said.code, said.out, said.err.count("\n")) == (130, "", 1)


def test_a_token_of_ones_own_and_another_way_to_stop(place: Path) -> None:
    with served(place, "atlas", "--token", "my-own-token-of-24-words") as (process, url):
        assert url.endswith("?token=my-own-token-of-24-words")
        assert httpx.get(url.split("?")[0]).status_code == 401
        process.terminate()
        assert finished(process).code == 143


def test_others_need_the_token_that_is_printed(place: Path) -> None:
    with served(place, "atlas", "--host", "0.0.0.0") as (_, url):
        parts = urlsplit(url)
        (token,) = parse_qs(parts.query)["token"]
        assert len(token) >= 32
        here = f"http://127.0.0.1:{parts.port}/"
        assert httpx.get(here).status_code == 401
        with httpx.Client(follow_redirects=True) as client:
            assert "zfnet" in client.get(here, params={"token": token}).text
            assert "token" not in str(client.get(here).url)


def test_a_model_is_asked(tmp_path: Path) -> None:
    weights, folder = tmp_path / "weights.safetensors", tiny_atlas(tmp_path)
    save_file(TINY.module.state_dict(), weights)
    with served(tmp_path, folder, "--model", SPEC, "--weights", weights) as (process, url):
        found = httpx.get(f"{url}live/project?at=atlas&layer=features.15&unit=1", timeout=60)
        assert (found.status_code, found.headers.get("content-type")) == (200, "image/webp"), found.text
        process.send_signal(signal.SIGINT)
        assert finished(process).code == 130


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "AtlasError: there is no atlas in nowhere"),
        (["atlas", "--host", "203.0.113.1"], "SettingError: port 0 of 203.0.113.1 cannot be had"),
        (["atlas", "--host", "no host"], "SettingError: 'no host' is no address of this machine"),
        (["atlas", "--model", SPEC], "AtlasMismatchError: the atlas in atlas was made from zfnet"),
        (["atlas", "--model", "zoo:none"], "SpecError"),
    ],
)
def test_mistakes_are_one_line(run: Run, words: list[str], says: str) -> None:
    said = run("serve", *words, "--port", "0")
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
