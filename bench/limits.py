"""Whether commands keep to ``--max-memory``: peak resident set of the whole process, beside limit and plan.

    python -m bench.limits IMAGES [--nets resnet18 alexnet] [--limits 1300M 2G]

Each figure is a process of its own, over the first 32 images; `-` is no limit.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAYER = {"resnet18": "layer3.1.relu", "alexnet": "features.9", "vgg16": "features.22", "resnet50": "layer3.1.relu"}
FEW = ("--limit", "32", "--units", "1", "--no-trust", "--no-pages", "--overwrite")


def commands(net: str, images: Path, folder: Path) -> dict[str, list[str]]:
    model = f"torchvision:{net}@none"
    one = str(next(path for path in sorted(images.rglob("*")) if path.is_file()))
    return {
        "atlas": ["atlas", model, str(images), "-o", str(folder / "atlas"), *FEW],
        "project": ["project", model, one, f"{LAYER[net]}:3", "-o", str(folder / "p.png")],
        "occlude": ["occlude", model, one, "-o", str(folder / "occluded"), "--patch", "32", "--overwrite"],
    }


def measured(command: list[str], limit: str) -> tuple[str, float, float, float]:
    """Outcome, planned MB, peak MB and seconds."""
    asked = [] if limit == "-" else ["--max-memory", limit]
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "convscope", *command, "--json", *asked],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    plan = next((json.loads(line)["plan"] for line in told.splitlines() if line.startswith('{"plan"')), None)
    outcome = "done" if status == 0 else told.strip().splitlines()[-1].split(",")[0]
    memory = float("nan") if plan is None else plan["memory"] / 1e6
    return outcome, memory, used.ru_maxrss * 1024 / 1e6, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--nets", nargs="+", default=["resnet18", "alexnet"])
    parser.add_argument("--limits", nargs="+", default=["-", "2G", "1300M"])
    options = parser.parse_args()
    print("| command | net | limit | planned, MB | peak, MB | seconds | outcome |\n|---|---|---|---|---|---|---|")
    for net in options.nets:
        with tempfile.TemporaryDirectory() as folder:
            for name, command in commands(net, options.images, Path(folder)).items():
                for limit in options.limits:
                    outcome, plan, peak, seconds = measured(command, limit)
                    print(
                        f"| {name} | {net} | {limit} | {plan:.0f} | {peak:.0f} | {seconds:.0f} | {outcome} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
