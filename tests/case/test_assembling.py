"""How reported facts become a case: silence, enumerated structures, closing statements, learning one fact more."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given

from cds.case import (
    NEVER_RECORDED,
    AbsenceReason,
    Absent,
    Case,
    Conflicting,
    Fact,
    Known,
    ReportedLesion,
    ReportedStructure,
    Source,
    assemble,
    narrowed,
)
from cds.case.case import stale
from cds.quantities import Interval
from cds.testing import cases, sample_vocabulary
from cds.vocabulary import Level

VOCABULARY = sample_vocabulary()
DAY = dt.date(2026, 11, 22)
HERE = Source("Observation/1", None, "Observation.valueQuantity")


def known(value: bool | str | int) -> Fact:
    return Fact(Known(Interval.point(Fraction(value)) if type(value) is int else value), (HERE,))


def case_of(*lesions: ReportedLesion, silences: dict[str, tuple[Source, ...]] | None = None, **patient: Fact) -> Case:
    return assemble(VOCABULARY, as_of=DAY, patient=patient, lesions=lesions, silences=silences)


def one(facts: dict[str, Fact], *structures: ReportedStructure) -> Case:
    return case_of(ReportedLesion("T1", "lesion", facts, structures))


def keys(case: Case) -> list[str]:
    return [structure.key for structure in case.lesions[0].structures]


# --- every fact has a state ----------------------------------------------------------------------------------------


@given(cases(VOCABULARY))
def test_every_fact_of_the_vocabulary_has_a_state_at_every_subject(case: Case) -> None:
    assert set(case.patient) == {d.name for d in VOCABULARY.of(Level.PATIENT)}
    for lesion in case.lesions:
        assert set(lesion.facts) == {d.name for d in VOCABULARY.of(Level.LESION)}
        for structure in lesion.structures:
            assert set(structure.facts) == {d.name for d in VOCABULARY.of(Level.STRUCTURE)}


@pytest.mark.parametrize("state", [Absent(AbsenceReason.STALE), Conflicting((True, False))])
def test_what_is_absent_or_in_conflict_has_no_value_and_is_not_known(state: Absent | Conflicting) -> None:
    assert (Fact(state).value, Fact(state).is_known) == (None, False)


def test_a_known_no_is_known() -> None:
    assert (Fact(Known(False)).value, Fact(Known(False)).is_known) == (False, True)


# --- silence -------------------------------------------------------------------------------------------------------


def test_silence_is_unknown_and_not_no() -> None:
    assert case_of().patient["smoker"] == NEVER_RECORDED


def test_silence_means_no_only_where_its_context_was_seen_and_carries_the_element_that_shows_it() -> None:
    listed = Source("List/problems", "3", "List.code")
    assert case_of().patient["allergy"] == NEVER_RECORDED
    fact = case_of(silences={"problem-list": (listed,)}).patient["allergy"]
    assert (fact.state, fact.sources) == (Known(False), (listed,))
    assert fact.note == "silence: a problem list without one means none"


def test_a_document_that_nobody_wrote_is_not_there() -> None:
    fact = case_of().patient["booked"]
    assert (fact.value, fact.note) == (False, "not documented")


@pytest.mark.parametrize(
    "state", [Absent(AbsenceReason.ASKED_UNKNOWN), Absent(AbsenceReason.STALE), Conflicting((True, False))]
)
@pytest.mark.parametrize("name", ["booked", "allergy"])
def test_what_was_said_is_never_overwritten_by_silence(name: str, state: Absent | Conflicting) -> None:
    case = case_of(silences={"problem-list": ()}, **{name: Fact(state)})
    assert case.patient[name].state == state


# --- structures at risk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ["nerve-a/left", "nerve-a/right", "skin/none", "flap/none", "vein/left", "vein/right"]),
        ({"site": "tongue"}, ["nerve-a/left", "nerve-a/right", "skin/none", "flap/none"]),
        ({"site": "tongue", "side": "left"}, ["nerve-a/left", "skin/none", "flap/none"]),
        ({"site": "tongue", "side": "midline"}, ["nerve-a/left", "nerve-a/right", "skin/none", "flap/none"]),
        ({"site": "larynx", "side": "right", "flap": False}, ["skin/none", "vein/right"]),
        ({"site": "neck", "flap": True}, ["skin/none", "flap/none"]),
    ],
)
def test_the_site_enumerates_the_structures_and_an_unknown_site_all(
    facts: dict[str, bool | str], expected: list[str]
) -> None:
    assert keys(one({name: known(value) for name, value in facts.items()})) == expected


def test_a_site_in_conflict_enumerates_all() -> None:
    assert len(keys(one({"site": Fact(Conflicting(("tongue", "larynx")))}))) == 6


def test_a_structure_that_the_record_names_joins_those_of_the_site() -> None:
    case = one(
        {"site": known("neck"), "flap": known(False)}, ReportedStructure("vein", "left", {"relation": known("touches")})
    )
    assert keys(case) == ["skin/none", "vein/left"]
    assert case.lesions[0].structures[1].facts["relation"].value == "touches"


def test_a_structure_nobody_mentioned_is_there_with_its_distance_unknown() -> None:
    (skin, *_) = one({"site": known("neck")}).lesions[0].structures
    assert (skin.label, skin.facts["distance"]) == ("skin", NEVER_RECORDED)
    assert [skin.facts[name].value for name in ("name", "kind", "side")] == ["skin", "skin", "none"]


# --- the closing statement -----------------------------------------------------------------------------------------


def distance(case: Case, key: str) -> Fact:
    return next(s for s in case.lesions[0].structures if s.key == key).facts["distance"]


def beyond(number: int) -> Interval:
    return Interval.above(Fraction(number), open_end=True)


def test_the_closing_statement_bounds_what_was_never_recorded_and_is_its_source() -> None:
    fact = distance(one({"site": known("neck"), "nothingElseWithin": known(30)}), "skin/none")
    assert (fact.value, fact.sources, fact.note) == (beyond(30), (HERE,), "closing statement of the report")


@pytest.mark.parametrize(
    "own",
    [
        known(4),
        Fact(Absent(AbsenceReason.NOT_ASSESSED)),
        Fact(Conflicting((True, False))),
        Fact(Absent(AbsenceReason.STALE)),
    ],
)
def test_the_closing_statement_leaves_alone_what_has_a_statement_of_its_own(own: Fact) -> None:
    case = one(
        {"site": known("neck"), "nothingElseWithin": known(30)}, ReportedStructure("skin", "none", {"distance": own})
    )
    assert distance(case, "skin/none") == own


@pytest.mark.parametrize(
    ("closing", "expected"),
    [
        (Fact(Known(Interval(Fraction(20), Fraction(30)))), beyond(20)),
        (Fact(Known(Interval.above(Fraction(20), open_end=False))), beyond(20)),
        (Fact(Known(Interval.below(Fraction(20), open_end=True))), None),
        (Fact(Absent(AbsenceReason.ASKED_UNKNOWN)), None),
        (Fact(Conflicting((True, False))), None),
    ],
)
def test_a_closing_statement_bounds_by_the_least_that_it_may_mean(closing: Fact, expected: Interval | None) -> None:
    assert distance(one({"site": known("neck"), "nothingElseWithin": closing}), "skin/none").value == expected


# --- one fact more -------------------------------------------------------------------------------------------------


def test_one_fact_more_changes_that_fact_alone() -> None:
    case = case_of(
        ReportedLesion("T1", "one", {"site": known("tongue")}), ReportedLesion("T2", "two", {"site": known("tongue")})
    )
    assert narrowed(case, VOCABULARY, "patient", "smoker", known(True)).patient["smoker"] == known(True)
    assert narrowed(case, VOCABULARY, "patient", "smoker", known(True)).lesions == case.lesions
    second = narrowed(case, VOCABULARY, "T2", "flap", known(True))
    assert second.lesions[0] == case.lesions[0]
    assert second.lesions[1].facts["flap"] == known(True)
    assert second.lesions[1].structures == case.lesions[1].structures
    nerve = narrowed(case, VOCABULARY, "T1/nerve-a/left", "distance", known(3))
    assert distance(nerve, "nerve-a/left") == known(3)
    assert distance(nerve, "nerve-a/right") == NEVER_RECORDED
    assert nerve.lesions[1] == case.lesions[1]


def test_learning_the_closing_statement_bounds_the_distances_and_narrowing_it_moves_the_bound() -> None:
    case = one({"site": known("neck")}, ReportedStructure("flap", "none", {"distance": known(3)}))
    first = narrowed(case, VOCABULARY, "T1", "nothingElseWithin", Fact(Known(Interval(Fraction(10), Fraction(30)))))
    second = narrowed(first, VOCABULARY, "T1", "nothingElseWithin", known(20))
    assert (distance(first, "skin/none").value, distance(second, "skin/none").value) == (beyond(10), beyond(20))
    assert distance(second, "flap/none") == known(3)


def test_a_lesion_whose_name_begins_as_anothers_is_another() -> None:
    case = case_of(ReportedLesion("T1", "one"), ReportedLesion("T11", "eleven"))
    changed = narrowed(case, VOCABULARY, "T11", "flap", known(True))
    assert changed.lesions[0] == case.lesions[0]


def test_a_stale_fact_keeps_its_sources_and_loses_its_value() -> None:
    old = stale(known(True), "older than the imaging")
    assert (old.value, old.sources, old.state) == (None, (HERE,), Absent(AbsenceReason.STALE, "older than the imaging"))
