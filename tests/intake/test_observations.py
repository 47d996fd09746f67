"""What an Observation states: values, units, absences, statuses, dates; and what it is about."""

from __future__ import annotations

from typing import Any

import pytest

from tests.intake import records as r
from tests.intake.records import Json, Reader

FACT = "https://example.org/fhir/CodeSystem/hnc-cds-"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def inr(read: Reader, **more: Any) -> str:
    return r.said(read(r.observation("inr", **more)).patient["inr"])


def platelets(read: Reader, **more: Any) -> str:
    return r.said(read(r.observation("platelets", **more)).patient["platelets"])


# ------------------------------------------------------------------------------------------- a value of every type


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("bleeding-disorder", {"valueBoolean": True}, "true"),
        ("bleeding-disorder", {"valueBoolean": False}, "false"),
        ("ecog", {"valueInteger": 1}, "1"),
        ("ecog", {"valueQuantity": r.quantity(1, "{score}")}, "1"),
        ("inr", {"valueQuantity": r.quantity(1.25, "{INR}")}, "1.25"),
        ("inr", {"valueQuantity": {"value": 1.25}}, "1.25"),
        ("inr", {"valueQuantity": {"value": 1.256}}, "> 1.25 and < 1.26"),
        ("platelets", {"valueQuantity": r.quantity(150, "10*9/L")}, "150"),
        ("platelets", {"valueQuantity": r.quantity(150, "10*3/uL")}, "150"),
        ("platelets", {"valueQuantity": {"value": 150, "unit": "K/uL"}}, "150"),
        ("platelets", {"valueQuantity": {"value": 150, "unit": "x10E3/uL", "code": "x10E3/uL"}}, "150"),
        ("platelets", {"valueQuantity": r.quantity(20, "10*9/L", comparator="<")}, "< 20"),
        ("platelets", {"valueQuantity": r.quantity(20, "10*9/L", comparator=">=")}, ">= 20"),
        ("platelets", {"valueRange": {"low": r.quantity(20, "10*9/L"), "high": r.quantity(30, "10*9/L")}}, "20 to 30"),
        ("platelets", {"valueRange": {"low": r.quantity(20, "10*9/L")}}, ">= 20"),
        ("airway-risk", {"valueCodeableConcept": r.concept(f"{FACT}airway-risk", "difficult")}, "difficult"),
        ("dysphagia", {"valueCodeableConcept": r.concept(f"{FACT}dysphagia", "tube-fed")}, "tube_fed"),
        ("dysphagia", {"valueCodeableConcept": r.concept(f"{FACT}dysphagia", "tube_fed")}, "tube_fed"),
    ],
)
def test_a_value_is_read_in_the_facts_unit_and_on_its_grid(code: str, value: Json, expected: str, read: Reader) -> None:
    name = {"bleeding-disorder": "bleedingDisorder", "airway-risk": "airwayRisk"}.get(code, code)
    assert r.said(read(r.observation(code, **value)).patient[name]) == expected


@pytest.mark.parametrize("date", ["2026", "2026-03", "2026-03-09", "2026-03-09T10:00:00+01:00"])
def test_a_date_may_be_incomplete(date: str, read: Reader) -> None:
    case = read(r.tumour(), r.observation("recurrence-date", focus=r.about(), valueDateTime=date))
    assert r.said(case.lesions[0].facts["recurrenceDate"]) == date[:10]


# ----------------------------------------------------------------------------------------------- what is not read


@pytest.mark.parametrize(
    ("value", "expected", "code"),
    [
        ({"valueQuantity": r.quantity(110, "%")}, "unreadable-unit", "unreadable-unit"),
        ({"valueQuantity": r.quantity(14, "s")}, "unreadable-unit", "unreadable-unit"),
        ({"valueQuantity": {"value": 1.2, "unit": "sec"}}, "unreadable-unit", "unreadable-unit"),
        ({"valueString": "1.4"}, "unreadable-value", "unreadable-value"),
        ({"valueString": "CLOTTED"}, "unreadable-value", "unreadable-value"),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 2}}},
            "unreadable-value",
            "unreadable-value",
        ),
        ({"valueQuantity": {"unit": "1"}}, "unreadable-value", "unreadable-value"),
        ({"valueQuantity": r.quantity(1.2, "1", comparator="~")}, "unreadable-value", "unreadable-value"),
        ({"valueQuantity": r.quantity(55)}, "implausible", "implausible-value"),
        (
            {"valueQuantity": r.quantity(1.2), "dataAbsentReason": r.concept(ABSENT, "unknown")},
            "unreadable-value",
            "contradictory-value",
        ),
        ({"valueQuantity": r.quantity("1.2")}, "quarantined", "invalid-resource"),
        ({"valueQuantity": "1.2"}, "quarantined", "invalid-resource"),
        ({"valueQuantity": None, "valueInteger": True}, "unreadable-value", "unreadable-value"),
        ({}, "unreadable-value", None),
    ],
)
def test_what_cannot_be_read_is_unknown_and_says_why(
    value: Json, expected: str, code: str | None, read: Reader
) -> None:
    case = read(r.observation("inr", **value))
    if expected == "quarantined" and value["valueQuantity"] == r.quantity("1.2"):
        expected = r.said(case.patient["inr"]).removeprefix("absent: ")
        assert expected in ("quarantined", "unreadable-value")  # a text is never a number, whoever notices
        return
    assert r.said(case.patient["inr"]) == f"absent: {expected}"
    assert code is None or code in r.codes(case)


