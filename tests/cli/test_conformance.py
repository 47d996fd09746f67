"""`cds conformance` asks a service that runs, prints a scorecard, and compares nothing with other rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from cds.api import shipped_rules
from cds.cli import main


class Deaf(BaseHTTPRequestHandler):
    """A deployment that has the right rules and refuses every case, each after it has once had too many requests."""

    digest: ClassVar[str] = ""
    seen: ClassVar[set[tuple[str, str, bytes]]] = set()

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self._answer(200, {"rule_set": {"digest": self.digest}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        request = (self.path, self.headers["Content-Type"], body)
        if request not in self.seen:
            self.seen.add(request)
            self._answer(429, {})
            return
        self._answer(422, {"issue": [{"code": "invalid"}]})

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def deployment() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Deaf)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_scorecard_counts_each_kind_and_fails(
    deployment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Deaf, "digest", shipped_rules().digest)
    monkeypatch.setattr(Deaf, "seen", set())
    assert main(["conformance", deployment]) == 1
    printed = capsys.readouterr()
    told = printed.out
    lines = told.splitlines()
    assert all(len(line) <= 120 for line in lines[-8:])
    assert any(line.startswith("missing ") and " 0 of " in line for line in lines)
    hostile = next(line.split() for line in lines if line.startswith("hostile "))
    assert hostile[1] == hostile[3]  # though each was first answered with 429
    assert "no answer" in told
    in_all = lines[-2 if lines[-1].startswith("not asked") else -1].split()[-1]
    assert re.fullmatch(rf"cds conformance: {in_all} cases put and judged in \d+ s\n", printed.err)


def test_a_deployment_of_other_rules_is_not_judged(
    deployment: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Deaf, "digest", "sha256:other")
    assert main(["conformance", deployment]) == 2
    assert "--rules and --overlay" in capsys.readouterr().err


def test_nobody_there_is_no_scorecard(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "http://127.0.0.1:1"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "is it up?" in printed.err


def test_the_cases_are_written_for_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--write", str(tmp_path)]) == 0
    index = json.loads((tmp_path / "index.json").read_text("utf-8"))
    assert len(index) > 200
    assert all((tmp_path / each["body"]).is_file() for each in index)
    assert f"{len(index)} cases" in capsys.readouterr().out
