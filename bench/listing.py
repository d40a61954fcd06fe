"""What it takes to list large sets: seconds, and memory that stays, per kind of source.

    python -m bench.listing [IMAGES]

Writes a flat folder of so many empty files (default 1,000,000), a folder of 1,000 class folders, and WebDataset shards
with a label for each image, in a temporary folder (TMPDIR); opens each in a process of its own.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

CHILD = """
import json, resource, sys, time
from convscope.images import ImageSet
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
import pyarrow.parquet
before, start = resident(), time.perf_counter()
images = ImageSet.open(sys.argv[1])
seconds = time.perf_counter() - start
start = time.perf_counter()
names, labels = images.names, images.labels
print(json.dumps({"images": len(images), "seconds": seconds, "names": time.perf_counter() - start,
                  "kept": resident() - before,
                  "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before}))
"""


def flat(root: Path, count: int) -> str:
    for number in range(count):
        (root / f"ILSVRC2012_{number:08}.JPEG").touch()
    return str(root)


def classes(root: Path, count: int) -> str:
    for number in range(1000):
        (root / f"n{number:08}").mkdir()
    for number in range(count):
        (root / f"n{number % 1000:08}" / f"n{number % 1000:08}_{number}.JPEG").touch()
    return str(root)


def shards(root: Path, count: int) -> str:
    for first in range(0, count, 10_000):
        with tarfile.open(root / f"train-{first // 10_000:04}.tar", "w") as tar:
            for number in range(first, min(first + 10_000, count)):
                for suffix, content in ((".cls", b"%d" % (number % 1000)), (".jpg", b"")):
                    info = tarfile.TarInfo(f"{number:09}{suffix}")
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
    return str(root)


KINDS: tuple[Callable[[Path, int], str], ...] = (flat, classes, shards)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            source = kind(Path(folder), count)
            output = subprocess.run([sys.executable, "-c", CHILD, source], check=True, stdout=subprocess.PIPE).stdout
        found = json.loads(output)
        kept, peak = found["kept"] / found["images"], found["peak"] / found["images"]
        print(
            f"{kind.__name__:8} {found['images']:>9,} images: {found['seconds']:6.1f} s, {kept:5.0f} bytes each kept, "
            f"{peak:5.0f} at the peak; names and labels {found['names']:.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
