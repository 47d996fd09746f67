"""Diagnoses, drugs, treatments given or declined, examinations done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.intake import records as r
from tests.intake.records import Json, Reader

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
RADIOTHERAPY = r.concept(r.SCT, "1217123003")
LARYNX = r.tumour(location=r.concept(r.SCT, "4596009"))


def lesion(read: Reader, name: str, *resources: Json) -> str:
    return r.said(read(*resources).lesions[0].facts[name])


# ------------------------------------------------------------------------------------------------------- diagnoses


def test_a_bleeding_disorder_on_the_problem_list_is_one(read: Reader) -> None:
    assert r.said(read(r.problem("D66")).patient["bleedingDisorder"]) == "true"


def test_the_silence_of_a_problem_list_means_no_and_names_the_list(read: Reader) -> None:
    fact = read(r.problem("I10")).patient["bleedingDisorder"]
    assert r.said(fact) == "false"
    assert ("Condition/c2", "Condition.category") in {(s.resource, s.path) for s in fact.sources}


def test_without_a_problem_list_silence_means_nothing(read: Reader) -> None:
    assert r.said(read().patient["bleedingDisorder"]) == "absent: never-recorded"
    visit = r.concept("http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis")
    assert r.said(read(r.problem("I10", category=[visit])).patient["bleedingDisorder"]) == "absent: never-recorded"


@pytest.mark.parametrize(
    "change",
    [
        {"verificationStatus": r.concept(VERIFICATION, "provisional")},
        {"clinicalStatus": r.concept(CLINICAL, "resolved")},
        {"code": r.concept("http://hl7.org/fhir/sid/icd-10-cm", "D69.6")},
    ],
)
def test_an_unclear_diagnosis_is_unknown_not_no(change: Json, read: Reader) -> None:
    case = read(r.problem("I10", "other"), {**r.problem("D66"), **change})
    assert r.said(case.patient["bleedingDisorder"]) == "absent: indeterminate"


def test_a_refuted_diagnosis_says_nothing(read: Reader) -> None:
    refuted = r.problem("D66", verificationStatus=r.concept(VERIFICATION, "refuted"))
    assert r.said(read(refuted, r.problem("I10", "other")).patient["bleedingDisorder"]) == "false"


def test_one_clear_diagnosis_is_enough_beside_an_unclear_one(read: Reader) -> None:
    assert r.said(read(r.problem("D66"), r.problem("D69.6", "c3")).patient["bleedingDisorder"]) == "true"


@pytest.mark.parametrize("broken", [{"code": 5}, {"subject": {"display": "x"}}, {"foo": 1}])
def test_a_condition_that_cannot_be_read_keeps_silence_from_meaning_no(broken: Json, read: Reader) -> None:
    case = read(r.problem("I10", "other"), {**r.problem("D66"), **broken})
    assert r.said(case.patient["bleedingDisorder"]) == "absent: quarantined"


def test_an_irrelevant_condition_is_not_validated(read: Reader) -> None:
    assert r.said(read(r.problem("I10", foo=1)).patient["bleedingDisorder"]) == "false"


@pytest.mark.parametrize(
    ("code", "expected"), [("D89.1", "true"), ("L50.2", "absent: indeterminate"), ("I10", "absent: never-recorded")]
)
def test_a_cold_related_disease_is_never_denied_by_silence(code: str, expected: str, read: Reader) -> None:
    assert r.said(read(r.problem(code)).patient["coldDisease"]) == expected


# ----------------------------------------------------------------------------------------------------------- drugs


def drug(kind: str = "MedicationStatement", **more: Any) -> Json:
    return {
        "resourceType": kind,
        "id": "m1",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": r.concept("http://www.whocc.no/atc", "B01AA03"),
        **({"intent": "order"} if kind == "MedicationRequest" else {}),
        **more,
    }


def taken(read: Reader, *resources: Json) -> tuple[str, str]:
    facts = read(*resources).patient
    return r.said(facts["antithromboticTherapy"]), r.said(facts["vitaminKAntagonist"])


@pytest.mark.parametrize("kind", ["MedicationStatement", "MedicationRequest"])
def test_warfarin_is_an_antithrombotic_and_a_vitamin_k_antagonist(kind: str, read: Reader) -> None:
    assert taken(read, drug(kind)) == ("true", "true")


def test_aspirin_is_no_vitamin_k_antagonist(read: Reader) -> None:
    aspirin = r.concept("http://www.nlm.nih.gov/research/umls/rxnorm", "243670")
    assert taken(read, drug(medicationCodeableConcept=aspirin)) == ("true", "absent: never-recorded")


@pytest.mark.parametrize("status", ["completed", "stopped", "entered-in-error", "not-taken", "intended"])
def test_what_is_not_taken_says_nothing(status: str, read: Reader) -> None:
    assert taken(read, drug(status=status))[0] == "absent: never-recorded"


@pytest.mark.parametrize("more", [{"status": "on-hold"}, {"status": "unknown"}, {"effectivePeriod": {"end": "2020"}}])
def test_what_may_be_taken_is_unknown(more: Json, read: Reader) -> None:
    assert taken(read, drug(**more))[0] == "absent: indeterminate"


@pytest.mark.parametrize(
    "more", [{"intent": "proposal"}, {"intent": "plan"}, {"doNotPerform": True}, {"status": "draft"}]
)
def test_a_proposal_is_not_a_treatment(more: Json, read: Reader) -> None:
    assert taken(read, drug("MedicationRequest", **more))[0] == "absent: never-recorded"


def ended(status: str = "not-taken", **more: Any) -> Json:
    return drug(id="m2", **{"status": status, "dateAsserted": "2026-11-01", **more})


@pytest.mark.parametrize("status", ["not-taken", "stopped", "completed"])
@pytest.mark.parametrize("order", [{"authoredOn": "2024-01-01"}, {"authoredOn": "2026-11-01"}, {}])
def test_an_order_does_not_stand_against_a_later_word_that_the_drug_is_not_taken(
    status: str, order: Json, read: Reader
) -> None:
    case = read(drug("MedicationRequest", **order), ended(status))
    assert r.said(case.patient["vitaminKAntagonist"]) == "absent: indeterminate"
    assert "conflicting-sources" in r.codes(case)
    assert "Bundle.entry[2].resource" in {source.entry for source in case.patient["vitaminKAntagonist"].sources}


@pytest.mark.parametrize(
    "earlier",
    [
        ended(dateAsserted="2026-09-01"),
        ended(effectivePeriod={"start": "2019", "end": "2020"}),  # told today of a time long past
        ended(medicationCodeableConcept=r.concept("http://www.whocc.no/atc", "B01AC06")),
        ended("entered-in-error"),
        ended("intended"),
        drug("MedicationRequest", id="m2", status="stopped", authoredOn="2026-11-01"),  # that order, not the drug
        ended(subject={"display": "her"}),
    ],
)
def test_a_drug_is_taken_whatever_was_said_of_another_time_or_drug(earlier: Json, read: Reader) -> None:
    assert taken(read, drug("MedicationRequest", authoredOn="2026-10-01"), earlier) == ("true", "true")


def test_an_order_not_to_give_a_drug_speaks_against_an_older_one_to_give_it(read: Reader) -> None:
    forbidden = drug("MedicationRequest", id="m2", authoredOn="2026-11-01", doNotPerform=True)
    order = drug("MedicationRequest", authoredOn="2026-10-01")
    assert taken(read, order, forbidden) == ("absent: indeterminate",) * 2
    assert taken(read, order, {**forbidden, "intent": "proposal"}) == ("true", "true")


@pytest.mark.parametrize("when", [{"effectivePeriod": {"start": "2027-01-01"}}, {"effectiveDateTime": "2027"}])
def test_a_drug_that_will_be_taken_may_not_be_taken_yet(when: Json, read: Reader) -> None:
    assert taken(read, drug(dateAsserted="2026-10-01", **when))[0] == "absent: indeterminate"


def test_an_active_order_whose_every_dose_has_ended_may_be_over(read: Reader) -> None:
    short: Json = {"timing": {"repeat": {"boundsPeriod": {"start": "2024-01-01", "end": "2024-01-10"}}}}
    order = drug("MedicationRequest", authoredOn="2024-01-01", dosageInstruction=[short])
    assert taken(read, order)[0] == "absent: indeterminate"
    assert taken(read, {**order, "dosageInstruction": [short, {"text": "and then 3 mg daily"}]})[0] == "true"


GIVEN = {"effectiveDateTime": "2026-11-01"}


@pytest.mark.parametrize(("type_", "when"), [("MedicationAdministration", GIVEN), ("MedicationDispense", {})])
def test_a_drug_that_was_given_or_handed_out_may_be_taken(type_: str, when: Json, read: Reader) -> None:
    once = {k: v for k, v in drug(type_, status="completed").items() if k not in ("effectivePeriod", "intent")}
    once = {k: v for k, v in once.items() if k not in ("dateAsserted", "authoredOn", "effectiveDateTime")} | when
    assert taken(read, once) == ("absent: indeterminate", "absent: indeterminate")
    assert taken(read, once, drug()) == ("true", "true")
    assert taken(read, {**once, "status": "entered-in-error"}) == ("absent: never-recorded",) * 2


def test_a_drug_may_stand_in_a_resource_of_its_own_or_inside(read: Reader) -> None:
    medication = {"resourceType": "Medication", "id": "w", "code": r.concept("http://www.whocc.no/atc", "B01AA03")}
    apart = {
        k: v
        for k, v in drug(medicationReference={"reference": "Medication/w"}).items()
        if k != "medicationCodeableConcept"
    }
    assert taken(read, apart, medication) == ("true", "true")
    assert taken(read, {**apart, "medicationReference": {"reference": "#w"}, "contained": [medication]}) == (
        "true",
        "true",
    )
    case = read(apart)
    assert r.said(case.patient["antithromboticTherapy"]) == "absent: quarantined"  # which drug, nobody can tell
    assert "unreadable-code" in r.codes(case)


# ----------------------------------------------------------------------------------------------------- radiotherapy


def irradiated(read: Reader, **more: Any) -> tuple[str, str]:
    course = r.procedure(RADIOTHERAPY, bodySite=[r.concept(r.SCT, "4596009")])
    facts = read(LARYNX, {k: v for k, v in {**course, **more}.items() if v is not None}).lesions[0].facts
    return r.said(facts["priorRadiotherapyToSite"]), r.said(facts["timeSinceRadiotherapy"])


def test_radiotherapy_of_the_site_is_known_with_its_time(read: Reader) -> None:
    # 2022-02-22 to 2026-11-22 are 1734 days, 56.969 mean months.
    assert irradiated(read) == ("true", "> 56.9 and < 57")


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "preparation", "on-hold"])
def test_what_was_not_given_says_nothing(status: str, read: Reader) -> None:
    assert irradiated(read, status=status) == ("absent: never-recorded", "absent: never-recorded")


@pytest.mark.parametrize("status", ["stopped", "unknown", "final"])
def test_what_may_not_have_been_given_is_unknown(status: str, read: Reader) -> None:
    assert irradiated(read, status=status)[0] == "absent: indeterminate"


def test_what_was_used_is_not_named_as_unused(read: Reader) -> None:
    surgery = r.procedure(r.concept(r.SCT, "72791001"))  # an operation that was done, and could have been declined
    case = read(LARYNX, r.recurrence(), r.problem("I10"), surgery)
    assert r.said(case.lesions[0].facts["priorSurgeryToSite"]) == "true"
    assert case.excluded == ()
    unused = read(LARYNX, {**surgery, "status": "not-done"}, {**r.problem("I10"), "category": []})
    assert {(s.resource, s.path) for s in unused.excluded} == {
        ("Procedure/pr1", "Procedure.status"),
        ("Procedure/pr1", "Procedure.code"),
        ("Condition/c2", "Condition.code"),
    }


def test_radiotherapy_that_goes_on_has_no_time_since(read: Reader) -> None:
    assert irradiated(read, status="in-progress", performedPeriod={"start": "2026-11-01"}) == (
        "true",
        "absent: never-recorded",
    )


def test_without_a_date_the_time_since_is_unknown(read: Reader) -> None:
    assert irradiated(read, performedPeriod=None) == ("true", "absent: undated")


def test_radiotherapy_of_another_site_of_the_head_and_neck_leaves_it_open(read: Reader) -> None:
    assert irradiated(read, bodySite=[r.concept(r.SCT, "71836000")])[0] == "absent: indeterminate"
    assert irradiated(read, bodySite=None)[0] == "absent: indeterminate"
    assert irradiated(read, bodySite=[r.concept(r.SCT, "774007")])[0] == "absent: indeterminate"


def test_radiotherapy_far_away_says_nothing(read: Reader) -> None:
    assert irradiated(read, bodySite=[r.concept(r.SCT, "20233005")])[0] == "absent: never-recorded"


def test_the_side_counts(read: Reader) -> None:
    right = {**r.concept(r.SCT, "4596009"), "extension": r.site("x", "right")["extension"]}
    assert irradiated(read, bodySite=[right])[0] == "absent: indeterminate"


def test_an_irradiated_volume_names_the_site_too(read: Reader) -> None:
    volume = {
        "resourceType": "BodyStructure",
        "id": "v",
        "meta": {"profile": [f"{r.MCODE}mcode-radiotherapy-volume"]},
        "location": r.concept(r.SCT, "4596009"),
        "patient": {"reference": "Patient/p1"},
    }
    dose = {
        "url": f"{r.MCODE}mcode-radiotherapy-dose-delivered-to-volume",
        "extension": [{"url": "volume", "valueReference": {"reference": "BodyStructure/v"}}],
    }
    course = r.procedure(RADIOTHERAPY, extension=[dose])
    assert lesion(read, "priorRadiotherapyToSite", LARYNX, volume, course) == "true"


def test_a_course_that_has_begun_is_one_though_its_planned_end_is_to_come(read: Reader) -> None:
    ahead = {"start": "2026-11-01", "end": "2026-12-24"}
    given = irradiated(read, status="in-progress", performedPeriod=ahead)
    assert given == irradiated(read, status="in-progress", performedPeriod={"start": "2026-11-01"})
    assert given[0] == "true"
    assert irradiated(read, status="completed", performedPeriod=ahead)[0] == "absent: error"
    later = {"start": "2026-12-01", "end": "2026-12-24"}
    assert irradiated(read, status="in-progress", performedPeriod=later)[0] == "absent: error"


@pytest.mark.parametrize(
    ("place", "expected"), [("t1", "true"), ("gone", "absent: indeterminate"), ("t2", "absent: indeterminate")]
)
def test_a_course_is_at_the_body_structure_that_its_body_site_refers_to(
    place: str, expected: str, read: Reader
) -> None:
    named = {"reference": f"BodyStructure/{place}"}
    at = {"url": "http://hl7.org/fhir/StructureDefinition/bodySite", "valueReference": named}
    course = r.procedure(RADIOTHERAPY, bodySite=[{"extension": [at]}])
    other = r.tumour("T2", location=r.concept(r.SCT, "81502006"))
    for reason in ({}, {"reasonReference": r.about()}):
        one = read(r.tumour(), other, {**course, **reason}).lesions[0]
        assert r.said(one.facts["priorRadiotherapyToSite"]) == expected


def test_the_latest_of_several_courses_gives_the_time(read: Reader) -> None:
    first = r.procedure(
        RADIOTHERAPY, "a", bodySite=[r.concept(r.SCT, "4596009")], performedDateTime="2010-01-01", performedPeriod=None
    )
    first = {k: v for k, v in first.items() if v is not None}
    second = r.procedure(RADIOTHERAPY, "b", bodySite=[r.concept(r.SCT, "4596009")])
    assert lesion(read, "timeSinceRadiotherapy", LARYNX, second, first) == "> 56.9 and < 57"


def test_a_planned_course_is_not_a_course_given(read: Reader) -> None:
    planned = {
        "resourceType": "ServiceRequest",
        "id": "s",
        "status": "active",
        "intent": "order",
        "code": RADIOTHERAPY,
        "subject": {"reference": "Patient/p1"},
    }
    assert lesion(read, "priorRadiotherapyToSite", LARYNX, planned) == "absent: never-recorded"


# ------------------------------------------------------------------------------------------------ surgery, ablation


def test_an_operation_names_its_site_by_its_code(read: Reader) -> None:
    laryngectomy = r.procedure(r.concept(r.SCT, "66478002"))
    assert lesion(read, "priorSurgeryToSite", LARYNX, laryngectomy) == "true"
    assert lesion(read, "priorSurgeryToSite", r.tumour(), laryngectomy) == "absent: indeterminate"


def test_an_ablation_of_the_only_tumours_site_is_its_ablation(read: Reader) -> None:
    ablation = r.procedure(
        r.concept(r.SCT, "609173003"), bodySite=[r.concept(r.SCT, "4596009")], performedDateTime="2026-10-05"
    )
    del ablation["performedPeriod"]
    facts = read(LARYNX, ablation).lesions[0].facts
    assert [r.said(facts[name]) for name in ("treated", "priorAblation", "ablationDate")] == [
        "true",
        "true",
        "2026-10-05",
    ]
    two = read(LARYNX, r.tumour("T2", location=r.concept(r.SCT, "4596009")), ablation)
    assert {r.said(one.facts["treated"]) for one in two.lesions} == {"absent: indeterminate"}
    named = {**ablation, "reasonReference": r.about("t2")}
    two = read(LARYNX, r.tumour("T2", location=r.concept(r.SCT, "4596009")), named)
    assert [r.said(one.facts["treated"]) for one in two.lesions] == ["absent: indeterminate", "true"]


# --------------------------------------------------------------------------------------------------------- refusals


def refusal(**more: Any) -> Json:
    reason = {
        "url": "http://hl7.org/fhir/StructureDefinition/request-statusReason",
        "valueCodeableConcept": r.concept(r.SCT, "105480006"),
    }
    base = {
        "resourceType": "ServiceRequest",
        "id": "sr",
        "status": "revoked",
        "intent": "proposal",
        "authoredOn": "2026-11-01",
        "code": r.concept(r.SCT, "72791001"),
        "subject": {"reference": "Patient/p1"},
        "extension": [reason],
    }
    return {**base, **more}


def test_a_refused_operation_is_a_choice_for_the_only_lesion(read: Reader) -> None:
    facts = read(LARYNX, refusal()).lesions[0].facts
    assert (r.said(facts["declinesSurgery"]), r.said(facts["declinesCryoablation"])) == (
        "true",
        "absent: never-recorded",
    )


def test_a_refusal_names_what_fhir_requires_of_it(read: Reader) -> None:
    fact = read(LARYNX, refusal()).lesions[0].facts["declinesSurgery"]
    assert {"ServiceRequest.intent", "ServiceRequest.status", "ServiceRequest.subject"} <= {
        s.path for s in fact.sources
    }


def test_a_procedure_not_done_for_refusal_says_the_same(read: Reader) -> None:
    undone = r.procedure(r.concept(r.SCT, "72791001"), status="not-done", statusReason=r.concept(r.SCT, "105480006"))
    assert lesion(read, "declinesSurgery", LARYNX, undone) == "true"
    assert lesion(read, "priorSurgeryToSite", LARYNX, undone) == "absent: never-recorded"


def test_refusing_something_else_is_no_refusal_of_surgery(read: Reader) -> None:
    chemotherapy = refusal(code=r.concept(r.SCT, "367336001"))
    assert lesion(read, "declinesSurgery", LARYNX, chemotherapy) == "absent: never-recorded"
    assert lesion(read, "declinesSurgery", LARYNX, refusal(status="active")) == "absent: never-recorded"
    assert lesion(read, "declinesSurgery", LARYNX, refusal(extension=[])) in (
        "absent: never-recorded",
        "absent: quarantined",
    )


def test_a_refusal_that_names_no_lesion_beside_two_is_open_for_both(read: Reader) -> None:
    second = r.tumour("T2", location=r.concept(r.SCT, "81502006"))
    case = read(LARYNX, second, refusal())
    assert {r.said(one.facts["declinesSurgery"]) for one in case.lesions} == {"absent: indeterminate"}
    named = read(LARYNX, second, refusal(reasonReference=r.about("t2")))
    assert [r.said(one.facts["declinesSurgery"]) for one in named.lesions] == ["absent: never-recorded", "true"]


def test_why_something_was_not_done_in_words_alone_is_shown_to_a_person(read: Reader) -> None:
    said = r.procedure(r.concept(r.SCT, "387631009"), status="not-done", statusReason={"text": "declined by patient"})
    case = read(LARYNX, said)
    assert r.said(case.lesions[0].facts["declinesSurgery"]) == "absent: never-recorded"
    assert ("text-only-code", "Bundle.entry[2].resource.statusReason") in {(i.code, i.expression) for i in case.issues}


def test_an_order_not_to_operate_that_is_revoked_is_no_refusal(read: Reader) -> None:
    assert lesion(read, "declinesSurgery", LARYNX, refusal(doNotPerform=True)) == "absent: never-recorded"


def test_a_denial_in_words_alone_is_shown_to_a_person(read: Reader) -> None:
    consent = {
        "resourceType": "Consent",
        "id": "k",
        "status": "active",
        "scope": r.concept("http://terminology.hl7.org/CodeSystem/consentscope", "treatment"),
        "category": [r.concept(r.LOINC, "59284-0")],
        "patient": {"reference": "Patient/p1"},
        "provision": {"type": "deny", "code": [{"text": "laryngectomy"}]},
    }
    assert "text-only-code" in r.codes(read(LARYNX, consent))
    permitted = {**consent, "provision": {**consent["provision"], "type": "permit"}}
    assert "text-only-code" not in r.codes(read(LARYNX, permitted))


def test_the_newest_word_of_the_patient_holds(read: Reader) -> None:
    accepted = r.observation("declines-surgery", focus=r.about(), valueBoolean=False, effectiveDateTime="2026-11-10")
    assert lesion(read, "declinesSurgery", LARYNX, refusal(), accepted) == "false"


# ------------------------------------------------------------------------------------------------ staging, imaging


def test_metastasis_is_read_from_the_staging_of_the_recurrence_only(read: Reader) -> None:
    def staged(date: str, code: str = "1229901006", *more: Json) -> str:
        category = r.observation(
            r.concept(r.SCT, "399387003"), valueCodeableConcept=r.concept(r.SCT, code), effectiveDateTime=date
        )
        return r.said(read(r.recurrence(), category, *more).patient["distantMetastasis"])

    assert staged("2026-09-20") == "none"
    assert staged("2019-01-01") == "absent: stale"
    assert staged("2026-09-20", "1229903009") == "absent: indeterminate"  # M1 does not say how many


def test_a_staging_of_two_cancers_at_once_is_of_neither(read: Reader) -> None:
    def staged(*focus: str) -> tuple[str, bool]:
        category = r.observation(
            r.concept(r.SCT, "399387003"),
            valueCodeableConcept=r.concept(r.SCT, "1229901006"),
            focus=[{"reference": f"Condition/{one}"} for one in focus],
        )
        case = read(r.recurrence(), r.problem("C34.1", "lung"), category)
        return r.said(case.patient["distantMetastasis"]), "which-lesion" in r.codes(case)

    assert staged("c1") == ("none", False)
    assert staged("c1", "lung") == ("absent: indeterminate", True)
    assert staged("c1", "gone") == ("none", True)  # it is of this one, whatever else it is of


def test_a_size_of_an_excised_tumour_is_not_the_lesions(read: Reader) -> None:
    def sized(**more: Any) -> str:
        longest = {"code": r.concept(r.LOINC, "33728-7"), "valueQuantity": r.quantity(2.1, "cm")}
        size = r.observation(r.concept(r.LOINC, "21889-1"), focus=r.about(), component=[longest], **more)
        return lesion(read, "maxDiameter", r.tumour(), size)

    assert sized() == "21"
    assert sized(specimen={"reference": "Specimen/s"}) == "absent: never-recorded"
    assert sized(method=r.concept(r.SCT, "787377000")) == "absent: never-recorded"


def test_a_size_at_a_far_away_site_is_not_the_only_tumours(read: Reader) -> None:
    def sized(**more: Any) -> str:
        size = r.observation(r.concept(r.LOINC, "21889-1"), valueQuantity=r.quantity(9, "mm"), **more)
        return lesion(read, "maxDiameter", r.tumour(), size)

    assert sized() == "9"
    assert sized(bodySite=r.concept(r.SCT, "47975008")) == "9"  # base of tongue
    assert sized(bodySite=r.concept(r.SCT, "1187336003")) == "absent: never-recorded"


def test_a_size_in_our_own_code_is_not_the_lesions_either_if_it_was_cut_out(read: Reader) -> None:
    def sized(**more: Any) -> str:
        size = r.observation("max-diameter", focus=r.about(), valueQuantity=r.quantity(22, "mm"), **more)
        return lesion(read, "maxDiameter", r.tumour(), size)

    assert sized() == "22"
    assert sized(specimen={"reference": "Specimen/s"}) == "absent: never-recorded"


@pytest.mark.parametrize(("category", "expected"), [("imaging", "21"), ("laboratory", "absent: indeterminate")])
@pytest.mark.parametrize("code", [r.concept(r.LOINC, "33728-7"), "max-diameter"])
def test_a_size_that_a_laboratory_measured_may_be_of_an_excised_tumour(
    code: Json | str, category: str, expected: str, read: Reader
) -> None:
    said = r.concept("http://terminology.hl7.org/CodeSystem/observation-category", category)
    size = r.observation(code, focus=r.about(), valueQuantity=r.quantity(21, "mm"), category=[said])
    case = read(r.tumour(), size)
    assert r.said(case.lesions[0].facts["maxDiameter"]) == expected
    assert ("contradictory-value" in r.codes(case)) == (expected != "21")


def test_an_assessment_that_does_not_speak_of_the_margin_is_not_stretched(read: Reader) -> None:
    def assessed(code: str) -> str:
        said = r.concept("https://example.org/fhir/CodeSystem/hnc-cds-resectability", code)
        return lesion(
            read,
            "surgicalAssessment",
            r.tumour(),
            r.observation("resectability", focus=r.about(), valueCodeableConcept=said),
        )

    assert [assessed(c) for c in ("unresectable", "not-assessed", "resectable", "borderline")] == [
        "unresectable",
        "absent: not-assessed",
        "absent: indeterminate",
        "absent: indeterminate",
    ]


def test_asa_and_ecog_are_read_from_their_published_codes(read: Reader) -> None:
    asa = r.observation(r.concept(r.LOINC, "97816-3"), "a", valueCodeableConcept=r.concept(r.SCT, "413497009"))
    ecog = r.observation(r.concept(r.LOINC, "89247-1"), "e", valueInteger=1)
    facts = read(asa, ecog).patient
    assert (r.said(facts["asa"]), r.said(facts["ecog"])) == ("3", "1")


def test_a_pet_ct_is_done_when_it_is_completed(read: Reader) -> None:
    def done(*resources: Json) -> str:
        return r.said(read(r.recurrence(), *resources).patient["petctDone"])

    scan = r.procedure(r.concept(r.SCT, "443271005"), performedDateTime="2026-09-20")
    del scan["performedPeriod"]
    assert done(scan) == "true"
    assert done({**scan, "performedDateTime": "2026-01-01"}) == "absent: stale"
    assert done({**scan, "status": "not-done"}) == "false"
    assert done({**scan, "status": "unknown"}) == "absent: indeterminate"
    dcm = "http://dicom.nema.org/resources/ontology/DCM"
    study = {
        "resourceType": "ImagingStudy",
        "id": "is",
        "status": "available",
        "subject": {"reference": "Patient/p1"},
        "started": "2026-09-20T10:00:00Z",
        "modality": [{"system": dcm, "code": "PT"}, {"system": dcm, "code": "CT"}],
    }
    assert done(study) == "true"
    assert done({**study, "modality": [{"system": dcm, "code": "CT"}]}) == "false"


# --------------------------------------------------------------------------------------------------------- the age


@pytest.mark.parametrize(
    ("born", "age"),
    [
        ("1957-04-02", "69"),
        ("1957-11-22", "69"),
        ("1957-11-23", "68"),
        ("1957", "68 to 69"),
        ("1957-04", "69"),
        ("2027", "absent: unreadable-value"),
    ],
)
def test_the_age_is_counted_to_the_day_of_the_answer(born: str, age: str, read: Reader) -> None:
    case = read.read(r.bundle(r.patient(birthDate=born), patient_first=False))
    assert r.said(case.patient["ageYears"]) == age


def test_an_invalid_patient_has_no_age(read: Reader) -> None:
    case = read.read(r.bundle(r.patient(birthDate=1957), patient_first=False))
    assert r.said(case.patient["ageYears"]) == "absent: quarantined"


# ------------------------------------------------------------------------------------- assumptions are written down


def test_a_diagnosis_taken_as_confirmed_says_so(read: Reader) -> None:
    unverified = {k: v for k, v in r.problem("D66").items() if k != "verificationStatus"}
    case = read(unverified)
    assert r.said(case.patient["bleedingDisorder"]) == "true"
    assert "assumed-confirmed" in r.codes(case)


def test_a_status_without_fhirs_code_confirms_nothing(read: Reader) -> None:
    assert (
        r.said(read(r.problem("D66", clinicalStatus={"text": "aktiv"})).patient["bleedingDisorder"])
        == "absent: indeterminate"
    )


def test_that_something_was_declined_is_an_issue_and_no_choice(read: Reader) -> None:
    case = read(LARYNX, r.problem("Z53.29"))
    assert "something-declined" in r.codes(case)
    assert not case.lesions[0].facts["declinesSurgery"].is_known


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("52101004", "true"),
        ("2667000", "false"),
        ("82334004", "absent: indeterminate"),
        ("385001000", "absent: unreadable-code"),
    ],
)
def test_a_yes_or_no_may_be_coded(code: str, expected: str, read: Reader) -> None:
    fact = r.observation("bleeding-disorder", valueCodeableConcept=r.concept(r.SCT, code))
    assert r.said(read(fact).patient["bleedingDisorder"]) == expected


def test_a_death_is_noted(read: Reader) -> None:
    assert "deceased" in r.codes(read.read(r.bundle(r.patient(deceasedBoolean=True), patient_first=False)))


def test_a_treatment_that_ended_before_it_started_has_no_date(read: Reader) -> None:
    turned = {"start": "2022-02-22", "end": "2022-01-10"}
    given = r.procedure(r.concept(r.SCT, "1217123003"), performedPeriod=turned, reasonReference=r.about())
    case = read(r.tumour(), given)
    assert r.said(case.lesions[0].facts["timeSinceRadiotherapy"]) == "absent: undated"
    assert "unreadable-date" in r.codes(case)
