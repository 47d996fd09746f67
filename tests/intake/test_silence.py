"""The silence of a problem list is a "no" only where every diagnosis on it can be read."""

from __future__ import annotations

import datetime as dt

import pytest

import cds
from cds.case import AbsenceReason, Absent, Fact, Known

AS_OF = dt.date(2026, 11, 22)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"


def problem(code: dict[str, object]) -> dict[str, object]:
    """A confirmed, active problem of the patient."""
    return {
        "resource": {
            "resourceType": "Condition",
            "id": f"problem-{abs(hash(str(code)))}",
            "subject": {"reference": "Patient/p"},
            "category": [
                {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category",
                             "code": "problem-list-item"}]}
            ],
            "clinicalStatus": {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
            },
            "verificationStatus": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "confirmed"}
                ]
            },
            "recordedDate": "2026-01-05",
            "code": code,
        }
    }  # fmt: skip


def bleeding_disorder(*codes: dict[str, object]) -> Fact:
    patient = {"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [patient, *map(problem, codes)]}
    return cds.read_case(bundle, as_of=AS_OF).patient["bleedingDisorder"]


def coded(system: str, code: str) -> dict[str, object]:
    return {"coding": [{"system": system, "code": code}]}


HYPERTENSION = coded(ICD, "I10")


def test_a_problem_list_in_a_covered_system_without_it_means_no() -> None:
    assert bleeding_disorder(HYPERTENSION).state == Known(False)


def test_a_problem_that_is_one_means_yes() -> None:
    assert bleeding_disorder(HYPERTENSION, coded(ICD, "D66")).state == Known(True)


@pytest.mark.parametrize(
    "unplaced",
    [
        coded(SNOMED, "28293008"),
        {"text": "Haemophilia A"},
        coded("https://hospital.example/codes", "HAEM-A"),
    ],
    ids=["a system that the value set does not cover", "text alone", "a local code"],
)
def test_a_problem_that_cannot_be_placed_keeps_silence_from_meaning_no(unplaced: dict[str, object]) -> None:
    state = bleeding_disorder(HYPERTENSION, unplaced).state
    assert isinstance(state, Absent)
    assert state.reason is AbsenceReason.UNREADABLE_CODE


def test_a_problem_that_the_tables_know_as_something_else_does_not() -> None:
    tumour = coded(SNOMED, "314951005")  # local recurrence of malignant tumor of tongue
    assert bleeding_disorder(HYPERTENSION, tumour).state == Known(False)


def test_a_second_coding_that_is_covered_places_a_problem() -> None:
    both = {"coding": [{"system": SNOMED, "code": "38341003"}, {"system": ICD, "code": "I10"}]}
    assert bleeding_disorder(both).state == Known(False)


def test_a_list_that_something_unknown_may_change_is_no_problem_list() -> None:
    changed = problem(HYPERTENSION)
    changed["resource"]["modifierExtension"] = [{"url": "https://hospital.example/of", "valueCode": "mother"}]  # type: ignore[index]
    patient = {"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [patient, changed]}
    case = cds.read_case(bundle, as_of=AS_OF)
    assert isinstance(case.patient["bleedingDisorder"].state, Absent)
    assert "unknown-modifier" in {issue.code for issue in case.issues}
