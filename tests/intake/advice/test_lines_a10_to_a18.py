"""Mapping advice, A 10 to A 18: refusals, results, negation, sides, several tumours, sizes, stages, doses, units."""

from __future__ import annotations

from typing import Any

import pytest

from tests.intake import records as r
from tests.intake.records import Json, Reader

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
CONSENT_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
INR = r.concept(r.LOINC, "6301-6")
PLATELETS = r.concept(r.LOINC, "777-3")
TUMOUR_SIZE = r.concept(r.LOINC, "21889-1")
LARYNGECTOMY = r.concept(r.SCT, "72791001")
LARYNX = r.tumour(location=r.concept(r.SCT, "4596009"))
REFUSED = r.concept(r.SCT, "105480006")
RADIOTHERAPY = r.concept(r.SCT, "1217123003")
TONGUE_BASE = r.concept(r.SCT, "47975008")
STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/request-statusReason"
DOSE = f"{r.MCODE}mcode-radiotherapy-dose-delivered-to-volume"
SIDE = f"{r.MCODE}mcode-laterality-qualifier"


def lesion(read: Reader, name: str, *resources: Json) -> str:
    (one,) = read(*resources).lesions
    return r.said(one.facts[name])


def patient(read: Reader, name: str, *resources: Json) -> str:
    return r.said(read(*resources).patient[name])


# ------------------------------------------------------------------------------------------------------- A 10: refusals


def not_done(code: Json = LARYNGECTOMY, **more: Any) -> Json:
    return r.procedure(code, "refused", status="not-done", statusReason=REFUSED, **more)


def revoked(**more: Any) -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": "revoked",
        "status": "revoked",
        "intent": "order",
        "code": LARYNGECTOMY,
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-11-01",
        "extension": [{"url": STATUS_REASON, "valueCodeableConcept": REFUSED}],
        **more,
    }


def consent(**more: Any) -> Json:
    return {
        "resourceType": "Consent",
        "id": "consent",
        "status": "active",
        "scope": r.concept(CONSENT_SCOPE, "treatment"),
        "category": [r.concept(r.LOINC, "59284-0")],
        "policyRule": {"text": "as discussed"},
        "patient": {"reference": "Patient/p1"},
        "dateTime": "2026-11-02",
        "provision": {"type": "deny", "code": [LARYNGECTOMY]},
        **more,
    }


@pytest.mark.parametrize("said", [not_done(), revoked(), consent()], ids=["Procedure", "ServiceRequest", "Consent"])
def test_a10_positive_a_refusal_of_what_it_names_is_the_patients_choice(said: Json, read: Reader) -> None:
    fact = read(LARYNX, said).lesions[0].facts["declinesSurgery"]
    assert r.said(fact) == "true"
    assert fact.sources[0].date is not None


def test_a10_positive_the_newest_word_holds(read: Reader) -> None:
    later = r.observation("declines-surgery", valueBoolean=False, effectiveDateTime="2026-11-10")
    assert lesion(read, "declinesSurgery", LARYNX, consent(), later) == "false"


@pytest.mark.parametrize(("day", "expected"), [("2026-11-10", "absent: indeterminate"), ("2026-10-10", "true")])
def test_a10_positive_a_newer_order_or_operation_leaves_an_older_refusal_open(
    day: str, expected: str, read: Reader
) -> None:
    order = {k: v for k, v in revoked(id="new", status="active", authoredOn=day).items() if k != "extension"}
    operation = r.procedure(LARYNGECTOMY, performedPeriod={"end": day})
    for newer in (order, operation):
        assert lesion(read, "declinesSurgery", LARYNX, revoked(), newer) == expected
        assert lesion(read, "declinesSurgery", LARYNX, newer) == "absent: never-recorded"
    for idle in ({**order, "intent": "proposal"}, {**order, "doNotPerform": True}, {**operation, "status": "not-done"}):
        assert lesion(read, "declinesSurgery", LARYNX, revoked(), idle) == "true"