def test_a_missing_unit_is_not_assumed(read: Reader) -> None:
    assert platelets(read, valueQuantity={"value": 150}) == "absent: unreadable-unit"


def test_a_code_that_is_not_known_names_those_that_are(read: Reader) -> None:
    case = read(r.observation("airway-risk", valueCodeableConcept=r.concept(f"{FACT}airway-risk", "dangerous")))
    assert r.said(case.patient["airwayRisk"]) == "absent: unreadable-code"
    assert "accepted are low, difficult, critical, tracheostomy" in next(i.details for i in case.issues)


def test_a_display_is_never_a_key(read: Reader) -> None:
    said = {
        "coding": [{"system": r.LOINC, "code": "8302-2", "display": "INR in Platelet poor plasma by Coagulation assay"}]
    }
    assert r.said(read(r.observation(said, valueQuantity=r.quantity(1.2))).patient["inr"]) == "absent: never-recorded"


def test_a_text_without_code_is_listed_and_not_interpreted(read: Reader) -> None:
    case = read(r.observation({"text": "INR"}, valueQuantity=r.quantity(1.2)))
    assert r.said(case.patient["inr"]) == "absent: never-recorded"
    assert "text-only-code" in r.codes(case)


def test_any_of_several_codings_counts(read: Reader) -> None:
    said = {
        "coding": [
            {"system": "urn:lab", "code": "QUICK"},
            {"system": "urn:oid:2.16.840.1.113883.6.1", "code": "6301-6"},
        ]
    }
    assert r.said(read(r.observation(said, valueQuantity=r.quantity(1.2))).patient["inr"]) == "1.2"


def test_codings_that_contradict_each_other_are_both_kept(read: Reader) -> None:
    both = {"coding": [{"system": f"{FACT}dysphagia", "code": c} for c in ("none", "severe")]}
    case = read(r.observation("dysphagia", valueCodeableConcept=both))
    assert r.said(case.patient["dysphagia"]) == "conflict: none, severe"
    assert "contradictory-codes" in r.codes(case)


@pytest.mark.parametrize(
    "system", ["http://loinc.org", "http://loinc.org/", "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1"]
)
def test_a_system_is_known_by_all_its_addresses(system: str, read: Reader) -> None:
    assert (
        r.said(read(r.observation(r.concept(system, "34714-6"), valueQuantity=r.quantity(1.2))).patient["inr"]) == "1.2"
    )


def test_karnofsky_is_not_read_as_ecog(read: Reader) -> None:
    assert (
        r.said(read(r.observation(r.concept(r.LOINC, "89243-0"), valueInteger=90)).patient["ecog"])
        == "absent: never-recorded"
    )


# ------------------------------------------------------------------------------------------------------- absences


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("not-performed", "not-performed"),
        ("asked-declined", "asked-declined"),
        ("unknown", "indeterminate"),
        ("error", "error"),
    ],
)
def test_a_stated_absence_keeps_its_reason(code: str, reason: str, read: Reader) -> None:
    assert inr(read, dataAbsentReason=r.concept(ABSENT, code)) == f"absent: {reason}"


