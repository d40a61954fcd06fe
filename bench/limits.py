"""Whether plans come true: peak memory of the whole process beside limit and plan, and its time beside the estimate.

    python -m bench.limits IMAGES [--nets resnet18 alexnet] [--limits - 2G 1300M] [--commands atlas occlude …]

Each figure is a process of its own, over the first 32 images; `-` is no limit. The time is that from the plan on: what
comes before it, loading torch and exporting the model, is not foretold.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAYER = {"resnet18": "layer3.1.relu", "alexnet": "features.9", "vgg16": "features.22", "resnet50": "layer3.1.relu"}
FEW = ("--limit", "32")


def commands(net: str, images: Path, folder: Path) -> dict[str, list[str]]:
    model = f"torchvision:{net}@none"
    one = str(next(path for path in sorted(images.rglob("*")) if path.is_file()))
    every = {
        "atlas": [str(images), *FEW, "--units", "1", "--no-trust", "--no-pages"],
        "occlude": [one, "--patch", "32"],
        "invariance": [str(images), *FEW],
        "diagnose": [str(images), *FEW],
        "trust": [str(images), "--images", "2"],
    }
    made = {name: [name, model, *rest, "-o", str(folder / name), "--overwrite"] for name, rest in every.items()}
    return made | {
        "project": ["project", model, one, f"{LAYER[net]}:3", "-o", str(folder / "p.png")],
        "verify": ["verify", model, str(images)],
    }


@dataclass(frozen=True)
class Outcome:
    """What was foretold, None where a command was refused, and what came: bytes, and seconds from the plan on."""

    said: str
    plan: dict[str, Any] | None
    peak: int
    seconds: float

    def row(self) -> str:
        """Cells of the table: planned MB, peak MB, foretold seconds, seconds, outcome."""
        if self.plan is None:
            return f"- | {self.peak / 1e6:.0f} | - | - | {self.said}"
        low, high = self.plan["seconds"]
        memory = f"{self.plan['memory'] / 1e6:.0f} | {self.peak / 1e6:.0f}"
        return f"{memory} | {low:.0f} to {high:.0f} | {self.seconds:.1f} | {self.said}"


def measured(command: list[str], limit: str) -> Outcome:
    asked = [] if limit == "-" else ["--max-memory", limit]
    process = subprocess.Popen(
        [sys.executable, "-m", "convscope", *command, "--json", *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    plan, last, began = None, "", time.perf_counter()
    for line in process.stderr:
        last = line.strip() or last
        if line.startswith('{"plan"'):
            plan, began = json.loads(line)["plan"], time.perf_counter()
    _, status, used = os.wait4(process.pid, 0)
    said = "done" if status == 0 else last.split(",")[0]
    return Outcome(said, plan, used.ru_maxrss * 1024, time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--nets", nargs="+", default=["resnet18", "alexnet"])
    parser.add_argument("--limits", nargs="+", default=["-", "2G", "1300M"])
    parser.add_argument("--commands", nargs="+", metavar="NAME", help="default: all")
    options = parser.parse_args()
    print("| command | net | limit | planned, MB | peak, MB | foretold, s | seconds | outcome |")
    print("|" + "---|" * 8)
    for net in options.nets:
        with tempfile.TemporaryDirectory() as folder:
            for name, command in commands(net, options.images, Path(folder)).items():
                for limit in options.limits if name in (options.commands or [name]) else ():
                    print(f"| {name} | {net} | {limit} | {measured(command, limit).row()} |", flush=True)


if __name__ == "__main__":
    main()
