"""Being connected to Ray: to a cluster that is there, or to one of this machine's own."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from convscope.errors import ClusterError, SettingError
from convscope.extras import optional

LOCAL = "local"
"""The address that stands for Ray on this machine, for this process alone."""
AUTO = "auto"
"""The address that stands for the cluster that this machine belongs to."""

_LOOPBACK_ONLY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0"
"""Has Ray use 127.0.0.1 alone, as it does anyway on the systems of its name; it is read when Ray is imported."""
_REACH = 5.0
"""Seconds in which an address must answer; Ray itself would try for many minutes."""


def connected(address: str) -> Any:
    """The module ``ray``, connected; a connection that the process already has is used as it is.

    Raises MissingExtraError, SettingError for an address of another kind or a Ray that would listen to the network,
    ClusterError if nothing answers there.
    """
    if address.startswith("ray://"):
        raise SettingError(
            f"{address!r} is for Ray's client, which takes everything through a third process. Run convscope on a "
            "machine of the cluster with the address auto, or through `ray job submit`"
        )
    if address == LOCAL:
        _keep_to_the_loopback()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anyone unless the user wants it
    ray = optional("ray", "ray", "work on a cluster")
    if not ray.is_initialized():
        own = {"include_dashboard": False} if address == LOCAL else {}
        try:
            _check_answers(address)
            with _own_signals():
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
        except RuntimeError as error:  # it answers
            raise ClusterError(
                f"the Ray cluster at {address!r} cannot be used: {_in_one_line(error)}. All its machines need the "
                "versions of Ray and Python of this one"
            ) from error
        except (ValueError, OSError) as error:
            raise ClusterError(
                f"no Ray cluster answers at {address!r} ({_in_one_line(error)}). Start one with `ray start --head`, "
                f"or use {LOCAL!r} for this machine alone"
            ) from error
    return ray


def _keep_to_the_loopback() -> None:
    """Whoever reaches the ports of Ray may run code, so one that is started here listens to this machine only."""
    name, value = _LOOPBACK_ONLY
    before = sys.modules.get("ray")
    if before is not None and name not in os.environ and not before.is_initialized():
        raise SettingError(
            f"Ray was imported before convscope could tell it to listen to this machine only. Set {name}={value} in "
            "the environment first, or call ray.init yourself, which is then used as it is"
        )
    os.environ.setdefault(name, value)


def _check_answers(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _REACH).close()
    elif address not in (LOCAL, AUTO):
        raise ValueError(f"it is none of {LOCAL}, {AUTO} and HOST:PORT")


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself; what the program does on it stays as it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
