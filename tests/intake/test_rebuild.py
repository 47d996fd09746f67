"""The bundle that `rebuild` writes: valid FHIR, always the same, and nothing in it that silence says already."""

from __future__ import annotations

import ast
import datetime as dt
import json
import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given
from hypothesis import strategies as st

from cds.case import (
    AbsenceReason,
    Absent,
    Case,
    Conflicting,
    Fact,
    Known,
    ReportedLesion,
    ReportedStructure,
    Source,
    Value,
    assemble,
    narrowed,
)
from cds.errors import CdsError
from cds.intake import rebuild as module
from cds.intake.rebuild import NotRebuildable, rebuild, unsayable
from cds.quantities import DateSpan, Interval
from cds.testing import cases, sample_vocabulary
from cds.vocabulary import Level

VOCABULARY = sample_vocabulary()
AS_OF = dt.date(2026, 11, 22)
LOCAL = "https://example.org/fhir/CodeSystem/hnc-cds-"


def point(value: str | int) -> Interval:
    return Interval.point(Fraction(value))


def known(**values: Value) -> dict[str, Fact]:
    return {name: Fact(Known(value)) for name, value in values.items()}


def a_case(
    patient: Mapping[str, Fact] | None = None,
    lesion: Mapping[str, Fact] | None = None,
    structures: tuple[ReportedStructure, ...] = (),
    as_of: dt.date = AS_OF,
) -> Case:
    lesions = [] if lesion is None else [ReportedLesion("T1", "left tongue", lesion, structures)]
    return assemble(VOCABULARY, as_of=as_of, patient=patient or {}, lesions=lesions)


def resources(case: Case) -> list[dict[str, Any]]:
    bundle: Any = rebuild(case, VOCABULARY)
    return [entry["resource"] for entry in bundle["entry"]]


def observations(case: Case) -> list[dict[str, Any]]:
    return [resource for resource in resources(case) if resource["resourceType"] == "Observation"]


def only_observation(case: Case) -> dict[str, Any]:
    (observation,) = observations(case)
    return observation


# --- the bundle as a whole -----------------------------------------------------------------------------------------


@given(cases(VOCABULARY, lesions=(0, 3)))
def test_every_generated_case_becomes_a_valid_bundle_of_fhir_r4(case: Case) -> None:
    bundle = rebuild(case, VOCABULARY)
    Bundle.model_validate(json.loads(json.dumps(bundle)))
    assert unsayable(case, VOCABULARY) == ()


@given(cases(VOCABULARY, lesions=(0, 3)))
def test_the_same_case_gives_the_same_bytes(case: Case) -> None:
    again = assemble(
        VOCABULARY,
        as_of=case.as_of,
        patient=dict(reversed(list(case.patient.items()))),
        lesions=[
            ReportedLesion(lesion.id, lesion.label, lesion.facts, tuple(
                ReportedStructure(s.name, s.side, s.facts) for s in lesion.structures
            ))
            for lesion in case.lesions
        ],
    )  # fmt: skip
    assert json.dumps(rebuild(again, VOCABULARY)) == json.dumps(rebuild(case, VOCABULARY))