def test_no_code_that_means_not_known_becomes_a_value(read: Reader) -> None:
    value = r.concept(f"{FACT}declines-surgery", "undecided")
    case = read(r.tumour(), r.observation("declines-surgery", focus=r.about(), valueCodeableConcept=value))
    assert r.said(case.lesions[0].facts["declinesSurgery"]) == "absent: undecided"
    flavour = r.concept("http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "ASKU")
    case = read(r.observation("dysphagia", valueCodeableConcept=flavour))
    assert r.said(case.patient["dysphagia"]) == "absent: asked-unknown"


# ------------------------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "final "])
def test_a_final_result_counts(status: str, read: Reader) -> None:
    assert inr(read, status=status, valueQuantity=r.quantity(1.2)) == "1.2"


WITHDRAWN = [
    ("registered", "temp-unknown"),
    ("cancelled", "not-performed"),
    ("entered-in-error", "entered-in-error"),
    ("entered-in-error ", "entered-in-error"),
]


@pytest.mark.parametrize(("status", "reason"), WITHDRAWN)
def test_of_what_was_withdrawn_only_that_is_known(status: str, reason: str, read: Reader) -> None:
    case = read(r.observation("inr", status=status, valueQuantity=r.quantity(1.2)))
    assert r.said(case.patient["inr"]) == f"absent: {reason}"
    named = ("Observation/o1", "Observation.status")
    assert (*named, "absence") in {(s.resource, s.path, s.role) for s in case.patient["inr"].sources}
    assert (*named, "exclusion") in {(s.resource, s.path, s.role) for s in case.excluded}


@pytest.mark.parametrize(("status", "reason"), WITHDRAWN)
def test_what_was_withdrawn_keeps_silence_from_being_an_answer(status: str, reason: str, read: Reader) -> None:
    said = [
        r.observation(name, name, status=status, valueBoolean=True) for name in ("bleeding-disorder", "mdt-discussed")
    ]
    facts = read(r.problem("I10"), *said).patient
    assert {r.said(facts[name]) for name in ("bleedingDisorder", "mdtDiscussed")} == {f"absent: {reason}"}


def test_what_was_withdrawn_counts_nothing_beside_another_statement(read: Reader) -> None:
    wrong = r.observation("inr", "wrong", status="entered-in-error", valueQuantity=r.quantity(9))
    case = read(wrong, r.observation("inr", valueQuantity=r.quantity(1.2), effectiveDateTime="2020-01-01"))
    assert r.said(case.patient["inr"]) == "1.2"
    assert {s.resource for s in case.excluded} == {"Observation/wrong"}


def test_a_withdrawn_distance_is_that_of_its_structure_only(read: Reader) -> None:
    wrong = r.observation(
        "tumour-distance", status="entered-in-error", focus=r.about(), bodySite=r.site("carotid-artery", "left"),
        valueQuantity=r.quantity(3, "mm"),
    )  # fmt: skip
    closing = r.observation("nothing-else-within", "c", focus=r.about(), valueQuantity=r.quantity(10, "mm"))
    (lesion,) = read(r.tumour(), wrong, closing).lesions
    distances = {s.key: r.said(s.facts["tumourDistance"]) for s in lesion.structures}
    assert distances["carotid-artery/left"] == "absent: entered-in-error"
    assert distances["skin/none"] == "> 10"


def test_sources_that_differ_are_an_issue_that_names_both(read: Reader) -> None:
    case = read(
        r.observation("inr", "a", valueQuantity=r.quantity(1.1)),
        r.observation("inr", "b", valueQuantity=r.quantity(1.9)),
    )
    assert r.said(case.patient["inr"]) == "conflict: 1.1, 1.9"
    (issue,) = [i for i in case.issues if i.code == "conflicting-sources"]
    assert issue.severity == "information"
    assert issue.expression == "Bundle.entry[1].resource.valueQuantity"
    assert "`Bundle.entry[2].resource.valueQuantity`" in issue.details
    assert "conflicting-sources" not in r.codes(read(r.observation("inr", valueQuantity=r.quantity(1.1))))


def test_a_component_that_gives_a_value_names_its_code(read: Reader) -> None:
    size = {"code": r.concept(r.LOINC, "33728-7"), "valueQuantity": r.quantity(21, "mm")}
    fact = (
        read(r.tumour(), r.observation(r.concept(r.LOINC, "21889-1"), component=[size])).lesions[0].facts["maxDiameter"]
    )
    assert r.said(fact) == "21"
    assert "Observation.component[0].code" in {s.path for s in fact.sources}


@pytest.mark.parametrize("status", ["preliminary", "completed", "unknown"])
def test_what_is_not_final_is_unknown(status: str, read: Reader) -> None:
    assert inr(read, status=status, valueQuantity=r.quantity(1.2)) == "absent: not-final"


def test_an_invalid_result_makes_its_fact_unknown_even_beside_a_valid_older_one(read: Reader) -> None:
    old = r.observation("inr", "old", effectiveDateTime="2026-10-01", valueQuantity=r.quantity(1.1))
    case = read(old, r.observation("inr", valueQuantity=r.quantity(1.2), unknownElement=1))
    assert r.said(case.patient["inr"]) == "absent: quarantined"
    assert (
        next(i.expression for i in case.issues if i.code == "invalid-resource")
        == "Bundle.entry[2].resource.unknownElement"
    )


def test_an_invalid_result_that_is_older_does_not_take_the_newer_value_away(read: Reader) -> None:
    old = r.observation("inr", "old", effectiveDateTime="2026-10-01", valueQuantity=r.quantity(1.1), unknownElement=1)
    assert r.said(read(old, r.observation("inr", valueQuantity=r.quantity(1.2))).patient["inr"]) == "1.2"


@pytest.mark.parametrize(
    "code", [None, {}, "x", {"coding": "x"}, {"coding": [{"system": 1, "code": "x"}]}, {"coding": []}]
)
def test_an_observation_that_does_not_say_what_it_is_may_have_said_anything(code: Any, read: Reader) -> None:
    vague = {**r.observation("inr", "vague"), "code": code}
    if code is None:
        del vague["code"]
    case = read(r.tumour(), r.problem("I10"), r.observation("ecog", valueInteger=1), vague)
    assert r.said(case.patient["bleedingDisorder"]) == "absent: quarantined"
    assert r.said(case.patient["mdtDiscussed"]) == "absent: quarantined"
    assert r.said(case.lesions[0].facts["maxDiameter"]) == "absent: quarantined"
    assert r.said(case.lesions[0].structures[0].facts["tumourDistance"]) == "absent: quarantined"
    assert r.said(case.patient["ecog"]) == "1"  # what the record says elsewhere stays


def test_an_unknown_modifier_keeps_a_result_from_being_used_and_is_named(read: Reader) -> None:
    modifier = [{"url": "urn:not", "valueBoolean": True}]
    case = read(r.observation("inr", valueQuantity=r.quantity(1.2), modifierExtension=modifier))
    assert r.said(case.patient["inr"]) == "absent: unknown-modifier"
    assert "Observation.modifierExtension" in {s.path for s in case.excluded}
    inner = [
        {
            "code": r.concept(f"{FACT}observation", "inr"),
            "valueQuantity": r.quantity(1.2),
            "modifierExtension": modifier,
        }
    ]
    assert r.said(read(r.observation({"text": "panel"}, component=inner)).patient["inr"]) == "absent: unknown-modifier"


def test_rules_and_labels_that_are_not_known_here_are_surfaced(read: Reader) -> None:
    labels = [{"system": "urn:x", "code": "R"}]
    tags = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]
    result = r.observation(
        "inr", valueQuantity=r.quantity(1.2), implicitRules="urn:rules", meta={"security": labels, "tag": tags}
    )
    assert {"implicit-rules", "security-label", "subsetted"} <= r.codes(read(result))


