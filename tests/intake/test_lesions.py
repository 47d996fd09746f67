"""Which lesions a record names, and what it says of them by naming them."""

from __future__ import annotations

import pytest

from cds.errors import UnusableInput
from tests.intake import records as r
from tests.intake.records import Json, Reader

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
HISTOLOGY = f"{r.MCODE}mcode-histology-morphology-behavior"
LINK = {"url": f"{r.MCODE}mcode-related-condition", "valueReference": {"reference": "Condition/c1"}}


def facts(read: Reader, *resources: Json) -> dict[str, str]:
    (lesion,) = read(*resources).lesions
    return {name: r.said(lesion.facts[name]) for name in ("site", "side", "histology", "recurrenceDate")}


def ids(read: Reader, *resources: Json) -> list[str]:
    return [lesion.id for lesion in read(*resources).lesions]


# ------------------------------------------------------------------------------------------------ BodyStructures


def test_a_tumour_says_its_site_side_and_histology(read: Reader) -> None:
    body = r.tumour(morphology=r.concept(r.SCT, "1162767002"))
    assert facts(read, body) == {
        "site": "oropharynx",
        "side": "left",
        "histology": "scc",
        "recurrenceDate": "absent: never-recorded",
    }
    assert read(body).lesions[0].label == "oropharynx, left"


def test_a_site_may_be_said_by_the_rule_sets_own_code(read: Reader) -> None:
    body = r.tumour(
        location=r.concept(f"{r.LOCAL}site", "neck-node"), morphology=r.concept(f"{r.LOCAL}histology", "adenoid_cystic")
    )
    found = facts(read, body)
    assert (found["site"], found["histology"]) == ("neck_node", "adenoid_cystic")


SQUAMOUS = r.concept(r.SCT, "1162767002")


@pytest.mark.parametrize(
    "body",
    [
        r.tumour(meta={"profile": [f"{r.MCODE}mcode-tumor|4.0.0"]}),
        {k: v for k, v in r.tumour().items() if k != "meta"},
        {**{k: v for k, v in r.tumour().items() if k not in ("meta", "identifier")}, "morphology": SQUAMOUS},
        {k: v for k, v in r.tumour().items() if k != "location"},
    ],
)
def test_profile_morphology_or_identifier_make_a_tumour(body: Json, read: Reader) -> None:
    assert len(ids(read, body)) == 1


PLACE = {k: v for k, v in r.tumour().items() if k not in ("meta", "identifier")}
RELATED = {"url": "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-related-condition"}
RELATED |= {"valueReference": {"reference": "Condition/c1"}}


@pytest.mark.parametrize("place", [PLACE, {**PLACE, "morphology": r.concept(r.SCT, "9748009")}], ids=["bare", "benign"])
def test_a_place_in_the_head_and_neck_alone_is_no_tumour_and_no_certainty_that_there_is_none(
    place: Json, read: Reader
) -> None:
    case = read(place)
    assert not case.lesions
    assert "unconfirmed-tumour" in r.codes(case)
    nodeless = read(r.recurrence(), place, r.observation("carotid-encasement", valueQuantity=r.quantity(90, "deg")))
    assert [lesion.id for lesion in nodeless.lesions] == ["c1"]
    assert r.said(nodeless.lesions[0].facts["carotidEncasement"]) == "absent: indeterminate"


def test_a_diagnosis_or_a_finding_makes_a_tumour_of_a_place(read: Reader) -> None:
    finding = r.observation("carotid-encasement", valueQuantity=r.quantity(90, "deg"), focus=r.about())
    assert ids(read, PLACE, finding) == ["t1"]
    assert len(ids(read, {**PLACE, "extension": [RELATED]}, r.recurrence())) == 1
    other = r.observation(r.concept(r.LOINC, "8302-2"), valueQuantity=r.quantity(170, "cm"), focus=r.about())
    assert ids(read, PLACE, other) == []


