"""Services that an EHR may launch: one that asks who calls, and one of a developer."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.records import Records, open_records
from cds.ruleset import RuleSet, load_rules
from cds.service import Settings, create_app
from cds.service.hooks.services import templates
from cds.service.settings import Client, SmartApp
from tests.service.smart.ehr import CLIENT, HOST, SERVER, Ehr

PUBLIC = "https://cds.example.org"
DAY = dt.date(2026, 11, 22)
Json = dict[str, Any]
Make = Callable[..., TestClient]


class Line:
    """Whom the service reaches: the EHR of the test that runs."""

    ehr: Ehr

    def client(self) -> httpx2.AsyncClient:
        return self.ehr.client()


@pytest.fixture(scope="session")
def bundle(repository: Path) -> Callable[[str], Json]:
    """The bundle of an example, by the number that its name begins with."""

    def of(number: str) -> Json:
        found = sorted((repository / "fhir_examples").glob(f"{number}-*/bundle.json"))
        if not found:
            pytest.skip("no examples: they are not in this copy")
        return dict(json.loads(found[0].read_text(encoding="utf-8")))

    return of


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    with pytest.MonkeyPatch.context() as patch:
        reached = Line()
        patch.setattr("cds.service.smart.door.new_client", reached.client)
        patch.setattr("cds.service.smart.door.today", lambda: DAY)
        patch.setattr("cds.service.hooks.door.today", lambda: DAY)
        yield reached


@pytest.fixture(scope="session")
def searches(rules: Path) -> dict[str, str]:
    rule_set: RuleSet = load_rules(rules)
    return templates(rule_set)


@pytest.fixture
def ehr(line: Line, bundle: Callable[[str], Json], searches: dict[str, str]) -> Ehr:
    """An EHR with the patient of the second example."""
    line.ehr = Ehr(bundle("02"), searches)
    return line.ehr


@pytest.fixture(scope="session")
def settings(rules: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of an installation that asks who calls, and whose board one EHR may launch."""
    folder = tmp_path_factory.mktemp("smart")
    (folder / "jwks.json").write_text('{"keys": []}')
    database = SecretStr(f"sqlite:///{folder / 'records.sqlite3'}")
    return Settings(
        rules=rules, examples=repository / "fhir_examples", database=database,
        authentication="required", public_url=PUBLIC, fhir_servers=(SERVER, "https://other.example.org/fhir"),
        smart_apps=(SmartApp(server=SERVER, client_id=CLIENT),), session_key=SecretStr("k" * 32),
        clients=(Client(issuer=HOST, keys=str(folder / "jwks.json")),), large_processes=0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def running(settings: Settings, line: Line) -> Iterator[TestClient]:
    """That service, once for all tests; `browser` is what they use it with."""
    with TestClient(create_app(settings), base_url=PUBLIC, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def browser(running: TestClient) -> Iterator[TestClient]:
    """A browser without any cookie, which follows nobody by itself."""
    running.cookies.clear()
    running.follow_redirects = False
    yield running
    running.cookies.clear()


@pytest.fixture(scope="session")
def records(settings: Settings, running: TestClient) -> Iterator[Records]:
    """The records of that service, opened a second time."""
    opened = open_records(settings.database.get_secret_value())
    yield opened
    opened.close()


@pytest.fixture
def service(settings: Settings, line: Line, tmp_path: Path) -> Iterator[Make]:
    """Makes a service with other settings, and records of its own."""
    opened: list[TestClient] = []

    def make(**changes: Any) -> TestClient:
        database = SecretStr(f"sqlite:///{tmp_path / f'{len(opened)}.sqlite3'}")
        chosen = settings.model_copy(update={"database": database, **changes})
        client = TestClient(
            create_app(chosen), base_url=chosen.public_url or "http://127.0.0.1:8000", raise_server_exceptions=False
        )
        client.follow_redirects = False
        opened.append(client)
        client.__enter__()
        return client

    yield make
    for each in opened:
        each.__exit__(None, None, None)


def begun(browser: TestClient, **query: str) -> httpx2.Response:
    """The answer to an EHR's launch."""
    return browser.get("/smart/launch", params={"iss": SERVER, "launch": "chart-42", **query})


def launched(browser: TestClient, ehr: Ehr) -> httpx2.Response:
    """What the browser gets once its user has agreed."""
    first = begun(browser)
    assert first.status_code == 303, first.text
    return browser.get(ehr.authorised(first.headers["location"]))
