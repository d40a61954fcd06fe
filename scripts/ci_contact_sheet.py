"""Render the contact sheets of a small atlas, so that a reviewer can look at pictures and not only at tests.

Usage: python scripts/ci_contact_sheet.py FOLDER     (writes FOLDER/contact-LAYER.png)

The images are whatever ``demo_images.py`` finds on this machine. The atlas goes through the same command as a
user's does, in a folder that is removed afterwards.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODEL = "sample:lite0"
UNITS = "9"
IMAGES = "48"
LAYERS = ["_blocks.2", "_blocks.10"]
"""One early and one late layer; empty would be the command's own choice, all of them."""


def command(images: Path, atlas: Path) -> list[str]:
    """The call of the command line."""
    program = str(Path(sys.executable).with_name("convscope"))
    chosen = ["--layers", ",".join(LAYERS)] if LAYERS else []
    return [
        program,
        "atlas",
        MODEL,
        str(images),
        "-o",
        str(atlas),
        *chosen,
        "--units",
        UNITS,
        "--limit",
        IMAGES,
    ]


def main(arguments: list[str]) -> int:
    """Build, copy the sheets out, and fail if there are none."""
    target = Path(arguments[0] if arguments else "artefacts")
    with tempfile.TemporaryDirectory() as scratch:
        images, atlas = Path(scratch, "images"), Path(scratch, "atlas")
        collect = [sys.executable, str(Path(__file__).with_name("demo_images.py")), str(images)]
        for step in (collect, command(images, atlas)):
            failed = subprocess.run(step, check=False).returncode  # noqa: S603 -- both are our own programs
            if failed:
                return failed
        sheets = sorted((atlas / "sheets").glob("*.png"))
        target.mkdir(parents=True, exist_ok=True)
        for sheet in sheets:
            shutil.copyfile(sheet, target / f"contact-{sheet.name}")
    print(f"{len(sheets)} contact sheets in {target}")
    return 0 if sheets else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