def test_a_place_that_is_not_known_beside_a_code_of_the_site_is_said_aloud(read: Reader) -> None:
    case = read(r.recurrence(bodySite=[r.concept("urn:example:own", "x")]))
    assert r.said(case.lesions[0].facts["site"]) == "oropharynx"
    assert [issue.expression for issue in case.issues if issue.code == "code-not-mapped"] == [
        "Bundle.entry[1].resource.bodySite"
    ]
    malignant = r.recurrence(code=r.concept(r.SCT, "363346000"), bodySite=[r.concept("urn:example:own", "x")])
    assert not read(malignant).lesions
    assert "code-not-mapped" not in r.codes(read(r.recurrence(bodySite=[r.concept(r.SCT, "47975008")])))


@pytest.mark.parametrize(
    "body",
    [
        r.tumour(meta={"profile": [f"{r.MCODE}mcode-radiotherapy-volume"]}),
        r.tumour(active=False),
        {**r.tumour(location=r.concept(r.SCT, "80248007")), "identifier": [{"system": "urn:x", "value": "B"}]},
        {
            "resourceType": "BodyStructure",
            "id": "b",
            "patient": {"reference": "Patient/p1"},
            "location": r.concept(r.SCT, "69105007"),
        },
    ],
)
def test_a_volume_an_inactive_or_a_far_tumour_is_no_lesion(body: Json, read: Reader) -> None:
    assert ids(read, body) == []


def test_the_lesion_is_called_by_its_identifier_else_by_its_id(read: Reader) -> None:
    assert ids(read, r.tumour("T7")) == ["T7"]
    unnamed = {k: v for k, v in r.tumour().items() if k != "identifier"}
    assert ids(read, unnamed) == ["t1"]
    assert ids(
        read,
        r.tumour(
            identifier=[{"system": "urn:pacs", "value": "x"}, {"system": "urn:example:tumour-board", "value": "T1"}]
        ),
    ) == ["T1"]


def test_two_lesions_with_one_name_are_told_apart(read: Reader) -> None:
    one, other = (r.tumour(id=i, identifier=[{"system": f"urn:{i}", "value": "1"}]) for i in "ab")
    assert sorted(ids(read, one, other)) == ["BodyStructure-a", "BodyStructure-b"]


def test_the_same_identifier_is_the_same_lesion(read: Reader) -> None:
    assert ids(read, r.tumour(), r.tumour(id="copy", description="seen again")) == ["T1"]


def test_a_place_that_is_not_known_leaves_the_site_unknown(read: Reader) -> None:
    body = r.tumour(location=r.concept("urn:example:own", "x"), morphology=r.concept(r.SCT, "1240414004"))
    assert facts(read, body)["site"] == "absent: unreadable-code"
    assert (
        facts(read, r.tumour(location=r.concept(r.SCT, "21974007")))["site"] == "absent: never-recorded"
    )  # tongue, which part?


# ---------------------------------------------------------------------------------------------------- Conditions


