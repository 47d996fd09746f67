"""Requests to the FHIR door, and what is read out of its answers."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from starlette.testclient import TestClient

Json = dict[str, Any]
REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = sorted(path.parent.name for path in (REPOSITORY / "fhir_examples").glob("*/bundle.json"))
PLAN = "/fhir/PlanDefinition/recurrent-head-and-neck"
APPLY = f"{PLAN}/$apply"
R5_APPLY = f"{PLAN}/$r5.apply"
FHIR = "application/fhir+json"


def record(name: str) -> Json:
    """The bundle of an example."""
    content = (REPOSITORY / "fhir_examples" / name / "bundle.json").read_text(encoding="utf-8")
    bundle: Json = json.loads(content)
    return bundle


def patient_of(bundle: Json) -> str:
    """The reference to the patient of a bundle."""
    (id_,) = [e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    return f"Patient/{id_}"


def parameters(*given: Json, subject: str | None = None, data: Json | None = None, **simple: str) -> Json:
    """A Parameters resource; `simple` are strings."""
    parameter = [{"name": "subject", "valueString": subject}] if subject is not None else []
    parameter += [{"name": name, "valueString": value} for name, value in simple.items()]
    parameter += list(given)
    parameter += [{"name": "data", "resource": data}] if data is not None else []
    return {"resourceType": "Parameters", "parameter": parameter}


def about(name: str, *given: Json, **simple: str) -> Json:
    """The request to apply the plan to an example, on the day for which it was written."""
    bundle = record(name)
    return parameters(*given, subject=patient_of(bundle), data=bundle, **{"as_of": "2026-11-22", **simple})


def post(client: TestClient, path: str, body: Json | bytes, query: str = "", **headers: str) -> httpx2.Response:
    """Post a body as FHIR JSON unless told otherwise."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": FHIR, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post(f"{path}{query}", content=content, headers=sent)


def held(resource: Json) -> list[Json]:
    """The resources of a CarePlan or a Bundle."""
    return list(resource.get("contained") or [each["resource"] for each in resource["entry"]])


def of_type(resource: Json, kind: str) -> list[Json]:
    """The resources of one type in a CarePlan or a Bundle."""
    return [each for each in held(resource) if each["resourceType"] == kind]


def native(resource: Json) -> Json:
    """The native answer that a CarePlan or a Bundle carries."""
    (answer,) = of_type(resource, "Parameters")
    packed = base64.b64decode(answer["parameter"][-1]["valueAttachment"]["data"], validate=True)
    told: Json = json.loads(gzip.decompress(packed))
    return told


def options_in(resource: Json) -> Iterator[Json]:
    """The actions of the options that are proposed."""
    (group,) = of_type(resource, "RequestGroup")
    for each in group.get("action", ()):
        if each["selectionBehavior"] == "at-most-one":
            yield from each["action"]


def issues(response: httpx2.Response, status: int) -> list[Json]:
    """The issues of an OperationOutcome, which an error has to be."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/fhir+json;charset=utf-8"
    outcome = response.json()
    assert outcome["resourceType"] == "OperationOutcome"
    told: list[Json] = outcome["issue"]
    return told


def codes(response: httpx2.Response, status: int) -> set[str]:
    """Our codes of an OperationOutcome's issues."""
    return {issue["details"]["coding"][0]["code"] for issue in issues(response, status)}


def applied(client: TestClient, name: str, path: str = APPLY, **simple: str) -> Json:
    """The answer for an example; asked once, however many tests look at it."""
    return _applied(client, name, path, tuple(simple.items()))


@cache
def _applied(client: TestClient, name: str, path: str, simple: tuple[tuple[str, str], ...]) -> Json:
    return asked_anew(client, name, path, **dict(simple))


def asked_anew(client: TestClient, name: str, path: str, **simple: str) -> Json:
    """The answer for an example, asked for now."""
    response = post(client, path, about(name, **simple))
    assert response.status_code == 200, response.text[:500]
    resource: Json = response.json()
    return resource
