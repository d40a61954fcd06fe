"""Images for tests with real processes: whoever reads them is killed, or waits, at given moments."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tests.cluster.work import wait_for
from tests.engine.make import Data


class Watched(Data):
    """Images that note in ``folder`` who reads them, and do something about ``row`` where it is not read at home."""

    folder: Path
    row: int
    home: int

    def __getitem__(self, row: int) -> Any:
        if os.getpid() != self.home and row == self.row:
            self.reached()
        return super().__getitem__(row)

    def reached(self) -> None:
        """Called in a worker."""


class Deadly(Watched):
    """The first worker that reads the row is killed."""

    def reached(self) -> None:
        try:
            (self.folder / "killed").touch(exist_ok=False)
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


class Gated(Watched):
    """Whoever reads an image waits until the gate is open; ``row`` is -1 for all of them."""

    def __getitem__(self, row: int) -> Any:
        if os.getpid() != self.home:
            self.reached()
        return Data.__getitem__(self, row)

    def reached(self) -> None:
        import ray

        (self.folder / f"node-{ray.get_runtime_context().get_node_id()}").touch()
        wait_for((self.folder / "open").exists)