@given(cases(VOCABULARY, lesions=(0, 3)))
def test_ids_are_legal_and_unique_and_every_reference_resolves(case: Case) -> None:
    bundle: Any = rebuild(case, VOCABULARY)
    ids = [(e["resource"]["resourceType"], e["resource"]["id"]) for e in bundle["entry"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", name) for _, name in ids)
    urls = {e["fullUrl"] for e in bundle["entry"]}
    assert len(urls) == len(ids)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        referred = [resource.get("subject"), resource.get("patient"), *resource.get("focus", [])]
        assert all(reference["reference"] in urls for reference in referred if reference)


def test_recording_one_fact_more_leaves_every_other_entry_as_it_was() -> None:
    fewer = a_case(known(weight=point(70)), known(site="tongue", side="left"))
    more = narrowed(fewer, VOCABULARY, "T1", "diameter", Fact(Known(point(12))))
    before: Any = rebuild(fewer, VOCABULARY)["entry"]
    after: Any = rebuild(more, VOCABULARY)["entry"]
    assert [entry for entry in after if entry in before] == before
    assert len(after) == len(before) + 1


def test_a_long_lesion_id_and_a_strange_one_still_give_legal_ids() -> None:
    facts = known(site="larynx", side="left", diameter=point(3))
    lesions = [ReportedLesion(name, name, facts) for name in ("ä b", "x" * 90)]
    bundle = rebuild(assemble(VOCABULARY, as_of=AS_OF, patient={}, lesions=lesions), VOCABULARY)
    Bundle.model_validate(bundle)
    entries: Any = bundle["entry"]
    assert all(len(entry["resource"]["id"]) <= 64 for entry in entries)
    assert [e["resource"]["identifier"][0]["value"] for e in entries[1:3]] == ["ä b", "x" * 90]


def test_it_shares_nothing_with_the_reader_that_it_is_compared_with() -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imported += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    assert not [name for name in imported if name.startswith(("cds.intake", "cds.ruleset", "fhir"))]


# --- the lesion ----------------------------------------------------------------------------------------------------


def test_a_lesion_is_a_body_structure_with_its_identifier_site_side_and_histology() -> None:
    patient, body = resources(a_case(lesion=known(site="larynx", side="midline", histology="scc")))
    assert body == {
        "resourceType": "BodyStructure",
        "id": "lesion-T1",
        "meta": {"profile": ["http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-tumor"]},
        "identifier": [{"system": "urn:example:tumour-board", "value": "T1"}],
        "morphology": {"coding": [{"system": f"{LOCAL}histology", "code": "scc"}]},
        "location": {"coding": [{"system": f"{LOCAL}site", "code": "larynx"}]},
        "locationQualifier": [{"coding": [{"system": "http://snomed.info/sct", "code": "399488007"}]}],
        "description": "left tongue",
        "patient": body["patient"],
    }
    assert patient == {"resourceType": "Patient", "id": "patient"}


def test_an_unknown_site_gives_no_location_and_an_absent_one_says_why_in_an_observation() -> None:
    assert "location" not in resources(a_case(lesion={}))[1]
    absent = only_observation(a_case(lesion={"site": Fact(Absent(AbsenceReason.ASKED_UNKNOWN))}))
    assert absent["code"]["coding"] == [{"system": f"{LOCAL}observation", "code": "site"}]
    assert absent["dataAbsentReason"]["coding"][0]["code"] == "asked-unknown"


def test_a_contradicted_side_is_two_observations_and_no_qualifier() -> None:
    case = a_case(lesion={"side": Fact(Conflicting(("left", "right")))})
    assert "locationQualifier" not in resources(case)[1]
    codes = [o["valueCodeableConcept"]["coding"][0]["code"] for o in observations(case)]
    assert codes == ["left", "right"]
    assert {o["effectiveDateTime"] for o in observations(case)} == {"2026-11-22"}


# --- values --------------------------------------------------------------------------------------------------------

MM = {"unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm"}
ONE = {"unit": "1", "system": "http://unitsofmeasure.org", "code": "1"}


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("smoker", False, {"valueBoolean": False}),
        ("visits", point(3), {"valueInteger": 3}),
        ("visits", Interval.above(Fraction(3), open_end=False),
         {"valueQuantity": {"value": 3, "comparator": ">=", **ONE}}),
        ("visits", Interval(Fraction(3), Fraction(5)),
         {"valueRange": {"low": {"value": 3, **ONE}, "high": {"value": 5, **ONE}}}),
        ("ratio", point("1.25"), {"valueQuantity": {"value": 1.25, **ONE}}),
        ("ratio", Interval.below(Fraction(2), open_end=True),
         {"valueQuantity": {"value": 2, "comparator": "<", **ONE}}),
        ("ratio", Interval.below(Fraction(2), open_end=False),
         {"valueQuantity": {"value": 2, "comparator": "<=", **ONE}}),
    ],
)  # fmt: skip
def test_a_value_of_the_patient_has_the_form_of_its_type(name: str, value: Value, form: dict[str, Any]) -> None:
    observation = only_observation(a_case({name: Fact(Known(value))}))
    assert {key: observation[key] for key in observation if key.startswith("value")} == form
    assert "focus" not in observation


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("diameter", point("4.5"), {"valueQuantity": {"value": 4.5, **MM}}),
        ("diameter", Interval.above(Fraction(4), open_end=True),
         {"valueQuantity": {"value": 4, "comparator": ">", **MM}}),
        ("foundOn", DateSpan.parse("2024"), {"valueDateTime": "2024"}),
        ("foundOn", DateSpan.parse("2024-02"), {"valueDateTime": "2024-02"}),
        ("foundOn", DateSpan.parse("2024-02-29"), {"valueDateTime": "2024-02-29"}),
        ("primaryTStage", "T4",
         {"valueCodeableConcept": {"coding": [{"system": f"{LOCAL}primary-t-stage", "code": "T4"}]}}),
    ],
)  # fmt: skip
def test_a_value_of_a_lesion_is_written_with_its_focus(name: str, value: Value, form: dict[str, Any]) -> None:
    observation = only_observation(a_case(lesion={name: Fact(Known(value))}))
    assert {key: observation[key] for key in observation if key.startswith("value")} == form
    assert len(observation["focus"]) == 1