@pytest.mark.parametrize(
    ("code", "site", "histology"),
    [
        (r.concept("http://hl7.org/fhir/sid/icd-10", "C32.0"), "larynx", "absent: never-recorded"),
        (r.concept("http://hl7.org/fhir/sid/icd-10-cm", "C320"), "larynx", "absent: never-recorded"),
        (r.concept("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "C10.2"), "oropharynx", "absent: never-recorded"),
        (r.concept("urn:oid:2.16.840.1.113883.6.90", "C07"), "salivary", "absent: never-recorded"),
        (r.concept("http://hl7.org/fhir/sid/icd-10", "C10.2+"), "oropharynx", "absent: never-recorded"),
        (r.concept("http://hl7.org/fhir/sid/icd-10", "C32.-"), "larynx", "absent: never-recorded"),
        (r.concept(r.SCT, "423464009"), "oropharynx", "scc"),
        (
            r.concept("http://snomed.info/sct/900000000000207008/version/20240101", "422886007"),
            "sinonasal",
            "esthesioneuroblastoma",
        ),
        (
            r.concept(r.SCT, "423708008"),
            "salivary",
            "mucoepidermoid",
        ),  # "epidermoid" stands in it, and is not looked for
        (r.concept("http://hl7.org/fhir/sid/icd-10", "C73"), "other", "thyroid"),
        (r.concept(r.SCT, "363375006"), "absent: never-recorded", "absent: never-recorded"),  # tongue, which part?
    ],
)
def test_a_head_and_neck_cancer_is_a_lesion(code: Json, site: str, histology: str, read: Reader) -> None:
    found = facts(read, r.recurrence(code=code))
    assert (found["site"], found["histology"]) == (site, histology)


def test_a_generic_code_takes_its_site_from_the_body_site_and_its_histology_from_the_extension(read: Reader) -> None:
    left = {"url": f"{r.MCODE}mcode-laterality-qualifier", "valueCodeableConcept": r.concept(r.SCT, "7771000")}
    icdo = r.concept("http://terminology.hl7.org/CodeSystem/icd-o-3", "8070/3")
    cancer = r.recurrence(
        code=r.concept(r.SCT, "363346000"),
        bodySite=[{**r.concept("urn:oid:2.16.840.1.113883.6.96", "81502006"), "extension": [left]}],
        extension=[{"url": HISTOLOGY, "valueCodeableConcept": icdo}],
    )
    assert facts(read, cancer) == {
        "site": "hypopharynx",
        "side": "left",
        "histology": "scc",
        "recurrenceDate": "2026-09-01",
    }


def test_in_situ_and_benign_behaviour_is_not_read_as_the_invasive_tumour(read: Reader) -> None:
    icdo = r.concept("http://terminology.hl7.org/CodeSystem/icd-o-3", "8070/2")
    cancer = r.recurrence(extension=[{"url": HISTOLOGY, "valueCodeableConcept": icdo}])
    assert facts(read, cancer)["histology"] == "absent: unreadable-code"


@pytest.mark.parametrize(
    ("system", "code"),
    [
        ("http://hl7.org/fhir/sid/icd-10-nl", "C02.1"),
        ("http://jpfhir.jp/fhir/core/mhlw/CodeSystem/ICD10-2013-full", "C021"),
    ],
)
def test_national_editions_of_icd_10_are_read_with_or_without_their_dot(system: str, code: str, read: Reader) -> None:
    assert facts(read, r.recurrence(code=r.concept(system, code)))["site"] == "oral_cavity"


def test_a_body_structure_with_the_morphology_of_every_tumour_is_one_without_its_profile(read: Reader) -> None:
    plain = {k: v for k, v in r.tumour().items() if k not in ("meta", "identifier")}
    assert ids(read, plain) == []
    assert ids(read, {**plain, "morphology": r.concept(r.SCT, "367651003")}) == ["t1"]


@pytest.mark.parametrize("on", ["bodySite", "extension"])
def test_a_diagnosis_is_where_the_body_structure_inside_it_is(on: str, read: Reader) -> None:
    inside = {
        "resourceType": "BodyStructure",
        "id": "b",
        "location": r.concept(r.SCT, "4596009"),
        "locationQualifier": [r.concept(r.SCT, r.SIDES["left"])],
        "patient": {"reference": "Patient/p1"},
    }
    place = [{"url": "http://hl7.org/fhir/StructureDefinition/bodySite", "valueReference": {"reference": "#b"}}]
    told: Json = {"bodySite": [{"extension": place}]} if on == "bodySite" else {"extension": place}
    cancer = r.recurrence(code=r.concept(r.SCT, "363346000"), contained=[inside], **told)
    case = read(cancer)
    assert [one.id for one in case.lesions] == ["c1"]
    found = case.lesions[0].facts
    assert (r.said(found["site"]), r.said(found["side"])) == ("larynx", "left")
    assert "Condition.contained" in {source.path for source in case.lesions[0].facts["site"].sources}
    breast = {**inside, "location": r.concept(r.SCT, "1187336003")}
    assert read({**cancer, "contained": [breast]}).lesions == ()


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ({"start": "2026-08-01", "end": "2026-10-01"}, "2026-08-01/2026-10-01"),
        ({"start": "2026-08-01"}, "2026-08-01/2026-11-22"),  # by the day of the answer it has begun
        ({"end": "2026-10-01"}, "2026-10-01"),
    ],
)
def test_an_onset_that_is_a_period_was_on_some_day_of_it(period: Json, expected: str, read: Reader) -> None:
    cancer = {k: v for k, v in r.recurrence().items() if k != "onsetDateTime"}
    assert facts(read, {**cancer, "onsetPeriod": period})["recurrenceDate"] == expected


