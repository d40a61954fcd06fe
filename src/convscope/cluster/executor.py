"""``RayExecutor``: the engine's work on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from convscope.cluster.crew import Crew
from convscope.cluster.session import LOCAL, connected
from convscope.cluster.worker import Worker, versions
from convscope.engine.allowance import allowed
from convscope.engine.executor import Report, Work
from convscope.errors import ClusterError, SettingError

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class RayExecutor:
    """Workers on a Ray cluster: ``address`` is local (this machine alone), auto, or HOST:PORT.

    Each of ``workers`` (None: as many as the cluster has room for) computes with ``cores`` threads. A worker or a
    machine that is lost costs the job in flight, which another one does again. Raises MissingExtraError without the
    extra ``ray``, SettingError, and ClusterError if no worker is ready within ``patience`` seconds, or several are lost
    by the same job.
    """

    address: str = LOCAL
    workers: int | None = None
    cores: int = 1
    patience: float = 300.0

    here: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.cores < 1 or (self.workers is not None and self.workers < 1):
            raise SettingError(f"workers and cores must be at least 1, not {self.workers} and {self.cores}")

    def run(
        self, work: Work[Job, Result], jobs: Sequence[Job], report: Report
    ) -> Generator[tuple[int, Result], None, None]:
        """See ``Executor``: the work goes to each machine once, each job to the worker that has nothing to do."""
        if not jobs:
            return
        ray = connected(self.address)
        size = min(len(jobs), self.workers or self._room(ray))
        actor = ray.remote(num_cpus=self.cores, max_restarts=0, scheduling_strategy="SPREAD")(Worker)
        shared = ray.put(work)
        crew = Crew(
            ray,
            hire=actor.remote,
            call=lambda handle: handle.prepare.remote(shared, self.cores, versions(), allowed()),
            size=size,
            patience=self.patience,
        )
        yield from crew.carry_out(jobs, report)

    def _room(self, ray: Any) -> int:
        """How many workers the machines that are there can hold."""
        found = sum(int(node["Resources"].get("CPU", 0)) // self.cores for node in ray.nodes() if node["Alive"])
        if not found:
            raise ClusterError(f"no machine of the cluster has {self.cores} cores; ask for fewer per worker")
        return found
