"""The runs of an ablation as work for an executor: each worker trains in a process of its own, as a run here does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from convscope.engine.executor import Executor, Steps, stepwise
from convscope.images.remote import is_address
from convscope.train.ablation.processes import Report, carry_out_all
from convscope.train.ablation.worker import Task


@dataclass(frozen=True)
class CarryOut:
    """Training and measuring, in a folder that all machines share."""

    def prepare(self, cores: int) -> Callable[[Task], Steps[str | None]]:
        """See ``Work``: yields the steps that are done, returns why a run failed; None if it did not."""
        return lambda task: stepwise(partial(_carried_out, replace(task, threads=cores)))


def _carried_out(task: Task, tell: Callable[[int], None]) -> str | None:
    ends: list[str | None] = []
    carry_out_all([task], 1, lambda _, done: tell(done), lambda _, failure: ends.append(failure))
    return ends[0]


def carry_out_elsewhere(
    tasks: Sequence[Task], executor: Executor, report: Report, finished: Callable[[str, str | None], None]
) -> None:
    """As ``carry_out_all``, by the workers of an executor; paths are those of this process's folder."""
    sent = [_rooted(task) for task in tasks]
    with closing(executor.run(CarryOut(), sent, lambda number, done: report(tasks[number].folder, done))) as results:
        for number, failure in results:
            finished(tasks[number].folder, failure)


def _rooted(task: Task) -> Task:
    validation = None if task.validation is None else _source(task.validation)
    return replace(task, folder=str(Path(task.folder).absolute()), data=_source(task.data), validation=validation)


def _source(text: str) -> str:
    return text if is_address(text) else str(Path(text).absolute())
