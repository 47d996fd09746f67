"""A statement that may be about something leaves it unknown: no older word about it stands, and none is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.intake import records as r
from tests.intake.records import Json, Reader
from tests.intake.test_forms import form, item, lesion

OLD = r.observation("infection-at-site", "old", focus=r.about(), valueBoolean=False, effectiveDateTime="2026-10-01")
YES = {"valueBoolean": True}
ANSWER = item("lesion.infectionAtSite", YES)
ELSEWHERE = r.tumour("T2", location=r.concept(r.SCT, "81502006"))


def infection(read: Reader, *resources: Json) -> list[str]:
    return [r.said(one.facts["infectionAtSite"]) for one in read(*resources).lesions]


def later(**more: Any) -> Json:
    return r.observation("infection-at-site", "new", **{**YES, "focus": r.about(), **more})


@pytest.mark.parametrize(
    ("doubtful", "issue"),
    [
        (form(ANSWER), "which-lesion"),
        (form(item("lesion", items=[ANSWER])), "lesion-without-id"),
        (form(lesion("BodyStructure/gone", ANSWER)), "lesion-not-known"),
        (form(lesion("T1", item("lesion.infectionAtsite", YES))), "unknown-fact"),
        (form(lesion("T1", item("infectionAtSite", YES))), "unknown-fact"),
        (form(lesion("T1", item("patient.infectionAtSite", YES))), "unknown-fact"),
        (form(item("lesion.infectionAtSit", YES)), "unknown-fact"),
        (form(lesion("T1", ANSWER), subject={"display": "her"}), "unknown-subject"),
        (form(lesion("T1", ANSWER), foo=1), "invalid-resource"),
        (later(focus=[{"reference": "BodyStructure/gone"}]), "not-a-lesion"),
        (later(foo=1), "invalid-resource"),
        (later(subject=None), "unknown-subject"),
        (later(subject={"display": "her"}), "unknown-subject"),
        (r.observation("infection-at-sit", "new", focus=r.about(), **YES), "unknown-fact"),
        (later(focus=None, bodySite=r.concept(r.SCT, "76752008")), "not-a-lesion"),
        (later(focus=None, bodySite=r.concept(r.SCT, "81502006")), "not-a-lesion"),
        (later(focus=None, bodySite={"text": "there"}), "not-a-lesion"),
    ],
)
def test_a_later_doubtful_statement_leaves_the_fact_unknown(doubtful: Json, issue: str, read: Reader) -> None:
    assert infection(read, r.tumour(), OLD) == ["false"]
    case = read(r.tumour(), OLD, doubtful)
    reason = "quarantined" if issue in ("unknown-subject", "invalid-resource") else "indeterminate"
    assert [r.said(one.facts["infectionAtSite"]) for one in case.lesions] == [f"absent: {reason}"]
    assert issue in r.codes(case)


def test_it_does_so_for_every_lesion_that_it_may_be_about(read: Reader) -> None:
    other = {**OLD, "id": "other", "focus": r.about("t2")}
    assert infection(read, r.tumour(), ELSEWHERE, OLD, other, later(focus=None)) == ["absent: indeterminate"] * 2


def test_a_newer_clear_word_stands_beside_it(read: Reader) -> None:
    doubtful = later(focus=[{"reference": "BodyStructure/gone"}], effectiveDateTime="2026-10-02")
    assert infection(read, r.tumour(), doubtful, later()) == ["true"]


def test_what_it_says_of_another_diagnosis_is_not_in_doubt(read: Reader) -> None:
    breast = r.problem("C50.9", "breast")
    case = read(r.tumour(), OLD, breast, later(focus=[{"reference": "Condition/breast"}]))
    assert r.said(case.lesions[0].facts["infectionAtSite"]) == "false"
    assert "not-a-lesion" in r.codes(case)


def test_a_distance_of_something_unnamed_is_no_word_against_a_named_one_unless_it_is_in_our_own_code(
    read: Reader,
) -> None:
    named = r.observation("tumour-distance", "named", focus=r.about(), bodySite=r.site("skin"),
                          valueQuantity=r.quantity(12, "mm"))  # fmt: skip
    more = {"focus": r.about(), "valueQuantity": r.quantity(3, "mm"), "effectiveDateTime": "2026-11-01"}
    dicom = r.observation(r.concept("http://dicom.nema.org/resources/ontology/DCM", "121206"), "d", **more)
    ours = r.observation("tumour-distance", "o", **more)

    def skin(*resources: Json) -> str:
        structures = {one.key: one.facts for one in read(r.tumour(), named, *resources).lesions[0].structures}
        return r.said(structures["skin/none"]["tumourDistance"])

    assert skin() == skin(dicom) == "12"
    assert skin(ours) == "absent: indeterminate"


GROUP = r.observation(
    r.concept("http://dicom.nema.org/resources/ontology/DCM", "125007"),
    "group",
    focus=r.about("t2"),
    hasMember=[{"reference": "Observation/size"}],
)
SIZE = r.observation("max-diameter", "size", valueQuantity=r.quantity(21, "mm"))


def sizes(read: Reader, *resources: Json) -> list[str]:
    return [r.said(one.facts["maxDiameter"]) for one in read(r.tumour(), ELSEWHERE, *resources).lesions]


def test_a_member_of_a_group_is_about_what_the_group_is_about(read: Reader) -> None:
    assert sizes(read, GROUP, SIZE) == ["absent: never-recorded", "21"]


@pytest.mark.parametrize(
    "groups",
    [
        [{**GROUP, "status": "entered-in-error"}],
        [{**GROUP, "foo": 1}],
        [GROUP, {**GROUP, "id": "other", "focus": r.about("t1")}],
    ],
    ids=["a withdrawn group", "one that is not valid", "two that differ"],
)
def test_a_group_that_may_not_be_believed_says_nothing_of_its_members(groups: list[Json], read: Reader) -> None:
    assert sizes(read, *groups, SIZE) == ["absent: indeterminate"] * 2


def test_a_members_own_focus_counts_before_its_groups(read: Reader) -> None:
    assert sizes(read, GROUP, {**SIZE, "focus": r.about("t1")}) == ["21", "absent: never-recorded"]


def test_a_reason_for_no_value_of_something_unknown_hides_nothing(read: Reader) -> None:
    reason = r.concept("http://terminology.hl7.org/CodeSystem/data-absent-reason", "unknown")
    nothing = later(focus=[{"reference": "BodyStructure/gone"}], valueBoolean=None, dataAbsentReason=reason)
    assert infection(read, r.tumour(), OLD, nothing) == ["false"]


def test_an_item_that_looks_like_no_fact_puts_none_in_doubt(read: Reader) -> None:
    case = read(r.tumour(), OLD, form(lesion("T1", item("comment", {"valueString": "seen on the ward"}))))
    assert r.said(case.lesions[0].facts["infectionAtSite"]) == "false"
    assert "unknown-fact" in r.codes(case)


# -------------------------------------------------------------------------------------------- which lesion a form names


@pytest.mark.parametrize(
    "name",
    [
        {"valueString": "T1"},
        {"valueString": "t1"},
        {"valueString": "BodyStructure/t1"},
        {"valueReference": {"reference": "BodyStructure/t1"}},
        {"valueReference": {"identifier": {"system": "urn:example:tumour-board", "value": "T1"}}},
    ],
    ids=["identifier", "id", "a reference as text", "a reference", "by identifier"],
)
def test_a_form_may_name_a_lesion_as_the_record_does(name: Json, read: Reader) -> None:
    said = form(item("lesion", items=[item("lesion.id", name), ANSWER]))
    case = read(r.tumour(), said)
    assert [(one.id, r.said(one.facts["infectionAtSite"])) for one in case.lesions] == [("T1", "true")]
    assert not {"form-only-lesion", "lesion-not-known"} & r.codes(case)


@pytest.mark.parametrize("name", ["tumour-1", "TUMOUR 1", "BodyStructure/x", "urn:uuid:7"])
def test_a_name_in_another_spelling_makes_no_second_lesion(name: str, read: Reader) -> None:
    case = read(r.tumour("Tumour1"), {**OLD, "focus": r.about("tumour1")}, form(lesion(name, ANSWER)))
    assert [(one.id, r.said(one.facts["infectionAtSite"])) for one in case.lesions] == [
        ("Tumour1", "absent: indeterminate")
    ]
    assert "lesion-not-known" in r.codes(case)


def test_a_lesion_that_only_the_form_knows_is_one_with_a_warning(read: Reader) -> None:
    case = read(r.tumour(), form(lesion("left neck", ANSWER)))
    assert [one.id for one in case.lesions] == ["T1", "left neck"]
    assert "form-only-lesion" in r.codes(case)
    assert "form-only-lesion" not in r.codes(read(form(lesion("left neck", ANSWER))))


def test_a_second_form_that_names_another_lesion_is_named(read: Reader) -> None:
    forms = form(lesion("left neck", ANSWER)), form(lesion("neck left", ANSWER), id="f2")
    case = read(*forms)
    assert [one.id for one in case.lesions] == ["left neck", "neck left"]
    assert ("form-only-lesion", "Bundle.entry[2].resource.item[0]") in {(i.code, i.expression) for i in case.issues}
    assert "form-only-lesion" not in r.codes(read(form(lesion("left neck", ANSWER), lesion("right neck", ANSWER))))


REFUTED = r.concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")


@pytest.mark.parametrize(
    "other", [r.problem("C01", "c9", verificationStatus=REFUTED), r.problem("C34.1", "c9"), r.problem("I10", "c9")]
)
@pytest.mark.parametrize("by", ["id", "identifier"])
def test_the_name_of_a_diagnosis_that_is_no_lesion_makes_none(other: Json, by: str, read: Reader) -> None:
    if by == "identifier":
        other = {**other, "id": "x", "identifier": [{"system": "urn:example:problems", "value": "c9"}]}
    case = read(other, form(lesion("c9", ANSWER)))
    assert case.lesions == ()
    assert "lesion-not-known" in r.codes(case)
    assert f"Condition.{by}" in {source.path for source in case.excluded}


# -------------------------------------------------------------------------------------------- what silence may not deny


@pytest.mark.parametrize(
    "code", ["I78.0", "D47.3", "K74.60", "D75.82", "D61.818", "Q78.0", "R23.3", "D50.9", "C91.0", "K70.30", "B18.2"]
)
@pytest.mark.parametrize("system", ["http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"])
def test_a_diagnosis_of_blood_or_liver_keeps_silence_from_meaning_no_bleeding_tendency(
    code: str, system: str, read: Reader
) -> None:
    case = read(r.problem("I10"), r.problem(code, "c9", system))
    assert r.said(case.patient["bleedingDisorder"]) == "absent: indeterminate"


def test_it_says_nothing_against_an_explicit_no(read: Reader) -> None:
    asked = r.observation("bleeding-disorder", valueBoolean=False)
    assert r.said(read(r.problem("D50.9"), asked).patient["bleedingDisorder"]) == "false"


@pytest.mark.parametrize("code", ["E11.9", "J44.9", "C02.9", "M54.5"])
def test_a_diagnosis_of_another_chapter_does_not(code: str, read: Reader) -> None:
    assert r.said(read(r.problem("I10"), r.problem(code, "c9")).patient["bleedingDisorder"]) == "false"


@pytest.mark.parametrize("code", ["D59.6", "D59.11", "I73.9"])
def test_a_diagnosis_near_the_cold_related_ones_leaves_them_open_with_its_reason(code: str, read: Reader) -> None:
    assert r.said(read(r.problem(code)).patient["coldDisease"]) == "absent: indeterminate"


# ------------------------------------------------------------------------------------------------ records inside others


def holding(*inner: Json) -> Json:
    return {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"},
            "contained": [{**one, "id": f"i{n}"} for n, one in enumerate(inner)]}  # fmt: skip


@pytest.mark.parametrize(
    "inner",
    [
        {"resourceType": "ServiceRequest", "status": "completed", "intent": "order"},
        {"resourceType": "Coverage", "status": "active"},
        r.problem("I10"),
        r.observation(r.concept(r.LOINC, "8302-2"), valueQuantity=r.quantity(170, "cm")),
        r.observation("bleeding-disorder", valueBoolean=True, status="entered-in-error"),
    ],
    ids=["a referral", "an insurance", "another diagnosis", "another result", "one in error"],
)
def test_a_record_inside_another_that_can_say_nothing_of_a_fact_is_passed_over(inner: Json, read: Reader) -> None:
    case = read(r.problem("I10"), holding(inner))
    assert r.said(case.patient["bleedingDisorder"]) == "false"
    assert "not-an-entry" not in r.codes(case)


@pytest.mark.parametrize(
    "inner",
    [
        r.problem("D66"),
        r.problem("K74.60"),
        {**r.problem("D66"), "code": {"text": "bleeds"}},
        r.observation("bleeding-disorder", valueBoolean=True),
    ],
    ids=["listed", "of a group", "a text", "a result"],
)
def test_one_that_can_leaves_it_unknown(inner: Json, read: Reader) -> None:
    case = read(r.problem("I10"), holding(inner))
    assert r.said(case.patient["bleedingDisorder"]) == "absent: quarantined"
    assert "not-an-entry" in r.codes(case)


# ----------------------------------------------------------------------------------------------------------- the living


@pytest.mark.parametrize("said", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-11-01"}])
def test_no_lesion_of_a_patient_who_has_died_is_assessed(said: Json, read: Reader) -> None:
    case = read.read(r.bundle(r.patient(**said), r.tumour(), patient_first=False))
    assert case.lesions == ()
    assert ("deceased", "error") in {(issue.code, issue.severity) for issue in case.issues}
    assert case.patient["ageYears"].is_known


@pytest.mark.parametrize(
    ("said", "issues"),
    [
        ({"deceasedBoolean": False}, set()),
        ({"deceasedDateTime": "2027-01-01"}, {("deceased", "information")}),
        (
            {"_deceasedBoolean": {"extension": [{
                "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}},
            {("deceased", "warning")},
        ),
    ],
    ids=["alive", "died later", "not known"],
)  # fmt: skip
def test_those_of_a_patient_who_lives_on_the_day_are(said: Json, issues: set[object], read: Reader) -> None:
    case = read.read(r.bundle(r.patient(**said), r.tumour(), patient_first=False))
    assert [one.id for one in case.lesions] == ["T1"]
    assert {(issue.code, issue.severity) for issue in case.issues if issue.code == "deceased"} == issues


# ------------------------------------------------------------------------------------------------------- newest imaging

DCM = "http://dicom.nema.org/resources/ontology/DCM"


def study(**more: Any) -> Json:
    series = {"uid": "1.2.3", "modality": {"system": DCM, "code": "MR"},
              "bodySite": {"system": r.SCT, "code": "774007"}}  # fmt: skip
    return {
        "resourceType": "ImagingStudy",
        "id": "mri",
        "status": "available",
        "subject": {"reference": "Patient/p1"},
        "started": "2026-11-12T09:00:00Z",
        "series": [series],
        **more,
    }


def imaged(read: Reader, *resources: Json) -> list[str]:
    return [r.said(one.facts["stagingImagingDate"]) for one in read(*resources).lesions]


def test_a_study_of_head_and_neck_dates_the_newest_imaging_of_the_only_tumour(read: Reader) -> None:
    assert imaged(read, r.tumour(), study()) == ["2026-11-12"]


def test_a_study_for_a_lesion_dates_its_newest_imaging(read: Reader) -> None:
    reason = study(reasonReference=[{"reference": "BodyStructure/t2"}])
    assert imaged(read, r.tumour(), ELSEWHERE, reason) == ["absent: never-recorded", "2026-11-12"]


@pytest.mark.parametrize(
    "other",
    [
        study(status="cancelled"),
        study(started=None),
        study(series=[{"uid": "1", "modality": {"system": DCM, "code": "MR"}}]),
        study(series=[{"uid": "1", "modality": {"system": DCM, "code": "MR"},
                       "bodySite": {"system": r.SCT, "code": "20233005"}}]),
        study(series=[{"uid": "1", "modality": {"system": DCM, "code": "ECG"},
                       "bodySite": {"system": r.SCT, "code": "774007"}}]),
    ],
    ids=["cancelled", "undated", "no site", "another site", "no imaging of a tumour"],
)  # fmt: skip
def test_another_study_dates_nothing(other: Json, read: Reader) -> None:
    assert imaged(read, r.tumour(), {k: v for k, v in other.items() if v is not None}) == ["absent: never-recorded"]


def test_a_newer_study_makes_an_older_assessment_stale(read: Reader) -> None:
    said = r.concept(f"{r.LOCAL}surgical-assessment", "unresectable")
    judged = r.observation("surgical-assessment", focus=r.about(), valueCodeableConcept=said)
    assert read(r.tumour(), judged).lesions[0].facts["surgicalAssessment"].is_known
    stale = read(r.tumour(), judged, study()).lesions[0].facts["surgicalAssessment"]
    assert r.said(stale) == "absent: stale"


PLACE = "http://hl7.org/fhir/StructureDefinition/bodySite"


@pytest.mark.parametrize("on", ["bodySite", "extension"])
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("t2", ["absent: never-recorded", "true"]),
        ("gone", ["absent: indeterminate"] * 2),
        ("liver", ["absent: indeterminate"] * 2),
    ],
)
def test_a_finding_is_about_the_tumour_at_whose_body_structure_it_was_made(
    on: str, place: str, expected: list[str], read: Reader
) -> None:
    liver = {
        "resourceType": "BodyStructure",
        "id": "liver",
        "location": r.concept(r.SCT, "10200004"),
        "patient": {"reference": "Patient/p1"},
    }
    at = [{"url": PLACE, "valueReference": {"reference": f"BodyStructure/{place}"}}]
    said = later(focus=None, **({"bodySite": {"extension": at}} if on == "bodySite" else {"extension": at}))
    said = {key: value for key, value in said.items() if value is not None}
    assert infection(read, r.tumour(), ELSEWHERE, liver, said) == expected
    focused = {**said, "focus": r.about()}
    assert infection(read, r.tumour(), ELSEWHERE, liver, focused) == ["true", "absent: never-recorded"]