def test_contradictory_sites_are_both_kept(read: Reader) -> None:
    assert facts(read, r.recurrence(bodySite=[r.concept(r.SCT, "4596009")]))["site"] == "conflict: larynx, oropharynx"


def test_a_recurrence_of_nodes_is_a_lesion_only_where_it_is_stated(read: Reader) -> None:
    nodes = r.concept("http://hl7.org/fhir/sid/icd-10-cm", "C77.0")
    assert facts(read, r.recurrence(code=nodes))["site"] == "neck_node"
    assert ids(read, r.recurrence(code=nodes, clinicalStatus=r.concept(CLINICAL, "active"))) == []


@pytest.mark.parametrize(
    ("element", "codes"),
    [
        ("clinicalStatus", ("active", "resolved")),
        ("verificationStatus", ("confirmed", "refuted")),
        ("verificationStatus", ("confirmed", "provisional")),
    ],
)
def test_a_status_that_contradicts_itself_confirms_nothing_and_is_named(
    element: str, codes: tuple[str, ...], read: Reader
) -> None:
    system = CLINICAL if element == "clinicalStatus" else VERIFICATION
    case = read(r.recurrence(**{element: {"coding": [{"system": system, "code": code} for code in codes]}}))
    assert case.lesions == ()
    named = {(issue.code, issue.expression) for issue in case.issues}
    assert ("unconfirmed-tumour", f"Bundle.entry[1].resource.{element}") in named


@pytest.mark.parametrize(
    ("topography", "expected"), [("C34.1", "absent: indeterminate"), ("C15.0", "oropharynx"), ("C01.9", "oropharynx")]
)
def test_a_diagnosis_at_a_topography_far_away_has_no_known_site(topography: str, expected: str, read: Reader) -> None:
    place = r.concept("http://terminology.hl7.org/CodeSystem/icd-o-3", topography)
    case = read(r.recurrence(bodySite=[place]))
    assert r.said(case.lesions[0].facts["site"]) == expected
    assert ("contradictory-codes" in r.codes(case)) == (expected != "oropharynx")


@pytest.mark.parametrize("status", ["active", "recurrence", "relapse", None])
def test_a_present_cancer_is_a_lesion(status: str | None, read: Reader) -> None:
    cancer = r.recurrence()
    del cancer["clinicalStatus"]
    if status is not None:
        cancer["clinicalStatus"] = r.concept(CLINICAL, status)
    assert ids(read, cancer) == ["c1"]


@pytest.mark.parametrize("status", ["inactive", "remission", "resolved"])
def test_a_past_cancer_is_history(status: str, read: Reader) -> None:
    assert ids(read, r.recurrence(clinicalStatus=r.concept(CLINICAL, status))) == []


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_refuted_cancer_is_no_lesion_and_is_named(status: str, read: Reader) -> None:
    case = read(r.recurrence(verificationStatus=r.concept(VERIFICATION, status)))
    assert case.lesions == ()
    named = {(s.resource, s.path) for s in case.excluded if s.role == "exclusion"}
    assert ("Condition/c1", "Condition.verificationStatus") in named


@pytest.mark.parametrize("status", ["unconfirmed", "provisional", "differential"])
def test_an_unconfirmed_cancer_is_no_lesion_and_an_issue(status: str, read: Reader) -> None:
    case = read(r.recurrence(verificationStatus=r.concept(VERIFICATION, status)))
    assert case.lesions == ()
    assert "unconfirmed-tumour" in r.codes(case)


