"""`cds serve` as a process: one worker or several, killed, reloaded, ended."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cds.records import open_records
from tests.service.hooks.calls import Examples

Json = dict[str, Any]


class Serving:
    """A running `cds serve` and its address."""

    def __init__(self, process: subprocess.Popen[str], address: str, errors: Path) -> None:
        self.process = process
        self.address = address
        self.errors = errors

    def ask(self, path: str, body: object = None) -> tuple[int, Json, dict[str, str]]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.address + path, data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response), {k.lower(): v for k, v in response.headers.items()}
        except urllib.error.HTTPError as error:
            return error.code, json.load(error), {}

    def workers(self) -> set[int]:
        """The processes that answer: those children that run the server, found by what their parent started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        named = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        return {pid for pid, command in named.items() if b"spawn_main" in command}


@contextmanager
def serve(repository: Path, tmp_path: Path, *options: str, **environment: str) -> Iterator[Serving]:
    errors = tmp_path / "errors.txt"
    command = [sys.executable, "-m", "cds", "serve", "--port", "0", *options]
    surroundings = {**os.environ, "CDS_DATABASE": f"sqlite:///{tmp_path / 'r.sqlite3'}", **environment}
    with (
        errors.open("w") as log,
        subprocess.Popen(
            command, cwd=repository, stdout=subprocess.PIPE, stderr=log, text=True, env=surroundings
        ) as process,
    ):
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address), errors.read_text()
            yield Serving(process, address.rstrip("/"), errors)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)


def until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.1)


def version_of(serving: Serving) -> str:
    return str(serving.ask("/version")[1]["rule_set"]["version"])


@pytest.fixture
def folder(rules: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "source" / rules.name
    shutil.copytree(rules, copy)
    return copy


def renamed(folder: Path, version: str) -> None:
    file = folder / "ruleset.yaml"
    file.write_text(re.sub(r"(?m)^(  version: ).*$", rf'\g<1>"{version}"', file.read_text()))


def test_one_process_renews_its_rules_and_ends_when_it_is_told(
    repository: Path, folder: Path, tmp_path: Path, patient: Json
) -> None:
    with serve(repository, tmp_path, "--rules", str(folder)) as serving:
        before = serving.ask("/evaluate?as_of=2026-11-22", patient)[1]
        renamed(folder, "9.9.1")
        serving.process.send_signal(signal.SIGHUP)
        until(lambda: version_of(serving) == "9.9.1")
        after = serving.ask("/evaluate?as_of=2026-11-22", patient)[1]
        assert before["rule_set"]["version"] != after["rule_set"]["version"] == "9.9.1"
        (folder / "parameters.yaml").write_text("parameters: 3\n")
        serving.process.send_signal(signal.SIGHUP)
        until(lambda: "rule set refused" in serving.errors.read_text())
        assert version_of(serving) == "9.9.1"
        serving.process.terminate()
        assert serving.process.wait(60) in (0, -signal.SIGTERM)
    told = serving.errors.read_text()
    assert "only this machine can ask" in told
    assert "decision records in sqlite:///" in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_several_workers_survive_the_death_of_one_and_renew_together(
    repository: Path, folder: Path, tmp_path: Path, patient: Json
) -> None:
    with serve(repository, tmp_path, "--rules", str(folder), "--workers", "2") as serving:
        records = [serving.ask("/evaluate", patient)[2]["cds-record"] for _ in range(6)]
        first = serving.workers()
        assert len(first) == 2
        os.kill(next(iter(first)), signal.SIGKILL)
        until(lambda: len(serving.workers()) == 2 and serving.workers() != first)
        renamed(folder, "9.9.2")
        serving.process.send_signal(signal.SIGHUP)
        until(lambda: {version_of(serving) for _ in range(8)} == {"9.9.2"})
        (folder / "parameters.yaml").write_text("parameters: 3\n")
        serving.process.send_signal(signal.SIGHUP)
        until(lambda: "rule set refused" in serving.errors.read_text())
        for pid in serving.workers():
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(serving.workers() - first) == 2 and _answers(serving))
        assert {version_of(serving) for _ in range(8)} == {"9.9.2"}
        records += [serving.ask("/evaluate", patient)[2]["cds-record"] for _ in range(4)]
        # An answer is counted once it is sent: the last may be read here before that.
        until(lambda: _counted(serving) == 10)
        serving.process.terminate()
        assert serving.process.wait(60) == 0
    kept = open_records(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    assert [entry.id for entry in kept.entries("decision")] == records
    assert list(kept.verify(kept.head())) == []
    kept.close()


def _counted(serving: Serving) -> float:
    """The evaluations that all workers have answered."""
    request = urllib.request.Request(serving.address + "/metrics")
    with urllib.request.urlopen(request, timeout=60) as response:
        return sum(
            float(line.split()[-1]) for line in response.read().decode().splitlines()
            if line.startswith("cds_requests_total") and 'route="/evaluate"' in line
        )  # fmt: skip


def _answers(serving: Serving) -> bool:
    try:
        return serving.ask("/health")[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_the_link_of_a_card_opens_the_very_case(repository: Path, tmp_path: Path, workers: str) -> None:
    calls = Examples(repository / "fhir_examples")
    with serve(repository, tmp_path, "--workers", workers) as serving:
        service = serving.ask("/cds-services")[1]["services"][0]["id"]
        cards = serving.ask(f"/cds-services/{service}", calls.view(calls.names()[0]))[1]["cards"]
        address = cards[0]["links"][0]["url"]
        # The port was chosen by the system: the card names the one that it is.
        assert address.startswith(f"{serving.address}/board/records/")
        with urllib.request.urlopen(address, timeout=60) as response:
            page = response.read().decode()
    record = address.rpartition("/")[2]
    kept = open_records(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    answer = kept.content(record)["answer"]
    kept.close()
    assert record in page
    for lesion in answer["lesions"]:
        assert html.escape(lesion["label"]) in page
        for option in lesion["options"]:
            assert html.escape(option["label"]) in page


def test_a_request_that_runs_is_answered_before_the_end(repository: Path, tmp_path: Path, patient: Json) -> None:
    import socket

    with serve(repository, tmp_path) as serving:
        body = json.dumps(patient).encode()
        host, port = serving.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            head = "POST /evaluate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(body)}"
            connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode() + body[:-1])
            time.sleep(0.5)
            serving.process.terminate()
            time.sleep(0.5)
            connection.sendall(body[-1:])
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 200")
        serving.process.wait(60)
