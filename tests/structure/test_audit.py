"""The audit finds what is known, and says so when it could not look. The lists are stand-ins on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from tests.structure.source import script

FLAWED = {
    "id": "PYSEC-0000-1",
    "summary": "made up",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "alpha"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


@pytest.fixture
def audit() -> ModuleType:
    return script("audit")


class Advisories(BaseHTTPRequestHandler):
    """Knows one flaw, in alpha 1.0; does not answer for gamma."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, version = asked["package"]["name"], asked["version"]
        answer = {"vulns": [FLAWED]} if (name, version) == ("alpha", "1.0") else {}
        self.send_response(503 if name == "gamma" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def advisories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of the stand-in, as the one to ask."""
    server = HTTPServer(("127.0.0.1", 0), Advisories)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setenv("CONVSCOPE_ADVISORIES", address)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield address
    server.shutdown()
    thread.join()
    server.server_close()


def lock(path: Path, *pins: str) -> Path:
    path.write_text("".join(f"{pin} \\\n    --hash=sha256:{'0' * 64}\n" for pin in pins))
    return path


def test_a_known_flaw_fails(
    audit: ModuleType, advisories: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flawed, fine = lock(tmp_path / "flawed.txt", "alpha==1.0", "beta==1.0"), lock(tmp_path / "fine.txt", "alpha==1.1")
    assert audit.main([str(flawed), str(fine)]) == audit.VULNERABLE
    assert capsys.readouterr().out.splitlines() == [
        "audit: VULNERABLE: alpha 1.0: PYSEC-0000-1, mended in 1.1",
        f"audit: fine.txt: nothing known against 1 packages, says {advisories}",
    ]
    assert audit.main([str(fine)]) == audit.CLEAN


def test_an_answer_that_does_not_come_is_not_a_clean_bill(
    audit: ModuleType, advisories: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine, silent = lock(tmp_path / "fine.txt", "alpha==1.1"), lock(tmp_path / "silent.txt", "alpha==1.1", "gamma==1.0")
    assert audit.main([str(fine), str(silent)]) == audit.NOT_CHECKED
    assert "audit: NOT CHECKED: silent.txt" in capsys.readouterr().out


def test_an_empty_lock_is_not_a_clean_bill(audit: ModuleType, advisories: str, tmp_path: Path) -> None:
    assert audit.main([str(lock(tmp_path / "empty.txt"))]) == audit.NOT_CHECKED


def test_packages_that_a_list_does_not_know_are_not_a_clean_bill(audit: ModuleType) -> None:
    skipped = {"name": "beta", "skip_reason": "not found"}
    fine = {"name": "alpha", "version": "1.1", "vulns": []}
    flaw = {"name": "alpha", "version": "1.0", "vulns": [{"id": "X", "fix_versions": []}]}
    assert audit.understood("a list", [fine]).status == audit.CLEAN
    assert audit.understood("a list", [fine, skipped]).status == audit.NOT_CHECKED
    assert audit.understood("a list", [flaw, skipped]).status == audit.VULNERABLE
    assert "X, not mended yet" in audit.report(Path("lock"), audit.understood("a list", [flaw, skipped]))


def test_the_list_that_knows_all_is_believed(audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "first": audit.Answer("first", checked=1, unknown=("beta",)),
        "second": audit.Answer("second", checked=2),
    }
    monkeypatch.setattr(audit, "sources", lambda: {name: [] for name in answers})
    monkeypatch.setattr(audit, "ask", lambda lock, source, options: answers[source])
    assert audit.audit(Path("lock")).source == "second"
    answers["second"] = audit.Answer("second", unknown=("alpha", "beta"))
    answers["first"] = audit.Answer("first", checked=1, vulnerable=("alpha",), unknown=("beta",))
    assert audit.audit(Path("lock")).status == audit.VULNERABLE