@pytest.mark.parametrize(
    "said",
    [
        not_done(r.concept(r.SCT, "367336001")),
        r.procedure(LARYNGECTOMY, status="not-done"),
        revoked(status="active"),
        consent(provision={"type": "permit", "code": [LARYNGECTOMY]}),
        consent(scope=r.concept(CONSENT_SCOPE, "patient-privacy")),
        consent(status="rejected"),
        consent(provision={"type": "deny", "code": [LARYNGECTOMY], "provision": [{"type": "permit"}]}),
        consent(provision={"type": "deny", "code": [{"text": "operation"}]}),
    ],
    ids=[
        "chemotherapy declined",
        "not done for no reason",
        "an active request",
        "a permission",
        "a denial to show records",
        "a rejected Consent",
        "a denial with exceptions",
        "a text",
    ],
)
def test_a10_negative_what_does_not_refuse_the_operation_is_no_refusal_of_it(said: Json, read: Reader) -> None:
    assert lesion(read, "declinesSurgery", LARYNX, said) == "absent: never-recorded"


@pytest.mark.parametrize("code", ["Z53.2", "Z53.20", "Z53.29"])
def test_a10_negative_a_code_that_says_not_what_was_refused_is_shown_to_a_person(code: str, read: Reader) -> None:
    case = read(LARYNX, r.problem(code))
    assert r.said(case.lesions[0].facts["declinesSurgery"]) == "absent: never-recorded"
    assert "something-declined" in r.codes(case)


@pytest.mark.parametrize("reference", ["BodyStructure/gone", "Condition/gone"])
def test_a10_negative_a_refusal_for_something_unresolved_is_no_choice_about_the_only_lesion(
    reference: str, read: Reader
) -> None:
    said = revoked(reasonReference=[{"reference": reference}])
    assert lesion(read, "declinesSurgery", LARYNX, said) == "absent: indeterminate"


# --------------------------------------------------------------------------------------------- A 11: status of a result


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "final "])
def test_a11_positive_a_final_result_counts(status: str, read: Reader) -> None:
    assert patient(read, "inr", r.observation(INR, status=status, valueQuantity=r.quantity(1.2))) == "1.2"


def test_a11_positive_a_value_may_sit_in_a_component(read: Reader) -> None:
    part = {"code": INR, "valueQuantity": r.quantity(1.2)}
    assert patient(read, "inr", r.observation({"text": "coagulation"}, component=[part])) == "1.2"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("preliminary", "not-final"),
        ("registered", "temp-unknown"),
        ("cancelled", "not-performed"),
        ("entered-in-error", "entered-in-error"),
        ("entered-in-error ", "entered-in-error"),
        ("completed", "not-final"),
    ],
)
def test_a11_negative_what_is_not_final_gives_no_value(status: str, reason: str, read: Reader) -> None:
    said = r.observation(INR, status=status, valueQuantity=r.quantity(1.2))
    assert patient(read, "inr", said) == f"absent: {reason}"


def test_a11_negative_a_reason_for_no_value_is_no_value(read: Reader) -> None:
    assert patient(read, "inr", r.observation(INR, dataAbsentReason=r.concept(ABSENT, "unknown"))).startswith("absent")


def test_a11_negative_a_panel_is_no_value_and_its_members_are_read_once(read: Reader) -> None:
    panel = r.observation(INR, "panel", hasMember=[{"reference": "Observation/inr"}])
    report = {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "status": "final",
        "code": {"text": "coagulation"},
        "subject": {"reference": "Patient/p1"},
        "result": [{"reference": "Observation/inr"}],
    }
    assert patient(read, "inr", panel) == "absent: never-recorded"
    member = r.observation(INR, "inr", valueQuantity=r.quantity(1.2))
    assert patient(read, "inr", panel, report, member) == "1.2"


# ------------------------------------------------------------------------------------------------------- A 12: negation