def test_a_missing_verification_counts_as_confirmed_only_on_a_list(read: Reader) -> None:
    listed = {k: v for k, v in r.recurrence().items() if k != "verificationStatus"}
    assert ids(read, listed) == ["c1"]
    assert ids(read, {k: v for k, v in listed.items() if k != "category"}) == []
    assert ids(read, {**listed, "verificationStatus": r.concept("urn:national", "2")}) == []


def test_a_personal_history_is_no_tumour(read: Reader) -> None:
    assert ids(read, r.problem("Z85.21")) == []


@pytest.mark.parametrize("code", ["C50.9", "C34.1", "C78.00"])
def test_a_cancer_elsewhere_is_no_lesion(code: str, read: Reader) -> None:
    assert ids(read, r.problem(code)) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "2026-09-01"),
        ({"onsetDateTime": "2026-08"}, "2026-08"),
        ({"code": r.concept(r.SCT, "314951005"), "clinicalStatus": r.concept(CLINICAL, "active")}, "2026-09-01"),
        ({"clinicalStatus": r.concept(CLINICAL, "active")}, "absent: never-recorded"),
        ({"onsetString": "last summer", "onsetDateTime": None, "recordedDate": "2026-09-09"}, "2026-09-09"),
    ],
)
def test_only_a_stated_recurrence_has_a_date(change: Json, expected: str, read: Reader) -> None:
    cancer = {k: v for k, v in {**r.recurrence(), **change}.items() if v is not None}
    assert facts(read, cancer)["recurrenceDate"] == expected


# ----------------------------------------------------------------------------------------------------- one lesion


def test_a_tumour_and_the_condition_that_it_names_are_one_lesion(read: Reader) -> None:
    found = facts(
        read, r.tumour(extension=[LINK]), r.recurrence(code=r.concept("http://hl7.org/fhir/sid/icd-10", "C13.9"))
    )
    assert (found["site"], found["recurrenceDate"]) == (
        "oropharynx",
        "2026-09-01",
    )  # the tumour's own place is its site


def test_the_condition_may_name_the_tumour_or_share_its_identifier(read: Reader) -> None:
    pointer = {
        "url": "http://hl7.org/fhir/StructureDefinition/bodySite",
        "valueReference": {"reference": "BodyStructure/t1"},
    }
    assert ids(read, r.tumour(), r.recurrence(extension=[pointer])) == ["T1"]
    shared = [{"system": "urn:example:tumour-board", "value": "T1"}]
    assert ids(read, r.tumour(), r.recurrence(identifier=shared)) == ["T1"]


def test_two_that_only_look_alike_stay_two(read: Reader) -> None:
    assert ids(read, r.tumour(), r.recurrence()) == ["T1", "c1"]
    assert ids(read, r.recurrence("a"), r.recurrence("b")) == ["a", "b"]


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_tumour_whose_condition_is_refuted_is_no_lesion(status: str, read: Reader) -> None:
    refuted = r.recurrence(verificationStatus=r.concept(VERIFICATION, status))
    case = read(r.tumour(extension=[LINK]), refuted)
    assert case.lesions == ()
    named = {(s.resource, s.path) for s in case.excluded}
    assert {("Condition/c1", "Condition.verificationStatus"), ("BodyStructure/t1", "BodyStructure")} <= named
    assert [(i.severity, i.expression) for i in case.issues if i.code == "refuted-tumour"] == [
        ("warning", "Bundle.entry[2].resource.verificationStatus")
    ]


