"""No answer leaves without its record; where that is configured otherwise, the answer says so."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.records import open_records
from cds.service import Settings, create_app

Json = dict[str, Any]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite3"


def client_of(rules: Path, file: Path, **named: Any) -> TestClient:
    settings = Settings(rules=rules, database=SecretStr(f"sqlite:///{file}"), **named)
    return TestClient(create_app(settings), raise_server_exceptions=False)


def test_an_answer_names_its_record_which_holds_it_byte_for_byte(rules: Path, file: Path, patient: Json) -> None:
    with client_of(rules, file) as client:
        response = client.post("/evaluate?as_of=2026-11-22&phase=planning", json=patient)
    records = open_records(f"sqlite:///{file}")
    entry = records.entry(response.headers["cds-record"])
    content = records.content(entry.id)
    assert content["answer"] == response.json()
    assert "bundle" not in content
    assert entry.body["door"] == "POST /evaluate"
    assert entry.body["author"] == {"name": "development", "issuer": None}
    assert entry.body["phase"] == "planning"
    assert entry.body["seconds"].keys() == {"evaluated", "written"}
    assert entry.body["rule_set"] == response.json()["rule_set"]
    records.close()


def test_a_page_is_an_answer_too_and_is_recorded(rules: Path, file: Path, repository: Path) -> None:
    with client_of(rules, file, examples=repository / "fhir_examples") as client:
        assert client.get("/board/01-surgery-possible").status_code == 200
    records = open_records(f"sqlite:///{file}")
    assert [entry.body["door"] for entry in records.entries("decision")] == ["GET /board/{name}"]
    records.close()


def test_the_bundle_is_recorded_where_that_is_set(rules: Path, file: Path, patient: Json) -> None:
    with client_of(rules, file, keep_bundles=True) as client:
        plain = client.post("/evaluate", json=patient).headers["cds-record"]
        long_form = client.post("/evaluate", json={"bundle": patient}).headers["cds-record"]
    records = open_records(f"sqlite:///{file}")
    assert records.content(plain)["bundle"] == records.content(long_form)["bundle"] == patient
    records.close()


def test_what_is_refused_leaves_no_record(rules: Path, file: Path) -> None:
    with client_of(rules, file) as client:
        assert client.post("/evaluate", json={"resourceType": "Bundle"}).status_code == 422
    records = open_records(f"sqlite:///{file}")
    assert records.head()[0] == 0
    records.close()


def break_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ALTER TABLE entry RENAME TO entry_lost")


def test_a_lost_database_means_no_advice(
    rules: Path, file: Path, patient: Json, caplog: pytest.LogCaptureFixture
) -> None:
    with client_of(rules, file) as client:
        assert client.get("/health/ready").status_code == 200
        break_database(file)
        response = client.post("/evaluate", json=patient)
        assert response.status_code == 503
        assert response.headers["retry-after"]
        assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "records-unavailable"
        assert "cds_unrecorded_total 1.0" in client.get("/metrics").text
    assert "not recorded" in caplog.text


@pytest.mark.parametrize(("recording", "status"), [("required", 503), ("when-possible", 200)])
def test_every_answer_without_a_record_is_counted_whatever_its_door(
    rules: Path, file: Path, patient: Json, recording: str, status: int
) -> None:
    line = json.dumps(patient).encode()
    with client_of(rules, file, recording=recording) as client:
        break_database(file)
        assert client.post("/evaluate", json=patient).status_code == status
        batch = client.post("/evaluate/batch", content=line, headers={"content-type": "application/x-ndjson"})
        assert json.loads(batch.text)["status"] == status
        assert "cds_unrecorded_total 2.0" in client.get("/metrics").text


def test_a_service_whose_database_can_be_read_and_not_written_is_not_ready(rules: Path, file: Path) -> None:
    with client_of(rules, file) as client:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("CREATE TRIGGER full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'full'); END")
        assert client.get("/health/ready").status_code == 503


def test_a_service_whose_disk_is_all_but_full_is_not_ready(
    rules: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(rules, file) as client:
        assert client.get("/health/ready").status_code == 200
        monkeypatch.setattr("cds.records.database.LEAST_ROOM", sys.maxsize)
        monkeypatch.setattr("cds.service.app._PROBE_KEPT", 0.0)
        assert client.get("/health/ready").status_code == 503


def test_asking_whether_it_is_ready_records_nothing(rules: Path, file: Path) -> None:
    with client_of(rules, file) as client:
        assert client.get("/health/ready").status_code == 200
    records = open_records(f"sqlite:///{file}")
    assert records.head()[0] == 0
    records.close()


def test_a_service_that_cannot_record_is_not_ready(rules: Path, file: Path) -> None:
    with client_of(rules, file) as client:
        break_database(file)
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health").status_code == 200


def test_a_database_that_stays_locked_means_no_advice(
    rules: Path, file: Path, patient: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cds.records.database.WAIT", 0.2)
    with client_of(rules, file) as client:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert client.post("/evaluate", json=patient).status_code == 503
        other.execute("ROLLBACK")
        other.close()
        assert client.post("/evaluate", json=patient).status_code == 200


def test_in_degraded_mode_an_answer_is_given_and_says_that_it_is_unrecorded(
    rules: Path, file: Path, patient: Json
) -> None:
    with client_of(rules, file, recording="when-possible") as client:
        recorded = client.post("/evaluate", json=patient)
        break_database(file)
        response = client.post("/evaluate", json=patient)
    assert recorded.headers["cds-record"] != "none"
    assert "not-recorded" not in recorded.text
    assert response.status_code == 200
    assert response.headers["cds-record"] == "none"
    assert response.json()["issues"][-1]["code"] == "not-recorded"


def test_where_nothing_is_recorded_every_answer_says_so(rules: Path, file: Path, patient: Json) -> None:
    with client_of(rules, file, recording="off") as client:
        response = client.post("/evaluate", json=patient)
    assert response.json()["issues"][-1]["code"] == "not-recorded"
    assert not file.exists()


KILLED = """
import asyncio, os, signal, sys
from contextlib import closing
from pathlib import Path
from pydantic import SecretStr
from cds.service import Settings, create_app

