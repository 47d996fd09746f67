"""A service in this process, whose FHIR door is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from tests.service.fhir.requests import NAMES


@pytest.fixture(scope="session")
def settings(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of the service: the shipped rules, records in a file of their own."""
    database = tmp_path_factory.mktemp("fhir") / "records.sqlite3"
    return Settings(
        rules=repository / "rules" / "recurrent-head-and-neck",
        examples=repository / "fhir_examples",
        database=SecretStr(f"sqlite:///{database}"),
    )


@pytest.fixture(scope="session")
def fhir(settings: Settings) -> Iterator[TestClient]:
    """A client of the service."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each example."""
    return str(request.param)
