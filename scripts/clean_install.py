"""Install a built wheel as a user would, where only what pyproject.toml declares can be imported, and use it there.

Usage: python scripts/clean_install.py WHEEL

Nothing is downloaded: the declared packages of this environment, and what they require in turn, are linked into a new
one. There pip installs the wheel without network, and refuses if a requirement is missing; every module is imported,
and may lack a package of an extra at most; images made on the spot become an atlas and its pages. Warnings are errors.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MODEL = "zoo:zfnet-small"
IMAGES = 12

IMPORT_ALL = """
import importlib, json, pkgutil, sys, convscope
assert sys.argv[1] in convscope.__file__, f"{convscope.__file__} is not the installed wheel"
lacking = {}
for module in pkgutil.walk_packages(convscope.__path__, "convscope."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            lacking[module.name] = error.name.partition(".")[0]
        except convscope.ConvscopeError as error:
            lacking[module.name] = getattr(error.__cause__, "name", "")
print(json.dumps(lacking))
"""

DRAW = """
import sys, numpy, pathlib, PIL.Image
for number in range(int(sys.argv[2])):
    coarse = numpy.random.default_rng(number).integers(0, 256, (7, 7, 3)).astype("uint8")
    path = pathlib.Path(sys.argv[1], "even" if number % 2 else "odd", f"{number}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(coarse).resize((60, 50)).save(path)
"""


def declared(project: dict[str, object]) -> tuple[list[Requirement], list[Requirement]]:
    """What pyproject.toml requires always, and what its extras add."""
    always, extras = project["dependencies"], project["optional-dependencies"]
    assert isinstance(always, list)
    assert isinstance(extras, dict)
    return [Requirement(text) for text in always], [Requirement(text) for added in extras.values() for text in added]


def applies(requirement: Requirement, extras: set[str]) -> bool:
    """Whether a package asks for this here, given the extras it was itself asked for with."""
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""})


def closure(wanted: Iterable[Requirement]) -> dict[str, Distribution]:
    """The installed packages that are wanted, and all that they require in turn; by canonical name."""
    found: dict[str, Distribution] = {}
    waiting, seen = list(wanted), set()
    while waiting:
        asked = waiting.pop()
        name, extras = canonicalize_name(asked.name), set(asked.extras)
        if (name, *sorted(extras)) not in seen:
            seen.add((name, *sorted(extras)))
            found[name] = distribution(name)
            inner = (Requirement(text) for text in found[name].requires or ())
            waiting += [requirement for requirement in inner if applies(requirement, extras)]
    return found


def entries(package: Distribution) -> Iterator[Path]:
    """What a package has directly in site-packages."""
    tops = {file.parts[0] for file in package.files or ()}
    return (Path(str(package.locate_file(top))) for top in sorted(tops - {"..", "__pycache__"}))


def environment(place: Path, packages: Iterable[Distribution]) -> Path:
    """A new environment with links to some packages of this one; its folder of programs."""
    venv.create(place, with_pip=True)
    (site,) = place.glob("lib/python*/site-packages")
    for package in packages:
        for entry in entries(package):
            if not (site / entry.name).exists():
                (site / entry.name).symlink_to(entry)
    return place / "bin"


def run(place: Path, *words: str | Path) -> str:
    """What a program of the new environment prints; nothing of this shell reaches it, and its warnings are errors."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(place), "LANG": "C.UTF-8", "PYTHONWARNINGS": "error"}
    ran = subprocess.run([*map(str, words)], cwd=place, env=bare, check=False, capture_output=True, text=True)  # noqa: S603
    if ran.returncode:
        said = "".join((ran.stdout, ran.stderr))
        sys.exit(f"clean install: {' '.join(map(str, words))[:200]} ended with {ran.returncode}:\n{said}")
    return ran.stdout


def undeclared(lacking: dict[str, str], extras: Iterable[Requirement]) -> list[str]:
    """One line for each module that failed for want of a package that no extra names."""
    known = {canonicalize_name(requirement.name) for requirement in extras}
    packages = packages_distributions()
    return [
        f"{module} imports {name}, which pyproject.toml declares nowhere"
        for module, name in lacking.items()
        if not known & {canonicalize_name(package) for package in packages.get(name, ())}
    ]


def main(arguments: list[str]) -> int:
    """Install, import, make an atlas and its pages."""
    wheel = Path(arguments[0]).resolve()
    always, extras = declared(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])
    linked = closure(always)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        programs = environment(place / "environment", linked.values())
        python, convscope = programs / "python", programs / "convscope"
        run(place, python, "-W", "default", "-m", "pip", "--isolated", "install", "-q", "--no-index", wheel)
        lacking = json.loads(run(place, python, "-c", IMPORT_ALL, str(programs.parent)))
        if said := undeclared(lacking, extras):
            sys.exit("\n".join(f"clean install: {line}" for line in said))
        assert "atlas" in run(place, convscope, "--help")
        run(place, python, "-c", DRAW, "images", str(IMAGES))
        run(place, convscope, "atlas", MODEL, "images", "-o", "atlas", "--units", "2")
        run(place, convscope, "export", "atlas", "site")
        pages = [*(place / "site").rglob("*.html")]
        assert (place / "site/index.html") in pages
    print(f"clean install: {wheel.name} beside {len(linked)} packages: {MODEL} as an atlas of {len(pages)} pages")
    print(f"clean install: {len(lacking)} modules wait for an extra, {len({*lacking.values()})} packages in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