@pytest.mark.parametrize(
    "value", [{"valueBoolean": False}, {"valueCodeableConcept": r.concept(r.SCT, "2667000")}], ids=["boolean", "absent"]
)
def test_a12_positive_an_explicit_negative_is_no(value: Json, read: Reader) -> None:
    assert patient(read, "bleedingDisorder", r.observation("bleeding-disorder", **value)) == "false"


def test_a12_positive_a_clinical_m0_of_the_recurrence_is_no_metastasis(read: Reader) -> None:
    m0 = r.observation(r.concept(r.SCT, "399387003"), valueCodeableConcept=r.concept(r.SCT, "1229901006"))
    assert patient(read, "distantMetastasis", r.recurrence(), m0) == "none"


@pytest.mark.parametrize("code", ["385001000", "82334004", "261665006"])
def test_a12_negative_not_identified_and_indeterminate_are_not_absent(code: str, read: Reader) -> None:
    said = r.observation("bleeding-disorder", valueCodeableConcept=r.concept(r.SCT, code))
    assert patient(read, "bleedingDisorder", said).startswith("absent: ")


def test_a12_negative_no_known_allergy_and_an_inactive_flag_deny_nothing(read: Reader) -> None:
    flag = {
        "resourceType": "Flag",
        "id": "flag",
        "status": "inactive",
        "code": r.concept(ICD, "D66"),
        "subject": {"reference": "Patient/p1"},
    }
    assert patient(read, "bleedingDisorder", flag) == "absent: never-recorded"
    assert patient(read, "bleedingDisorder", r.problem("716186003", system=r.SCT)).startswith("absent: ")


def test_a12_negative_tx_is_no_category(read: Reader) -> None:
    tx = r.observation("primary-t-stage", valueCodeableConcept=r.concept(f"{r.LOCAL}primary-t-stage", "TX"))
    assert patient(read, "primaryTStage", tx) == "absent: indeterminate"


# ----------------------------------------------------------------------------------------------------- A 13: laterality


@pytest.mark.parametrize(
    ("said", "side"),
    [
        (r.tumour(), "left"),
        (r.recurrence(bodySite=[{**TONGUE_BASE, "extension": [
            {"url": SIDE, "valueCodeableConcept": r.concept(r.SCT, r.SIDES["right"])}]}]), "right"),
        (r.recurrence(code=r.concept(ICD, "C4A.21")), "right"),
    ],
    ids=["locationQualifier", "extension", "the code's digit"],
)  # fmt: skip
def test_a13_positive_the_side_is_read_wherever_it_is_said(said: Json, side: str, read: Reader) -> None:
    assert lesion(read, "side", said) == side


@pytest.mark.parametrize("code", [r.concept(ICD, "C4A.21"), r.concept(ICD, "C4A.111")])
def test_a13_negative_sides_that_contradict_each_other_are_flagged(code: Json, read: Reader) -> None:
    left = [{"url": SIDE, "valueCodeableConcept": r.concept(r.SCT, r.SIDES["left"])}]
    case = read(r.recurrence(code=code, bodySite=[{"extension": left, **r.concept(r.SCT, "774007")}]))
    assert r.said(case.lesions[0].facts["side"]) == "conflict: left, right"
    assert "conflicting-sources" in r.codes(case)


def test_a13_negative_both_sides_are_no_side(read: Reader) -> None:
    both = r.tumour(locationQualifier=[r.concept(r.SCT, r.SIDES["both"])])
    assert lesion(read, "side", both) == "absent: indeterminate"


# ------------------------------------------------------------------------------------------------ A 14: several tumours

TWO = (r.tumour("T1"), r.tumour("T2", location=r.concept(r.SCT, "81502006")))
SIZE = {"valueQuantity": r.quantity(21, "mm")}


def sizes(read: Reader, *resources: Json, **more: Any) -> dict[str, str]:
    return {one.id: r.said(one.facts["maxDiameter"]) for one in read(*resources, **more).lesions}


