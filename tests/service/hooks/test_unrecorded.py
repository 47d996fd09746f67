"""Cards of answers that stand in no record, and cards and feedback that cannot be recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from cds.service.hooks.services import REVIEW
from tests.service.hooks.calls import PUBLIC, Examples, empties, issues, trace

CARD = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
REPORT = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T10:00:00Z"}
Start = Callable[..., TestClient]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite3"


@pytest.fixture
def start(settings: Settings, file: Path) -> Iterator[Start]:
    running: list[TestClient] = []

    def started(recording: str) -> TestClient:
        changed = {"database": SecretStr(f"sqlite:///{file}"), "recording": recording}
        client = TestClient(create_app(settings.model_copy(update=changed)), raise_server_exceptions=False)
        running.append(client.__enter__())
        return client

    yield started
    for client in running:
        client.__exit__(None, None, None)


def refuse(file: Path, kind: str) -> None:
    """Have the database refuse entries of one kind."""
    with closing(sqlite3.connect(file)) as connection, connection:
        when = f"BEFORE INSERT ON entry WHEN NEW.kind = '{kind}'"
        connection.execute(f"CREATE TRIGGER refused {when} BEGIN SELECT RAISE(ABORT, 'no'); END")


@pytest.mark.parametrize("recording", ["off", "when-possible"])
def test_a_card_without_a_record_says_so_and_leads_to_no_page_of_its_case(
    start: Start, file: Path, examples: Examples, recording: str
) -> None:
    client = start(recording)
    if recording != "off":
        refuse(file, "decision")
    (card,) = client.post(f"/cds-services/{REVIEW}", json=examples.view("01")).json()["cards"]
    assert "this answer stands in no decision record" in card["detail"]
    assert not any(link["url"].startswith(f"{PUBLIC}/board") or link["url"] == f"{PUBLIC}/" for link in card["links"])
    assert "derivation" not in trace(card)
    assert list(empties(card)) == []


@pytest.mark.parametrize(("recording", "status"), [("required", 503), ("when-possible", 200)])
def test_cards_that_cannot_be_recorded_are_shown_only_where_that_is_allowed(
    start: Start, file: Path, examples: Examples, recording: str, status: int
) -> None:
    client = start(recording)
    refuse(file, "card")
    assert client.post(f"/cds-services/{REVIEW}", json=examples.view("01")).status_code == status


def test_feedback_that_cannot_be_recorded_is_said_to_be_that(start: Start, file: Path) -> None:
    client = start("required")
    refuse(file, "feedback")
    response = client.post(f"/cds-services/{REVIEW}/feedback", json={"feedback": [REPORT]})
    assert response.status_code == 503
    assert response.headers["retry-after"]
    (issue,) = issues(response)
    assert "what became of the cards cannot be recorded" in issue["diagnostics"]
