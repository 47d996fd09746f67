"""Everything that the FHIR door answers is valid FHIR R4, in the eyes of three independent validators.

None of them sees everything: the seeded faults show that each sees what the two others miss.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final

import pytest
from starlette.testclient import TestClient

from tests.fhir_output.validators import NAMES as VALIDATORS
from tests.fhir_output.validators import Json, errors_of, node, unresolved
from tests.service.fhir.requests import APPLY, NAMES, R5_APPLY, about, applied, of_type, parameters, post

UNRESECTABLE: Final = "02-unresectable-carotid-encased-freeze-near-it"
UNSAFE: Final = "04-missing-safety-facts"


@pytest.mark.slow
def test_every_answer_and_every_error_is_valid(fhir: TestClient) -> None:
    node()
    resources = [applied(fhir, name, path) for name in NAMES for path in (APPLY, R5_APPLY)]
    asked = [
        (APPLY, about(name, phase=phase)) for name in (UNRESECTABLE, UNSAFE) for phase in ("planning", "follow-up")
    ]
    copied = {"encounter": "Encounter/e", "practitioner": "Practitioner/d", "organization": "urn:oid:1.2.3"}
    asked.append((APPLY, about(UNRESECTABLE, {"name": "setting", "valueCodeableConcept": {"text": "x"}}, **copied)))
    empty = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "id": "x"}}],
    }
    asked.append((APPLY, parameters(subject="Patient/x", data=empty)))
    resources += [post(fhir, path, body).json() for path, body in asked]
    assert {each["resourceType"] for each in resources} == {"CarePlan", "Bundle"}
    errors = [b"", b"{", parameters(), about(UNRESECTABLE, phase="x"), parameters(subject="Patient/y", data=empty)]
    resources += [post(fhir, APPLY, body).json() for body in errors]
    told = fhir.get("/fhir/metadata").json()
    resources.append(told)
    resources += [fhir.get(f"/fhir/{each['type']}").json() for each in told["rest"][0]["resource"]]
    resources.append(fhir.get("/fhir/PlanDefinition?url=none").json())
    resources.append(fhir.get("/fhir/Nothing").json())
    for resource, found in zip(resources, errors_of(resources), strict=True):
        assert found == {name: [] for name in VALIDATORS}, resource["resourceType"]
        if resource["resourceType"] != "OperationOutcome" and resource.get("type") != "searchset":
            assert unresolved(resource) == []


def first(plan: Json, kind: str) -> Json:
    return of_type(plan, kind)[0]


def a_code_outside_a_required_value_set(plan: Json) -> None:
    first(plan, "RequestGroup")["status"] = "activ"


def a_reference_to_a_type_that_may_not_stand_there(plan: Json) -> None:
    first(plan, "ServiceRequest")["requester"] = {"reference": "Observation/1"}


def an_action_with_neither_resource_nor_action(plan: Json) -> None:
    del first(plan, "RequestGroup")["action"][0]["action"]


def a_version_in_a_contained_resource(plan: Json) -> None:
    first(plan, "Device")["meta"] = {"versionId": "1"}


def an_attachment_that_is_no_base64(plan: Json) -> None:
    first(plan, "Parameters")["parameter"][-1]["valueAttachment"]["data"] = "???"


def a_time_without_its_zone(plan: Json) -> None:
    plan["created"] = "2026-11-22T10:00:00"


def two_values_of_one_choice(plan: Json) -> None:
    first(plan, "GuidanceResponse")["moduleUri"] = "urn:x"


def an_element_that_fhir_does_not_have(plan: Json) -> None:
    first(plan, "ServiceRequest")["verdict"] = "x"


def a_required_element_that_is_missing(plan: Json) -> None:
    del first(plan, "ServiceRequest")["intent"]


EVERY: Final = set(VALIDATORS)
FAULTS: Final[dict[Callable[[Json], None], set[str]]] = {
    a_code_outside_a_required_value_set: {"fhir"},
    a_reference_to_a_type_that_may_not_stand_there: {"fhir"},
    an_action_with_neither_resource_nor_action: {"medplum"},
    a_version_in_a_contained_resource: {"medplum"},
    an_attachment_that_is_no_base64: {"medplum"},
    a_time_without_its_zone: {"fhir.resources"},
    two_values_of_one_choice: {"fhir.resources"},
    an_element_that_fhir_does_not_have: EVERY,
    a_required_element_that_is_missing: EVERY,
}
"""Faults, and who sees them."""


@pytest.mark.slow
def test_together_the_validators_see_faults_that_each_alone_misses(fhir: TestClient) -> None:
    node()
    good = post(fhir, APPLY, about(UNRESECTABLE)).json()
    faulty = []
    for fault in FAULTS:
        plan = copy.deepcopy(good)
        fault(plan)
        faulty.append(plan)
    seen = [{name for name, errors in found.items() if errors} for found in errors_of(faulty)]
    assert dict(zip((fault.__name__ for fault in FAULTS), seen, strict=True)) == {
        fault.__name__: who for fault, who in FAULTS.items()
    }
    for name in VALIDATORS:
        assert any(name not in who for who in seen), f"{name} misses nothing"
        assert any(who == {name} for who in seen), f"{name} adds nothing"


@pytest.mark.parametrize("fault", ["dangling", "lonely"])
def test_what_no_validator_sees_is_looked_for_here(fhir: TestClient, fault: str) -> None:
    plan = post(fhir, APPLY, about(UNRESECTABLE)).json()
    assert unresolved(plan) == []
    if fault == "dangling":
        plan["activity"][0]["reference"]["reference"] = "#nowhere"
        assert "#nowhere" in unresolved(plan)
    else:
        plan["contained"].append({"resourceType": "Basic", "id": "lonely", "code": {"text": "x"}})
        assert unresolved(plan) == ["#lonely"]