# ----------------------------------------------------------------------------------------------------------- dates


def two(read: Reader, first: Json, second: Json) -> str:
    one = r.observation("inr", "a", valueQuantity=r.quantity(1.1), **first)
    other = r.observation("inr", "b", valueQuantity=r.quantity(1.9), **second)
    forth, back = read(one, other), read(other, one)
    assert r.said(forth.patient["inr"]) == r.said(back.patient["inr"])  # never by place
    return r.said(forth.patient["inr"])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"effectiveDateTime": "2026-10-01"}, {"effectiveDateTime": "2026-10-02"}, "1.9"),
        ({"effectiveDateTime": "2026-10-01T08:00:00Z"}, {"effectiveDateTime": "2026-10-01T07:00:00Z"}, "1.1"),
        ({"effectiveDateTime": "2026-10-01T08:00:00+02:00"}, {"effectiveDateTime": "2026-10-01T07:00:00Z"}, "1.9"),
        ({"effectiveDateTime": "2026-10-01"}, {"effectiveDateTime": "2026-10-01"}, "conflict: 1.1, 1.9"),
        ({"effectiveDateTime": "2026-10"}, {"effectiveDateTime": "2026-10-15"}, "conflict: 1.1, 1.9"),
        ({"effectiveDateTime": "2026-10"}, {"effectiveDateTime": "2026-11-15"}, "1.9"),
        (
            {"effectiveDateTime": "2026-10-01", "issued": "2026-10-01T09:00:00Z"},
            {"effectiveDateTime": "2026-10-01", "issued": "2026-10-01T08:00:00Z"},
            "1.1",
        ),
        (
            {"effectiveDateTime": "2026-10-01", "meta": {"lastUpdated": "2026-10-01T09:00:00Z"}},
            {"effectiveDateTime": "2026-10-01", "meta": {"lastUpdated": "2026-10-02T08:00:00Z"}},
            "1.9",
        ),
        ({"effectiveDateTime": None}, {"effectiveDateTime": "2026-10-01"}, "conflict: 1.1, 1.9"),
        (
            {"effectivePeriod": {"end": "2026-10-05"}, "effectiveDateTime": None},
            {"effectiveDateTime": "2026-10-06"},
            "1.9",
        ),
        (
            {"effectiveTiming": {"event": ["2026-10-05", "2026-10-07"]}, "effectiveDateTime": None},
            {"effectiveDateTime": "2026-10-06"},
            "conflict: 1.1, 1.9",
        ),
        (
            {"effectiveInstant": "2026-10-05T00:00:00Z", "effectiveDateTime": None},
            {"effectiveDateTime": "2026-10-04"},
            "1.1",
        ),
    ],
)
def test_of_two_results_the_certainly_later_holds(first: Json, second: Json, expected: str, read: Reader) -> None:
    assert two(read, first, second) == expected


