"""A service in this process, and bundles to send to it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from cds.ruleset import RuleSet, load_rules
from cds.service import Settings, create_app
from cds.service.logs import log_to

Json = dict[str, Any]


@pytest.fixture(scope="session")
def rules(repository: Path) -> Path:
    """The rule set of this repository, whether or not the package is installed."""
    return repository / "rules" / "recurrent-head-and-neck"


@pytest.fixture(scope="session", autouse=True)
def loaded_once(rules: Path) -> Iterator[None]:
    """The rule set of this repository is read once, whatever number of services are made; others each time."""
    from cds.service import reloading

    shipped = reloading.load_rules(rules)

    def load(folder: Path | None = None, *, overlay: Path | None = None) -> RuleSet:
        if overlay is None and folder is not None and folder == rules.resolve():
            return shipped
        return load_rules(folder, overlay=overlay)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reloading, "load_rules", load)
        yield


@pytest.fixture(scope="session")
def client(rules: Path, repository: Path) -> Iterator[TestClient]:
    """A client of a service with the shipped rules, the examples and a small cap on bodies."""
    settings = Settings(rules=rules, examples=repository / "fhir_examples", largest_body=300_000)
    with TestClient(create_app(settings), raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="session")
def patient() -> Json:
    """A bundle with a patient and no tumour."""
    resource = {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}


@pytest.fixture(scope="session")
def post(client: TestClient) -> Callable[..., httpx2.Response]:
    """Posts a body to /evaluate, as FHIR JSON unless told otherwise."""

    def send(body: bytes | Json, query: str = "?as_of=2026-11-22", **headers: str) -> httpx2.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/fhir+json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return client.post(f"/evaluate{query}", content=content, headers=sent)

    return send


@contextmanager
def logged(least: str) -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    before, level, ours = list(root.handlers), root.level, logging.getLogger("cds").level
    log_to(stream, least)  # type: ignore[arg-type]  # a stream of memory is one, too
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger("cds").setLevel(ours)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service logs at any level, as it goes to standard error."""
    with logged("debug") as stream:
        yield stream


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the service logs as it is set up by itself, without what is for its makers."""
    with logged("info") as stream:
        yield stream
