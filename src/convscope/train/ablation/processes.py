"""Several runs at once, each in a process: one that fails, or is killed, takes no other with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from convscope.train.ablation.worker import Task

Report = Callable[[str, int], None]
"""(folder, steps done)."""
PACKAGE = Path(__file__).parents[3]
"""Where this convscope is, so that a worker uses the same."""


@dataclass
class _Workers:
    """The processes that are alive; once stopped, no other begins."""

    alive: set[subprocess.Popen[str]] = field(default_factory=set)
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, threads: int, errors: IO[str]) -> subprocess.Popen[str] | None:
        """A new worker; None once they have been stopped."""
        path = os.pathsep.join([str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}
        with self.lock:
            if self.stopped:
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "convscope.train.ablation.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=environment,
            )
            self.alive.add(process)
            return process

    def forget(self, process: subprocess.Popen[str]) -> None:
        """It has ended."""
        with self.lock:
            self.alive.discard(process)

    def stop(self) -> None:
        """Kill them: a run that is killed goes on later from its last whole epoch, so there is nothing to tidy up."""
        with self.lock:
            self.stopped = True
            for process in self.alive:
                process.kill()


def carry_out_all(
    tasks: Sequence[Task], jobs: int, report: Report, finished: Callable[[str, str | None], None]
) -> None:
    """Carry out tasks, ``jobs`` at a time, in order; ``finished`` is told of each folder, with the reason if it failed.

    An exception in the caller's thread, such as a stop by the user, ends all workers before it goes on its way.
    """
    workers = _Workers()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            waiting: dict[Future[str], str] = {
                pool.submit(_carried_out, workers, task, report): task.folder for task in tasks
            }
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    finished(waiting.pop(future), future.result() or None)
        finally:
            workers.stop()


def _carried_out(workers: _Workers, task: Task, report: Report) -> str:
    """The reason why it failed; empty if it did not."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = workers.begin(task.threads, errors)
        if process is None:
            return "stopped"
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(task.encoded() + "\n")
                process.stdin.flush()
                answer = _listened(process.stdout, task.folder, report)
            except BrokenPipeError:
                answer = None
            finally:
                _close(process.stdin)
            code = process.wait()
        workers.forget(process)
        return answer if answer is not None else _death(code, errors)


def _listened(lines: IO[str], folder: str, report: Report) -> str | None:
    """The worker's last word: empty if it finished, else the reason; None if it ended without one."""
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # some library's print
        if not isinstance(said, dict):
            continue
        if "done" in said:
            report(folder, said["done"])
        if "finished" in said:
            return ""
        if "error" in said:
            return f"{said['error']}: {said['message']}"
    return None


def _close(pipe: IO[str]) -> None:
    with suppress(BrokenPipeError):
        pipe.close()


def _death(code: int, errors: IO[str]) -> str:
    errors.seek(0)
    lines = [line.strip() for line in errors.read().splitlines() if line.strip()]
    last = f"; its last words: {lines[-1]}" if lines else ""
    if code < 0:
        return f"its process was killed (signal {-code}): out of memory, perhaps{last}"
    return f"its process ended with code {code}{last}"
