"""A later statement that cannot be believed is not passed over: the fact is unknown, whatever was said before."""

from __future__ import annotations

import copy
import datetime as dt
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import cds
from cds.case import Absent, Known
from cds.quantities import Interval

AS_OF = dt.date(2026, 11, 22)
EXAMPLE = Path(__file__).parents[2] / "fhir_examples" / "02-unresectable-carotid-encased-freeze-near-it" / "bundle.json"
UNKNOWN = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
MODIFIER = [{"url": "https://example.org/not-known", "valueBoolean": True}]
Json = dict[str, Any]


def record(*more: Json) -> Json:
    bundle: Json = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    bundle["entry"] += [{"resource": resource} for resource in more]
    return bundle


def patient_of(bundle: Json) -> str:
    (found,) = (e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    return f"Patient/{found}"


def form(*items: Json, **more: Any) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "later",
        "questionnaire": "https://example.org/fhir/Questionnaire/hnc-cds-case",
        "status": "completed",
        "authored": "2026-11-20",
        "subject": {"reference": patient_of(record())},
        "item": list(items),
        **more,
    }


def lesion_group(*items: Json) -> Json:
    return {"linkId": "lesion", "item": [{"linkId": "lesion.id", "answer": [{"valueString": "T1"}]}, *items]}


def fact(bundle: Json, name: str) -> object:
    case = cds.read_case(bundle, as_of=AS_OF)
    return (case.lesions[0].facts if name in case.lesions[0].facts else case.patient)[name].state


@pytest.mark.parametrize(
    "answer", [{"_valueString": UNKNOWN}, {"_valueBoolean": UNKNOWN}, {"valueBoolean": False, "_valueBoolean": UNKNOWN},
               UNKNOWN],
    ids=["a text", "a yes or no", "beside a value", "on the answer"],
)  # fmt: skip
def test_a_form_that_answers_unknown_is_heard(answer: Json) -> None:
    before = fact(record(), "infectionAtSite")
    assert before == Known(False)
    later = form(lesion_group({"linkId": "lesion.infectionAtSite", "answer": [copy.deepcopy(answer)]}))
    assert isinstance(fact(record(later), "infectionAtSite"), Absent)


@pytest.mark.parametrize(
    "more", [{"status": "in-progress"}, {"modifierExtension": MODIFIER}], ids=["status", "modifier"]
)
def test_a_form_that_may_not_be_believed_leaves_its_facts_unknown(more: Json) -> None:
    yes = {"linkId": "patient.systemicInfection", "answer": [{"valueBoolean": True}]}
    assert fact(record(form(yes)), "systemicInfection") == Known(True)
    assert isinstance(fact(record(form(yes, **more)), "systemicInfection"), Absent)


def test_an_item_that_is_no_fact_is_remarked_on() -> None:
    odd = form(lesion_group({"linkId": "infectionAtSite", "answer": [{"valueBoolean": True}]}))
    case = cds.read_case(record(odd), as_of=AS_OF)
    assert "unknown-fact" in {issue.code for issue in case.issues}


def inr(id_: str, value: float, **when: Any) -> Json:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "6301-6"}]},
        "subject": {"reference": patient_of(record())},
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": "1"},
        **when,
    }


def test_the_later_instant_is_the_later_whatever_its_calendar_day() -> None:
    west = inr("west", 5.0, effectiveDateTime="2026-11-20T23:30:00-08:00")  # 07:30Z on the 21st
    east = inr("east", 1.0, effectiveDateTime="2026-11-21T01:00:00+09:00")  # 16:00Z on the 20th
    assert fact(record(west, east), "inr") == Known(Interval.point(Fraction(5)))


def test_a_period_without_an_end_has_no_certain_end() -> None:
    begun = inr("begun", 2.9, effectivePeriod={"start": "2024-01-01"})
    later = inr("later", 1.0, effectiveDateTime="2026-11-21")
    assert not isinstance(fact(record(begun, later), "inr"), Known)
