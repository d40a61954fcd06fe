"""What a reader of the explorer waits for, in a headless Chromium, and how long a static export takes.

Usage: python -m bench.explorer ATLAS [--model MODEL] [--rounds 5] [--export FOLDER]

Each round starts a server as a process of its own. *Server* is from asking for the first page to its last byte,
before anything was kept; *usable* from going there in a fresh browser until the page, its style and its script stand
and the first pictures are there. Then the layer with the most units is opened and scrolled from top to bottom: the
longest task of the page's main thread at load, and while scrolling. With a model: from the click on the live page
to the first value that is drawn. Browser and server share the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from convscope.atlas.reader import Atlas
from convscope.web.urls import INDEX

CHROMIUM = "/usr/bin/chromium"
TASKS = """() => {
  window.tasks = [];
  new PerformanceObserver(list => window.tasks.push(...list.getEntries().map(task => task.duration)))
    .observe({type: "longtask", buffered: true});
}"""
SCROLL = """async () => {
  window.tasks.length = 0;
  const frame = () => new Promise(resolve => requestAnimationFrame(() => resolve()));
  const end = () => document.scrollingElement.scrollHeight - innerHeight;
  for (let at = 0; at < end(); at += innerHeight / 2) { scrollTo(0, at); await frame(); }
  await new Promise(resolve => setTimeout(resolve, 300));
  return window.tasks;
}"""
DRAWN = """() => new Promise(resolve => {
  const begun = performance.now();
  const canvas = document.getElementById("target-panel"), empty = canvas.toDataURL();
  const look = () => canvas.toDataURL() === empty ? setTimeout(look, 10) : resolve(performance.now() - begun);
  document.querySelector("#ask [type=submit]").click();
  look();
})"""
USABLE = """() => {
  const shown = [...document.images].filter(image => {
    const box = image.getBoundingClientRect();
    return box.bottom > 0 && box.top < innerHeight;
  });
  return document.readyState === "complete" && shown.every(image => image.complete);
}"""


@contextmanager
def serving(atlas: str, model: str | None) -> Iterator[str]:
    """The address of an atlas on a server of its own."""
    command = [sys.executable, "-m", "convscope", "serve", atlas, "--port", "0", "--json"]
    command += ["--model", model] if model else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["url"]
        server.terminate()


def first_place(url: str) -> str:
    """Where the only open place begins."""
    port = urlsplit(url).port
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    place = answer.getheader("location")
    connection.close()
    return f"http://127.0.0.1:{port}{place or '/index.html'}"


def server_seconds(address: str) -> float:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.netloc)
    asked = time.perf_counter()
    connection.request("GET", parts.path)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return time.perf_counter() - asked


def usable_seconds(page: Page, address: str) -> float:
    asked = time.perf_counter()
    page.goto(address, wait_until="load")
    while not page.evaluate(USABLE):
        time.sleep(0.005)
    return time.perf_counter() - asked


def longest_tasks(page: Page, address: str) -> tuple[float, float]:
    """Milliseconds of the longest task while a page loads, and while it is scrolled; 0 where none reaches 50."""
    page.goto(address, wait_until="load")
    page.evaluate(TASKS)
    page.wait_for_timeout(500)
    loading = max(page.evaluate("() => window.tasks"), default=0)
    return loading, max(page.evaluate(SCROLL), default=0)


def one_round(browser: Browser, options: argparse.Namespace, layer: str) -> dict[str, float]:
    found: dict[str, float] = {}
    with serving(options.atlas, None) as url:
        address = first_place(url)
        found["first page, server, ms"] = 1000 * server_seconds(address)
    with serving(options.atlas, None) as url:
        address = first_place(url)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        found["first page, usable, ms"] = 1000 * usable_seconds(page, address)
        beside = address.removesuffix(INDEX.index())
        found["largest layer, usable, ms"] = 1000 * usable_seconds(page, beside + INDEX.layer(layer))
        loading, scrolling = longest_tasks(page, beside + INDEX.layer(layer))
        found["largest layer, longest task at load, ms"] = loading
        found["largest layer, longest task scrolling, ms"] = scrolling
        page.close()
    if options.model:
        with serving(options.atlas, options.model) as url:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{first_place(url).split('/at/')[0]}/live/occlusion.html", wait_until="load")
            page.locator("#choose button").first.click()
            page.wait_for_timeout(500)
            for name in ("first", "second"):
                found[f"occlusion, {name} run, first value, ms"] = page.evaluate(DRAWN)
                page.reload(wait_until="load")
                page.locator("#choose button").first.click()
                page.wait_for_timeout(500)
            page.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas")
    parser.add_argument("--model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--export", type=Path)
    options = parser.parse_args()
    atlas = Atlas.open(options.atlas)
    largest = max(atlas.layers(), key=lambda row: row.units)
    print(f"{sum(row.units for row in atlas.layers())} units; largest layer {largest.layer}, {largest.units} units")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        rounds = [one_round(browser, options, largest.layer) for _ in range(options.rounds)]
        browser.close()
    for name in rounds[0]:
        values = [each[name] for each in rounds]
        print(f"{name}: median {median(values):.0f}, {min(values):.0f} to {max(values):.0f}")
    if options.export:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "convscope", "export", options.atlas, options.export], check=True)
        print(f"export: {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
