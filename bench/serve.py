"""Many readers at once: how long ``convscope serve`` takes to answer each.

Usage: python -m bench.serve ATLAS [--readers 200] [--seconds 20] [--addresses 500] [--pause 1]

A real server as a process of its own, and readers in this one, each on a connection that it keeps open. A reader asks
for an address of the atlas, drawn from ``--addresses`` of them, and for the next one ``--pause`` seconds after it was
answered; 0 is as hard as the readers can press. Pages and sprites are made when they are first asked for, and that is
in the numbers. Server and readers share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import numpy as np

from convscope.atlas.reader import Atlas
from convscope.serve.opening import open_folders
from convscope.web.atlas.place import AtlasPlace


@dataclass
class Seen:
    """What the readers saw: seconds from question to the last byte of its answer, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    size: int = 0


async def read(port: int, addresses: Sequence[str], end: float, pause: float, seen: Seen) -> None:
    """One reader."""
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(random.random() * pause)
    while time.monotonic() < end:
        address = random.choice(addresses)
        asked = time.perf_counter()
        writing.write(f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = (await reading.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        size = int(head.split("content-length:")[1].split("\r\n")[0])
        await reading.readexactly(size)
        seen.seconds.append(time.perf_counter() - asked)
        seen.size += size
        if " 200 " not in head.split("\r\n")[0]:
            seen.wrong.append(f"{address}: {head.splitlines()[0]}")
        await asyncio.sleep(pause)
    writing.close()


async def crowd(port: int, addresses: Sequence[str], options: argparse.Namespace) -> Seen:
    """All readers; a connection that breaks counts as wrong."""
    seen, end = Seen(), time.monotonic() + options.seconds
    ends = await asyncio.gather(
        *(read(port, addresses, end, options.pause, seen) for _ in range(options.readers)), return_exceptions=True
    )
    seen.wrong += [repr(error) for error in ends if error is not None]
    return seen


def some(folder: str, count: int) -> list[str]:
    """Addresses of an atlas as on the server, evenly spread over all of them, the index among them."""
    (name,) = open_folders([Atlas.open(folder).path]).shelf.places
    names = list(AtlasPlace(Atlas.open(folder)).names())
    return [f"/at/{name}/{quote(names[place * len(names) // count])}" for place in range(min(count, len(names)))]


def report(seen: Seen, seconds: float) -> None:
    middle, late, most = np.percentile(seen.seconds, [50, 95, 100]) * 1000
    print(
        f"{len(seen.seconds)} answers, {len(seen.seconds) / seconds:.0f} a second, {seen.size / 1e6:.1f} MB, "
        f"{len(seen.wrong)} wrong; median {middle:.0f} ms, p95 {late:.0f} ms, slowest {most:.0f} ms"
    )
    for line in seen.wrong[:5]:
        print(f"  {line}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas")
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--addresses", type=int, default=500)
    parser.add_argument("--pause", type=float, default=1)
    options = parser.parse_args()
    command = [sys.executable, "-m", "convscope", "serve", options.atlas, "--port", "0", "--json"]
    addresses = some(options.atlas, options.addresses)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = urlsplit(json.loads(server.stdout.readline())["url"]).port
        assert port is not None
        for name in ("first", "again"):
            print(f"{name}: ", end="")
            report(asyncio.run(crowd(port, addresses, options)), options.seconds)
        server.terminate()


if __name__ == "__main__":
    main()
