"""Services that keep what is entered, and records of patients whom no other test knows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from tests.service.board.entry.boards import Board, Json, changed


@pytest.fixture
def made(rules: Path, tmp_path: Path, repository: Path) -> Iterator[Callable[..., Board]]:
    """Makes a service."""
    running: list[TestClient] = []

    def make(**settings: Any) -> Board:
        database = f"sqlite:///{tmp_path / f'records-{len(running)}.sqlite3'}"
        chosen = Settings(
            rules=rules, examples=repository / "fhir_examples", database=SecretStr(database), large_processes=0,
            **settings,
        )  # fmt: skip
        client = TestClient(create_app(chosen), raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return Board(client, database, **settings)

    yield make
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def shared(rules: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, str]]:
    """One service for all tests, of which each has a patient of its own."""
    database = f"sqlite:///{tmp_path_factory.mktemp('entry') / 'records.sqlite3'}"
    chosen = Settings(rules=rules, examples=repository / "fhir_examples", database=SecretStr(database))
    with TestClient(create_app(chosen), raise_server_exceptions=False) as client:
        yield client, database


@pytest.fixture
def board(shared: tuple[TestClient, str]) -> Board:
    shared[0].cookies.clear()  # a language that another test chose
    return Board(*shared)


@pytest.fixture
def example(repository: Path) -> Json:
    """A neck node of whose distances the record says only that nothing else is within 30 mm."""
    found: Json = json.loads((repository / "fhir_examples" / "04-missing-safety-facts" / "bundle.json").read_text())
    return found


@pytest.fixture
def bundle(example: Json) -> Json:
    """The same of a patient whom no other test knows."""
    return changed(example, id=f"p{uuid.uuid4().hex}")


@pytest.fixture
def two(repository: Path) -> Json:
    """T1 at the base of the tongue, left, and T2, a node of the neck, right; of a patient whom no other test knows."""
    file = repository / "fhir_examples" / "06-two-lesions-different-answers" / "bundle.json"
    return changed(json.loads(file.read_text()), id=f"p{uuid.uuid4().hex}")