app = create_app(Settings(rules=Path(sys.argv[1]), database=SecretStr(sys.argv[2])))
body = sys.stdin.buffer.read()
scope = {
    "type": "http", "method": "POST", "path": "/evaluate", "raw_path": b"/evaluate", "query_string": b"",
    "headers": [(b"content-type", b"application/json")], "http_version": "1.1", "scheme": "http",
    "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "root_path": "",
}

async def receive():
    return {"type": "http.request", "body": body, "more_body": False}

async def send(message):
    if message["type"] == "http.response.start":
        print(message["status"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(app(scope, receive, send))
"""


def test_a_process_that_is_killed_as_it_answers_has_recorded_the_answer(
    rules: Path, file: Path, patient: Json, repository: Path
) -> None:
    command = [sys.executable, "-c", KILLED, str(rules), f"sqlite:///{file}"]
    body = json.dumps(patient).encode()
    killed = subprocess.run(command, cwd=repository, input=body, capture_output=True, timeout=90)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert killed.stdout == b"200\n"
    records = open_records(f"sqlite:///{file}")
    (entry,) = records.entries("decision")
    assert records.content(entry.id)["answer"]["scope"]
    assert list(records.verify(records.head())) == []
    records.close()


def test_old_facts_are_erased_by_the_service_where_a_retention_is_set(
    rules: Path, file: Path, patient: Json
) -> None:
    import datetime as dt
    import time

    with client_of(rules, file) as client:
        old = client.post("/evaluate", json=patient).headers["cds-record"]
    past = open_records(f"sqlite:///{file}")
    past.close()
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    early = open_records(f"sqlite:///{file}", clock=lambda: long_ago)
    kept = early.append_entry("questionnaire-response", {"a": 1})
    with client_of(rules, file, retention_days=2):
        for _ in range(100):
            if not early.has_content(kept.id):
                break
            time.sleep(0.05)
    assert not early.has_content(kept.id)
    assert early.has_content(old)
    early.close()


def test_this_file_is_made_for_its_owner_alone(rules: Path, tmp_path: Path, patient: Json) -> None:
    file = tmp_path / "state" / "cds" / "records.sqlite3"
    with client_of(rules, file) as client:
        client.post("/evaluate", json=patient)
    assert os.stat(file.parent).st_mode & 0o077 == 0
