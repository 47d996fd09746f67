"""Mapping advice, A 19 to A 27: plausibility, time, versions, references, what is inside what, kinds of bundle."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds.errors import UnusableInput
from tests.intake import records as r
from tests.intake.records import Json, Reader

INR = r.concept(r.LOINC, "6301-6")
PLATELETS = r.concept(r.LOINC, "777-3")
WARFARIN = r.concept("http://www.whocc.no/atc", "B01AA03")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
BASE = "https://hospital.example/fhir"
DAY = Fraction(1)


def inr(value: object = 1.2, id_: str = "o1", **more: Any) -> Json:
    return r.observation(INR, id_, valueQuantity=r.quantity(value), **more)


def patient(read: Reader, name: str, *resources: Json, **around: Any) -> str:
    return r.said(read.read(r.bundle(*resources, **around)).patient[name])


def size(**more: Any) -> Json:
    return r.observation("max-diameter", "size", **{"valueQuantity": r.quantity(21, "mm"), **more})


def lesion(read: Reader, name: str, *resources: Json) -> str:
    (one,) = read(*resources).lesions
    return r.said(one.facts[name])


# --------------------------------------------------------------------------------------------------- A 19: plausibility


@pytest.mark.parametrize("value", [0.5, 1.2, 20])
def test_a19_positive_what_is_possible_is_read(value: float, read: Reader) -> None:
    assert patient(read, "inr", inr(value)) == str(value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("inr", inr(0.4)),
        ("inr", inr(21)),
        ("platelets", r.observation(PLATELETS, valueQuantity=r.quantity(250000, "10*9/L"))),
        ("platelets", r.observation(PLATELETS, valueQuantity=r.quantity(0.25, "10*9/L"))),
    ],
)
def test_a19_negative_what_is_not_possible_is_unknown_and_an_issue(name: str, said: Json, read: Reader) -> None:
    case = read(said)
    assert r.said(case.patient[name]) == "absent: implausible"
    assert "implausible-value" in r.codes(case)


def test_a19_negative_a_slip_from_millimetres_to_centimetres_is_caught(read: Reader) -> None:
    assert lesion(read, "maxDiameter", r.tumour(), size(valueQuantity=r.quantity(45, "cm"))) == "absent: implausible"


# ----------------------------------------------------------------------------------------------------------- A 20: time


@pytest.mark.parametrize(
    "when",
    [
        {"effectiveDateTime": "2026-11"},
        {"effectiveDateTime": "2026-11-20T08:00:00+01:00"},
        {"effectiveInstant": "2026-11-20T08:00:00Z"},
        {"effectivePeriod": {"start": "2026-11-19", "end": "2026-11-20"}},
        {"effectiveTiming": {"event": ["2026-11-20T08:00:00Z"]}},
    ],
    ids=["a month", "a time", "an instant", "a period", "a timing"],
)
def test_a20_positive_each_way_to_say_when_is_read(when: Json, read: Reader) -> None:
    older = inr(3.1, "older", effectiveDateTime="2026-10-01")
    assert patient(read, "inr", older, inr(1.2, **{"effectiveDateTime": None, **when})) == "1.2"


def test_a20_positive_a_partial_date_is_an_interval_that_may_overlap(read: Reader) -> None:
    two = (inr(effectiveDateTime="2026-11"), inr(3.1, "other", effectiveDateTime="2026-11-05"))
    assert patient(read, "inr", *two) == "conflict: 1.2, 3.1"


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ({"effectiveDateTime": "2027-01-01"}, "future-dated"),
        ({"effectiveDateTime": 2020}, "invalid-resource"),
        ({"effectiveDateTime": None, "issued": "2026-11-20T08:00:00Z"}, "undated"),
        ({"effectiveDateTime": "2026-11-20T08:00:00"}, "time-without-zone"),
    ],
    ids=["the future", "a number", "issued only", "no zone"],
)
def test_a20_negative_a_date_that_is_none_is_an_issue(when: Json, code: str, read: Reader) -> None:
    assert code in r.codes(read(inr(**when)))


@pytest.mark.parametrize("when", [None, "2026-11-10"])
def test_a20_negative_an_undated_or_old_result_satisfies_no_limit_of_age(when: str | None, read: Reader) -> None:
    said = inr(effectiveDateTime=when, issued="2026-11-20T08:00:00Z")
    case = read(said, ages={"bloodTestAge": (7 * DAY, "d")})
    assert not case.patient["inr"].is_known


# ------------------------------------------------------------------------------------------------ A 21: the latest wins

NOW = {"effectiveDateTime": "2026-11-20T08:00:00Z"}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"effectiveDateTime": "2026-11-19"}, {"effectiveDateTime": "2026-11-20"}),
        ({**NOW, "issued": "2026-11-20T09:00:00Z"}, {**NOW, "issued": "2026-11-20T10:00:00Z"}),
        (
            {**NOW, "meta": {"lastUpdated": "2026-11-20T09:00:00Z"}},
            {**NOW, "meta": {"lastUpdated": "2026-11-20T10:00:00Z"}},
        ),
    ],
    ids=["effective", "issued", "lastUpdated"],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a21_positive_the_later_holds_in_whatever_order(older: Json, newer: Json, turned: bool, read: Reader) -> None:
    two = [inr(3.1, "older", **older), inr(1.2, "newer", **newer)]
    assert patient(read, "inr", *(reversed(two) if turned else two)) == "1.2"


def test_a21_positive_versions_and_identical_copies_count_once(read: Reader) -> None:
    first, second = inr(3.1, meta={"versionId": "1"}), inr(1.2, meta={"versionId": "2"})
    assert patient(read, "inr", second, first, second) == "1.2"


def test_a21_negative_two_values_of_one_time_are_a_conflict_and_an_issue(read: Reader) -> None:
    case = read(inr(1.2, "one", **NOW), inr(3.1, "other", **NOW))
    assert r.said(case.patient["inr"]) == "conflict: 1.2, 3.1"
    assert "conflicting-sources" in r.codes(case)


@pytest.mark.parametrize(
    ("newer", "expected"),
    [({}, "absent: entered-in-error"), ({"meta": {"lastUpdated": "2026-11-21T10:00:00Z"}}, "1.2")],
    ids=["nothing tells which is newer", "the correction is newer"],
)
def test_a21_negative_a_copy_of_what_was_entered_in_error_is_not_undisputed(
    newer: Json, expected: str, read: Reader
) -> None:
    same = {"identifier": [{"system": "urn:lab", "value": "77"}]}
    wrong = inr(1.2, "wrong", status="entered-in-error", meta={"lastUpdated": "2026-11-20T10:00:00Z"}, **same)
    case = read(inr(1.2, "copy", **same, **newer), wrong)
    assert r.said(case.patient["inr"]) == expected
    assert ("same-resource-twice" in r.codes(case)) is (not newer)
    of_a_panel = r.observation(r.concept(r.LOINC, "777-3"), "wrong", status="entered-in-error", **same)
    assert patient(read, "inr", inr(1.2, "copy", **same), of_a_panel) == "1.2"
    assert patient(read, "inr", inr(1.2, "copy", identifier=[{"system": "urn:x", "value": "77"}]), wrong) == "1.2"


# ----------------------------------------------------------------------------------------------------- A 22: references


def linked(reference: Json, base: str = "urn:uuid:0-") -> Json:
    source = r.bundle({**r.tumour(), "patient": {"reference": "Patient/p1"}}, size(focus=[reference]))
    if base == "urn:uuid:0-":
        for number, entry in enumerate(source["entry"]):
            entry["fullUrl"] = f"{base}{number}"
            for element in {"subject", "patient"} & set(entry["resource"]):
                entry["resource"][element] = {"reference": f"{base}0"}
    elif base:
        for entry in source["entry"]:
            entry["fullUrl"] = f"{base}/{entry['resource']['resourceType']}/{entry['resource']['id']}"
    return source


@pytest.mark.parametrize(
    ("reference", "base"),
    [
        ({"reference": "urn:uuid:0-1"}, "urn:uuid:0-"),
        ({"reference": "BodyStructure/t1"}, BASE),
        ({"reference": f"{BASE}/BodyStructure/t1"}, BASE),
        ({"reference": f"{BASE}/BodyStructure/t1/_history/3"}, BASE),
        ({"reference": "BodyStructure/t1"}, ""),
        ({"reference": "BodyStructure?identifier=urn:example:tumour-board|T1"}, BASE),
        ({"identifier": {"system": "urn:example:tumour-board", "value": "T1"}}, BASE),
    ],
    ids=["urn:uuid", "relative", "absolute", "with a version", "no fullUrl", "conditional", "identifier"],
)
def test_a22_positive_each_kind_of_reference_is_followed(reference: Json, base: str, read: Reader) -> None:
    (one,) = read.read(linked(reference, base)).lesions
    assert r.said(one.facts["maxDiameter"]) == "21"


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "https://elsewhere.example/fhir/BodyStructure/t1"},
        {"reference": "BodyStructure/t2"},
        {"display": "the tumour"},
        {"reference": "#t1"},
    ],
    ids=["another server", "another id", "display only", "contained and missing"],
)
def test_a22_negative_what_is_not_found_is_attached_to_nothing(reference: Json, read: Reader) -> None:
    (one,) = read.read(linked(reference, BASE)).lesions
    assert r.said(one.facts["maxDiameter"]) == "absent: indeterminate"


def test_a22_negative_the_address_that_keeps_a_reference_from_being_followed_is_named(read: Reader) -> None:
    source = linked({"reference": "https://elsewhere.example/fhir/BodyStructure/t1"}, BASE)
    case = read.read(source)
    paths = {s.path for s in case.lesions[0].facts["maxDiameter"].sources}
    assert "Bundle.entry[1].fullUrl" in paths
    del source["entry"][1]["fullUrl"]
    assert r.said(read.read(source).lesions[0].facts["maxDiameter"]) == "21"


@pytest.mark.parametrize("subject", [{"reference": "Patient/p2"}, {"reference": f"{BASE}/Patient/p2"}])
def test_a22_negative_another_patients_data_refuses_the_request(subject: Json, read: Reader) -> None:
    with pytest.raises(UnusableInput) as refused:
        read(inr(subject=subject))
    assert "other-patient" in {issue.code for issue in refused.value.issues}


@pytest.mark.parametrize("subject", [{"reference": "urn:uuid:1"}, {"display": "somebody"}, None])
def test_a22_negative_a_result_of_nobody_known_is_not_used(subject: Json | None, read: Reader) -> None:
    case = read(inr(subject=subject))
    assert r.said(case.patient["inr"]) == "absent: quarantined"
    assert "unknown-subject" in r.codes(case)


def test_a22_negative_a_relatives_disease_is_not_the_patients(read: Reader) -> None:
    relatives = {
        "resourceType": "FamilyMemberHistory",
        "id": "mother",
        "status": "completed",
        "patient": {"reference": "Patient/p1"},
        "relationship": {"text": "mother"},
        "condition": [{"code": r.concept("http://hl7.org/fhir/sid/icd-10-cm", "D66")}],
    }
    assert patient(read, "bleedingDisorder", r.problem("I10"), relatives) == "false"


# -------------------------------------------------------------------------------------------- A 23: contained resources


def taken(**more: Any) -> Json:
    return {
        "resourceType": "MedicationStatement",
        "id": "taken",
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": "#drug"},
        "contained": [{"resourceType": "Medication", "id": "drug", "code": WARFARIN}],
        **more,
    }


def test_a23_positive_a_contained_drug_is_read_by_its_record_and_shares_its_status(read: Reader) -> None:
    assert patient(read, "vitaminKAntagonist", taken()) == "true"
    assert patient(read, "vitaminKAntagonist", taken(status="entered-in-error")) == "absent: never-recorded"


HELD = {key: value for key, value in r.problem("D66", "held").items() if key != "id"}


@pytest.mark.parametrize(
    "outer",
    [
        {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {"code": "AMB"}, "contained": [HELD]},
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r.problem("D66", "inner")}]},
        {"resourceType": "Parameters", "parameter": [{"name": "x", "resource": r.problem("D66", "inner")}]},
    ],
    ids=["contained", "a bundle in the bundle", "Parameters"],
)
def test_a23_negative_a_diagnosis_inside_another_resource_is_no_silence(outer: Json, read: Reader) -> None:
    case = read(r.problem("I10"), outer)
    assert r.said(case.patient["bleedingDisorder"]) == "absent: quarantined"
    assert "not-an-entry" in r.codes(case)


# ------------------------------------------------------------------------------------------------ A 24: kinds of bundle


@pytest.mark.parametrize("kind", ["searchset", "collection", "transaction", "batch", "document", "message"])
def test_a24_positive_the_records_of_every_kind_of_bundle_are_read(kind: str, read: Reader) -> None:
    source = r.bundle(inr(), type=kind)
    for entry in source["entry"] if kind in ("transaction", "batch") else ():
        entry["request"] = {"method": "POST", "url": entry["resource"]["resourceType"]}
    assert r.said(read.read(source).patient["inr"]) == "1.2"


def test_a24_positive_a_history_counts_by_its_newest_version(read: Reader) -> None:
    new, old = inr(1.2, meta={"versionId": "2"}), inr(3.1, meta={"versionId": "1"})
    assert patient(read, "inr", new, old, type="history") == "1.2"


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "GET"])
def test_a24_negative_a_request_that_records_nothing_is_no_fact(method: str, read: Reader) -> None:
    source = r.bundle(inr(), type="transaction")
    source["entry"][1]["request"] = {"method": method, "url": "Observation/o1"}
    assert r.said(read.read(source).patient["inr"]) == "absent: never-recorded"


def test_a24_negative_a_deleted_record_is_gone(read: Reader) -> None:
    source = r.bundle(type="history")
    deleted = {"fullUrl": f"{BASE}/Observation/o1", "request": {"method": "DELETE", "url": "Observation/o1"}}
    source["entry"] += [deleted, {"fullUrl": f"{BASE}/Observation/o1", "resource": inr()}]
    assert r.said(read.read(source).patient["inr"]) == "absent: never-recorded"


def test_a24_negative_an_operation_outcome_of_a_search_is_no_record(read: Reader) -> None:
    note = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}
    source = r.bundle(note, type="searchset")
    source["entry"][1]["search"] = {"mode": "outcome"}
    assert r.said(read.read(source).patient["inr"]) == "absent: never-recorded"


# ------------------------------------------------------------------------------------------------------ A 25: modifiers


def test_a25_positive_rules_and_labels_are_surfaced(read: Reader) -> None:
    said = inr(implicitRules="https://example.org/rules", meta={"security": [{"code": "R"}]})
    case = read(said)
    assert r.said(case.patient["inr"]) == "1.2"
    assert {"implicit-rules", "security-label"} <= r.codes(case)


@pytest.mark.parametrize("deep", [False, True])
def test_a25_negative_an_unknown_modifier_keeps_the_resource_from_being_used(deep: bool, read: Reader) -> None:
    modifier = {"modifierExtension": [{"url": "https://example.org/not", "valueBoolean": True}]}
    said = inr(referenceRange=[{"text": "x", **modifier}]) if deep else inr(**modifier)
    case = read(said)
    assert r.said(case.patient["inr"]) == "absent: unknown-modifier"
    assert "unknown-modifier" in r.codes(case)


PART = {"meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]}}


@pytest.mark.parametrize("missing", ["verificationStatus", "clinicalStatus"])
def test_a25_negative_a_part_of_a_diagnosis_is_not_taken_as_confirmed(missing: str, read: Reader) -> None:
    part = {key: value for key, value in r.problem("D66", **PART).items() if key != missing}
    case = read(part)
    assert r.said(case.patient["bleedingDisorder"]) == "absent: indeterminate"
    assert "subsetted" in r.codes(case)


def test_a25_negative_a_part_of_a_finding_is_not_about_the_only_tumour(read: Reader) -> None:
    said = r.observation("infection-at-site", valueBoolean=False, **PART)
    assert lesion(read, "infectionAtSite", r.tumour(), said) == "absent: indeterminate"


def test_a25_positive_what_a_part_does_say_is_read(read: Reader) -> None:
    assert patient(read, "inr", inr(**PART)) == "1.2"
    assert patient(read, "bleedingDisorder", r.problem("D66", **PART)) == "true"


# ------------------------------------------------------------------------------------------------------- A 26: versions


def test_a26_positive_r4_is_read(read: Reader) -> None:
    assert patient(read, "inr", inr()) == "1.2"


@pytest.mark.parametrize(
    "foreign",
    [
        {"resourceType": "MedicationOrder"},
        {"resourceType": "ProcedureRequest"},
        {"resourceType": "RequestOrchestration"},
        {"resourceType": "Procedure", "status": "completed", "occurrenceDateTime": "2026"},
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "reason": [{"concept": {}}]},
        {"resourceType": "Condition", "clinicalStatus": "active"},
    ],
)
def test_a26_negative_another_version_is_refused_and_not_read_in_part(foreign: Json, read: Reader) -> None:
    with pytest.raises(UnusableInput) as refused:
        read(inr(), {"subject": {"reference": "Patient/p1"}, **foreign})
    assert {issue.code for issue in refused.value.issues} == {"wrong-fhir-version"}


# --------------------------------------------------------------------------------------- A 27: sets that were cut short


def groups(repository: Path) -> list[tuple[str, str, int]]:
    """Name, source and size of every group of codes in the tables."""
    folder = repository / "rules/recurrent-head-and-neck/mapping"
    sets = yaml.safe_load((folder / "value-sets.yaml").read_text(encoding="utf-8"))["value_sets"]
    return [(name, g["source"], len(g.get("codes", ()))) for name, all_ in sets.items() for g in all_]


def test_a27_positive_every_group_of_codes_names_its_source(repository: Path) -> None:
    found = groups(repository)
    assert len(found) > 50
    assert all(re.search(r"\w{3}", source) for _, source, _ in found)


def test_a27_negative_no_group_has_the_size_at_which_published_expansions_are_cut(repository: Path) -> None:
    sizes: Counter[tuple[str, str]] = Counter()
    for name, source, count in groups(repository):
        sizes[name, source] += count
    assert max(sizes.values()) < 1000


def test_a27_negative_a_code_that_a_set_lacks_leaves_its_fact_unknown(read: Reader) -> None:
    other = {"resourceType": "Medication", "id": "drug", "code": r.concept(RXNORM, "1")}
    assert patient(read, "antithromboticTherapy", taken(contained=[other])) == "absent: never-recorded"
