"""Nothing of a patient leaves by a side door: not in a log line, not in a metric, not in the text of a failure.

Every door is asked with every example, whole and spoilt, and every log line and metric of the run is searched for every
value of every example.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cds.api import answered
from cds.errors import EngineFailure
from cds.service import Settings, create_app

Json = dict[str, Any]
SHORTEST = 4
"""A value of fewer characters stands in any text by chance."""
HOOK = "/cds-services/recurrent-head-and-neck-review"
APPLY = "/fhir/PlanDefinition/recurrent-head-and-neck/$apply"


def leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


@pytest.fixture(scope="module")
def bundles(repository: Path) -> list[Json]:
    files = sorted((repository / "fhir_examples").glob("*/bundle.json"))
    if not files:
        pytest.skip("no examples: they are not in this copy")
    return [json.loads(file.read_bytes()) for file in files]


@pytest.fixture(scope="module")
def values(bundles: list[Json]) -> set[str]:
    """Every text and number of every example that is long enough to be told from chance, and parts of references."""
    found = {text for bundle in bundles for text in leaves(bundle)}
    parts = {part for text in found for part in text.replace("urn:uuid:", "").split("/")}
    return {text for text in found | parts if len(text) >= SHORTEST}


def spoilt(bundle: Json) -> Iterator[bytes]:
    """The bundle in forms that are refused, each with the patient's data in it."""
    content = json.dumps(bundle).encode()
    yield content[: len(content) // 2]
    yield content.replace(b'"resourceType"', b'"resourceKind"')
    yield content.replace(b'"Patient/', b'"Person/')
    yield content.replace(b'"entry"', b'"entry": [], "entry"', 1)
    yield content.replace(b'"status"', b'"state"')


def hook_call(bundle: Json) -> Json:
    resources = [entry["resource"] for entry in bundle["entry"]]
    patient = next((each for each in resources if each["resourceType"] == "Patient"), {})
    conditions = [{"resource": each} for each in resources if each["resourceType"] == "Condition"]
    searchset = {"resourceType": "Bundle", "type": "searchset", "entry": conditions}
    return {
        "hook": "patient-view", "hookInstance": "6f9b7f8e-3c57-4f0e-9a36-6b9bb1a3f5aa",
        "context": {"userId": "Practitioner/1", "patientId": patient.get("id", "x")},
        "prefetch": {"patient": patient, "conditions": searchset},
    }  # fmt: skip


def told_of(stream: io.StringIO) -> list[str]:
    """The log lines without their time and level: today is a day, and `error` a word, in many records."""
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [json.dumps({name: line[name] for name in line if name not in ("time", "level")}) for line in lines]


def application(bundle: Json) -> Json:
    patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    subject = {"name": "subject", "valueString": f"Patient/{patient['id']}"}
    return {"resourceType": "Parameters", "parameter": [subject, {"name": "data", "resource": bundle}]}


@pytest.mark.slow
def test_no_value_of_any_example_is_in_a_log_line_or_a_metric(
    rules: Path, repository: Path, bundles: list[Json], values: set[str], log: io.StringIO
) -> None:
    settings = Settings(rules=rules, examples=repository / "fhir_examples")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        statuses = []
        for bundle in bundles:
            statuses.append(client.post("/evaluate?as_of=2026-11-22", json=bundle).status_code)
            client.post("/board", data={"bundle": json.dumps(bundle)})
            client.post(HOOK, json=hook_call(bundle))
            client.post("/fhir/PlanDefinition/$apply", json={"resourceType": "Parameters", "parameter": []})
            statuses.append(client.post(APPLY, json=application(bundle)).status_code)
            patient = bundle["entry"][0]["resource"].get("id", "x")
            client.get(f"/board/{patient}?name={patient}", headers={"x-request-id": patient, "user-agent": patient})
        lines = b"\n".join(json.dumps(bundle).encode() for bundle in bundles)
        batch = client.post("/evaluate/batch", content=lines, headers={"content-type": "application/x-ndjson"})
        assert len(batch.content.splitlines()) == len(bundles)
        for body in spoilt(bundles[1]):
            client.post("/evaluate", content=body, headers={"content-type": "application/json"})
        counted = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    assert statuses.count(200) >= 20
    told = told_of(log)
    assert sum('"answered"' in line for line in told) >= 5 * len(bundles)
    assert sum('"recorded"' in line for line in told) > 2 * len(bundles)
    found = {(value, text[:200]) for value in values - WORDS for text in (*told, *counted) if value in text}
    assert len(counted) > 20
    assert found == set()


# Of a route (`/fhir/…`), of the description of a counter, of the service's id.
WORDS = {"Bundle", "fhir", "recurrent-head-and-neck"}


@pytest.mark.parametrize("failure", [KeyError, ValueError, EngineFailure])
def test_no_value_is_in_the_text_of_a_failure(
    rules: Path, bundles: list[Json], values: set[str], log: io.StringIO, failure: type[Exception]
) -> None:
    def fail(bundle: Any, **named: Any) -> Any:
        if failure is EngineFailure:
            raise EngineFailure("durable-rules ended")
        case, _ = answered(bundle, **named)
        raise failure(f"{case} {bundle!r}")

    with TestClient(create_app(Settings(rules=rules), evaluate=fail), raise_server_exceptions=False) as client:
        texts = []
        for accept in ("application/fhir+json", "application/problem+json"):
            response = client.post("/evaluate", json=bundles[0], headers={"accept": accept})
            assert response.status_code in (500, 503)
            texts.append(response.text)
        texts += [client.post("/board", data={"bundle": json.dumps(bundles[0])}).text]
        texts += [client.post(HOOK, json=hook_call(bundles[0])).text]
    # A page has words and style of its own: there it is the patient's own elements that count.
    own = {text for text in leaves(bundles[0]["entry"][0]["resource"]) if len(text) >= SHORTEST} - {"Patient"}
    assert {value for value in own for text in texts if value in text} == set()
    assert {value for value in values for line in told_of(log) if value in line} - WORDS == set()


def test_no_identifying_value_is_in_an_outcome(rules: Path, bundles: list[Json]) -> None:
    with TestClient(create_app(Settings(rules=rules))) as client:
        for bundle in bundles[::3]:
            patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
            own = set(leaves([patient.get(name) for name in ("name", "identifier", "birthDate")]))
            for body in spoilt(bundle):
                response = client.post("/evaluate", content=body, headers={"content-type": "application/json"})
                if response.status_code != 200:
                    assert {text for text in own if len(text) >= SHORTEST and text in response.text} == set()
