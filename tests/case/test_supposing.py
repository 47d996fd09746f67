"""A case with some facts supposed otherwise is the case that a record saying so would have been read as."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import Absent, Case, Conflicting, Fact, Known, subjects_of
from cds.case.case import CLOSING_STATEMENT
from cds.case.facts import State
from cds.case.reading import case_from_mapping
from cds.case.supposing import (
    SUPPOSED,
    NotSupposable,
    Place,
    can_be_supposed,
    place_text,
    read_suppositions,
    supposed,
)
from cds.case.writing import case_to_mapping
from cds.quantities import DateSpan, Interval
from cds.ruleset import load_rules
from cds.testing import cases, facts, sample_vocabulary
from cds.vocabulary import Vocabulary

SAMPLE = sample_vocabulary()
SHIPPED = load_rules().vocabulary


def states_of(case: Case) -> dict[Place, State]:
    return {
        (subject, name): fact.state for subject, _, its in subjects_of(case) for name, fact in its.items()
    }  # fmt: skip


def as_written(case: Case, vocabulary: Vocabulary) -> Case:
    """The case as its author would write it in a file: without sources and notes."""
    return case_from_mapping(vocabulary, case_to_mapping(case, vocabulary))


def with_one(case: Case, vocabulary: Vocabulary, place: Place, state: Known) -> Case:
    """The case that a file says which states one fact otherwise."""
    said = case_to_mapping(case, vocabulary)
    subject, name = place
    told = written(state.value)
    if subject == "patient":
        return case_from_mapping(vocabulary, {**said, "patient": {**said["patient"], name: told}})  # type: ignore[dict-item]
    lesion_id, _, key = subject.partition("/")
    lesions = [dict(each) for each in said["lesions"]]  # type: ignore[attr-defined]
    lesion = next(each for each in lesions if each["id"] == lesion_id)
    if not key:
        lesion["facts"] = {**lesion["facts"], name: told}
    else:
        structure, side = key.split("/")
        reported = [dict(each) for each in lesion.get("structures", [])]
        mine = next((s for s in reported if (s["name"], s.get("side", "none")) == (structure, side)), None)
        if mine is None:
            mine = {"name": structure, **({"side": side} if side != "none" else {})}
            reported.append(mine)
        mine["facts"] = {**mine.get("facts", {}), name: told}
        lesion["structures"] = reported
    return case_from_mapping(vocabulary, {**said, "lesions": lesions})


def written(value: object) -> object:
    return value if isinstance(value, bool) else str(value).replace(" to ", "..")


@st.composite
def suppositions(
    draw: st.DrawFn, vocabulary: Vocabulary, made: st.SearchStrategy[Case] | None = None
) -> tuple[Case, Place, Known]:
    """A case (as its author would write it, unless one is given), one of its facts, and a value for it."""
    lesions = (1, 2) if vocabulary is SAMPLE else 1
    case = draw(made) if made is not None else as_written(
        draw(cases(vocabulary, lesions=lesions, structures=2)), vocabulary
    )
    places = [
        ((subject, definition.name), definition)
        for subject, level, _ in subjects_of(case)
        for definition in vocabulary.of(level)
        if can_be_supposed(definition)
    ]
    place, definition = draw(st.sampled_from(places))
    fact = draw(facts(definition, known=1.0).filter(lambda fact: isinstance(fact.state, Known)))
    assert isinstance(fact.state, Known)
    return case, place, fact.state


@pytest.mark.parametrize("vocabulary", [SAMPLE, SHIPPED], ids=["sample", "shipped"])
@given(data=st.data())
def test_a_supposed_case_is_the_one_that_a_file_saying_so_would_be(data: st.DataObject, vocabulary: Vocabulary) -> None:
    case, place, state = data.draw(suppositions(vocabulary))
    assert states_of(supposed(case, vocabulary, {place: state})) == states_of(with_one(case, vocabulary, place, state))


@given(data=st.data())
def test_what_is_supposed_and_what_follows_says_so_and_a_supposed_value_names_no_element(data: st.DataObject) -> None:
    case = data.draw(cases(SHIPPED, lesions=1, structures=2))
    _, place, state = data.draw(suppositions(SHIPPED, st.just(case)))
    before = {(subject, name): fact for subject, _, its in subjects_of(case) for name, fact in its.items()}
    for subject, _, its in subjects_of(supposed(case, SHIPPED, {place: state})):
        for name, fact in its.items():
            if fact.note == SUPPOSED:
                assert (subject, name) == place
                assert fact.sources == ()
            elif (subject, name) == place or (fact != before.get((subject, name), fact) and fact.is_known):
                assert fact.note.startswith(f"{SUPPOSED}: ")


@given(cases(SAMPLE))
def test_supposing_nothing_or_what_is_so_changes_nothing(case: Case) -> None:
    assert supposed(case, SAMPLE, {}) is case
    assert read_suppositions(case, SAMPLE, said_of(case)) == {}


def said_of(case: Case) -> Iterator[tuple[str, str]]:
    """Every fact as an address would suppose it."""
    for subject, level, its in subjects_of(case):
        for name, fact in its.items():
            if can_be_supposed(SAMPLE.fact(level, name)) and not isinstance(fact.state, Conflicting):
                value = fact.value
                assert not isinstance(value, DateSpan)
                text = "unknown" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                yield place_text((subject, name)), text.replace(" to ", "..")


def test_a_supposed_contact_contradicts_a_recorded_distance_and_taken_back_leaves_it_as_it_was() -> None:
    lesion = {"id": "T1", "facts": {"site": "oropharynx", "side": "left"}, "structures": [
        {"name": "carotid-artery", "side": "left", "facts": {"tumourDistance": 3, "relation": "encased"}},
    ]}  # fmt: skip
    case = case_from_mapping(SHIPPED, {"as_of": "2026-11-22", "lesions": [lesion]})
    place = ("T1/carotid-artery/left", "relation")

    def distance(of: Case) -> Fact:
        return next(s for s in of.lesions[0].structures if s.name == "carotid-artery").facts["tumourDistance"]

    assert isinstance(distance(case).state, Conflicting)
    apart = supposed(case, SHIPPED, {place: Known("separate")})
    assert distance(apart).state == Known(Interval.point(3))  # type: ignore[arg-type]


def test_another_site_has_other_structures_and_a_fact_of_them_can_be_supposed_at_once() -> None:
    case = case_from_mapping(SHIPPED, {"as_of": "2026-11-22", "lesions": [{"id": "T1", "facts": {
        "site": "oropharynx", "side": "left"}}]})  # fmt: skip
    now = {structure.key for structure in case.lesions[0].structures}
    moved = read_suppositions(case, SHIPPED, [("T1:side", "right")])
    then = {structure.key for structure in supposed(case, SHIPPED, moved).lesions[0].structures}
    assert "carotid-artery/left" in now - then
    assert "carotid-artery/right" in then - now
    both = read_suppositions(
        case, SHIPPED, [("T1/carotid-artery/right:tumourDistance", "> 5"), ("T1:side", "right")]
    )
    assert set(both) == {("T1", "side"), ("T1/carotid-artery/right", "tumourDistance")}


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("patient:inrr", "1", "did you mean `inr`?"),
        ("patient:inr", "soon", "`soon` is not a number or an interval; give a number"),
        ("patient:inr", "1" * 31, "is not a number"),
        ("patient:inr", "900", "is not plausible for INR"),
        ("T1:site", "moon", "is not a code of this fact"),
        ("T1:declinesSurgery", "maybe", "`maybe` is not a yes/no; give true or false"),
        ("T1:recurrenceDate", "2026-01-01", "ages were judged when the record was read"),
        ("T1/skin/none:side", "left", "the table of structures states it"),
        ("T7:site", "larynx", "is no subject of this answer"),
        ("T1/skin/left:tumourDistance", "5", "is no subject of this answer"),
        ("as_of", "2026-01-01", "is no subject of this answer"),
        ("", "1", "is no subject of this answer"),
    ],
)
def test_what_cannot_be_supposed_is_said_with_what_is_accepted(place: str, value: str, told: str) -> None:
    case = case_from_mapping(SHIPPED, {"as_of": "2026-11-22", "lesions": [{"id": "T1", "facts": {}}]})
    with pytest.raises(NotSupposable) as caught:
        read_suppositions(case, SHIPPED, [(place, value), ("patient:ecog", "7"), ("patient:asa", "2")])
    first, *others = caught.value.issues
    assert told in first.details
    assert [each.expression for each in others] == ["patient:ecog"], "all of it is told at once"


def test_two_values_of_one_fact_are_a_mistake_and_one_value_twice_is_not() -> None:
    case = case_from_mapping(SHIPPED, {"as_of": "2026-11-22", "lesions": []})
    assert read_suppositions(case, SHIPPED, [("patient:inr", "2"), ("patient:inr", " 2 ")])
    with pytest.raises(NotSupposable, match="write one value"):
        read_suppositions(case, SHIPPED, [("patient:inr", "2"), ("patient:inr", "unknown")])
    with pytest.raises(NotSupposable, match="suppose 500 at most"):
        read_suppositions(case, SHIPPED, [(f"patient:x{n}", "1") for n in range(501)])


def test_what_is_supposed_unknown_stays_unknown_beside_a_closing_statement() -> None:
    lesion = {"id": "T1", "facts": {"site": "oropharynx", "side": "left", "nothingElseWithin": 25}}
    case = case_from_mapping(SHIPPED, {"as_of": "2026-11-22", "lesions": [lesion]})
    place = ("T1/skin/none", "tumourDistance")
    states = read_suppositions(case, SHIPPED, [(place_text(place), "unknown")])
    assert isinstance(states_of(supposed(case, SHIPPED, states))[place], Absent)
    closing = read_suppositions(case, SHIPPED, [("T1:nothingElseWithin", "30")])
    skin = next(s for s in supposed(case, SHIPPED, closing).lesions[0].structures if s.name == "skin")
    assert skin.facts["tumourDistance"].note == f"{SUPPOSED}: {CLOSING_STATEMENT}"