def test_a14_positive_focus_and_stable_identifier_attach(read: Reader) -> None:
    size = r.observation("max-diameter", focus=r.about("t2"), **SIZE)
    assert sizes(read, *TWO, size) == {"T1": "absent: never-recorded", "T2": "21"}
    by_identifier = [{"identifier": {"system": "urn:example:tumour-board", "value": "T2"}}]
    assert sizes(read, *TWO, {**size, "focus": by_identifier}) == {"T1": "absent: never-recorded", "T2": "21"}


@pytest.mark.parametrize("name", ["T2", "t2"])
def test_a14_positive_the_caller_names_the_index_lesion(name: str, read: Reader) -> None:
    assert list(sizes(read, *TWO, lesion=name)) == ["T2"]


def test_a14_negative_nothing_is_attached_by_position(read: Reader) -> None:
    case = read(*TWO, r.observation("max-diameter", **SIZE))
    assert {r.said(one.facts["maxDiameter"]) for one in case.lesions} == {"absent: indeterminate"}
    assert "which-lesion" in r.codes(case)


@pytest.mark.parametrize(
    "reference", ["BodyStructure/gone", "https://elsewhere.example/fhir/BodyStructure/t9", "urn:uuid:0", "#inner"]
)
def test_a14_negative_one_focus_that_is_found_does_not_hide_another_that_is_not(reference: str, read: Reader) -> None:
    focus = [*r.about("t1"), {"reference": reference}]
    case = read(*TWO, r.observation("max-diameter", focus=focus, **SIZE))
    assert [r.said(one.facts["maxDiameter"]) for one in case.lesions] == ["21", "absent: indeterminate"]
    assert "not-a-lesion" in r.codes(case)


# ----------------------------------------------------------------------------------------------- A 15: size of a tumour


def tumour_size(value: Json, **more: Any) -> Json:
    part = {"code": r.concept(r.LOINC, "33728-7"), "valueQuantity": value}
    other = {"code": r.concept(r.LOINC, "33729-5"), "valueQuantity": r.quantity(90, "mm")}
    return r.observation(TUMOUR_SIZE, focus=r.about(), component=[other, part], **more)


@pytest.mark.parametrize("value", [r.quantity(21, "mm"), r.quantity(2.1, "cm")])
def test_a15_positive_the_longest_dimension_in_place_is_the_size(value: Json, read: Reader) -> None:
    assert lesion(read, "maxDiameter", r.tumour(), tumour_size(value)) == "21"


@pytest.mark.parametrize(
    "more",
    [
        {"specimen": {"reference": "Specimen/s1"}},
        {"method": r.concept(r.SCT, "104157003")},
        {"meta": {"tag": [{"code": "SUBSETTED"}]}},
    ],
    ids=["a specimen", "a pathologist's method", "a part of the resource"],
)
def test_a15_negative_an_excised_tumours_size_is_not_the_lesions(more: Json, read: Reader) -> None:
    assert lesion(read, "maxDiameter", r.tumour(), tumour_size(r.quantity(21, "mm"), **more)).startswith("absent: ")


@pytest.mark.parametrize("code", ["76752008", "39607008"])
def test_a15_negative_a_size_at_another_site_without_focus_is_not_the_only_tumours(code: str, read: Reader) -> None:
    case = read(r.tumour(), r.observation(TUMOUR_SIZE, bodySite=r.concept(r.SCT, code), **SIZE))
    assert not case.lesions[0].facts["maxDiameter"].is_known
    assert "not-a-lesion" in r.codes(case)


@pytest.mark.parametrize("code", ["47975008", "774007"])
def test_a15_positive_a_size_at_the_tumours_site_or_in_head_and_neck_is_the_only_tumours(
    code: str, read: Reader
) -> None:
    size = r.observation(TUMOUR_SIZE, bodySite=r.concept(r.SCT, code), **SIZE)
    assert lesion(read, "maxDiameter", r.tumour(), size) == "21"