@pytest.mark.parametrize("low_open", [True, False])
@pytest.mark.parametrize("high_open", [True, False])
@given(low=st.integers(0, 2999), width=st.integers(1, 30))
def test_a_range_reads_back_as_the_same_interval_whatever_its_ends(
    low_open: bool, high_open: bool, low: int, width: int
) -> None:
    high = min(low + width, 3000)
    interval = Interval(Fraction(low, 10), Fraction(high, 10), low_open, high_open)
    observation = only_observation(a_case(lesion={"diameter": Fact(Known(interval))}))
    if "valueRange" in observation:
        ends = [Fraction(str(observation["valueRange"][end]["value"])) for end in ("low", "high")]
    else:
        ends = [Fraction(str(observation["valueQuantity"]["value"]))] * 2
    assert Interval(ends[0], ends[1]).on_grid(1) == interval


@given(
    as_of=st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)) | st.just(dt.date(2024, 2, 29)),
    age=st.integers(0, 130),
)
def test_the_date_of_birth_gives_exactly_the_age(as_of: dt.date, age: int) -> None:
    case = a_case(known(ageYears=point(age)), as_of=as_of)
    born = dt.date.fromisoformat(resources(case)[0]["birthDate"])
    had_birthday = (as_of.month, as_of.day) >= (born.month, born.day)
    assert as_of.year - born.year - (not had_birthday) == age
    assert not observations(case)


def test_an_age_that_no_date_of_birth_gives_is_an_observation() -> None:
    case = a_case(known(ageYears=Interval.above(Fraction(18), open_end=False)))
    assert only_observation(case)["valueQuantity"] == {"value": 18, "comparator": ">=", **ONE}
    assert "birthDate" not in resources(case)[0]


# --- absences and silence ------------------------------------------------------------------------------------------