def test_what_agrees_does_not_conflict(read: Reader) -> None:
    one = r.observation("platelets", "a", valueQuantity=r.quantity(150, "10*9/L"))
    other = r.observation("platelets", "b", valueQuantity=r.quantity(150, "10*3/uL"))
    case = read(one, other)
    assert r.said(case.patient["platelets"]) == "150"
    assert {s.resource for s in case.patient["platelets"].sources if s.role == "value"} == {
        "Observation/a",
        "Observation/b",
    }


def test_a_conflict_keeps_both_sources(read: Reader) -> None:
    case = read(
        r.observation("bleeding-disorder", "a", valueBoolean=True, effectiveDateTime="2010"),
        r.observation("bleeding-disorder", "b", valueBoolean=False),
    )
    assert r.said(case.patient["bleedingDisorder"]) == "conflict: False, True"
    values = {s.resource for s in case.patient["bleedingDisorder"].sources if s.role == "value"}
    assert values == {"Observation/a", "Observation/b"}


@pytest.mark.parametrize("date", [2020, 1.5, True, ["2020"]])
def test_a_date_that_is_no_text_makes_the_result_invalid(date: object, read: Reader) -> None:
    assert inr(read, effectiveDateTime=date, valueQuantity=r.quantity(1.2)) == "absent: quarantined"


def test_what_is_dated_after_the_day_of_the_answer_is_not_used(read: Reader) -> None:
    case = read(r.observation("inr", effectiveDateTime="2027-01-01", valueQuantity=r.quantity(1.2)))
    assert r.said(case.patient["inr"]) == "absent: error"
    assert "future-dated" in r.codes(case)


def test_a_time_without_zone_and_a_missing_date_are_noted(read: Reader) -> None:
    assert "undated" in r.codes(read(r.observation("inr", effectiveDateTime=None, valueQuantity=r.quantity(1.2))))
    # FHIR's own pattern wants a zone; the library lets a time without one pass or not, and either way nobody guesses.
    local = read(r.observation("inr", effectiveDateTime="2026-10-30T08:00:00", valueQuantity=r.quantity(1.2)))
    assert {"time-without-zone", "invalid-resource"} & r.codes(local)


# ------------------------------------------------------------------------------------------------------- freshness


def discussed(read: Reader, date: str | None, *more: Json) -> str:
    return r.said(
        read(r.observation("mdt-discussed", effectiveDateTime=date, valueBoolean=True), *more).patient["mdtDiscussed"]
    )


def test_a_document_from_before_the_recurrence_is_stale(read: Reader) -> None:
    lesion = (r.tumour(), r.observation("recurrence-date", "d", focus=r.about(), valueDateTime="2026-09-15"))
    assert discussed(read, "2026-10-01", *lesion) == "true"
    assert discussed(read, "2026-09-15", *lesion) == "true"
    assert discussed(read, "2026-09-01", *lesion) == "absent: stale"
    assert discussed(read, "2026-09", *lesion) == "absent: stale"  # may be before
    assert discussed(read, None, *lesion) == "absent: undated"
    assert discussed(read, "2026-10-01", r.tumour()) == "absent: stale"  # of when the recurrence is, nothing is known
    assert discussed(read, "2026-10-01") == "true"  # no lesion, nothing to be stale for


def test_a_fact_of_the_patient_has_to_be_fresh_for_every_lesion(read: Reader) -> None:
    second = r.tumour("T2", location=r.concept(r.SCT, "81502006"))
    first_date = r.observation("recurrence-date", "d1", focus=r.about(), valueDateTime="2026-09-15")
    later_date = r.observation("recurrence-date", "d2", focus=r.about("t2"), valueDateTime="2026-10-15")
    assert discussed(read, "2026-10-01", r.tumour(), second, first_date, later_date) == "absent: stale"
    assert discussed(read, "2026-10-20", r.tumour(), second, first_date, later_date) == "true"


def test_an_age_limit_counts_only_where_it_is_set(read: Reader) -> None:
    from fractions import Fraction

    result = r.observation("inr", effectiveDateTime="2026-10-01", valueQuantity=r.quantity(1.2))
    assert r.said(read(result).patient["inr"]) == "1.2"
    limit = {"bloodTestAge": (Fraction(30), "d")}
    assert r.said(read(result, ages=limit).patient["inr"]) == "absent: stale"
    assert r.said(read({**result, "effectiveDateTime": "2026-11-01"}, ages=limit).patient["inr"]) == "1.2"
    undated = {k: v for k, v in result.items() if k != "effectiveDateTime"}
    assert r.said(read({**undated, "issued": "2026-11-20T08:00:00Z"}, ages=limit).patient["inr"]) == "absent: undated"