# ---------------------------------------------------------------------------------------------------------- A 16: stage

T3 = r.concept(r.SCT, "1228938002")
IIIC = r.concept(r.SCT, "1222806003")


def category(code: str, value: Json, when: str | None = "2022-01-10", **more: Any) -> Json:
    return r.observation(
        r.concept(r.SCT, code), valueCodeableConcept=value, effectiveDateTime=when, **{"id_": f"tnm-{code}", **more}
    )


def test_a16_positive_what_was_staged_before_the_recurrence_is_the_initial_stage(read: Reader) -> None:
    case = read(r.recurrence(), category("399504009", T3), category("399537006", IIIC))
    assert (r.said(case.patient["primaryTStage"]), r.said(case.patient["initialStageIV"])) == ("T3", "false")


def test_a16_positive_a_stage_may_hang_on_the_condition(read: Reader) -> None:
    first = r.recurrence(
        "first",
        clinicalStatus=r.concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "resolved"),
        stage=[{"assessment": [{"reference": "Observation/tnm-399504009"}]}],
    )
    breast = r.problem("C50.9", "breast")
    assert patient(read, "primaryTStage", r.recurrence(), first, breast, category("399504009", T3)) == "T3"


@pytest.mark.parametrize("when", ["2026-10-01", "2026", None])
def test_a16_negative_a_stage_of_the_recurrence_or_of_no_date_is_not_the_initial_one(
    when: str | None, read: Reader
) -> None:
    assert patient(read, "primaryTStage", r.recurrence(), category("399504009", T3, when)) == "absent: indeterminate"


def test_a16_negative_an_initial_m0_is_not_that_of_the_recurrence(read: Reader) -> None:
    m0 = category("399387003", r.concept(r.SCT, "1229901006"), "2022-01-10")
    assert patient(read, "distantMetastasis", r.recurrence(), m0) == "absent: stale"


def test_a16_negative_another_cancers_stage_is_not_the_patients(read: Reader) -> None:
    breast = r.problem("C50.9", "breast")
    of_breast = {"focus": [{"reference": "Condition/breast"}]}
    m0 = category("399387003", r.concept(r.SCT, "1229901006"), "2026-10-10", **of_breast)
    t3 = category("399504009", T3, **of_breast)
    case = read(r.recurrence(), breast, m0, t3)
    assert {r.said(case.patient[n]) for n in ("distantMetastasis", "primaryTStage")} == {"absent: never-recorded"}
    unsaid = category("399387003", r.concept(r.SCT, "1229901006"), "2026-10-10")
    assert patient(read, "distantMetastasis", r.recurrence(), breast, unsaid) == "absent: indeterminate"


def test_a16_negative_what_may_be_another_cancers_stage_says_nothing_against_a_stated_one(read: Reader) -> None:
    stated = r.observation("primary-t-stage", valueCodeableConcept=r.concept(f"{r.LOCAL}primary-t-stage", "T2"))
    record = (r.recurrence(), r.problem("C50.9", "breast"), category("399504009", T3))
    assert patient(read, "primaryTStage", *record) == "absent: indeterminate"
    assert patient(read, "primaryTStage", *record, stated) == "T2"


def test_a16_negative_a_category_after_treatment_is_not_read(read: Reader) -> None:
    other = r.observation(
        r.concept(r.LOINC, "21911-3"), valueCodeableConcept=T3, effectiveDateTime="2022-01-10", focus=r.about("c1")
    )
    assert patient(read, "primaryTStage", r.recurrence(), other) == "absent: never-recorded"


# --------------------------------------------------------------------------------------------------- A 17: radiotherapy


def volume(location: str) -> Json:
    return {
        "resourceType": "BodyStructure",
        "id": f"v{location}",
        "meta": {"profile": [f"{r.MCODE}mcode-radiotherapy-volume"]},
        "location": r.concept(r.SCT, location),
        "patient": {"reference": "Patient/p1"},
    }


