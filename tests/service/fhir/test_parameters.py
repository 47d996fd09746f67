"""What a request to apply the plan may hold, and how everything else is refused: at once, each with its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.service.fhir.requests import (
    APPLY,
    Json,
    about,
    codes,
    issues,
    native,
    of_type,
    parameters,
    patient_of,
    post,
    record,
)

EXAMPLE = "02-unresectable-carotid-encased-freeze-near-it"


def prefetched(*data: Json) -> list[Json]:
    return [
        {
            "name": "prefetchData",
            "part": [{"name": "key", "valueString": f"item{number}"}, {"name": "data", "resource": each}],
        }
        for number, each in enumerate(data, 1)
    ]


def test_every_problem_of_a_request_is_told_at_once(fhir: TestClient) -> None:
    body = parameters(
        {"name": "x"}, {"name": "subject", "valueString": "Patient/a"}, {"valueString": "y"}, {"name": "dataEndpoint"},
        {"name": "url", "valueUri": "https://example.org/y"},
        subject="Group/1", phase="later", as_of="2026-02-30",
    )  # fmt: skip
    told = issues(post(fhir, APPLY, body), 400)
    found = {(each["details"]["coding"][0]["code"], *each.get("expression", ())) for each in told}
    assert found == {
        ("unknown-parameter", "Parameters.parameter[3]"),
        ("contradictory-parameter", "Parameters.parameter[4]"),
        ("not-parameters", "Parameters.parameter[5]"),
        ("unknown-parameter", "Parameters.parameter[6]"),
        ("unusable-parameter", "Parameters.parameter[7]"),
        ("unusable-parameter", "Parameters.parameter[0].valueString"),
        ("unknown-phase", "Parameters.parameter[1]"),
        ("unreadable-day", "Parameters.parameter[2].valueString"),
        ("missing-parameter", "Parameters.parameter"),
    }


def test_two_bundles_are_refused_and_none_is_chosen(fhir: TestClient) -> None:
    second = {"name": "data", "resource": record(EXAMPLE)}
    assert codes(post(fhir, APPLY, about(EXAMPLE, second)), 400) == {"contradictory-parameter"}
    both = about(EXAMPLE, *prefetched(record(EXAMPLE)))
    assert codes(post(fhir, APPLY, both), 400) == {"contradictory-parameter"}


def test_lines_of_json_are_no_parameters(fhir: TestClient) -> None:
    assert codes(post(fhir, APPLY, b'{"resourceType":"Parameters"}\n{"resourceType":"Parameters"}'), 400) == {
        "not-json"
    }


@pytest.mark.parametrize("data", [{"name": "data"}, {"name": "data", "resource": {"resourceType": "Patient"}},
                                  {"name": "data", "valueString": "x"}, {"name": "data", "resource": []}])  # fmt: skip
def test_data_that_is_no_bundle_is_refused(fhir: TestClient, data: Json) -> None:
    assert codes(post(fhir, APPLY, parameters(data, subject="Patient/x")), 400) == {"unusable-parameter"}


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ("Patient/example-02", True), ("https://ehr.example.org/fhir/Patient/example-02", True),
        ("Patient/example-03", False), ("https://other.example.org/fhir/Patient/example-02", False),
        ("urn:uuid:3b1b5a9e-0000-4000-8000-000000000000", False),
    ],
)  # fmt: skip
def test_the_subject_is_the_patient_of_the_data(fhir: TestClient, subject: str, fits: bool) -> None:
    response = post(fhir, APPLY, parameters(subject=subject, data=record(EXAMPLE), as_of="2026-11-22"))
    if fits:
        assert response.status_code == 200
        assert response.json()["subject"] == {"reference": subject}
    else:
        assert codes(response, 422) == {"subject-mismatch"}


def test_a_record_in_parts_is_read_as_the_whole_would_be(fhir: TestClient) -> None:
    bundle = record(EXAMPLE)
    (patient,) = [e for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    rest = [e for e in bundle["entry"] if e is not patient]
    whole = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient["resource"]}, *rest]}
    pages = [{"resourceType": "Bundle", "type": "searchset", "entry": part} for part in (rest[:5], rest[5:])]
    subject = patient_of(bundle)
    parts = post(fhir, APPLY, parameters(*prefetched(patient["resource"], *pages), subject=subject, as_of="2026-11-22"))
    one = post(fhir, APPLY, parameters(subject=subject, data=whole, as_of="2026-11-22"))
    assert parts.status_code == one.status_code == 200, parts.text[:300]
    assert native(parts.json()) == native(one.json())


def test_a_further_page_of_a_part_keeps_silence_from_being_an_answer(fhir: TestClient) -> None:
    bundle = record(EXAMPLE)
    page = {"resourceType": "Bundle", "type": "searchset", "entry": bundle["entry"],
            "link": [{"relation": "next", "url": "https://ehr.example.org/next"}]}  # fmt: skip
    body = parameters(*prefetched(page), subject=patient_of(bundle), as_of="2026-11-22")
    (outcome,) = of_type(post(fhir, APPLY, body).json(), "OperationOutcome")
    told = {each["details"]["coding"][0]["code"]: each.get("expression") for each in outcome["issue"]}
    assert told["further-page"] == ["Parameters.parameter[2].part[1].resource.link[0]"]


def test_a_problem_in_a_part_is_told_where_it_stands(fhir: TestClient) -> None:
    bundle = record(EXAMPLE)
    page = {"resourceType": "Bundle", "type": "searchset", "entry": bundle["entry"]}
    second = {"resourceType": "Patient", "id": "second"}
    body = parameters(*prefetched(page, second), subject=patient_of(bundle), as_of="2026-11-22")
    told = issues(post(fhir, APPLY, body), 422)
    places = [where for each in told for where in each.get("expression", ())]
    assert any(where.startswith("Parameters.parameter[3].part[1].resource") for where in places), places


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([{"name": "key", "valueString": "a"}], "missing-parameter"),
        ([{"name": "data", "resource": {"resourceType": "Bundle", "type": "history"}}], "unusable-parameter"),
        (
            [{"name": "data", "resource": {"resourceType": "Bundle", "type": "searchset", "entry": 3}}],
            "unusable-parameter",
        ),
        (
            [{"name": "other"}, {"name": "data", "resource": {"resourceType": "Patient", "id": "x"}}],
            "unknown-parameter",
        ),
        ("x", "missing-parameter"),
    ],
)
def test_parts_that_cannot_be_read_are_refused(fhir: TestClient, parts: Any, code: str) -> None:
    body = parameters({"name": "prefetchData", "part": parts}, subject="Patient/x")
    assert code in codes(post(fhir, APPLY, body), 400)


def test_parameters_that_change_nothing_are_said_to_be_unused(fhir: TestClient) -> None:
    unused = {"name": "setting", "valueCodeableConcept": {"text": "ward"}}
    plan = post(fhir, APPLY, about(EXAMPLE, unused)).json()
    (outcome,) = of_type(plan, "OperationOutcome")
    assert [(each["severity"], each["code"], each["expression"]) for each in outcome["issue"]
            if each["details"]["coding"][0]["code"] == "unused-parameter"] == [
        ("information", "informational", ["Parameters.parameter[2]"])
    ]  # fmt: skip
    assert native(plan) == native(post(fhir, APPLY, about(EXAMPLE)).json())


def test_a_lesion_can_be_asked_for_alone(fhir: TestClient) -> None:
    plan = post(fhir, APPLY, about("06-two-lesions-different-answers", lesion="T2")).json()
    assert [each["id"] for each in native(plan)["lesions"]] == ["T2"]


def test_a_body_that_is_too_large_is_not_read(fhir: TestClient) -> None:
    response = post(fhir, APPLY, b"{" + b" " * 20_000_001)
    assert codes(response, 413) == {"too-large"}


NAMES = st.sampled_from(
    ["name", "resource", "part", "valueString", "valueDate", "resourceType", "type", "entry", "link", "fullUrl", "id"]
)
WORDS = st.sampled_from(
    ["subject", "data", "prefetchData", "key", "url", "as_of", "Bundle", "Patient", "searchset", "", "x"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parameter=ANYTHING)
def test_no_body_is_answered_with_a_failure(fhir: TestClient, parameter: object) -> None:
    response = post(fhir, APPLY, {"resourceType": "Parameters", "parameter": parameter})
    told = issues(response, response.status_code)
    assert response.status_code in (400, 422), told
    assert "incident" not in {each["details"]["coding"][0]["code"] for each in told}