def test_a_refuted_condition_that_names_the_tumour_or_shares_its_identifier_takes_it_along(read: Reader) -> None:
    refuted = r.recurrence(verificationStatus=r.concept(VERIFICATION, "refuted"))
    pointer = {
        "url": "http://hl7.org/fhir/StructureDefinition/bodySite",
        "valueReference": {"reference": "BodyStructure/t1"},
    }
    assert ids(read, r.tumour(), {**refuted, "extension": [pointer]}) == []
    shared = [{"system": "urn:example:tumour-board", "value": "T1"}]
    assert ids(read, r.tumour(), {**refuted, "identifier": shared}) == []
    assert ids(read, r.tumour(), refuted) == ["T1"]  # of another tumour


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"recordedDate": "2026-05-01"}, True),
        ({}, True),  # when, nobody says
        ({"recordedDate": "2025-05-01"}, False),
        ({"verificationStatus": r.concept(VERIFICATION, "entered-in-error")}, False),
        ({"code": r.concept("http://hl7.org/fhir/sid/icd-10", "C32.0")}, False),
        ({"bodySite": [r.concept(r.SCT, "4596009")]}, True),  # the code says where it is, too
    ],
)
def test_a_diagnosis_of_the_lesions_code_that_was_refuted_since_is_named(
    more: Json, named: bool, read: Reader
) -> None:
    lesion = r.recurrence(recordedDate="2026-01-01")
    other = r.recurrence("c9", verificationStatus=r.concept(VERIFICATION, "refuted"))
    case = read(lesion, {**{k: v for k, v in other.items() if k != "onsetDateTime"}, **more})
    assert [one.id for one in case.lesions] == ["c1"]
    assert ("refuted-tumour" in r.codes(case)) == named


def test_a_secondary_neck_node_that_is_no_lesion_is_named(read: Reader) -> None:
    case = read(r.problem("C77.0"))
    assert case.lesions == ()
    assert ("unconfirmed-tumour", "Bundle.entry[1].resource.code") in {(i.code, i.expression) for i in case.issues}


def test_a_refuted_condition_beside_one_that_holds_takes_nothing_along(read: Reader) -> None:
    refuted = r.recurrence("c0", verificationStatus=r.concept(VERIFICATION, "refuted"), onsetDateTime="2020-01-01")
    both = [{**LINK, "valueReference": {"reference": f"Condition/{id_}"}} for id_ in ("c0", "c1")]
    case = read(r.tumour(extension=both), refuted, r.recurrence())
    (lesion,) = case.lesions
    assert r.said(lesion.facts["recurrenceDate"]) == "2026-09-01"
    assert "refuted-tumour" not in r.codes(case)
    assert ("Condition/c0", "Condition.verificationStatus") in {(s.resource, s.path) for s in case.excluded}


def test_a_refuted_condition_that_may_not_be_believed_takes_nothing_along(read: Reader) -> None:
    refuted = r.recurrence(
        verificationStatus=r.concept(VERIFICATION, "refuted"),
        modifierExtension=[{"url": "urn:x", "valueBoolean": True}],
    )
    case = read(r.tumour(extension=[LINK]), refuted)
    assert [lesion.id for lesion in case.lesions] == ["T1"]
    assert "unknown-modifier" in r.codes(case)


@pytest.mark.parametrize("status", ["unconfirmed", "provisional", "differential"])
def test_a_tumour_of_an_unconfirmed_condition_stays_by_its_own_facts_with_a_warning(status: str, read: Reader) -> None:
    icdo = r.concept("http://terminology.hl7.org/CodeSystem/icd-o-3", "8070/3")
    doubtful = r.recurrence(
        verificationStatus=r.concept(VERIFICATION, status),
        extension=[{"url": HISTOLOGY, "valueCodeableConcept": icdo}],
    )
    case = read(r.tumour(extension=[LINK]), doubtful)
    (lesion,) = case.lesions
    assert {name: r.said(lesion.facts[name]) for name in ("site", "side", "histology", "recurrenceDate")} == {
        "site": "oropharynx",
        "side": "left",
        "histology": "absent: indeterminate",
        "recurrenceDate": "absent: indeterminate",
    }
    assert [(i.severity, i.expression) for i in case.issues if i.code == "unconfirmed-tumour"] == [
        ("warning", "Bundle.entry[2].resource.verificationStatus")
    ]
    assert ("Condition/c1", "Condition.verificationStatus") in {(s.resource, s.path) for s in case.excluded}


