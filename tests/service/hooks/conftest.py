"""A service with CDS Hooks, and one whose requests to FHIR servers a test answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.api import answered
from cds.intake.document import Limits
from cds.records import Records, open_records
from cds.ruleset import RuleSet, load_rules
from cds.service import Settings, create_app
from cds.service.evaluation import Evaluations
from cds.service.hooks import add_to
from cds.service.hooks.services import ORDER, REVIEW, templates
from cds.service.runtime import Runtime
from tests.service.hooks.calls import FHIR, PUBLIC, Examples, Post


@pytest.fixture(scope="session", autouse=True)
def _day() -> Iterator[None]:
    """The day for which the examples were written, whenever the tests are run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cds.service.hooks.door.today", lambda: dt.date(2026, 11, 22))
        yield


@pytest.fixture(scope="session")
def examples(repository: Path) -> Examples:
    """The example patients of the repository."""
    folder = repository / "fhir_examples"
    if not any(folder.glob("*/bundle.json")):
        pytest.skip("no examples: they are not in this copy")
    return Examples(folder)


@pytest.fixture(scope="session")
def rule_set(rules: Path) -> RuleSet:
    """The shipped rule set."""
    return load_rules(rules)


@pytest.fixture(scope="session")
def keys(rule_set: RuleSet) -> tuple[str, ...]:
    """The prefetch keys, `patient` first."""
    return tuple(templates(rule_set))


@pytest.fixture(scope="session")
def settings(rules: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation that may fetch from one server and has an app."""
    database = tmp_path_factory.mktemp("hooks") / "records.sqlite3"
    return Settings(
        rules=rules, examples=None, largest_body=300_000, database=SecretStr(f"sqlite:///{database}"),
        public_url=PUBLIC, fhir_servers=(FHIR,), smart_launch=f"{PUBLIC}/launch", cors_origins=("https://ehr.example.org",),
    )  # fmt: skip


@pytest.fixture(scope="session")
def hooks(settings: Settings) -> Iterator[TestClient]:
    """A client of the whole service."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="session")
def view(hooks: TestClient) -> Post:
    """Calls the review."""
    return lambda call: hooks.post(f"/cds-services/{REVIEW}", json=call)


@pytest.fixture(scope="session")
def check(hooks: TestClient) -> Post:
    """Calls the check of orders."""
    return lambda call: hooks.post(f"/cds-services/{ORDER}", json=call)


@pytest.fixture(scope="session")
def records(settings: Settings, hooks: TestClient) -> Iterator[Records]:
    """The records of that service, opened a second time."""
    opened = open_records(settings.database.get_secret_value())
    yield opened
    opened.close()


@pytest.fixture
def fetching(settings: Settings, rule_set: RuleSet) -> Iterator[Callable[..., TestClient]]:
    """Makes a service whose requests to FHIR servers a function answers; every request is kept in its list."""
    opened: list[TestClient] = []

    def make(answer: Callable[[httpx2.Request], httpx2.Response], **changes: Any) -> TestClient:
        chosen = settings.model_copy(update={"recording": "off", **changes})
        runtime = Runtime(chosen, Limits(), Evaluations(answered, rule_set, concurrency=2, queue=8, seconds=60.0))
        app = FastAPI()
        transport = httpx2.MockTransport(answer)
        add_to(app, runtime, client=lambda: httpx2.AsyncClient(transport=transport, follow_redirects=False))
        client = TestClient(app, raise_server_exceptions=True)
        opened.append(client)
        return client

    yield make
    for each in opened:
        each.close()