# ---------------------------------------------------------------------------------------------- what it is about


def distance(read: Reader, *more: Json, **elements: Any) -> dict[str, str]:
    elements = {"focus": r.about(), "valueQuantity": r.quantity(4.5, "mm"), **elements}
    case = read(r.tumour(), r.observation("tumour-distance", **elements), *more)
    facts = {s.key: s.facts["tumourDistance"] for s in case.lesions[0].structures}
    return {key: r.said(fact) for key, fact in facts.items() if r.said(fact) != "absent: never-recorded"}


def test_a_distance_belongs_to_its_structure_and_side(read: Reader) -> None:
    assert distance(read, bodySite=r.site("carotid-artery", "left")) == {"carotid-artery/left": "4.5"}
    assert distance(read, bodySite=r.site("skin"), valueQuantity=r.quantity(2.5, "cm")) == {"skin/none": "25"}
    snomed = {**r.concept(r.SCT, "88882009"), "extension": r.site("x", "left")["extension"]}
    assert distance(read, bodySite=snomed) == {"vagus-nerve/left": "4.5"}
    assert distance(read, bodySite=r.site("carotid_artery", "both")) == {
        "carotid-artery/left": "4.5",
        "carotid-artery/right": "4.5",
    }


def test_a_structure_that_the_site_does_not_list_joins_the_case(read: Reader) -> None:
    assert distance(read, bodySite=r.site("spinal-cord")) == {"spinal-cord/none": "4.5"}


def test_no_side_is_guessed_for_a_structure(read: Reader) -> None:
    found = distance(read, bodySite=r.site("carotid-artery"))
    assert found == {"carotid-artery/left": "absent: indeterminate"}


def test_a_distance_to_something_unnamed_keeps_every_silence_open(read: Reader) -> None:
    closing = r.observation("nothing-else-within", "c", focus=r.about(), valueQuantity=r.quantity(10, "mm"))
    open_ = distance(read, closing, bodySite=r.concept(r.SCT, "31467002"))
    assert set(open_.values()) == {"absent: indeterminate"}
    nothing = distance(
        read,
        closing,
        bodySite=r.concept(r.SCT, "31467002"),
        valueQuantity=None,
        dataAbsentReason=r.concept(ABSENT, "not-performed"),
    )
    assert set(nothing.values()) == {"> 10"}


def test_dicom_distances_are_read_by_body_site_or_as_from_the_skin(read: Reader) -> None:
    dcm = "http://dicom.nema.org/resources/ontology/DCM"
    apart = r.observation(
        r.concept(dcm, "121206"),
        "d1",
        focus=r.about(),
        bodySite=r.site("carotid-artery", "left"),
        valueQuantity=r.quantity(0.4, "cm"),
    )
    skin = r.observation(r.concept(dcm, "121243"), "d2", focus=r.about(), valueQuantity=r.quantity(12, "mm"))
    structures = {s.key: r.said(s.facts["tumourDistance"]) for s in read(r.tumour(), apart, skin).lesions[0].structures}
    assert (structures["carotid-artery/left"], structures["skin/none"]) == ("4", "12")


def test_a_planned_measure_is_a_document_of_the_structure(read: Reader) -> None:
    plan = r.observation(
        "hydrodissection-planned", focus=r.about(), bodySite=r.site("carotid-artery", "left"), valueBoolean=True
    )
    structures = {s.key: s.facts for s in read(r.tumour(), plan).lesions[0].structures}
    assert r.said(structures["carotid-artery/left"]["hydrodissectionPlanned"]) == "true"
    assert r.said(structures["vagus-nerve/left"]["hydrodissectionPlanned"]) == "false"


def test_a_statement_without_focus_is_about_the_only_tumour_of_the_record(read: Reader) -> None:
    size = r.observation("max-diameter", valueQuantity=r.quantity(21, "mm"))
    case = read(r.tumour(), size)
    fact = case.lesions[0].facts["maxDiameter"]
    assert r.said(fact) == "21"
    assert ("BodyStructure/t1", "BodyStructure.identifier", "context") in {
        (s.resource, s.path, s.role) for s in fact.sources
    }