def course(*locations: str, **more: Any) -> Json:
    doses = [
        {
            "url": DOSE,
            "extension": [
                {"url": "volume", "valueReference": {"reference": f"BodyStructure/v{location}"}},
                {"url": "totalDoseDelivered", "valueQuantity": r.quantity(7000, "cGy")},
            ],
        }
        for location in locations
    ]
    return r.procedure(RADIOTHERAPY, extension=doses, **more)


def test_a17_positive_a_course_summary_irradiated_its_volumes(read: Reader) -> None:
    case = read(r.tumour(), course("47975008", "774007"), volume("47975008"), volume("774007"))
    assert r.said(case.lesions[0].facts["priorRadiotherapyToSite"]) == "true"
    assert case.lesions[0].facts["timeSinceRadiotherapy"].is_known


def test_a17_negative_a_volume_elsewhere_is_not_the_lesions(read: Reader) -> None:
    far = course("20233005")
    assert lesion(read, "priorRadiotherapyToSite", r.tumour(), far, volume("20233005")) == "absent: never-recorded"


@pytest.mark.parametrize("intent", ["plan", "order"])
def test_a17_negative_a_planned_or_prescribed_course_was_not_delivered(intent: str, read: Reader) -> None:
    planned = {
        "resourceType": "ServiceRequest",
        "id": "planned",
        "status": "active",
        "intent": intent,
        "code": RADIOTHERAPY,
        "bodySite": [TONGUE_BASE],
        "subject": {"reference": "Patient/p1"},
        "occurrencePeriod": {"start": "2022-01-01", "end": "2022-02-01"},
    }
    assert lesion(read, "timeSinceRadiotherapy", r.tumour(), planned) == "absent: never-recorded"


# ---------------------------------------------------------------------------------------------------------- A 18: units


@pytest.mark.parametrize("unit", ["K/uL", "10*3/uL", "x10E3/uL", "thou/mcL", "10*9/L"])
def test_a18_positive_a_listed_unit_without_its_system_is_read(unit: str, read: Reader) -> None:
    said = r.observation(PLATELETS, valueQuantity={"value": 88, "unit": unit})
    assert patient(read, "platelets", said) == "88"


@pytest.mark.parametrize("unit", ["{INR}", "1", ""])
def test_a18_positive_an_inr_has_the_unit_one(unit: str, read: Reader) -> None:
    value = {"value": 1.4, **({"unit": unit} if unit else {})}
    assert patient(read, "inr", r.observation(INR, valueQuantity=value)) == "1.4"


def test_a18_positive_a_comparator_is_an_interval(read: Reader) -> None:
    said = r.observation(PLATELETS, valueQuantity=r.quantity(50, "10*9/L", comparator="<"))
    assert patient(read, "platelets", said) == "< 50"


@pytest.mark.parametrize(
    ("code", "value"),
    [
        (PLATELETS, {"valueQuantity": {"value": 88}}),
        (PLATELETS, {"valueQuantity": {"value": 88, "unit": "g%"}}),
        (PLATELETS, {"valueQuantity": r.quantity(88, "mm")}),
        (INR, {"valueQuantity": r.quantity(12.1, "s")}),
        (INR, {"valueString": "1.4"}),
        (INR, {"valueString": "CLOTTED"}),
        (INR, {"valueRatio": {"numerator": r.quantity(14), "denominator": r.quantity(10)}}),
        (INR, {"valueQuantity": r.quantity(110, "%")}),
    ],
    ids=["none", "an unknown one", "another dimension", "seconds", "a text", "clotted", "a ratio", "a per cent"],
)
def test_a18_negative_a_unit_or_a_value_is_never_assumed(code: Json, value: Json, read: Reader) -> None:
    case = read(r.observation(code, **value))
    name = "inr" if code is INR else "platelets"
    assert r.said(case.patient[name]) in ("absent: unreadable-unit", "absent: unreadable-value")
    assert {"unreadable-unit", "unreadable-value"} & r.codes(case)