def test_a_reason_that_fhir_has_stands_in_data_absent_reason_and_no_value_does() -> None:
    observation = only_observation(a_case({"ratio": Fact(Absent(AbsenceReason.NOT_PERFORMED))}))
    assert observation["dataAbsentReason"]["coding"] == [
        {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-performed"}
    ]
    assert not [key for key in observation if key.startswith("value")]


def test_a_reason_that_fhir_lacks_is_the_code_that_the_vocabulary_has_for_it() -> None:
    observation = only_observation(a_case(lesion={"primaryTStage": Fact(Absent(AbsenceReason.INDETERMINATE))}))
    assert observation["valueCodeableConcept"]["coding"] == [{"system": f"{LOCAL}primary-t-stage", "code": "TX"}]


def test_a_reason_that_neither_has_is_a_code_of_the_local_reasons() -> None:
    observation = only_observation(a_case({"ratio": Fact(Absent(AbsenceReason.STALE))}))
    assert observation["dataAbsentReason"]["coding"] == [{"system": f"{LOCAL}absence", "code": "stale"}]


def test_a_document_of_which_nobody_knows_is_written_since_silence_would_deny_it() -> None:
    observation = only_observation(a_case({"booked": Fact(Absent(AbsenceReason.NEVER_RECORDED))}))
    assert observation["dataAbsentReason"]["coding"] == [{"system": f"{LOCAL}absence", "code": "never-recorded"}]


def test_a_run_of_days_that_is_no_month_or_year_is_a_period() -> None:
    span = DateSpan(dt.date(2020, 1, 3), dt.date(2021, 12, 31))
    observation = only_observation(a_case(lesion=known(foundOn=span)))
    assert observation["valuePeriod"] == {"start": "2020-01-03", "end": "2021-12-31"}


def test_what_was_never_recorded_and_what_silence_denies_is_not_written() -> None:
    case = a_case({}, known(site="tongue", side="left"))
    assert case.patient["booked"].value is False
    assert observations(case) == []


def test_a_no_that_somebody_documented_is_written() -> None:
    assert only_observation(a_case(known(booked=False)))["valueBoolean"] is False


def test_a_no_that_a_problem_list_implied_is_written_since_the_bundle_has_no_problem_list() -> None:
    silences = {"problem-list": (Source("List/1", None, "List"),)}
    case = assemble(VOCABULARY, as_of=AS_OF, patient={}, lesions=[], silences=silences)
    assert case.patient["allergy"].value is False
    assert only_observation(case)["valueBoolean"] is False


def test_a_distance_that_only_the_closing_statement_bounds_is_not_written() -> None:
    own = ReportedStructure("skin", "none", known(distance=point(2)))
    case = a_case(lesion=known(site="tongue", side="left", nothingElseWithin=point(5)), structures=(own,))
    distances = {structure.key: str(structure.facts["distance"].value) for structure in case.lesions[0].structures}
    assert distances == {"nerve-a/left": "> 5", "skin/none": "2", "flap/none": "> 5"}
    assert [o["code"]["coding"][0]["code"] for o in observations(case)] == ["nothing-else-within", "distance"]


def test_a_structure_s_fact_names_structure_side_and_lesion() -> None:
    own = ReportedStructure("nerve-a", "right", known(relation="touches"))
    observation = only_observation(a_case(lesion={}, structures=(own,)))
    assert observation["bodySite"]["coding"] == [{"system": f"{LOCAL}structure", "code": "nerve-a"}]
    (extension,) = observation["bodySite"]["extension"]
    assert extension["url"] == "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-laterality-qualifier"
    assert extension["valueCodeableConcept"]["coding"] == [{"system": "http://snomed.info/sct", "code": "24028007"}]
    assert observation["id"] == "lesion-T1.nerve-a.right.relation"
    assert len(observation["focus"]) == 1


# --- what cannot be rebuilt ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "told"),
    [
        ({"ratio": Fact(Known(Interval(None, None, True, True)))}, "any value at all"),
        ({"ratio": Fact(Known(point(21)))}, "`21` is not plausible (accepted: -1 to 20)"),
        ({"ratio": Fact(Known("high"))}, "`high` is no value of a Decimal"),
        ({"ratio": Fact(Known(point("1.0000000000000001")))}, "more digits than a JSON number keeps"),
    ],
)
def test_a_fact_that_would_be_read_otherwise_is_refused_by_name(patient: dict[str, Fact], told: str) -> None:
    with pytest.raises(NotRebuildable) as caught:
        rebuild(a_case(patient), VOCABULARY)
    (problem,) = caught.value.problems
    assert problem.startswith(f"patient: patient.{next(iter(patient))}: ")
    assert told in problem
    assert not problem.endswith(".")


@pytest.mark.parametrize(
    ("lesion", "told"),
    [
        (known(primaryTStage="T9"), "`T9` is no value of a Code"),
        (known(opinion="yes", foundOn=DateSpan.parse("2026-12-01")), "is 2026-12-01; the bundle is dated 2026-11-22"),
    ],
)
def test_a_fact_of_a_lesion_that_would_be_read_otherwise_is_refused(lesion: dict[str, Fact], told: str) -> None:
    (problem,) = unsayable(a_case(lesion=lesion), VOCABULARY)
    assert problem.startswith("T1: lesion.")
    assert told in problem


FOLLOWS = [{"url": "https://example.org/fhir/StructureDefinition/hnc-cds-after", "valueCode": "lesion.foundOn"}]


