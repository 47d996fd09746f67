"""Which entries of a bundle are records, of which version, about whom."""

from __future__ import annotations

from typing import Any

import pytest

from cds.errors import UnusableInput
from tests.intake import records as r
from tests.intake.records import Json, Reader


def problems(read: Reader, source: Json) -> dict[str, str]:
    with pytest.raises(UnusableInput) as refused:
        read.read(source)
    return {issue.code: issue.expression for issue in refused.value.issues}


def inr(value: object, id_: str = "inr", **more: object) -> Json:
    return r.observation("inr", id_, valueQuantity=r.quantity(value), **more)


@pytest.mark.parametrize(
    ("entry", "code", "where"),
    [
        (None, "bad-entry", "Bundle.entry[1]"),
        ("x", "bad-entry", "Bundle.entry[1]"),
        ({"resource": None}, "bad-entry", "Bundle.entry[1].resource"),
        ({"resource": "x"}, "bad-entry", "Bundle.entry[1].resource"),
        ({"resource": {"id": "x"}}, "missing-resource-type", "Bundle.entry[1].resource"),
        ({"resource": {"resourceType": "Foo"}}, "unknown-resource-type", "Bundle.entry[1].resource.resourceType"),
        (
            {"resource": {"resourceType": "observation"}},
            "unknown-resource-type",
            "Bundle.entry[1].resource.resourceType",
        ),
        ({"resource": {"resourceType": 5}}, "unknown-resource-type", "Bundle.entry[1].resource.resourceType"),
        ({"resource": {"resourceType": "MedicationOrder"}}, "wrong-fhir-version", "Bundle.entry[1].resource"),
        ({"resource": {"resourceType": "ProcedureRequest"}}, "wrong-fhir-version", "Bundle.entry[1].resource"),
        ({"resource": {"resourceType": "RequestOrchestration"}}, "wrong-fhir-version", "Bundle.entry[1].resource"),
        (
            {"resource": {"resourceType": "Procedure", "occurrenceDateTime": "2020"}},
            "wrong-fhir-version",
            "Bundle.entry[1].resource.occurrenceDateTime",
        ),
        (
            {"resource": {"resourceType": "Condition", "clinicalStatus": "active"}},
            "wrong-fhir-version",
            "Bundle.entry[1].resource.clinicalStatus",
        ),
    ],
)
def test_an_entry_that_is_no_r4_resource_refuses_the_bundle(entry: Any, code: str, where: str, read: Reader) -> None:
    source = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r.patient()}, entry]}
    assert problems(read, source) == {code: where}


def test_all_problems_of_a_bundle_are_reported_together(read: Reader) -> None:
    source = {
        "resourceType": "Bundle",
        "type": "nothing",
        "entry": [None, {"resource": {"resourceType": "MedicationOrder"}}],
    }
    assert set(problems(read, source)) == {"bundle-type", "bad-entry", "wrong-fhir-version", "no-patient"}


def test_a_wrong_case_is_answered_with_the_right_one(read: Reader) -> None:
    with pytest.raises(UnusableInput, match="did you mean `Observation`"):
        read.read(r.bundle({"resourceType": "observation"}))


def test_two_patients_are_refused(read: Reader) -> None:
    assert problems(read, r.bundle(r.patient(id="p2"))) == {"two-patients": "Bundle.entry[1].resource"}


@pytest.mark.parametrize("reference", ["Patient/p2", "https://a.example/fhir/Patient/p2"])
def test_another_patients_data_refuses_the_whole_bundle(reference: str, read: Reader) -> None:
    source = r.bundle(inr(1.1), inr(1.2, "other", subject={"reference": reference}))
    assert problems(read, source) == {"other-patient": "Bundle.entry[2].resource.subject"}


def test_an_unmapped_resource_of_another_patient_refuses_the_bundle_too(read: Reader) -> None:
    other = {"resourceType": "Immunization", "id": "i", "patient": {"reference": "Patient/p2"}}
    assert "other-patient" in problems(read, r.bundle(other))


@pytest.mark.parametrize(
    "subject", [None, {"display": "Mr X"}, {"reference": "urn:uuid:0b2f"}, {"identifier": {"value": "9"}}]
)
def test_a_record_that_does_not_show_whose_it_is_is_not_used(subject: Json | None, read: Reader) -> None:
    case = read(inr(1.1, subject=subject))
    assert r.said(case.patient["inr"]) == "absent: quarantined"
    assert "unknown-subject" in r.codes(case)


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/p1"},
        {"reference": "p1"},
        {"reference": "Patient/p1/_history/3"},
        {"reference": "https://a.example/fhir/Patient/p1"},
        {"reference": "urn:uuid:1"},
        {"reference": "Patient?identifier=urn:mrn|7"},
        {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "7"}},
    ],
)
def test_every_way_of_referring_to_the_patient_is_understood(reference: Json, read: Reader) -> None:
    whole = r.patient(identifier=[{"system": "urn:mrn", "value": "7"}])
    absolute = reference.get("reference", "").startswith("https")
    url = "https://a.example/fhir/Patient/p1" if absolute else "urn:uuid:1"
    source = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"fullUrl": url, "resource": whole}, {"resource": inr(1.1, subject=reference)}],
    }
    assert r.said(read.read(source).patient["inr"]) == "1.1"


def test_a_family_members_history_is_no_fact_about_the_patient(read: Reader) -> None:
    aunt = {
        "resourceType": "FamilyMemberHistory",
        "id": "f",
        "status": "completed",
        "patient": {"reference": "Patient/p1"},
        "relationship": {"text": "aunt"},
        "condition": [{"code": r.concept(r.SCT, "66478002")}],
    }
    assert r.said(read(aunt, r.problem("I10")).patient["bleedingDisorder"]) == "false"