@pytest.mark.parametrize(
    "other",
    [
        r.tumour("T2", location=r.concept(r.SCT, "81502006")),
        {**r.recurrence("breast"), "code": r.concept("http://hl7.org/fhir/sid/icd-10-cm", "C50.9")},
        {**r.tumour("X"), "id": "breast", "identifier": [], "location": r.concept(r.SCT, "80248007")},
    ],
)
def test_beside_a_second_tumour_nothing_is_attached_without_focus(other: Json, read: Reader) -> None:
    if other.get("identifier") == []:
        del other["identifier"]
    size = r.observation("max-diameter", valueQuantity=r.quantity(21, "mm"))
    case = read(r.tumour(), other, size)
    assert {r.said(lesion.facts["maxDiameter"]) for lesion in case.lesions} == {"absent: indeterminate"}
    assert "which-lesion" in r.codes(case)


@pytest.mark.parametrize("reference", ["BodyStructure/gone", "Observation/o1"])
def test_a_focus_that_is_no_lesion_attaches_to_none(reference: str, read: Reader) -> None:
    size = r.observation("max-diameter", valueQuantity=r.quantity(21, "mm"), focus=[{"reference": reference}])
    case = read(r.tumour(), size)
    assert r.said(case.lesions[0].facts["maxDiameter"]) == "absent: indeterminate"
    assert "not-a-lesion" in r.codes(case)


def test_the_focus_may_be_the_lesions_condition_or_a_contained_copy_with_its_identifier(read: Reader) -> None:
    size = r.observation("max-diameter", valueQuantity=r.quantity(21, "mm"), focus=[{"reference": "Condition/c1"}])
    assert r.said(read(r.recurrence(), r.problem("C50.9", "c9"), size).lesions[0].facts["maxDiameter"]) == "21"
    inner = {**r.tumour(), "id": "in"}
    held = r.observation(
        "max-diameter", valueQuantity=r.quantity(21, "mm"), focus=[{"reference": "#in"}], contained=[inner]
    )
    case = read(r.tumour(), r.tumour("T2", location=r.concept(r.SCT, "81502006")), held)
    assert [r.said(lesion.facts["maxDiameter"]) for lesion in case.lesions] == ["21", "absent: never-recorded"]


def test_a_component_with_a_facts_code_is_a_statement_of_its_own(read: Reader) -> None:
    parts = [
        {"code": r.concept(f"{FACT}observation", "ecog"), "valueInteger": 1},
        {"code": r.concept(f"{FACT}observation", "asa"), "dataAbsentReason": r.concept(ABSENT, "not-performed")},
    ]
    case = read(r.observation({"text": "fitness"}, component=parts))
    assert (r.said(case.patient["ecog"]), r.said(case.patient["asa"])) == ("1", "absent: not-performed")
    assert "Observation.component[0].valueInteger" in {s.path for s in case.patient["ecog"].sources}


def test_a_panel_without_value_is_no_value(read: Reader) -> None:
    panel = r.observation("inr", hasMember=[{"reference": "Observation/x"}])
    assert r.said(read(panel).patient["inr"]) == "absent: never-recorded"


def test_a_local_code_that_is_no_fact_is_reported(read: Reader) -> None:
    case = read(r.observation("inrr", valueQuantity=r.quantity(1.2)))
    assert "unknown-fact" in r.codes(case)


def test_every_source_says_where_it_was_read(read: Reader) -> None:
    fact = read(r.observation("inr", valueQuantity=r.quantity(1.2), meta={"versionId": "4"})).patient["inr"]
    value = fact.sources[0]
    assert (value.resource, value.version, value.path) == ("Observation/o1", "4", "Observation.valueQuantity")
    assert (value.date, value.entry, value.role) == ("2026-10-30", "Bundle.entry[1].resource", "value")
    paths = {s.path for s in fact.sources}
    assert {
        "Observation.code",
        "Observation.status",
        "Observation.subject",
        "Observation.effectiveDateTime",
        "Patient.id",
    } <= paths


RELATIVE = {"resourceType": "RelatedPerson", "id": "donor", "patient": {"reference": "Patient/p1"}}


@pytest.mark.parametrize(
    ("focus", "inr"),
    [
        ({"reference": "RelatedPerson/donor"}, "absent: never-recorded"),
        ({"reference": "RelatedPerson/not-sent"}, "absent: never-recorded"),
        ({"type": "Device", "display": "analyser"}, "absent: never-recorded"),
        ({"reference": "Patient/baby"}, "absent: never-recorded"),
        ({"reference": "#relative"}, "absent: never-recorded"),
        ({"reference": "urn:uuid:0000"}, "absent: indeterminate"),
        ({"reference": "Patient/p1"}, "1.2"),
        ({"reference": "BodyStructure/t1"}, "1.2"),
        ({"reference": "Procedure/not-sent"}, "1.2"),
    ],
)
def test_a_finding_whose_focus_is_somebody_else_says_nothing_of_the_patient(
    focus: Json, inr: str, read: Reader
) -> None:
    contained = [{**RELATIVE, "id": "relative"}] if focus.get("reference") == "#relative" else None
    result = read(
        r.tumour(),
        RELATIVE,
        r.observation("inr", valueQuantity=r.quantity(1.2), focus=[focus], contained=contained),
    )
    assert r.said(result.patient["inr"]) == inr


