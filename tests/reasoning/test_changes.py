"""What would change an answer: every change that is named does what is said, and fewer changes do not.

The oracle changes the case, at the constants of the rules, beside them and between them, and decides it whole and anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.case import Case, Known, Value
from cds.case.reading import case_from_mapping
from cds.language.types import BooleanType, CodeType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.changes import Change, NearestChanges, Way, nearest_changes
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.recommendation.words import change_text
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.testing import cases, thresholds
from tests.reasoning.modifiable import (
    MODIFIABLE,
    decided,
    facts_of,
    level_of,
    modifiable_rules,
    points,
    possible,
    with_values,
)
from tests.ruleset.workshop import a_rule, rules_of

CONSTANTS = {
    "patient.ratio": (Fraction(18, 10),),
    "lesion.size": (Fraction(5), Fraction(8), Fraction(20)),
    "lesion.count": (Fraction(1), Fraction(2), Fraction(4)),
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return modifiable_rules(tmp_path_factory.mktemp("rules"))


def a_case(rules: RuleSet, data: st.DataObject) -> Case:
    known = data.draw(st.sampled_from([0.6, 0.95]))
    return data.draw(cases(rules.vocabulary, known=known, constants=CONSTANTS, structures=2))


def other_values(case: Case, rules: RuleSet, place: tuple[str, str]) -> list[Value]:
    """Other values than the one that is known: answers, codes, and numbers at and beside the constants and bounds."""
    definition = rules.vocabulary.fact(level_of(place[0]), place[1])
    now = facts_of(case)[place].value
    match definition.type:
        case BooleanType():
            return [not now]
        case CodeType(codes):
            return [code for code in codes if code != now]
        case NumberType(decimals) | QuantityType(_, decimals):
            step = Fraction(1, 10**decimals)
            bounds = [each for each in (now, definition.plausible) if isinstance(each, Interval)]
            ends = {end for each in bounds for end in (each.low, each.high) if end is not None}
            near = {n + by for n in ends | {*CONSTANTS[definition.path]} for by in (-step, Fraction(0), step)}
            return [
                Interval.point(number)
                for number in sorted(near)
                if definition.plausible is not None and definition.plausible.contains(number)
                and isinstance(now, Interval) and not now.contains(number)
            ]  # fmt: skip
        case _:
            raise TypeError(definition.path)


def changeable(case: Case, option: str, lesion: str) -> list[tuple[str, str]]:
    """What a rule of the option reads, somebody can change, and the record states."""
    others = [each.id for each in case.lesions if each.id != lesion]
    read = [(lesion, name) for name in ("size", "count", *(["grade"] if option == "knife" else []))]
    read += [("patient", "ratio" if option == "knife" else "flagB")]
    read += [(other, "grade") for other in others if option == "knife"]
    return [place for place in read if facts_of(case)[place].is_known]


def examples(way: Way) -> Iterator[dict[tuple[str, str], Value]]:
    tried = [[(change.place, point) for value in change.values for point in points(value)] for change in way.changes]
    for chosen in product(*tried):
        yield dict(chosen)


@given(data=st.data())
@settings(max_examples=40)
def test_applying_a_reported_change_gives_just_the_reported_verdicts(rules: RuleSet, data: st.DataObject) -> None:
    case = a_case(rules, data)
    for nearest in nearest_changes(decided(case, rules)):
        for way in nearest.ways:
            for values in list(examples(way))[:12]:
                found = possible(with_values(case, rules, values), rules, nearest.lesion, nearest.option)
                assert found == way.possible != nearest.possible, values


@given(data=st.data())
@settings(max_examples=60)
def test_changes_name_only_known_facts_that_can_be_changed_and_other_values(
    rules: RuleSet, data: st.DataObject
) -> None:
    case = a_case(rules, data)
    facts = facts_of(case)
    for nearest in nearest_changes(decided(case, rules)):
        for change in (change for way in nearest.ways for change in way.changes):
            assert change.definition.modifiable
            assert change.place[1] in MODIFIABLE
            assert isinstance(facts[change.place].state, Known)
            for value in change.values:
                now = change.fact.value
                if isinstance(value, Interval) and isinstance(now, Interval):
                    assert value.intersection(now) is None
                else:
                    assert value != now


def contains(change: Change, place: tuple[str, str], value: Value) -> bool:
    def holds(its: Value) -> bool:
        if isinstance(its, Interval) and isinstance(value, Interval):
            return value.within(its)
        return its == value

    return change.place == place and any(map(holds, change.values))


def is_named(nearest: NearestChanges, values: dict[tuple[str, str], Value]) -> bool:
    """Whether exactly one way is made of these values."""
    found = [
        way
        for way in nearest.ways
        if {change.place for change in way.changes} == values.keys()
        and all(contains(change, change.place, values[change.place]) for change in way.changes)
    ]
    return len(found) == 1


@given(data=st.data())
@settings(max_examples=20)
def test_every_single_change_that_leads_to_another_answer_is_named(rules: RuleSet, data: st.DataObject) -> None:
    case = a_case(rules, data)
    for nearest in nearest_changes(decided(case, rules)):
        reached = set()
        for place in changeable(case, nearest.option, nearest.lesion):
            for value in other_values(case, rules, place):
                found = possible(with_values(case, rules, {place: value}), rules, nearest.lesion, nearest.option)
                if found != nearest.possible:
                    reached.add(found)
                    assert is_named(nearest, {place: value}), (place, value)
        assert {way.possible for way in nearest.ways if len(way.changes) == 1} == reached


@given(data=st.data())
@settings(max_examples=12)
def test_every_pair_of_changes_that_leads_to_an_answer_no_single_change_reaches_is_named(
    rules: RuleSet, data: st.DataObject
) -> None:
    case = a_case(rules, data)
    for nearest in nearest_changes(decided(case, rules)):
        nearer = {nearest.possible} | {way.possible for way in nearest.ways if len(way.changes) == 1}
        pairs = [
            {first: one, second: two}
            for first, second in combinations(changeable(case, nearest.option, nearest.lesion), 2)
            for one in other_values(case, rules, first)
            for two in other_values(case, rules, second)
        ]
        some = data.draw(st.lists(st.sampled_from(pairs), max_size=8)) if pairs else []
        for values in some:
            found = possible(with_values(case, rules, values), rules, nearest.lesion, nearest.option)
            assert is_named(nearest, values) == (found not in nearer), values


def nearest_of(rules: RuleSet, option: str, patient: dict[str, object], **lesion: object) -> NearestChanges:
    facts = {"site": "neck", "side": "left", "flag": False, **lesion}
    written = {"as_of": "2026-11-22", "patient": patient, "lesions": [{"id": "T1", "facts": facts}]}
    found = nearest_changes(decided(case_from_mapping(rules.vocabulary, written), rules))
    return next(each for each in found if each.option == option)


def told(nearest: NearestChanges) -> list[tuple[set[str], list[str]]]:
    return [
        ({verdict.value for verdict in way.possible}, [f"{c.place[1]}: {change_text(c)}" for c in way.changes])
        for way in nearest.ways
    ]


def test_a_number_is_changed_to_the_threshold_and_says_in_which_direction(rules: RuleSet) -> None:
    found = nearest_of(rules, "knife", {"ratio": "2.1"}, size=10, grade="low", count=1)
    lower = found.ways[0]
    assert told(found)[0] == ({"eligible"}, ["ratio: at most 1.8"])
    assert (lower.changes[0].direction, lower.changes[0].threshold) == ("lower", Fraction(9, 5))


def test_an_answer_that_takes_two_changes_names_both(rules: RuleSet) -> None:
    found = nearest_of(rules, "knife", {"ratio": "2.1"}, size=30, grade="low", count=1)
    assert ({"eligible"}, ["size: at most 20 mm", "ratio: at most 1.8"]) in told(found)
    assert all(len(way.changes) == 2 for way in found.ways if {v.value for v in way.possible} == {"eligible"})


def test_a_region_between_two_thresholds_says_both_its_ends(rules: RuleSet) -> None:
    found = nearest_of(rules, "frost", {"flagB": False, "flagA": False}, size=1, count=3, closing=100)
    assert ({"conditional"}, ["size: from 5 to 8 mm"]) in told(found)


def test_what_is_not_known_is_learned_and_not_changed(rules: RuleSet) -> None:
    found = nearest_of(rules, "knife", {}, size=30, grade="low", count=1)
    assert ("patient", "ratio") not in found.changeable
    assert all(change.place != ("patient", "ratio") for way in found.ways for change in way.changes)


def test_a_fact_of_the_other_lesion_can_be_what_has_to_change(rules: RuleSet) -> None:
    lesions = [
        {"id": name, "facts": {"site": "neck", "flag": False, "grade": grade, "count": 1, "size": 1}}
        for name, grade in (("T1", "low"), ("T2", "high"))
    ]
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {"ratio": 1}, "lesions": lesions})
    found = next(each for each in nearest_changes(decided(case, rules)) if each.lesion == "T1")
    assert found.ways[0].changes[0].place == ("T2", "grade")


def test_what_was_not_tried_is_said(rules: RuleSet) -> None:
    lesion = {"site": "neck", "side": "left", "flag": False, "size": 30, "grade": "low", "count": 1}
    written = {"as_of": "2026-11-22", "patient": {"ratio": 3}, "lesions": [{"id": "T1", "facts": lesion}]}
    decision = decided(case_from_mapping(rules.vocabulary, written), rules)
    tried = {
        most: next(each for each in nearest_changes(decision, most_facts=most) if each.option == "knife")
        for most in (1, 2, 4)
    }
    assert [(its.searched, its.is_complete) for its in tried.values()] == [(1, False), (2, False), (4, True)]
    bounded = nearest_changes(decision, most_tried=40)
    assert [(each.searched, each.is_complete) for each in bounded if each.option == "knife"] == [(1, False)]


def test_where_facts_that_nobody_can_change_settle_it_nothing_has_to_be_tried(rules: RuleSet) -> None:
    found = nearest_of(rules, "frost", {"flagA": True, "flagB": True}, size=30, count=3, closing=100)
    assert (found.searched, found.is_complete, found.ways) == (0, True, ())
    assert len(found.changeable) == 3


@pytest.mark.parametrize("name", ["site", "closing"])
def test_what_decides_the_structures_or_their_distances_is_not_changed(tmp_path: Path, name: str) -> None:
    read = rules_of(
        a_rule("R-1", "excludes", "lesion.site = 'tongue'"), a_rule("R-2", "against", "lesion.closing < parameters.mm5")
    )
    rules = modifiable_rules(tmp_path, read, names=(*MODIFIABLE, name))
    assert rules.vocabulary.fact(level_of("T1"), name).modifiable
    found = nearest_of(rules, "knife", {}, grade="low", closing=10)
    assert [place for place in found.changeable if place[1] != "grade"] == []


@pytest.mark.parametrize("phase", ["planning", "follow-up"])
def test_a_phase_without_verdicts_has_nothing_to_change(rules: RuleSet, phase: Phase) -> None:
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {}, "lesions": [{"id": "T1"}]})
    assert nearest_changes(reason(case, rules, phase, ReferenceEngine())) == ()


def test_the_constants_tried_here_are_those_of_the_rules(rules: RuleSet) -> None:
    found = thresholds([criterion.condition for criterion in rules.programs["decision"].criteria])
    assert {path: its for path, its in found.items() if path in CONSTANTS and path != "lesion.count"} == {
        path: its for path, its in CONSTANTS.items() if path != "lesion.count"
    }
