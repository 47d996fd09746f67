"""What the API's description promises, generated requests try to break: schemathesis finds nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from cds.service.description import RECORD
from cds.service.hooks.services import REVIEW

VALID, INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
OPERATIONS = [
    ("/evaluate", "POST"), ("/evaluate/batch", "POST"), ("/health", "GET"), ("/health/ready", "GET"),
    ("/version", "GET"),
]  # fmt: skip


@schemathesis.serializer("application/x-ndjson", "application/fhir+ndjson")
def ndjson(_: Any, value: Any) -> bytes:
    """Lines as they were generated: schemathesis knows no NDJSON of its own."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def api(repository: Path) -> Iterator[Any]:
    """The plain door's description, and an application that is running."""
    app = create_app(Settings(rules=repository / "rules" / "recurrent-head-and-neck", examples=None))
    with TestClient(app):
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.fixture(scope="module")
def described(repository: Path) -> Iterator[TestClient]:
    """A service with the bounds that it has where nothing is set."""
    rules = repository / "rules" / "recurrent-head-and-neck"
    with TestClient(create_app(Settings(rules=rules, examples=None))) as client:
        yield client


def test_the_plain_door_is_described(api: Any) -> None:
    described = {(path, method.upper()) for path in api for method in api[path]}
    assert set(OPERATIONS) <= described
    assert RECORD in api["/evaluate"]["POST"].definition.raw["responses"]["200"]["headers"]


def test_every_request_of_the_description_is_answered_as_it_says(described: TestClient) -> None:
    paths = described.get("/openapi.json").json()["paths"]
    sent = 0
    for path, of_methods in paths.items():
        for method, operation in of_methods.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                named = content.get("examples") or {"the only one": {"value": content["example"]}}
                for example in (each["value"] for each in named.values()):
                    body = example if isinstance(example, str) else json.dumps(example)
                    address = path.replace("{id}", REVIEW)
                    response = described.request(method, address, content=body, headers={"content-type": kind})
                    assert response.status_code == 200, (path, kind)
                    promised = operation["responses"]["200"]["content"]
                    if "example" in promised.get("application/json", {}):
                        assert response.json() == promised["application/json"]["example"]
                    sent += 1
    assert sent >= 10


PROVOKED: list[tuple[int, str, bytes, dict[str, str]]] = [
    (400, "/evaluate?as_of=22.11.2026", b"{}", {}),
    (406, "/evaluate", b"{}", {"accept": "text/html"}),
    (413, "/evaluate", b"{}", {"content-length": "20000001"}),
    (415, "/evaluate", b"{}", {"content-type": "text/plain"}),
    (422, "/evaluate", b'{"resourceType": "Bundle", "type": "collection"}', {}),
    (400, "/evaluate/batch?as_of=2026-11-22", b"{}", {"content-type": "application/x-ndjson"}),
    (406, "/evaluate/batch", b"{}", {"content-type": "application/x-ndjson", "accept": "text/html"}),
    (415, "/evaluate/batch", b"{}", {"content-type": "text/plain"}),
]


@pytest.mark.parametrize(("status", "address", "body", "headers"), PROVOKED)
def test_the_errors_of_the_description_are_told_in_these_words(
    described: TestClient, status: int, address: str, body: bytes, headers: dict[str, str]
) -> None:
    path = described.get("/openapi.json").json()["paths"][address.partition("?")[0]]
    examples = {kind: told["example"] for kind, told in path["post"]["responses"][str(status)]["content"].items()}
    sent = {"content-type": "application/json", **headers}
    response = described.post(address, content=body, headers=sent)
    assert (response.status_code, response.json()) == (status, examples["application/fhir+json"])
    problem = examples["application/problem+json"]
    assert (problem["status"], problem["issues"][0]["details"]) == (status, problem["detail"])


def test_every_error_of_the_description_has_its_status_and_its_page(described: TestClient, repository: Path) -> None:
    for path in described.get("/openapi.json").json()["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                problem = response.get("content", {}).get("application/problem+json")
                if problem is not None:
                    assert str(problem["example"]["status"]) == status
                    code = problem["example"]["type"].removeprefix("urn:cds:error:")
                    assert (repository / "docs" / "reference" / "errors" / f"{code}.md").is_file()


@pytest.mark.parametrize(
    ("path", "method", "mode"), [*((*each, VALID) for each in OPERATIONS), ("/evaluate", "POST", INVALID)]
)
def test_every_answer_is_one_that_the_description_promises(
    api: Any, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    @settings(
        max_examples=30, phases=[Phase.explicit, Phase.generate], deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        # A description cannot say all that makes a bundle one about a patient: 422 is its answer, and is described.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    holds()