def test_a_declared_tumour_of_a_past_cancer_is_still_there(read: Reader) -> None:
    assert ids(read, r.tumour(extension=[LINK]), r.recurrence(clinicalStatus=r.concept(CLINICAL, "remission"))) == [
        "T1"
    ]


def test_an_invalid_tumour_is_no_lesion_and_leaves_the_others_unknown(read: Reader) -> None:
    case = read(r.tumour(foo=1), r.recurrence())
    assert [lesion.id for lesion in case.lesions] == ["c1"]
    assert r.said(case.lesions[0].facts["side"]) == "absent: quarantined"
    assert "invalid-resource" in r.codes(case)


# -------------------------------------------------------------------------------------------------------- choosing


def test_one_lesion_can_be_asked_for(read: Reader) -> None:
    two = (r.tumour(), r.tumour("T2", location=r.concept(r.SCT, "81502006")))
    assert [lesion.id for lesion in read(*two, lesion="T2").lesions] == ["T2"]
    with pytest.raises(UnusableInput, match=r"`T3` is no lesion of this record; accepted are `T1`, `T2`"):
        read(*two, lesion="T3")


def test_a_record_without_tumour_has_no_lesion(read: Reader) -> None:
    assert read(r.problem("I10")).lesions == ()


def test_a_link_by_full_url_names_the_full_url(read: Reader) -> None:
    urls = {"Condition": "urn:uuid:00000000-0000-4000-8000-000000000001"}
    link = {**LINK, "valueReference": {"reference": urls["Condition"]}}
    source = r.bundle(r.tumour(extension=[link]), r.recurrence())
    source["entry"][2]["fullUrl"] = urls["Condition"]
    (lesion,) = read.read(source).lesions
    assert r.said(lesion.facts["recurrenceDate"]) == "2026-09-01"
    assert "Bundle.entry[2].fullUrl" in {s.path for s in lesion.sources if s.role == "context"}


# ------------------------------------------------------------------------------------------------ names for people


@pytest.mark.parametrize(
    ("description", "label"),
    [
        ("local recurrence, base of tongue, left", "local recurrence, base of tongue, left"),
        ("  two\n lines\t", "two lines"),
        ("\x1b[31mred\u202e", "\\x1b[31mred\\u202e"),
        ("x" * 500, "x" * 199 + "…"),
        ("\n", "oropharynx, left"),
        (None, "oropharynx, left"),
    ],
)
def test_a_lesion_is_called_as_the_record_describes_it_else_by_site_and_side(
    description: str | None, label: str, read: Reader
) -> None:
    body = r.tumour(**({} if description is None else {"description": description}))
    assert read(body).lesions[0].label == label


def test_a_name_for_people_says_where_it_is_from(read: Reader) -> None:
    sources = read(r.tumour(description="left tongue")).lesions[0].sources
    assert "BodyStructure.description" in {s.path for s in sources}


@pytest.mark.parametrize(
    ("identifier", "id_"), [("S23-12/5", "S23-12-5"), ("patient", "lesion-patient"), ("a\nb", "a b")]
)
def test_an_identifier_that_would_be_taken_for_another_subject_is_changed(
    identifier: str, id_: str, read: Reader
) -> None:
    body = r.tumour("T1", identifier=[{"system": "urn:example:tumour-board", "value": identifier}])
    assert ids(read, body) == [id_]
    assert [lesion.id for lesion in read(body, lesion=identifier).lesions] == [id_]


# ----------------------------------------------------------------------------------------------- the recurrence's date


def test_a_date_of_onset_is_a_note_of_the_fact_and_no_issue(read: Reader) -> None:
    case = read(r.recurrence(meta={"versionId": "3"}))
    fact = case.lesions[0].facts["recurrenceDate"]
    assert fact.note == "the onsetDateTime of a Condition that is a recurrence by its clinicalStatus"
    assert "recurrence-date" not in r.codes(case)
    assert {s.path for s in fact.sources if s.role == "value"} == {"Condition.onsetDateTime"}
    assert "Condition.meta.versionId" in {s.path for s in fact.sources if s.role == "context"}


