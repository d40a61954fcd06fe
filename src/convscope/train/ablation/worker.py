"""One run in a process of its own: told what to do on standard input, it answers in lines of JSON.

Its standard input stays open while whoever asked is alive; when it closes, the process ends at once, so that nothing
goes on training unseen. A run that was stopped goes on later.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from convscope.errors import ConvscopeError, SettingError
from convscope.strict import Reader
from convscope.train.recipe import Recipe

EVERY = 0.5
"""Seconds between two reports of progress."""


@dataclass(frozen=True)
class Task:
    """Everything that a worker needs; ``threads`` is how many cores it may use."""

    folder: str
    recipe: Recipe
    seed: int
    data: str
    validation: str | None
    training: int | None
    measures: tuple[str, ...]
    curves: tuple[str, ...]
    measured: int
    threads: int
    accelerator: str
    workers: int

    def encoded(self) -> str:
        """As a line of JSON."""
        return json.dumps(asdict(self))


def decoded(line: str) -> Task:
    """The task of a line; raises SettingError."""
    return Reader(SettingError).decode(Task, json.loads(line), "task")


def carry_out(task: Task, report: Callable[[str, int, int], None]) -> None:
    """Train, or go on training, and measure; what is finished is not repeated."""
    import torch

    from convscope.engine.memory import keep_freed_memory
    from convscope.train.ablation.measured import measure
    from convscope.train.ablation.sample import splits_of
    from convscope.train.run import Machine, train

    keep_freed_memory()
    torch.set_num_threads(task.threads)
    splits = splits_of(task.data, task.validation, task.training, task.seed)
    machine = Machine(accelerator=task.accelerator, workers=task.workers)
    trained = train(task.recipe, splits, task.folder, seed=task.seed, machine=machine, report=report)
    measure(trained, splits.validation, task.measured, task.measures, task.curves)


def main() -> None:
    """Do what standard input says; the exit code is 0 also for an error that is answered."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop is decided by whoever asked
    task = decoded(sys.stdin.readline())
    threading.Thread(target=_end_with_the_asker, daemon=True).start()
    try:
        carry_out(task, _reporter())
    except (ConvscopeError, OSError) as error:
        _say(error=type(error).__name__, message=str(error))
    else:
        _say(finished=True)


def _end_with_the_asker() -> None:
    while os.read(sys.stdin.fileno(), 1):  # not by way of a buffer, whose lock would be missed at the end
        pass
    os._exit(1)


def _reporter() -> Callable[[str, int, int], None]:
    last = 0.0

    def report(stage: str, done: int, total: int) -> None:  # noqa: ARG001
        nonlocal last
        if stage == "train" and time.monotonic() - last > EVERY:
            last = time.monotonic()
            _say(done=done)

    return report


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
