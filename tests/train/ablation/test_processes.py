"""Worker processes: what they say, how they die, and that they do not outlive whoever asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from convscope.train.ablation.elsewhere import carry_out_elsewhere
from convscope.train.ablation.processes import carry_out_all
from convscope.train.ablation.worker import Task, decoded
from tests.engine.elsewhere import Elsewhere
from tests.train.make import tiny

TASK = Task("run", tiny(), 0, "data", None, None, ("shift",), (), 4, 1, "cpu", 0)


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> list[subprocess.Popen[str]]:
    """Run this code instead of a worker; the processes that were begun."""
    begun: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def begin(_: list[str], **options: object) -> subprocess.Popen[str]:
        begun.append(real([sys.executable, "-c", f"import json, os, sys, time\n{code}"], **options))  # type: ignore[call-overload]
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", begin)
    return begun


def carried_out(tasks: list[Task], jobs: int = 1) -> tuple[dict[str, str | None], list[tuple[str, int]]]:
    ended: dict[str, str | None] = {}
    steps: list[tuple[str, int]] = []
    carry_out_all(tasks, jobs, lambda folder, done: steps.append((folder, done)), ended.__setitem__)
    return ended, steps


def test_a_task_survives_the_pipe() -> None:
    assert decoded(TASK.encoded()) == TASK
    edited = replace(TASK, recipe=tiny(network__edit__first={"kernel": 3, "stride": 1}))
    assert decoded(edited.encoded()) == edited


def test_steps_and_the_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        monkeypatch,
        "task = json.loads(sys.stdin.readline())\n"
        "print('hello from a library'); print('[1]')\n"
        "print(json.dumps({'done': task['seed']})); print(json.dumps({'finished': True}))",
    )
    ended, steps = carried_out([replace(TASK, folder="a", seed=7), replace(TASK, folder="b", seed=9)], jobs=2)
    assert ended == {"a": None, "b": None}
    assert sorted(steps) == [("a", 7), ("b", 9)]


def test_an_executor_tells_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(
        monkeypatch,
        "task = json.loads(sys.stdin.readline())\n"
        "if task['seed'] == 9: sys.exit('so it ends')\n"
        "print(json.dumps({'done': task['threads']})); print(json.dumps({'finished': os.path.isabs(task['folder'])}))",
    )
    monkeypatch.chdir(tmp_path)
    ended: dict[str, str | None] = {}
    steps: list[tuple[str, int]] = []
    tasks = [replace(TASK, folder="a", seed=7, threads=5), replace(TASK, folder="b", seed=9)]
    carry_out_elsewhere(tasks, Elsewhere(), lambda *step: steps.append(step), ended.__setitem__)
    assert steps == [("a", 1)]  # it has the cores of the worker
    assert ended == {"a": None, "b": "its process ended with code 1; its last words: so it ends"}


def test_an_executor_is_told_addresses_as_they_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(
        monkeypatch,
        "task = json.loads(sys.stdin.readline())\n"
        "print(json.dumps({'error': 'NumberError', 'message': ' '.join([task['data'], task['validation']])}))",
    )
    monkeypatch.chdir(tmp_path)
    ended: dict[str, str | None] = {}
    tasks = [
        replace(TASK, folder="a", data="s3://bucket/train", validation="s3:/bucket/val"),
        replace(TASK, folder="b", data="data", validation="val"),
    ]
    carry_out_elsewhere(tasks, Elsewhere(), lambda *_: None, ended.__setitem__)
    assert ended["a"] == "NumberError: s3://bucket/train s3:/bucket/val"
    assert ended["b"] == f"NumberError: {tmp_path / 'data'} {tmp_path / 'val'}"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print(json.dumps({'error': 'NumberError', 'message': 'nan'}))", "NumberError: nan"),
        ("sys.exit('so it ends')", "its process ended with code 1; its last words: so it ends"),
        ("os.kill(os.getpid(), 9)", r"its process was killed (signal 9): out of memory, perhaps"),
        ("", "its process ended with code 0"),
    ],
)
def test_a_worker_that_fails_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch, code: str, reason: str) -> None:
    stand_in(
        monkeypatch,
        f"task = json.loads(sys.stdin.readline())\nif task['folder'] == 'bad':\n    {code or 'pass'}\n"
        "else:\n    print(json.dumps({'finished': True}))",
    )
    ended, _ = carried_out([replace(TASK, folder="bad"), replace(TASK, folder="good")])
    assert ended == {"bad": reason, "good": None}


def test_a_stop_ends_all_workers_and_begins_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = stand_in(monkeypatch, "sys.stdin.readline()\nprint(json.dumps({'done': 1}), flush=True)\ntime.sleep(600)")
    tasks = [replace(TASK, folder=name) for name in "abc"]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, stop)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            carried_out(tasks, jobs=2)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - started < 60
    assert [process.returncode for process in begun] == [-signal.SIGKILL] * 2


def test_a_worker_ends_with_whoever_asked(tmp_path: Path) -> None:
    """Killed without a chance to tidy up, so that only the closed pipe is left as a sign."""
    asker = (
        "import subprocess, sys, time\n"
        "code = 'import threading, time; from convscope.train.ablation.worker import _end_with_the_asker as end\\n'"
        "'threading.Thread(target=end, daemon=True).start(); print(1, flush=True); time.sleep(600)'\n"
        "worker = subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "worker.stdout.readline(); print(worker.pid, flush=True); time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    with subprocess.Popen([sys.executable, "-c", asker], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
    for _ in range(400):
        if not alive(worker):
            return
        time.sleep(0.05)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the worker goes on although nobody asks any more")


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
