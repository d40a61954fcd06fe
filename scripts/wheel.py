"""Build the source archive and the wheel twice, and hand them over only if both times gave the same bytes.

Usage: python scripts/wheel.py FOLDER     (writes FOLDER/convscope-VERSION.tar.gz and FOLDER/convscope-VERSION-….whl)

The second build starts from the first source archive, in another place, with other file times and other rights: what it
agrees on depends on the committed text alone, and the archive is enough to build from. Both archives must hold exactly
what git tracks, so neither a stray file nor a missing template gets out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "src/"
ADDED = "PKG-INFO"
"""The one file of a source archive that is made, not tracked."""
LONG_AGO = 1_000_000_000
"""A file time that no checkout has: 2001."""


def git(*words: str) -> str:
    """What git says of this checkout."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S603, S607


def build(source: Path, target: Path) -> dict[str, bytes]:
    """Both archives of a source folder, by file name."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct").strip()}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    ran = subprocess.run(command, cwd=source, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
    if ran.returncode:
        sys.exit(f"wheel: building in {source} failed:\n{ran.stdout}{ran.stderr}")
    return {path.name: path.read_bytes() for path in sorted(target.iterdir())}


def unpack(archive: Path, target: Path) -> Path:
    """The folder inside a source archive, its files older and less readable than in any checkout."""
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    (folder,) = target.iterdir()
    (folder / ADDED).unlink()  # hatchling would pack it beside the one that it makes
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o700 if os.access(path, os.X_OK) else 0o600)
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder


def contents(archive: Path) -> set[str]:
    """The files of an archive as paths of the checkout; what describes a wheel is left out."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            return {PACKAGE + name for name in opened.namelist() if ".dist-info/" not in name}
    with tarfile.open(archive) as packed:
        names = {member.name.partition("/")[2] for member in packed if member.isfile()}
    return names - {ADDED}


def differences(found: set[str], expected: set[str]) -> list[str]:
    """One line for each file too many or too few."""
    return [
        *(f"holds {name}, which git does not track" for name in sorted(found - expected)),
        *(f"lacks {name}" for name in sorted(expected - found)),
    ]


def faults(first: dict[str, bytes], second: dict[str, bytes], folder: Path, tracked: Iterable[str]) -> list[str]:
    """What is wrong with a pair of builds, one line each; none if nothing is."""
    everything = set(tracked)
    said = [f"{name}: two builds differ" for name in first | second if first.get(name) != second.get(name)]
    for name in first:
        expected = {path for path in everything if path.startswith(PACKAGE)} if name.endswith(".whl") else everything
        said += [f"{name} {difference}" for difference in differences(contents(folder / name), expected)]
    return said


def main(arguments: list[str]) -> int:
    """Build, compare, look inside, hand over."""
    target = Path(arguments[0] if arguments else "dist")
    with tempfile.TemporaryDirectory() as scratch:
        built, again = Path(scratch, "built"), Path(scratch, "again")
        first = build(ROOT, built)
        (archive,) = built.glob("*.tar.gz")
        second = build(unpack(archive, Path(scratch, "unpacked")), again)
        if said := faults(first, second, built, git("ls-files", "-z").rstrip("\0").split("\0")):
            print("\n".join(f"wheel: {line}" for line in said), file=sys.stderr)
            return 1
        target.mkdir(parents=True, exist_ok=True)
        for name in first:
            shutil.copyfile(built / name, target / name)
            print(f"{target / name}: {len(first[name]):,} bytes, the same in two builds")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
