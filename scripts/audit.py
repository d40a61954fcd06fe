"""Whether a vulnerability is known in any package that a lock pins; silence is never taken for a clean bill.

Usage: python scripts/audit.py [LOCK …]     (default: every file of locks/)

Ends with 0 if every pinned package was looked up and none is vulnerable, 1 if one is, and 3 if some could not be looked
up: the places that list vulnerabilities must be within reach. CONVSCOPE_ADVISORIES=URL asks that address instead, which
must answer as the query interface of the Open Source Vulnerabilities project does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
CLEAN, VULNERABLE, NOT_CHECKED = 0, 1, 3


@dataclass(frozen=True)
class Answer:
    """What one source says of one lock."""

    source: str
    checked: int = 0
    vulnerable: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """One line for each package that could not be looked up."""

    @property
    def complete(self) -> bool:
        """Whether it is an answer at all."""
        return self.checked > 0 and not self.unknown

    @property
    def status(self) -> int:
        """What was found outweighs what could not be looked up."""
        if self.vulnerable:
            return VULNERABLE
        return CLEAN if self.complete else NOT_CHECKED


def sources() -> dict[str, list[str]]:
    """Where to ask, first to last, and pip-audit's options for it."""
    if address := os.environ.get("CONVSCOPE_ADVISORIES"):
        return {address: ["--vulnerability-service", "osv", "--osv-url", address]}
    return {
        "the package registry": ["--vulnerability-service", "pypi"],
        "Open Source Vulnerabilities": ["--vulnerability-service", "osv"],
    }


def ask(lock: Path, source: str, options: Sequence[str]) -> Answer:
    """Look every package of a lock up; nothing is installed or resolved for it."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--require-hashes", "--disable-pip"]
    shown = ["--format", "json", "--progress-spinner", "off", *options]
    ran = subprocess.run([*command, *shown], check=False, capture_output=True, text=True)  # noqa: S603
    if not ran.stdout.strip():
        return Answer(source, unknown=((ran.stderr.strip().splitlines() or ["no answer"])[-1],))
    return understood(source, json.loads(ran.stdout)["dependencies"])


def understood(source: str, packages: Sequence[dict[str, object]]) -> Answer:
    """pip-audit's list of packages, sorted into found, fine and skipped."""
    return Answer(
        source,
        checked=sum("vulns" in package for package in packages),
        vulnerable=tuple(line for package in packages for line in vulnerabilities(package)),
        unknown=tuple(str(package["skip_reason"]) for package in packages if "vulns" not in package),
    )


def vulnerabilities(package: dict[str, object]) -> Iterator[str]:
    """One line for each that is known in a package."""
    known = package.get("vulns", [])
    assert isinstance(known, list)
    for each in known:
        mended = f"mended in {', '.join(each['fix_versions'])}" if each["fix_versions"] else "not mended yet"
        yield f"{package['name']} {package['version']}: {each['id']}, {mended}"


def audit(lock: Path) -> Answer:
    """The first complete answer, or else one that found something, or else the last."""
    answers = []
    for source, options in sources().items():
        answers.append(ask(lock, source, options))
        if answers[-1].complete:
            return answers[-1]
    return next((answer for answer in answers if answer.vulnerable), answers[-1])


def report(lock: Path, answer: Answer) -> str:
    """What a reader of a log must see."""
    lines = [f"audit: VULNERABLE: {line}" for line in answer.vulnerable]
    if not answer.complete:
        why = answer.unknown[-1] if answer.unknown else "nothing is pinned there"
        lines += [
            f"audit: NOT CHECKED: {lock.name}: {answer.checked} packages looked up, then: {why}",
            "audit: needed: a connection to a place that lists vulnerabilities, or CONVSCOPE_ADVISORIES=URL of one",
        ]
    elif not answer.vulnerable:
        lines.append(f"audit: {lock.name}: nothing known against {answer.checked} packages, says {answer.source}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Audit each lock; the worst status."""
    answers = []
    for lock in map(Path, arguments) if arguments else sorted((ROOT / "locks").glob("*.txt")):
        answers.append(audit(lock))
        print(report(lock, answers[-1]))
    found = {answer.status for answer in answers}
    return VULNERABLE if VULNERABLE in found else NOT_CHECKED if found != {CLEAN} else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
