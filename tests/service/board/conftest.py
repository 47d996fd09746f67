"""A service whose records are its own, and pages read from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.records import Records, open_records
from cds.service import Settings, create_app

AS_OF = "2026-11-22"
Named = Callable[[str], str]


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('board') / 'records.sqlite3'}"


@pytest.fixture(scope="session")
def board(rules: Path, repository: Path, database: str) -> Iterator[TestClient]:
    """A client of a service that keeps its records, with the bundles, in a database of its own."""
    settings = Settings(
        rules=rules, examples=repository / "fhir_examples", database=SecretStr(database), keep_bundles=True
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as running:
        # One reader for all tests: the language that one of them chooses is not the next one's.
        running.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield running


@pytest.fixture(scope="session")
def records(board: TestClient, database: str) -> Iterator[Records]:
    """The records of that service."""
    opened = open_records(database)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def named(board: TestClient) -> Named:
    """The address of an example's page, by the number that its name begins with."""
    names = re.findall(r'href="/board/([^"/?]+)"', board.get("/").text)

    def of(number: str) -> str:
        found = [name for name in names if name.startswith(number)]
        if not found:
            pytest.skip("no examples: they are not in this copy")
        return f"/board/{found[0]}?as_of={AS_OF}"

    return of