# ------------------------------------------------------------------------------------------------------- versions


def entries(*items: Json, kind: str = "collection") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": r.patient()}, *items]}


@pytest.mark.parametrize("code", ["security", "forbidden", "login", "expired", "exception"])
def test_a_search_that_may_not_show_everything_leaves_silence_unknown(code: str, read: Reader) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": code}]}
    said = [{"resource": r.patient()}, {"resource": r.problem("I10")}, {"resource": outcome}]
    case = read.read({"resourceType": "Bundle", "type": "searchset", "entry": said})
    assert r.said(case.patient["bleedingDisorder"]) == "absent: temp-unknown"
    assert "search-failed" in r.codes(case)


def test_of_a_history_only_the_newest_version_counts(read: Reader) -> None:
    url = "https://a.example/Observation/inr"
    old = {
        "fullUrl": url,
        "resource": inr(3, meta={"versionId": "1"}),
        "request": {"method": "POST", "url": "Observation"},
    }
    new = {
        "fullUrl": url,
        "resource": inr(1.1, meta={"versionId": "2"}),
        "request": {"method": "PUT", "url": "Observation/inr"},
    }
    for order in ((old, new), (new, old)):
        case = read.read(entries(*order, kind="history"))
        assert r.said(case.patient["inr"]) == "1.1"
        assert any(s.version == "1" and s.role == "exclusion" for s in case.excluded)


def test_what_a_history_says_was_deleted_is_gone(read: Reader) -> None:
    url = "https://a.example/Observation/inr"
    gone = {"fullUrl": url, "request": {"method": "DELETE", "url": "Observation/inr"}}
    old = {"fullUrl": url, "resource": inr(3), "request": {"method": "POST", "url": "Observation"}}
    assert r.said(read.read(entries(gone, old, kind="history")).patient["inr"]) == "absent: never-recorded"


@pytest.mark.parametrize(("updated", "expected"), [("2026-10-02", "absent: never-recorded"), ("2026-10-04", "3")])
def test_of_a_history_in_another_order_the_times_say_what_was_deleted(
    updated: str, expected: str, read: Reader
) -> None:
    url = "https://a.example/Observation/inr"
    last = {"status": "204", "lastModified": "2026-10-03T00:00:00Z"}
    gone = {"fullUrl": url, "request": {"method": "DELETE", "url": "Observation/inr"}, "response": last}
    other = {
        "fullUrl": url,
        "resource": inr(3, meta={"lastUpdated": f"{updated}T00:00:00Z"}),
        "request": {"method": "PUT", "url": "Observation/inr"},
    }
    for order in ((gone, other), (other, gone)):
        case = read.read(entries(*order, kind="history"))
        assert r.said(case.patient["inr"]) == expected
        assert any(s.path.endswith(".response") for s in case.excluded) == (expected != "3")


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "GET"])
def test_a_request_that_records_nothing_is_not_read(method: str, read: Reader) -> None:
    item = {"resource": inr(3), "request": {"method": method, "url": "Observation/inr"}}
    case = read.read(entries(item, kind="transaction"))
    assert r.said(case.patient["inr"]) == "absent: never-recorded"
    assert any(s.path == "Bundle.entry[1].request.method" for s in case.excluded)


def test_identical_copies_count_once(read: Reader) -> None:
    case = read(r.tumour(), r.tumour(), inr(1.1), inr(1.1))
    assert [lesion.id for lesion in case.lesions] == ["T1"]
    assert len([s for s in case.patient["inr"].sources if s.path == "Observation.valueQuantity"]) == 1


def test_one_id_with_two_contents_is_two_statements(read: Reader) -> None:
    case = read(inr(1.1), inr(1.9))
    assert r.said(case.patient["inr"]) == "conflict: 1.1, 1.9"
    assert "same-resource-twice" in r.codes(case)


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"link": [{"relation": "next", "url": "https://a.example?page=2"}]}, "further-page"),
        ({"link": [{"relation": "previous", "url": "https://a.example?page=1"}]}, "further-page"),
        ({"type": "searchset", "total": 3}, "further-page"),
        (
            {
                "type": "batch-response",
                "entry": [
                    {"resource": r.patient()},
                    {"resource": r.problem("I10")},
                    {"response": {"status": "404 Not Found"}},
                ],
            },
            "search-failed",
        ),
        (
            {
                "entry": [
                    {"resource": r.patient()},
                    {"resource": r.problem("I10")},
                    {
                        "search": {"mode": "outcome"},
                        "resource": {
                            "resourceType": "OperationOutcome",
                            "issue": [{"severity": "error", "code": "timeout"}],
                        },
                    },
                ]
            },
            "search-failed",
        ),
    ],
)
def test_what_an_incomplete_record_does_not_say_it_does_not_deny(extra: Json, code: str, read: Reader) -> None:
    source = {**r.bundle(r.problem("I10")), **extra}
    case = read.read(source)
    assert r.said(case.patient["bleedingDisorder"]) == "absent: temp-unknown"
    assert r.said(case.patient["mdtDiscussed"]) == "absent: temp-unknown"
    assert code in r.codes(case)


def test_an_entry_without_resource_is_noted(read: Reader) -> None:
    case = read.read(entries({"response": {"status": "404"}}, kind="batch-response"))
    assert "entry-without-resource" in r.codes(case)


def test_a_record_merged_from_two_systems_may_hold_the_patient_twice(read: Reader) -> None:
    source = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": "https://a.example/Patient/p1", "resource": r.patient()},
            {"fullUrl": "https://b.example/Patient/p1", "resource": r.patient()},
            {"fullUrl": "https://b.example/Observation/x", "resource": inr(1.1)},
        ],
    }
    assert r.said(read.read(source).patient["inr"]) == "1.1"