@pytest.mark.parametrize(
    ("found_on", "extension"),
    [(["2025"], None), (["2025", None], FOLLOWS), ([None], FOLLOWS), (["2026"], FOLLOWS), ([], None)],
    ids=["over", "one lesion's unknown", "unknown", "may be later", "no lesion"],
)
def test_a_fact_of_the_patient_says_that_it_follows_an_event_of_which_no_day_shows_it(
    found_on: list[str | None], extension: list[dict[str, str]] | None
) -> None:
    lesions = [
        ReportedLesion(f"T{n}", "lesion", known(foundOn=DateSpan.parse(day)) if day else {})
        for n, day in enumerate(found_on)
    ]
    case = assemble(VOCABULARY, as_of=AS_OF, patient=known(discussed=True), lesions=lesions)
    (discussed,) = [o for o in observations(case) if o["code"]["coding"][0]["code"] == "discussed"]
    assert discussed.get("extension") == extension


def test_a_fact_whose_event_is_unknown_is_written_where_the_vocabulary_calls_it_usable() -> None:
    assert "extension" not in only_observation(a_case(lesion=known(opinion="yes")))


def test_all_problems_of_a_case_are_reported_together() -> None:
    case = a_case(known(ratio=point(21)), known(diameter=point(301)))
    with pytest.raises(NotRebuildable) as caught:
        rebuild(case, VOCABULARY)
    assert isinstance(caught.value, CdsError)
    assert caught.value.code == "not-rebuildable"
    assert len(caught.value.problems) == 2
    assert all(problem in str(caught.value) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("structure", "told"),
    [
        (ReportedStructure("skin", "left", known(relation="touches")), "`left` is no side of this structure"),
        (ReportedStructure("nerve-a", "none", known(relation="touches")), "`none` is no side of this structure"),
    ],
)
def test_a_structure_that_the_bundle_would_lose_is_refused(structure: ReportedStructure, told: str) -> None:
    case = a_case(lesion=known(site="tongue", side="left"), structures=(structure,))
    (problem,) = unsayable(case, VOCABULARY)
    assert told in problem


def test_a_structure_that_the_site_does_not_list_is_named_though_nothing_is_recorded_of_it() -> None:
    case = a_case(lesion=known(site="tongue", side="left"), structures=(ReportedStructure("vein", "left"),))
    named = only_observation(case)
    assert named["bodySite"]["coding"][0]["code"] == "vein"
    assert named["dataAbsentReason"]["coding"] == [{"system": f"{LOCAL}absence", "code": "never-recorded"}]


def test_a_case_that_lacks_an_enumerated_structure_is_refused() -> None:
    case = narrowed(a_case(lesion=known(site="tongue", side="left")), VOCABULARY, "T1", "site", Fact(Known("larynx")))
    assert any("T1/vein/left: the site enumerates this structure" in told for told in unsayable(case, VOCABULARY))


def test_two_lesions_with_one_id_are_refused() -> None:
    lesions = [ReportedLesion("T1", "", {}), ReportedLesion("T1", "", {})]
    case = assemble(VOCABULARY, as_of=AS_OF, patient={}, lesions=lesions)
    assert any("same id" in told for told in unsayable(case, VOCABULARY))


@pytest.mark.parametrize("name", ["patient", "a/b", "", " T1", "two\nlines", "`T1`", "x" * 101])
def test_an_id_that_names_no_lesion_is_refused(name: str) -> None:
    case = assemble(VOCABULARY, as_of=AS_OF, patient={}, lesions=[ReportedLesion(name, "a lesion", {})])
    (problem,) = unsayable(case, VOCABULARY)
    assert "is no id of a lesion" in problem


def test_the_sample_vocabulary_has_every_kind_and_type() -> None:
    kinds = {definition.kind for definition in VOCABULARY.facts.values()}
    types = {str(definition.type).split()[0] for definition in VOCABULARY.facts.values()}
    assert len(kinds) >= 6
    assert types == {"Boolean", "Integer", "Decimal", "Quantity", "Code", "Date"}
    levels = {definition.level for definition in VOCABULARY.facts.values()}
    assert levels == {Level.PATIENT, Level.LESION, Level.STRUCTURE}
