"""Mapping advice, A 1 to A 9: what is held to be true, and by which code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.intake import records as r
from tests.intake.records import Json, Reader

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
ICDO = "http://terminology.hl7.org/CodeSystem/icd-o-3"
OMOP = "http://fhir.ohdsi.org/CodeSystem/concepts"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
HISTOLOGY = f"{r.MCODE}mcode-histology-morphology-behavior"
ONCONOVA = "http://onconova.github.io/fhir/StructureDefinition/onconova-ext-primary-cancer-"
ACTIVE = r.concept(CLINICAL, "active")
RADIOTHERAPY = r.concept(r.SCT, "1217123003")
TONGUE_BASE = r.concept(r.SCT, "47975008")
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


def bleeding(read: Reader, *resources: Json, **around: Any) -> str:
    return r.said(read.read(r.bundle(*resources, **around)).patient["bleedingDisorder"])


def lesion(read: Reader, name: str, *resources: Json) -> str:
    (one,) = read(*resources).lesions
    return r.said(one.facts[name])


def sites(read: Reader, *resources: Json) -> list[str]:
    return [r.said(one.facts["site"]) for one in read(*resources).lesions]


def bare(resource: Json, *elements: str) -> Json:
    return {key: value for key, value in resource.items() if key not in elements}


# ---------------------------------------------------------------------------------------------------- A 1: three values


@pytest.mark.parametrize(("given", "expected"), [(False, "false"), (True, "true")])
def test_a01_positive_only_an_explicit_word_makes_present_or_absent(given: bool, expected: str, read: Reader) -> None:
    assert bleeding(read, r.observation("bleeding-disorder", valueBoolean=given)) == expected


@pytest.mark.parametrize(
    ("resources", "around"),
    [
        ([], {}),
        ([r.problem("I10"), OUTCOME], {}),
        ([r.problem("I10")], {"link": [{"relation": "next", "url": "https://example.org/page/2"}]}),
        ([r.problem("I10"), r.problem("D66", "bad", foo=1)], {}),
        ([r.problem("I10"), r.observation("bleeding-disorder", valueBoolean=True, foo=1)], {}),
    ],
    ids=["nothing", "a search that failed", "a further page", "a quarantined diagnosis", "a quarantined finding"],
)
def test_a01_negative_what_is_missing_is_unknown_and_never_no(
    resources: list[Json], around: Json, read: Reader
) -> None:
    assert bleeding(read, *resources, **around).startswith("absent: ")


def test_a01_negative_an_entry_without_resource_and_a_null_say_nothing(read: Reader) -> None:
    source = r.bundle()
    source["entry"].append({"fullUrl": "https://example.org/fhir/Observation/1"})
    assert r.said(read.read(source).patient["inr"]) == "absent: never-recorded"


# --------------------------------------------------------------------------------------------- A 2: verification status


def test_a02_positive_a_refuted_diagnosis_is_ignored_and_named(read: Reader) -> None:
    refuted = r.problem("D66", "haemophilia", verificationStatus=r.concept(VERIFICATION, "refuted"))
    case = read(r.problem("I10"), refuted)
    assert r.said(case.patient["bleedingDisorder"]) == "false"
    assert ("Condition/haemophilia", "Condition.verificationStatus") in {(s.resource, s.path) for s in case.excluded}


def test_a02_positive_one_entered_in_error_has_no_clinical_status_and_is_ignored(read: Reader) -> None:
    wrong = bare(r.problem("D66", verificationStatus=r.concept(VERIFICATION, "entered-in-error")), "clinicalStatus")
    assert bleeding(read, r.problem("I10", "other"), wrong) == "false"


@pytest.mark.parametrize("category", ["problem-list-item", "encounter-diagnosis"])
def test_a02_positive_a_listed_diagnosis_without_status_counts_and_the_assumption_is_recorded(
    category: str, read: Reader
) -> None:
    case = read(bare(r.problem("D66", category=[r.concept(CATEGORY, category)]), "verificationStatus"))
    assert r.said(case.patient["bleedingDisorder"]) == "true"
    assert "assumed-confirmed" in r.codes(case)


@pytest.mark.parametrize(
    "status", [r.concept(VERIFICATION, code) for code in ("unconfirmed", "provisional", "differential")]
    + [r.concept("https://www.medizininformatik-initiative.de/fhir/primaerdiagnosensicherung", "2")],
    ids=["unconfirmed", "provisional", "differential", "a national code"],
)  # fmt: skip
def test_a02_negative_an_unconfirmed_diagnosis_is_unknown_not_yes_and_not_no(status: Json, read: Reader) -> None:
    assert bleeding(read, r.problem("D66", verificationStatus=status)) == "absent: indeterminate"


def test_a02_negative_an_unlisted_diagnosis_without_status_is_not_taken_as_confirmed(read: Reader) -> None:
    assert bleeding(read, bare(r.problem("D66"), "verificationStatus", "category")) == "absent: indeterminate"


# ------------------------------------------------------------------------------------------------- A 3: clinical status


@pytest.mark.parametrize("status", ["active", "recurrence", "relapse"])
def test_a03_positive_a_present_cancer_is_a_lesion(status: str, read: Reader) -> None:
    assert len(read(r.recurrence(clinicalStatus=r.concept(CLINICAL, status))).lesions) == 1


@pytest.mark.parametrize("status", ["inactive", "remission", "resolved"])
def test_a03_negative_a_past_cancer_is_history(status: str, read: Reader) -> None:
    assert read(r.recurrence(clinicalStatus=r.concept(CLINICAL, status))).lesions == ()


def test_a03_negative_a_status_in_words_alone_is_not_read_as_present(read: Reader) -> None:
    case = read(r.recurrence(clinicalStatus={"text": "active"}))
    assert case.lesions == ()
    assert "unconfirmed-tumour" in r.codes(case)


# ------------------------------------------------------------------------------------------- A 4: recurrence, five ways


@pytest.mark.parametrize(
    "said",
    [
        {"clinicalStatus": r.concept(CLINICAL, "recurrence")},
        {"clinicalStatus": r.concept(CLINICAL, "relapse")},
        {
            "clinicalStatus": {
                **ACTIVE,
                "extension": [{"url": f"{ONCONOVA}recurrence-of", "valueReference": {"reference": "Condition/first"}}],
            }
        },
        {"code": r.concept(r.SCT, "314951005")},
        {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/condition-occurredFollowing",
                    "valueReference": {"reference": "Condition/first"},
                }
            ]
        },
        {"extension": [{"url": HISTOLOGY, "valueCodeableConcept": r.concept(r.SCT, "25173007")}]},
    ],
    ids=["recurrence", "relapse", "Onconova", "pre-coordinated", "occurredFollowing", "morphology"],
)
def test_a04_positive_each_way_of_saying_recurrence_dates_it(said: Json, read: Reader) -> None:
    assert lesion(read, "recurrenceDate", r.recurrence(**{"clinicalStatus": ACTIVE, **said})) == "2026-09-01"


def test_a04_negative_two_diagnoses_of_one_place_are_no_recurrence(read: Reader) -> None:
    first = r.recurrence("first", clinicalStatus=r.concept(CLINICAL, "resolved"), onsetDateTime="2019")
    assert lesion(read, "recurrenceDate", first, r.recurrence("again", clinicalStatus=ACTIVE)).startswith("absent")


def test_a04_negative_a_worsened_disease_status_is_no_recurrence(read: Reader) -> None:
    worse = r.observation(r.concept(r.LOINC, "97509-4"), valueCodeableConcept=r.concept(r.SCT, "271299001"))
    assert lesion(read, "recurrenceDate", r.recurrence(clinicalStatus=ACTIVE), worse).startswith("absent")


# ----------------------------------------------------------------------- A 5: primary, secondary, history, and the site


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"code": r.concept(r.SCT, "363346000"), "bodySite": [TONGUE_BASE]}, "oropharynx"),
        ({"code": r.concept(ICD, "C32.9")}, "larynx"),
        ({"code": r.concept("http://hl7.org/fhir/sid/icd-10", "C32.9")}, "larynx"),
        ({"code": r.concept(ICD, "C77.0")}, "neck_node"),
        ({"code": r.concept(OMOP, "36518495")}, "oropharynx"),
        ({"code": r.concept(OMOP, "36517856"), "bodySite": [r.concept(OMOP, "4077986")]}, "oral_cavity"),
    ],
    ids=["a generic code and the body site", "ICD-10-CM", "ICD-10", "a node that recurs", "OMOP", "all in OMOP"],
)
def test_a05_positive_the_site_is_that_of_body_site_or_code(said: Json, expected: str, read: Reader) -> None:
    assert sites(read, r.recurrence(**said)) == [expected]


def test_a05_positive_a_site_that_two_codes_contradict_is_flagged_and_not_guessed(read: Reader) -> None:
    both = r.recurrence(code=r.concept(ICD, "C32.9"), bodySite=[TONGUE_BASE])
    case = read(both)
    assert r.said(case.lesions[0].facts["site"]) == "conflict: larynx, oropharynx"
    assert "conflicting-sources" in r.codes(case)


@pytest.mark.parametrize("code", ["Z85.21", "Z92.3", "D02.0", "D38.0", "C34.9", "C78.0"])
def test_a05_negative_history_in_situ_uncertain_and_far_tumours_are_no_lesions(code: str, read: Reader) -> None:
    assert read(r.recurrence(code=r.concept(ICD, code))).lesions == ()


def test_a05_negative_a_secondary_node_of_which_no_recurrence_is_stated_is_no_lesion(read: Reader) -> None:
    assert read(r.recurrence(code=r.concept(ICD, "C77.0"), clinicalStatus=ACTIVE)).lesions == ()


# ------------------------------------------------------------------------------------------------------- A 6: histology


@pytest.mark.parametrize(
    ("code", "expected"), [("8070/3", "scc"), ("8430/3", "mucoepidermoid"), ("9522/3", "esthesioneuroblastoma")]
)
def test_a06_positive_morphology_by_its_code(code: str, expected: str, read: Reader) -> None:
    assert lesion(read, "histology", r.tumour(morphology=r.concept(ICDO, code))) == expected
    said = [{"url": HISTOLOGY, "valueCodeableConcept": r.concept(ICDO, code)}]
    assert lesion(read, "histology", r.recurrence(extension=said)) == expected


def test_a06_positive_a_histology_that_a_diagnosis_names_in_omop(read: Reader) -> None:
    assert lesion(read, "histology", r.recurrence(code=r.concept(OMOP, "36518495"))) == "mucoepidermoid"
    assert lesion(read, "histology", r.tumour(morphology=r.concept(OMOP, "37156145"))) == "scc"


@pytest.mark.parametrize(
    "morphology",
    [
        r.concept(ICDO, "8070/2"),
        r.concept(ICDO, "8070/0"),
        r.concept(ICDO, "8430/1", "mucoepidermoid"),
        {"text": "squamous cell carcinoma"},
        r.concept(r.SCT, "88805009", "anesthesiologists"),
    ],
    ids=["in situ", "benign", "uncertain", "a text", "a display that holds a histology's letters"],
)
def test_a06_negative_behaviour_counts_and_no_text_is_searched(morphology: Json, read: Reader) -> None:
    assert lesion(read, "histology", r.tumour(morphology=morphology)) == "absent: unreadable-code"


# -------------------------------------------------------------------------------------------- A 7: system and code only


@pytest.mark.parametrize(
    "system",
    [
        "http://snomed.info/sct/",
        "http://snomed.info/sct/900000000000207008/version/20240101",
        "urn:oid:2.16.840.1.113883.6.96",
        "http://snomed.info/sct|20240101",
        "SCT",
    ],
)
def test_a07_positive_a_system_is_one_by_all_its_addresses(system: str, read: Reader) -> None:
    assert sites(read, r.tumour(location=r.concept(system, "47975008", "Z\u200bungengrund"))) == ["oropharynx"]


@pytest.mark.parametrize(
    "location",
    [
        {"text": "Base of tongue structure"},
        {"coding": [{"display": "Base of tongue structure"}]},
        {"coding": [{"code": "47975008"}]},
        r.concept("https://hospital.example/sites", "47975008", "Base of tongue"),
        r.concept(r.SCT, "47975008:272741003=7771000"),
    ],
    ids=["text", "display", "no system", "another system", "post-coordinated"],
)
def test_a07_negative_a_display_or_another_systems_code_is_no_key(location: Json, read: Reader) -> None:
    assert sites(read, r.tumour(location=location)) == ["absent: unreadable-code"]


# -------------------------------------------------------------------------------- A 8: several codings, text-only codes


def test_a08_positive_any_of_several_codings_counts(read: Reader) -> None:
    codes = [{"system": "https://hospital.example", "code": "X"}, {"system": ICD, "code": "D66"},
             {"system": r.SCT, "code": "28293008"}]  # fmt: skip
    assert bleeding(read, {**r.problem("D66"), "code": {"coding": codes}}) == "true"


def test_a08_negative_codings_that_contradict_each_other_are_flagged(read: Reader) -> None:
    two = {"coding": [{"system": f"{r.LOCAL}airway-risk", "code": code} for code in ("low", "critical")]}
    case = read(r.observation("airway-risk", valueCodeableConcept=two))
    assert r.said(case.patient["airwayRisk"]) == "conflict: critical, low"
    assert "contradictory-codes" in r.codes(case)


def test_a08_negative_a_text_goes_to_a_person_and_gives_no_fact(read: Reader) -> None:
    case = read(r.problem("I10", "other"), {**r.problem("D66"), "code": {"text": "Haemophilia A"}})
    assert r.said(case.patient["bleedingDisorder"]) == "absent: unreadable-code"
    assert "text-only-code" in r.codes(case)


# ------------------------------------------------------------------------------------------- A 9: what was really given


@pytest.mark.parametrize("status", ["completed", "in-progress"])
def test_a09_positive_radiotherapy_that_was_given_counts(status: str, read: Reader) -> None:
    given = r.procedure(RADIOTHERAPY, status=status, bodySite=[TONGUE_BASE])
    assert lesion(read, "priorRadiotherapyToSite", r.tumour(), given) == "true"


@pytest.mark.parametrize("status", ["not-done", "entered-in-error", "preparation", "stopped", "unknown", "final"])
def test_a09_negative_what_was_not_surely_given_is_no_treatment(status: str, read: Reader) -> None:
    given = r.procedure(RADIOTHERAPY, status=status, bodySite=[TONGUE_BASE])
    assert lesion(read, "priorRadiotherapyToSite", r.tumour(), given).startswith("absent: ")


@pytest.mark.parametrize("status", ["draft", "active", "completed", "revoked"])
def test_a09_negative_a_request_is_no_delivery(status: str, read: Reader) -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "plan",
        "status": status,
        "intent": "order",
        "code": RADIOTHERAPY,
        "subject": {"reference": "Patient/p1"},
        "bodySite": [TONGUE_BASE],
    }
    assert lesion(read, "priorRadiotherapyToSite", r.tumour(), order) == "absent: never-recorded"