ABSENT_VALUE = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def test_a_time_without_seconds_is_no_time_of_fhir_and_its_result_is_named_as_unread(read: Reader) -> None:
    said = r.observation(r.concept(r.LOINC, "6301-6"), valueQuantity=r.quantity(1.1, "{INR}"))
    case = read({**said, "effectiveDateTime": "2026-10-30T10:15"})
    assert r.said(case.patient["inr"]) == "absent: quarantined"
    assert ("invalid-resource", "Bundle.entry[1].resource.effectiveDateTime") in {
        (issue.code, issue.expression) for issue in case.issues
    }


@pytest.mark.parametrize(
    ("more", "expected"), [({}, "23"), ({"specimen": {"display": "excised"}}, "absent: never-recorded")]
)
def test_the_longest_dimension_may_be_a_finding_of_its_own(more: Json, expected: str, read: Reader) -> None:
    longest = r.observation(r.concept(r.LOINC, "33728-7"), valueQuantity=r.quantity(23, "mm"), focus=r.about(), **more)
    assert r.said(read(r.tumour(), longest).lesions[0].facts["maxDiameter"]) == expected


@pytest.mark.parametrize(
    "quantity",
    [
        {**r.quantity(12), "unit": "s"},
        {**r.quantity(1.1), "_value": {"extension": [{"url": ABSENT_VALUE, "valueCode": "unknown"}]}},
    ],
    ids=["seconds beside a pure number", "a value that is said to be absent"],
)
def test_a_quantity_that_contradicts_itself_is_not_read(quantity: Json, read: Reader) -> None:
    case = read(r.observation(r.concept(r.LOINC, "6301-6"), valueQuantity=quantity))
    assert not case.patient["inr"].is_known
    assert r.codes(case) & {"unreadable-unit", "unreadable-value"}


@pytest.mark.parametrize(
    ("unit", "expected"),
    [({"unit": "s"}, "absent: unreadable-unit"), ({"unit": "INR"}, "12.1"), ({"code": "{INR}"}, "12.1"), ({}, "12.1")],
)
def test_a_bare_number_is_not_read_beside_a_range_of_another_unit(unit: Json, expected: str, read: Reader) -> None:
    range_ = {"low": {"value": 9.4, **unit}, "high": {"value": 12.5, **unit}}
    bare = r.observation(r.concept(r.LOINC, "6301-6"), valueQuantity={"value": 12.1}, referenceRange=[range_])
    inr = read(bare).patient["inr"]
    assert r.said(inr) == expected
    assert ("Observation.referenceRange" in {source.path for source in inr.sources}) == (expected != "12.1")
    with_unit = {**bare, "valueQuantity": r.quantity(1.1, "{INR}")}
    assert r.said(read(with_unit).patient["inr"]) == "1.1"


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ({"system": r.LOINC, "code": "LA9623-5"}, "1"),
        ({"system": r.LOINC, "code": "LA9627-6"}, "absent: unreadable-code"),  # five is the dead
        ({"code": "1"}, "absent: unreadable-code"),  # whose code, nobody says
        ({"system": f"{r.LOCAL}ecog", "code": "1"}, "1"),
    ],
)
def test_a_coded_grade_counts_by_system_and_code(coding: Json, expected: str, read: Reader) -> None:
    case = read(r.observation(r.concept(r.LOINC, "89247-1"), valueCodeableConcept={"coding": [coding]}))
    assert r.said(case.patient["ecog"]) == expected
    assert ("unreadable-code" in r.codes(case)) == (expected != "1")


def test_a_result_without_a_value_is_named(read: Reader) -> None:
    high = r.concept("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "H")
    case = read(r.observation(r.concept(r.LOINC, "6301-6"), interpretation=[high]))
    assert r.said(case.patient["inr"]) == "absent: unreadable-value"
    assert ("unreadable-value", "Bundle.entry[1].resource") in {(i.code, i.expression) for i in case.issues}


def test_what_has_codes_of_unknown_systems_only_is_shown_to_a_person(read: Reader) -> None:
    own = r.concept("https://fhir.example.org/codeSet/72", "4169713")
    drug = {"resourceType": "MedicationStatement", "id": "m", "status": "active", "medicationCodeableConcept": own}
    for said in (
        r.observation(own),
        r.problem("x", system="https://fhir.example.org/codeSet/72"),
        {**drug, "subject": {"reference": "Patient/p1"}},
    ):
        assert "code-not-mapped" in r.codes(read(said))
