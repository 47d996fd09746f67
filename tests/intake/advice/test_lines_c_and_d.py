"""Mapping advice, C 1 to C 8 (what the library for FHIR lets pass) and D (the order of the intake)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds.case import Case
from cds.errors import UnusableInput
from cds.intake import Limits
from tests.intake import records as r
from tests.intake.records import Json, Reader

INR = r.concept(r.LOINC, "6301-6")


def inr(**more: Any) -> Json:
    return r.observation(INR, **{"valueQuantity": r.quantity(1.2), **more})


def patient(read: Reader, *resources: Json) -> str:
    return r.said(read(*resources).patient["inr"])


def refusal(read: Reader, source: bytes | Json, **more: Any) -> set[str]:
    with pytest.raises(UnusableInput) as refused:
        read.read(source, **more)
    return {issue.code for issue in refused.value.issues}


def places(case: Case) -> set[str]:
    return {issue.expression for issue in case.issues}


# ---------------------------------------------------------------------------------------------- C 1: types of resources


def test_c01_positive_a_type_that_nothing_maps_is_passed_over(read: Reader) -> None:
    assert patient(read, {"resourceType": "Slot", "id": "s"}, inr()) == "1.2"


@pytest.mark.parametrize("name", ["observation", "Observations", 5])
def test_c01_negative_an_unknown_type_is_an_issue_with_its_place_and_no_crash(name: object, read: Reader) -> None:
    with pytest.raises(UnusableInput) as refused:
        read({**inr(), "resourceType": name})
    (issue,) = refused.value.issues
    assert (issue.code, issue.expression) == ("unknown-resource-type", "Bundle.entry[1].resource.resourceType")


def test_c01_negative_an_unknown_contained_type_quarantines_its_resource_alone(read: Reader) -> None:
    case = read(inr(contained=[{"resourceType": "observation"}]), r.observation("ecog", "e", valueInteger=1))
    assert (r.said(case.patient["inr"]), r.said(case.patient["ecog"])) == ("absent: quarantined", "1")


# ------------------------------------------------------------------------------------- C 2: a resource without its type


def test_c02_positive_a_resource_that_says_its_type_is_read(read: Reader) -> None:
    assert patient(read, inr()) == "1.2"


def test_c02_negative_a_resource_without_type_is_not_lost_in_silence(read: Reader) -> None:
    source = r.bundle({key: value for key, value in inr().items() if key != "resourceType"})
    assert refusal(read, source) == {"missing-resource-type"}


# ------------------------------------------------------------------------------------------------ C 3: numbers as dates


def test_c03_positive_a_year_in_quotes_is_a_date(read: Reader) -> None:
    assert patient(read, inr(effectiveDateTime="2020")) == "1.2"


@pytest.mark.parametrize("when", [2020, 1700000000, True])
def test_c03_negative_a_number_is_no_date(when: object, read: Reader) -> None:
    case = read(inr(effectiveDateTime=when))
    assert r.said(case.patient["inr"]) == "absent: quarantined"
    assert "Bundle.entry[1].resource.effectiveDateTime" in places(case)


# ----------------------------------------------------------------------------------------------------- C 4: bound codes


@pytest.mark.parametrize("comparator", ["<", "<=", ">=", ">"])
def test_c04_positive_a_code_of_the_binding_is_read(comparator: str, read: Reader) -> None:
    assert read(inr(valueQuantity=r.quantity(1.2, comparator=comparator))).patient["inr"].is_known


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "foo"}, "absent: not-final"),
        ({"status": "completed"}, "absent: not-final"),
        ({"valueQuantity": r.quantity(1.2, comparator="~")}, "absent: unreadable-value"),
    ],
    ids=["status", "a status of another type", "comparator"],
)
def test_c04_negative_a_code_outside_the_binding_gives_no_value(more: Json, expected: str, read: Reader) -> None:
    assert patient(read, inr(**more)) == expected


def test_c04_negative_nor_does_a_procedures_or_a_bundles(read: Reader) -> None:
    given = r.procedure(r.concept(r.SCT, "1217123003"), status="final", bodySite=[r.concept(r.SCT, "47975008")])
    (one,) = read(r.tumour(), given).lesions
    assert r.said(one.facts["priorRadiotherapyToSite"]) == "absent: indeterminate"
    assert refusal(read, r.bundle(type="zzz")) == {"bundle-type"}


# ------------------------------------------------------------------------------------------------------ C 5: invariants


def test_c05_positive_what_keeps_the_invariants_is_read(read: Reader) -> None:
    assert patient(read, inr()) == "1.2"


def test_c05_negative_a_value_beside_the_reason_for_none_is_neither(read: Reader) -> None:
    reason = r.concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")
    case = read(inr(dataAbsentReason=reason))
    assert r.said(case.patient["inr"]) == "absent: unreadable-value"
    assert "contradictory-value" in r.codes(case)


def test_c05_negative_one_address_with_two_contents_is_reported(read: Reader) -> None:
    source = r.bundle(inr(), inr(id_="o1", valueQuantity=r.quantity(3.1)))
    for entry in source["entry"][1:]:
        entry["fullUrl"] = "urn:uuid:00000000-0000-4000-8000-000000000000"
    case = read.read(source)
    assert "same-resource-twice" in r.codes(case)
    assert r.said(case.patient["inr"]) == "conflict: 1.2, 3.1"


# ---------------------------------------------------------------------------------------------- C 6: nothing is coerced


def test_c06_positive_finer_seconds_and_long_ids_are_read_and_shown_short(read: Reader) -> None:
    fact = read(inr(effectiveDateTime="2026-11-20T08:00:00.123456789Z", id_="x" * 80)).patient["inr"]
    assert r.said(fact) == "1.2"
    assert len(fact.sources[0].resource) <= 80


@pytest.mark.parametrize(
    "more",
    [
        {"valueQuantity": {**r.quantity(1), "value": "1.2"}},
        {"valueQuantity": {**r.quantity(1), "value": True}},
        {"note": []},
        {"note": None},
    ],
    ids=["a text", "a boolean", "an empty list", "null"],
)
def test_c06_negative_a_value_of_the_wrong_kind_is_not_made_one(more: Json, read: Reader) -> None:
    said = r.observation(INR, valueQuantity=r.quantity(1.2))
    assert patient(read, {**said, **more}).startswith("absent: ")


# ---------------------------------------------------------------------------------------------------------- C 7: places


def test_c07_positive_a_problem_names_its_element(read: Reader) -> None:
    case = read(inr(component=[{"code": INR, "valueQuantity": {"value": 1, "foo": 2}}]))
    assert any(place.startswith("Bundle.entry[1].resource.component[0].valueQuantity") for place in places(case))


def test_c07_negative_no_problem_is_told_in_the_librarys_words_for_json(read: Reader) -> None:
    case = read(inr(valueQuantity="1.2"), inr(id_="two", valueString="x"))
    told = [issue for issue in case.issues if issue.code == "invalid-resource"]
    assert len(told) >= 2
    assert all(issue.expression and "Invalid JSON" not in issue.details for issue in told)


# ------------------------------------------------------------------------------------------------------------ C 8: size


def test_c08_positive_what_is_within_the_limits_is_read(read: Reader) -> None:
    source = json.dumps(r.bundle(inr())).encode()
    assert r.said(read.read(source, limits=Limits(size=len(source))).patient["inr"]) == "1.2"


def test_c08_negative_what_is_too_large_is_refused_unread(read: Reader) -> None:
    source = json.dumps(r.bundle(inr())).encode()
    assert refusal(read, source, limits=Limits(size=len(source) - 1)) == {"too-large"}


# ------------------------------------------------------------------------------------------- D: the order of the intake


def test_d_positive_one_bad_resource_is_quarantined_and_the_others_are_read(read: Reader) -> None:
    case = read(inr(foo=1), r.observation("ecog", "e", valueInteger=1), r.problem("I10", foo=1))
    assert (r.said(case.patient["inr"]), r.said(case.patient["ecog"])) == ("absent: quarantined", "1")
    assert "invalid-resource" in r.codes(case)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b'\xef\xbb\xbf{"resourceType": "Bundle"}', "byte-order-mark"),
        (b'{"resourceType": "Bundle", "resourceType": "Bundle"}', "duplicate-key"),
        (b'{"resourceType": "Bundle", "x": NaN}', "not-a-number"),
        (b'{"x": ' * 100 + b"1" + b"}" * 100, "too-deep"),
        (b'{"resourceType": "Bundle"', "not-json"),
        (b'{"resourceType": "\xff"}', "not-utf-8"),
    ],
    ids=["a byte order mark", "a key twice", "not a number", "too deep", "cut off", "not UTF-8"],
)
def test_d_negative_a_text_that_is_no_strict_json_is_refused(source: bytes, code: str, read: Reader) -> None:
    assert code in refusal(read, source)


def test_d_negative_a_quarantined_resource_leaves_unknown_what_silence_would_deny(read: Reader) -> None:
    case = read(r.problem("I10"), r.problem("D66", "bad", foo=1))
    assert r.said(case.patient["bleedingDisorder"]) == "absent: quarantined"
