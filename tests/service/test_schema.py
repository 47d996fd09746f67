"""What the API's description promises, generated requests try to break: schemathesis finds nothing."""

from __future__ import annotations

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


def test_the_plain_door_is_described(api: Any) -> None:
    described = {(path, method.upper()) for path in api for method in api[path]}
    assert set(OPERATIONS) <= described
    assert RECORD in api["/evaluate"]["POST"].definition.raw["responses"]["200"]["headers"]


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
