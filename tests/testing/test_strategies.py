"""What the published strategies make: legal values only, cases a record could give, and narrowings that only learn."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from cds.case import AbsenceReason, Absent, Case, Conflicting, Fact, Facts, Known, ReportedLesion, Value, assemble
from cds.intake.rebuild import unsayable
from cds.language import parse
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.testing import (
    bundles,
    cases,
    dense_cases,
    facts,
    narrowings,
    random_cases,
    random_narrowings,
    sample_vocabulary,
    sparse_cases,
    thresholds,
    values,
)
from cds.testing.generation import AS_OF, grid_of
from cds.testing.sampling import SeededChoices
from cds.vocabulary import FactDefinition, FactKind, Level

VOCABULARY = sample_vocabulary()
STATED = [d for d in VOCABULARY.facts.values() if d.kind is not FactKind.GIVEN]
by_fact = pytest.mark.parametrize("definition", STATED, ids=lambda definition: definition.path)


def assert_legal(definition: FactDefinition, value: Value) -> None:
    match definition.type:
        case BooleanType():
            assert isinstance(value, bool)
        case CodeType(codes):
            assert value in codes
        case DateType():
            assert isinstance(value, DateSpan)
            assert value.last <= AS_OF
            assert "/" in str(value) or DateSpan.parse(str(value)) == value
        case NumberType(decimals) | QuantityType(_, decimals):
            assert isinstance(value, Interval)
            assert value.on_grid(decimals) == value
            ends = [end for end in (value.low, value.high) if end is not None]
            assert ends
            assert definition.plausible is None or all(definition.plausible.contains(end) for end in ends)


Placed = tuple[tuple[str, ...], FactDefinition, Fact]


def all_facts(case: Case) -> Iterator[Placed]:
    """Every fact of a case with the subject and the name that it goes by."""

    def of(level: Level, subject: tuple[str, ...], its: Facts) -> Iterator[Placed]:
        for name, fact in its.items():
            yield (*subject, name), VOCABULARY.fact(level, name), fact

    yield from of(Level.PATIENT, ("patient",), case.patient)
    for lesion in case.lesions:
        yield from of(Level.LESION, (lesion.id,), lesion.facts)
        for structure in lesion.structures:
            yield from of(Level.STRUCTURE, (lesion.id, structure.key), structure.facts)


def share_known(case: Case) -> float:
    stated = [fact.is_known for _, d, fact in all_facts(case) if d.kind not in (FactKind.GIVEN, FactKind.DOCUMENT)]
    return sum(stated) / len(stated)


@by_fact
@given(data=st.data())
@settings(max_examples=40)
def test_values_are_legal_for_their_fact(definition: FactDefinition, data: st.DataObject) -> None:
    assert_legal(definition, data.draw(values(definition)))


@by_fact
@given(data=st.data())
@settings(max_examples=40)
def test_facts_are_known_absent_for_a_reason_that_can_be_said_or_in_true_conflict(
    definition: FactDefinition, data: st.DataObject
) -> None:
    fact = data.draw(facts(definition))
    match fact.state:
        case Known(value):
            assert_legal(definition, value)
        case Absent(reason):
            assert isinstance(reason, AbsenceReason)
        case Conflicting(of_sources):
            one, other = of_sources
            assert_legal(definition, one)
            assert_legal(definition, other)
            if isinstance(one, Interval) and isinstance(other, Interval):
                assert one.intersection(other) is None
            assert one != other


@pytest.mark.parametrize("state", [Known, Absent, Conflicting])
def test_every_state_of_a_fact_is_met(state: type) -> None:
    find(facts(VOCABULARY.fact(Level.PATIENT, "ratio")), lambda fact: isinstance(fact.state, state))


@pytest.mark.parametrize("form", ["<", "<=", ">", ">=", "to", "point"])
def test_every_form_of_a_number_is_met(form: str) -> None:
    def shows(value: Value) -> bool:
        words = str(value).split()
        return words == [str(value)] if form == "point" else form in words

    find(values(VOCABULARY.fact(Level.LESION, "diameter")), shows)


def test_a_constant_and_its_neighbours_on_the_grid_are_met_often() -> None:
    definition = VOCABULARY.fact(Level.LESION, "diameter")
    made = Counter[Fraction]()
    for case in random_cases(VOCABULARY, {"lesion.diameter": (Fraction(30),)}, seed=3, n=300, lesions=(1, 1)):
        value = case.lesions[0].facts[definition.name].value
        if isinstance(value, Interval) and value.is_point and value.low is not None:
            made[value.low] += 1
    near = [made[Fraction(30) + shift * grid_of(definition).step] for shift in (-1, 0, 1)]
    assert min(near) > 10
    assert sum(near) > made.total() / 2
    assert len(made) > 10, "numbers far from the constant have to be tried too"


@given(cases(VOCABULARY, lesions=(0, 3)))
def test_every_case_is_complete_legal_and_one_that_a_record_could_give(case: Case) -> None:
    for _, definition, fact in all_facts(case):
        # A note says that the value came about without the record: by silence or by a closing statement.
        if isinstance(fact.state, Known) and definition.kind is not FactKind.GIVEN and not fact.note:
            assert_legal(definition, fact.state.value)
    assert list(case.patient) == [definition.name for definition in VOCABULARY.of(Level.PATIENT)]
    assert unsayable(case, VOCABULARY) == ()
    assert case.as_of == AS_OF


@given(cases(VOCABULARY, lesions=2, as_of=dt.date(2020, 2, 29), structures=0))
def test_the_asked_for_number_of_lesions_date_and_structures_are_kept(case: Case) -> None:
    assert [lesion.id for lesion in case.lesions] == ["T1", "T2"]
    assert case.as_of == dt.date(2020, 2, 29)
    for lesion in case.lesions:
        assert all(s.facts["relation"].state == Absent(AbsenceReason.NEVER_RECORDED) for s in lesion.structures)


def test_a_structure_that_the_site_does_not_list_is_met() -> None:
    made = [lesion for case in random_cases(VOCABULARY, seed=4, n=300) for lesion in case.lesions]
    in_larynx = [lesion for lesion in made if lesion.facts["site"].value == "larynx"]
    with_it = [lesion for lesion in in_larynx if any(s.name == "nerve-a" for s in lesion.structures)]
    assert 0 < len(with_it) < len(in_larynx) / 4


def test_a_chance_is_what_it_says_when_hypothesis_chooses() -> None:
    drawn: list[Fact] = []

    @given(st.tuples(*[facts(VOCABULARY.fact(Level.LESION, "flap"), known=0.5)] * 20))
    @settings(max_examples=100, derandomize=True, database=None, phases=[Phase.generate])
    def collect(made: tuple[Fact, ...]) -> None:
        drawn.extend(made)

    collect()
    assert 0.4 < sum(fact.is_known for fact in drawn) / len(drawn) < 0.6


def test_a_dense_case_can_know_nearly_everything_and_a_sparse_one_next_to_nothing() -> None:
    unshrunk = settings(phases=[Phase.generate])  # whichever it is: a simpler one would take a minute to find
    find(dense_cases(VOCABULARY), lambda case: share_known(case) > 0.9, settings=unshrunk)
    find(sparse_cases(VOCABULARY), lambda case: not case.lesions and share_known(case) == 0)


def test_the_share_of_known_facts_follows_what_is_asked() -> None:
    def mean(known: float) -> float:
        made = [share_known(case) for case in random_cases(VOCABULARY, seed=5, n=100, known=known)]
        return sum(made) / len(made)

    assert mean(0.1) < 0.35
    assert mean(0.95) > 0.6


def knows_no_less(before: Fact, after: Fact) -> bool:
    match before.value, after.value:
        case None, _:
            return True
        case Interval() as wide, Interval() as narrow:
            return narrow.within(wide)
        case DateSpan() as wide, DateSpan() as narrow:
            return wide.first <= narrow.first and narrow.last <= wide.last
        case one, other:
            return one == other


def assert_narrower(case: Case, more: Case) -> None:
    before = {key: fact for key, _, fact in all_facts(case)}
    after = {key: fact for key, _, fact in all_facts(more)}
    assert list(before) == list(after), "lesions, structures and facts stay the same"
    assert more.as_of == case.as_of
    for key, fact in before.items():
        assert knows_no_less(fact, after[key]), f"{key}: {fact} became {after[key]}"
        if not fact.is_known and not after[key].is_known:
            assert after[key] == fact, "what was not learned stays as it was"
    for key, definition, fact in all_facts(more):
        if isinstance(fact.state, Known) and not fact.note and fact != before[key]:
            assert_legal(definition, fact.state.value)


@given(st.data())
def test_a_narrowing_knows_no_less_and_leaves_lesions_structures_and_date(data: st.DataObject) -> None:
    case = data.draw(cases(VOCABULARY))
    more = data.draw(narrowings(case, VOCABULARY))
    assert_narrower(case, more)
    assert_narrower(more, data.draw(narrowings(more, VOCABULARY)))


def test_narrowings_learn_something_most_of_the_time_and_everything_now_and_then() -> None:
    (case,) = random_cases(VOCABULARY, seed=11, n=1, known=0.4)
    made = list(random_narrowings(case, VOCABULARY, seed=2, n=60))
    for more in made:
        assert_narrower(case, more)
    assert sum(more != case for more in made) > 45
    whole = [more for more in made if all(fact.is_known for _, _, fact in all_facts(more))]
    assert 1 <= len(whole) < 30


def test_a_closing_statement_that_is_learned_bounds_the_distances_nobody_gave() -> None:
    case = assemble(VOCABULARY, as_of=AS_OF, patient={}, lesions=[ReportedLesion("T1", "lesion")])
    seen = 0
    for more in random_narrowings(case, VOCABULARY, seed=1, n=400):
        closing = more.lesions[0].facts["nothingElseWithin"].value
        if isinstance(closing, Interval) and closing.low is not None:
            beyond = Interval.above(closing.low, open_end=True)
            for structure in more.lesions[0].structures:
                distance = structure.facts["distance"].value
                assert isinstance(distance, Interval)
                assert distance.within(beyond)
            seen += 1
    assert seen > 20


def test_random_cases_depend_on_the_seed_alone() -> None:
    first = list(random_cases(VOCABULARY, seed=1, n=20))
    assert first == list(random_cases(VOCABULARY, seed=1, n=20))
    assert first[:5] == list(random_cases(VOCABULARY, seed=1, n=5))
    assert first != list(random_cases(VOCABULARY, seed=2, n=20))


@pytest.mark.parametrize("known", [0.1, 0.7])
def test_random_cases_can_be_rebuilt_too(known: float) -> None:
    made = random_cases(VOCABULARY, n=300, known=known)
    assert [told for case in made for told in unsayable(case, VOCABULARY)] == []


def test_seeded_choices_can_decide_either_way() -> None:
    choices = SeededChoices(random.Random(0))
    assert {choices.chance(0.5) for _ in range(50)} == {True, False}
    assert {choices.below(3) for _ in range(50)} == {0, 1, 2}


@given(bundles(VOCABULARY))
@settings(max_examples=10)
def test_bundles_are_collections(bundle: dict[str, object]) -> None:
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")


def test_thresholds_are_the_numbers_that_facts_are_compared_with() -> None:
    condition = parse("lesion.diameter between 10 and 30 or (patient.visits > 2 and not (other.diameter < 5))")
    found = thresholds([condition])
    assert found == {"lesion.diameter": (5, 10, 30), "patient.visits": (2,)}


def test_a_fact_without_plausible_bounds_is_tried_beyond_its_thresholds() -> None:
    definition = VOCABULARY.fact(Level.PATIENT, "visits")
    assert grid_of(definition, [5000]).high >= 10000
    with pytest.raises(TypeError, match="has no grid"):
        grid_of(VOCABULARY.fact(Level.PATIENT, "smoker"))