def test_a_date_of_record_that_stands_for_the_onset_is_an_issue(read: Reader) -> None:
    cancer = {k: v for k, v in r.recurrence(recordedDate="2026-09-09").items() if k != "onsetDateTime"}
    case = read(cancer)
    assert r.said(case.lesions[0].facts["recurrenceDate"]) == "2026-09-09"
    assert [(i.severity, i.expression) for i in case.issues if i.code == "recurrence-date"] == [
        ("information", "Bundle.entry[1].resource.recordedDate")
    ]


# -------------------------------------------------------------------------------------------- the pattern of it all

NODE = r.concept(r.SCT, "81105003")
HYPOPHARYNX = r.concept(r.SCT, "81502006")


def pattern(read: Reader, *resources: Json) -> str:
    return r.said(read(*resources).patient["recurrencePattern"])


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ([HYPOPHARYNX], "local"),
        ([HYPOPHARYNX, r.concept(r.SCT, "47975008")], "local"),
        ([NODE], "regional"),
        ([NODE, HYPOPHARYNX], "locoregional"),
        ([NODE, r.concept(r.SCT, "21974007")], "absent: never-recorded"),  # tongue, which part?
        ([], "absent: never-recorded"),
    ],
)
def test_the_pattern_follows_from_where_the_lesions_are(sites: list[Json], expected: str, read: Reader) -> None:
    assert pattern(read, *(r.tumour(f"T{n}", location=site) for n, site in enumerate(sites))) == expected


def test_the_pattern_names_the_sites_it_follows_from(read: Reader) -> None:
    fact = read(r.tumour(), r.tumour("T2", location=NODE)).patient["recurrencePattern"]
    assert {s.resource for s in fact.sources if s.path == "BodyStructure.location"} == {
        "BodyStructure/t1",
        "BodyStructure/t2",
    }
    assert fact.note == "from the sites of the lesions"


def test_the_pattern_is_that_of_all_lesions_even_where_one_is_asked_for(read: Reader) -> None:
    case = read(r.tumour(), r.tumour("T2", location=NODE), lesion="T2")
    assert r.said(case.patient["recurrencePattern"]) == "locoregional"


def test_a_stated_pattern_holds(read: Reader) -> None:
    stated = r.observation(
        "recurrence-pattern", valueCodeableConcept=r.concept(f"{r.LOCAL}recurrence-pattern", "locoregional")
    )
    assert pattern(read, r.tumour(), stated) == "locoregional"
    asked = r.observation(
        "recurrence-pattern", valueCodeableConcept=r.concept(f"{r.LOCAL}recurrence-pattern", "not_assessed")
    )
    assert pattern(read, r.tumour(), asked) == "absent: not-assessed"
    left_open = r.observation("recurrence-pattern", dataAbsentReason=r.concept(f"{r.LOCAL}absence", "never-recorded"))
    assert pattern(read, r.tumour(), left_open) == "absent: never-recorded"


@pytest.mark.parametrize(
    "unsettled",
    [
        r.tumour("T2", location=NODE, foo=1),
        r.tumour("T2", location=NODE, patient={"display": "x"}),
        r.recurrence(verificationStatus=r.concept(VERIFICATION, "provisional")),
        r.problem("C77.0"),
        r.recurrence(code=5),
        {**r.observation("inr"), "code": 5},
    ],
)
def test_a_tumour_that_was_not_read_leaves_the_pattern_open(unsettled: Json, read: Reader) -> None:
    assert pattern(read, r.tumour(), unsettled).startswith("absent: ")


def test_every_lesion_names_what_made_it_one(read: Reader) -> None:
    paths = {s.path for s in read(r.tumour()).lesions[0].sources}
    assert {
        "BodyStructure.identifier",
        "BodyStructure.location",
        "BodyStructure.locationQualifier",
        "BodyStructure.patient",
    } <= paths
