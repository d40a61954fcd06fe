"""One Ray cluster for all tests of a process: a machine of two cores on the loopback, to which others can be added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from convscope.cluster.session import connected

QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 200, "health_check_failure_threshold": 3}
"""A machine that is gone is noticed within a second."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # the loopback only; must be said before Ray is imported
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "include_dashboard": False,
            "object_store_memory": 100_000_000,
            "_system_config": QUICK,
        },
    )
    connected(made.address)
    yield made
    ray.shutdown()
    remove(made, made.head_node)


def remove(cluster: Any, node: Any) -> None:
    """Take a machine away, killed or not. Ray leaves the pipes to its processes open, which is warned of later."""
    pipes = [
        pipe
        for started in node.all_processes.values()
        for each in started
        for pipe in (each.process.stdin, each.process.stdout, each.process.stderr)
        if pipe is not None
    ]
    cluster.remove_node(node, allow_graceful=False)
    for pipe in pipes:
        pipe.close()
