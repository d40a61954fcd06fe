"""Make docs/pictures/explorer.png: the occlusion page of a server, for a picture that is drawn here.

Usage: python scripts/explorer_picture.py ATLAS

ATLAS is one of the sample model, such as demo/atlas; of it nothing is shown, as photographs belong to their makers.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from occlusion_picture import drawing
from PIL import Image
from playwright.sync_api import ViewportSize, expect, sync_playwright

TARGET = Path(__file__).parents[1] / "docs" / "pictures" / "explorer.png"
CHROMIUM = "/usr/bin/chromium"
SIZE: ViewportSize = {"width": 1180, "height": 900}
SECONDS = 180


@contextmanager
def serving(atlas: str) -> Iterator[str]:
    """The address of a server with the sample model."""
    words = [sys.executable, "-m", "convscope", "serve", atlas, "--model", "sample:lite0", "--port", "0", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"].rstrip("/")
        finally:
            process.terminate()


def screenshot(url: str) -> bytes:
    """The panels once the occluder has been everywhere, pointed at where the class is lost."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "traffic light.png"
        drawing().save(file)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=1.5)
        page.goto(f"{url}/live/occlusion.html?patch=64&stride=8")
        page.locator("#file").set_input_files(file)
        expect(page.locator("#told")).to_contain_text("places in", timeout=1000 * SECONDS)
        return page.locator("#panels").screenshot()


def main() -> None:
    """Serve, ask, and shrink the colours of what is seen."""
    with serving(sys.argv[1]) as url:
        shown = Image.open(io.BytesIO(screenshot(url))).convert("RGB")
    shown.convert("P", palette=Image.Palette.ADAPTIVE, colors=256).save(TARGET, optimize=True)
    print(f"{TARGET}: {shown.width} x {shown.height}, {TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
