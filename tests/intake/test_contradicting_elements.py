"""One element of a resource is not believed against another: where, on which side, whether still, how sure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds.case import Case
from tests.intake import records as r
from tests.intake.records import Json, Reader

HIP, LARYNX, OROPHARYNX = "24136001", "4596009", "47975008"
RADIOTHERAPY = r.concept(r.SCT, "1217123003")
HAEMOPHILIA = "D66"
ICD_10_GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"


def lesion(case: Case, name: str) -> str:
    return r.said(case.lesions[0].facts[name])


def on_side(code: str, side: str) -> Json:
    qualifier = {
        "url": f"{r.MCODE}mcode-laterality-qualifier",
        "valueCodeableConcept": r.concept(r.SCT, r.SIDES[side]),
    }
    return {**r.concept(r.SCT, code), "extension": [qualifier]}


# --------------------------------------------------------------------------------------- where a treatment was


def test_a_treatment_for_a_lesion_at_its_site_was_there(read: Reader) -> None:
    for places in ({}, {"bodySite": [r.concept(r.SCT, OROPHARYNX)]}, {"bodySite": [on_side(OROPHARYNX, "left")]}):
        case = read(r.tumour(), r.procedure(RADIOTHERAPY, reasonReference=r.about(), **places))
        assert lesion(case, "priorRadiotherapyToSite") == "true"


@pytest.mark.parametrize(
    "place",
    [r.concept(r.SCT, HIP), r.concept(r.SCT, LARYNX), on_side(OROPHARYNX, "right"), r.concept("urn:own", "x")],
    ids=["far away", "another site", "the other side", "a site not known here"],
)
def test_a_treatment_for_a_lesion_elsewhere_is_none_of_its_site(place: Json, read: Reader) -> None:
    case = read(r.tumour(), r.procedure(RADIOTHERAPY, bodySite=[place], reasonReference=r.about()))
    assert lesion(case, "priorRadiotherapyToSite") == "absent: indeterminate"
    assert not case.lesions[0].facts["timeSinceRadiotherapy"].is_known


@pytest.mark.parametrize(("side", "expected"), [("left", "true"), ("right", "absent: indeterminate")])
def test_the_side_of_an_irradiated_volume_counts(side: str, expected: str, read: Reader) -> None:
    volume = r.tumour("V1", meta={"profile": [f"{r.MCODE}mcode-radiotherapy-volume"]}, identifier=[{"value": "V1"}])
    volume["locationQualifier"] = [r.concept(r.SCT, r.SIDES[side])]
    dose = {
        "url": f"{r.MCODE}mcode-radiotherapy-dose-delivered-to-volume",
        "extension": [{"url": "volume", "valueReference": {"reference": "BodyStructure/v1"}}],
    }
    case = read(r.tumour(), volume, r.procedure(RADIOTHERAPY, extension=[dose]))
    assert lesion(case, "priorRadiotherapyToSite") == expected


# ------------------------------------------------------------------------------------ whether a diagnosis holds


ABATED: list[Json] = [
    {"abatementDateTime": "2015"},
    {"abatementAge": r.quantity(50, "a")},
    {"abatementPeriod": {"end": "2015"}},
    {"abatementRange": {"high": r.quantity(50, "a")}},
    {"abatementString": "in childhood"},
]


@pytest.mark.parametrize("abated", ABATED, ids=[next(iter(one)) for one in ABATED])
@pytest.mark.parametrize("stated", [True, False], ids=["called active", "no clinical status"])
def test_a_diagnosis_that_abated_is_none_of_today(abated: Json, stated: bool, read: Reader) -> None:
    def past(resource: Json) -> Json:
        return {k: v for k, v in {**resource, **abated}.items() if stated or k != "clinicalStatus"}

    case = read(past(r.problem(HAEMOPHILIA)))
    assert r.said(case.patient["bleedingDisorder"]) == "absent: indeterminate"
    assert not read(past(r.recurrence())).lesions
    assert any("abatement" in source.path for source in case.patient["bleedingDisorder"].sources)


def certain(code: str, certainty: str, *, on: str = "coding", **more: Any) -> Json:
    said = {
        "url": "http://fhir.de/StructureDefinition/icd-10-gm-diagnosesicherheit",
        "valueCoding": {
            "system": "https://fhir.kbv.de/CodeSystem/KBV_CS_SFHIR_ICD_DIAGNOSESICHERHEIT",
            "code": certainty,
        },
    }
    coded = r.concept(ICD_10_GM, code)
    holder = coded["coding"][0] if on == "coding" else coded
    holder["extension"] = [said]
    base = {**r.recurrence(), "code": coded, **more}
    return {key: value for key, value in base.items() if value is not None}


@pytest.mark.parametrize("on", ["coding", "concept"])
@pytest.mark.parametrize(
    ("certainty", "bleeding", "lesions"),
    [
        ("G", "true", 1),
        ("V", "absent: indeterminate", 0),
        ("A", "false", 0),
        ("Z", "absent: indeterminate", 0),
        ("?", "absent: indeterminate", 0),
    ],
    ids=["certain", "suspected", "excluded", "state after", "no code of the system"],
)
def test_the_certainty_of_a_german_diagnosis_counts(
    certainty: str, bleeding: str, lesions: int, on: str, read: Reader
) -> None:
    other = r.problem("I10")
    said = certain(HAEMOPHILIA, certainty, on=on, verificationStatus=None)
    assert r.said(read(other, said).patient["bleedingDisorder"]) == bleeding
    assert len(read(certain("C01", certainty, on=on, verificationStatus=None)).lesions) == lesions


@pytest.mark.parametrize("certainty", ["A", "V", "Z"])
def test_a_german_diagnosis_that_is_confirmed_and_is_not_is_unconfirmed(certainty: str, read: Reader) -> None:
    case = read(r.problem("I10"), certain(HAEMOPHILIA, certainty))
    assert r.said(case.patient["bleedingDisorder"]) == "absent: indeterminate"


def test_a_branchial_cleft_is_on_neither_side(read: Reader) -> None:
    case = read(r.recurrence(code=r.concept("http://hl7.org/fhir/sid/icd-10-cm", "C10.4")))
    assert lesion(case, "site") == "oropharynx"
    assert lesion(case, "side") == "absent: never-recorded"


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        (r.concept("urn:own", "x"), "absent: unreadable-code"),
        ({"text": "on the tongue"}, "oropharynx"),
        (r.concept(r.SCT, "39607008"), "absent: indeterminate"),
    ],
    ids=["a code not known here", "a text", "the lung"],
)
def test_a_tumour_with_a_place_of_its_own_has_not_that_of_its_diagnosis(
    location: Json, expected: str, read: Reader
) -> None:
    link = {"url": f"{r.MCODE}mcode-related-condition", "valueReference": {"reference": "Condition/c1"}}
    case = read(r.tumour(location=location, extension=[link]), r.recurrence())
    assert lesion(case, "site") == expected


@pytest.mark.parametrize("turned", [False, True])
def test_a_head_and_neck_code_at_a_place_far_away_gives_no_site(turned: bool, read: Reader) -> None:
    elsewhere = r.recurrence(bodySite=[r.concept(r.SCT, HIP)])
    body = {k: v for k, v in r.tumour(location=r.concept(r.SCT, HIP)).items() if k != "locationQualifier"}
    link = {"url": f"{r.MCODE}mcode-related-condition", "valueReference": {"reference": "Condition/c1"}}
    case = read(*([{**body, "extension": [link]}, r.recurrence()] if turned else [elsewhere]))
    assert lesion(case, "site") == "absent: indeterminate"
    assert not case.patient["recurrencePattern"].is_known
    assert "contradictory-codes" in r.codes(case)


# ----------------------------------------------------------------------------------------------- dates to come


@pytest.mark.parametrize(
    "resources",
    [
        [r.recurrence(onsetDateTime="2027-01-01")],
        [r.tumour(), r.observation("recurrence-date", focus=r.about(), valueDateTime="2027-05")],
    ],
    ids=["an onset", "an Observation"],
)
def test_a_recurrence_of_a_day_to_come_is_an_issue_and_no_fact(resources: list[Json], read: Reader) -> None:
    case = read(*resources)
    assert lesion(case, "recurrenceDate") == "absent: error"
    assert "future-dated" in r.codes(case)


def test_a_recurrence_of_a_year_that_is_not_over_is_read(read: Reader) -> None:
    assert lesion(read(r.recurrence(onsetDateTime="2026")), "recurrenceDate") == "2026"


# --------------------------------------------------------------------------------------- two values, two versions


def size(**more: Any) -> Json:
    return r.observation(r.concept(r.LOINC, "21889-1"), focus=r.about(), **more)


def longest(value: int | None) -> Json:
    unknown = r.concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")
    said = {"dataAbsentReason": unknown} if value is None else {"valueQuantity": r.quantity(value, "mm")}
    return {"code": r.concept(r.LOINC, "33728-7"), **said}


def test_two_longest_diameters_in_one_observation_conflict(read: Reader) -> None:
    assert lesion(read(r.tumour(), size(component=[longest(15)])), "maxDiameter") == "15"
    assert lesion(read(r.tumour(), size(component=[longest(15), longest(15)])), "maxDiameter") == "15"
    case = read(r.tumour(), size(component=[longest(15), longest(30)]))
    assert lesion(case, "maxDiameter") == "conflict: 15, 30"
    paths = {s.path for s in case.lesions[0].facts["maxDiameter"].sources}
    assert {f"Observation.component[{at}].valueQuantity" for at in (0, 1)} <= paths


@pytest.mark.parametrize(
    "place", [on_side(OROPHARYNX, "right"), r.concept(r.SCT, HIP)], ids=["the other side", "far away"]
)
def test_a_finding_of_a_lesion_at_another_place_is_in_doubt(place: Json, read: Reader) -> None:
    here = size(valueQuantity=r.quantity(15, "mm"), bodySite=on_side(OROPHARYNX, "left"))
    assert lesion(read(r.tumour(), here), "maxDiameter") == "15"
    case = read(r.tumour(), size(valueQuantity=r.quantity(15, "mm"), bodySite=place))
    assert lesion(case, "maxDiameter") == "absent: indeterminate"
    assert "not-a-lesion" in r.codes(case)


def inr(version: str, **more: Any) -> Json:
    code = r.concept(r.LOINC, "6301-6")
    return r.observation(code, valueQuantity=r.quantity(1.5), meta={"versionId": version}, **more)


@pytest.mark.parametrize("addressed", [0, 1])
def test_a_version_without_address_is_one_of_the_resource_of_its_type_and_id(addressed: int, read: Reader) -> None:
    bundle = r.bundle(inr("1"), inr("2", status="entered-in-error"))
    bundle["entry"][1 + addressed]["fullUrl"] = "https://example.org/fhir/Observation/o1"
    assert r.said(read.read(bundle).patient["inr"]) == "absent: entered-in-error"


# ------------------------------------------------------------------------------------------- other things said


def test_a_time_without_zone_is_read_as_local_and_flagged(read: Reader) -> None:
    case = read(inr("1", effectiveDateTime="2026-11-20T08:00:00"))
    assert r.said(case.patient["inr"]) == "1.5"
    assert r.codes(case) == {"time-without-zone"}
    assert r.said(read(inr("1", effectiveDateTime="2026-11-20T25:00:00")).patient["inr"]) == "absent: quarantined"


def consent(**period: str) -> Json:
    provision = {"type": "deny", "code": [r.concept(r.SCT, "698031003")], "period": period}
    return {
        "resourceType": "Consent",
        "id": "k1",
        "status": "active",
        "scope": r.concept("http://terminology.hl7.org/CodeSystem/consentscope", "treatment"),
        "category": [r.concept(r.LOINC, "59284-0")],
        "patient": {"reference": "Patient/p1"},
        "dateTime": "2026-10-01",
        "policyRule": {"text": "treatment"},
        "provision": {k: v for k, v in provision.items() if v},
    }


def test_a_denial_that_has_ended_or_not_begun_leaves_open_what_is_declined(read: Reader) -> None:
    for period in ({}, {"start": "2026-10-01"}, {"start": "2026-10-01", "end": "2027-10-01"}):
        assert lesion(read(r.tumour(), consent(**period)), "declinesSurgery") == "true"
    for period in ({"end": "2026-10-15"}, {"start": "2027-01-01"}):
        case = read(r.tumour(), consent(**period))
        assert lesion(case, "declinesSurgery") == "absent: indeterminate"


@pytest.mark.parametrize(
    ("day", "expected"), [("2026-10-20", "absent: indeterminate"), ("2026-09-20", "true")], ids=["later", "earlier"]
)
def test_a_later_consent_to_what_was_declined_leaves_open_what_the_patient_wants(
    day: str, expected: str, read: Reader
) -> None:
    denial = consent()
    permission = {**denial, "id": "k2", "dateTime": day, "provision": {**denial["provision"], "type": "permit"}}
    assert lesion(read(r.tumour(), denial, permission), "declinesSurgery") == expected
    assert lesion(read(r.tumour(), permission), "declinesSurgery") == "absent: never-recorded"


@pytest.mark.parametrize("code", ["incomplete", "timeout", "throttled", "suppressed", "too-costly"])
def test_a_search_that_says_it_is_not_complete_makes_silence_mean_nothing(code: str, read: Reader) -> None:
    listed = r.problem("I10")
    assert r.said(read(listed).patient["bleedingDisorder"]) == "false"
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": code}]}
    case = read(listed, outcome)
    assert not case.patient["bleedingDisorder"].is_known
    assert "search-failed" in r.codes(case)


def test_a_form_that_does_not_say_which_it_is_is_named(read: Reader) -> None:
    answers = [{"linkId": "patient.inr", "answer": [{"valueDecimal": 1.2}]}]
    form = {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": "2026-11-20",
        "item": answers,
    }
    case = read(form)
    assert not case.patient["inr"].is_known
    assert "other-form" in r.codes(case)
    assert "other-form" not in r.codes(read({**form, "item": [{**answers[0], "linkId": "q-7"}]}))


def test_xml_and_one_resource_per_line_are_told_what_to_send(read: Reader) -> None:
    for text in (b"<Bundle/>", b"\n".join(json.dumps(one).encode() for one in (r.patient(), inr("1")))):
        with pytest.raises(Exception, match="send one JSON object"):
            read.read(text)


def test_a_medication_that_was_entered_in_error_is_no_drug(read: Reader) -> None:
    drug = {"resourceType": "Medication", "id": "m1", "code": r.concept("http://www.whocc.no/atc", "B01AA03")}
    taken = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "active",
        "medicationReference": {"reference": "Medication/m1"},
        "subject": {"reference": "Patient/p1"},
    }
    assert r.said(read(drug, taken).patient["vitaminKAntagonist"]) == "true"
    case = read({**drug, "status": "entered-in-error"}, taken)
    assert r.said(case.patient["vitaminKAntagonist"]) == "absent: quarantined"


@pytest.mark.parametrize(
    ("unit", "code", "expected"),
    [
        ("mm", "mm", "15"),
        ("millimetres", "mm", "15"),
        ("cm", "mm", "absent: unreadable-unit"),
        ("mm", "cm", "absent: unreadable-unit"),
    ],
)
def test_a_unit_for_people_that_is_another_than_the_code_is_believed_in_neither(
    unit: str, code: str, expected: str, read: Reader
) -> None:
    case = read(r.tumour(), size(valueQuantity=r.quantity(15, code, unit=unit)))
    assert lesion(case, "maxDiameter") == expected
    assert ("unreadable-unit" in r.codes(case)) == expected.startswith("absent")


@pytest.mark.parametrize(
    ("unit", "expected"), [("K/uL", "150"), ("10*3/uL", "150"), ("/uL", "absent: unreadable-unit")]
)
def test_a_count_in_another_spelling_of_its_unit_is_read(unit: str, expected: str, read: Reader) -> None:
    count = r.observation(r.concept(r.LOINC, "777-3"), valueQuantity=r.quantity(150, "10*3/uL", unit=unit))
    assert r.said(read(count).patient["platelets"]) == expected


# ------------------------------------------------------------------------------- what was refuted, or not given at all


@pytest.mark.parametrize("system", ["http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10", ICD_10_GM])
@pytest.mark.parametrize("code", ["C10.9+0", "C10.90"])
def test_a_head_and_neck_code_of_a_spelling_not_known_here_is_named(code: str, system: str, read: Reader) -> None:
    case = read(r.recurrence(code=r.concept(system, code)))
    assert not case.lesions
    assert [i.expression for i in case.issues if i.code == "unreadable-code"] == ["Bundle.entry[1].resource.code"]
    assert not r.codes(read(r.recurrence(code=r.concept(system, "C50.9"))))


def refuted(code: str, recorded: str, **more: Any) -> Json:
    said = r.concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")
    other = {"verificationStatus": said, "recordedDate": recorded, **more}
    return {key: value for key, value in r.problem(code, "c9", **other).items() if key != "clinicalStatus"}


@pytest.mark.parametrize(
    ("code", "recorded", "expected"),
    [
        (HAEMOPHILIA, "2026-10", "absent: indeterminate"),
        (HAEMOPHILIA, "2024-03-01", "absent: indeterminate"),
        (HAEMOPHILIA, "2023", "true"),
        ("D67", "2026-10", "true"),
    ],
    ids=["later", "the same day", "earlier", "another diagnosis"],
)
def test_a_diagnosis_that_was_refuted_since_is_in_doubt(
    code: str, recorded: str, expected: str, read: Reader
) -> None:
    case = read(r.problem(HAEMOPHILIA, recordedDate="2024-03-01"), refuted(code, recorded))
    fact = case.patient["bleedingDisorder"]
    assert r.said(fact) == expected
    assert ("conflicting-sources" in r.codes(case)) == (expected != "true")
    assert ("Condition.verificationStatus" in {s.path for s in fact.sources if "c9" in s.resource}) == (
        expected != "true"
    )


def test_another_diagnosis_that_was_entered_in_error_leaves_one_as_it_is(read: Reader) -> None:
    held = r.problem(HAEMOPHILIA, recordedDate="2024-03-01")
    wrong = r.concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "entered-in-error")
    case = read(held, refuted(HAEMOPHILIA, "2026-10", verificationStatus=wrong))
    assert r.said(case.patient["bleedingDisorder"]) == "true"


@pytest.mark.parametrize(("value", "expected"), [(1.5, "absent: unreadable-value"), (1.0, "1")])
def test_a_grade_between_two_grades_is_unread(value: float, expected: str, read: Reader) -> None:
    case = read(r.observation("ecog", valueQuantity=r.quantity(value)))
    assert r.said(case.patient["ecog"]) == expected
    assert ("unreadable-value" in r.codes(case)) == (value == 1.5)


@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        ([{"url": "totalDoseDelivered", "valueQuantity": r.quantity(7000, "cGy")}], "true"),
        ([{"url": "totalDoseDelivered", "valueQuantity": r.quantity(0, "cGy")}], "absent: indeterminate"),
        ([{"url": "totalDoseDelivered", "valueQuantity": r.quantity(0.0, "Gy")}], "absent: indeterminate"),
        ([{"url": "fractionsDelivered", "valueUnsignedInt": 0}], "absent: indeterminate"),
    ],
    ids=["70 Gy", "0 cGy", "0 Gy", "no fraction"],
)
def test_a_course_that_delivered_nothing_is_not_known_to_have_been_given(
    delivered: list[Json], expected: str, read: Reader
) -> None:
    dose = {"url": f"{r.MCODE}mcode-radiotherapy-dose-delivered-to-volume", "extension": delivered}
    case = read(r.tumour(), r.procedure(RADIOTHERAPY, reasonReference=r.about(), extension=[dose]))
    assert lesion(case, "priorRadiotherapyToSite") == expected
    assert case.lesions[0].facts["timeSinceRadiotherapy"].is_known == (expected == "true")
    assert ("contradictory-value" in r.codes(case)) == (expected != "true")
