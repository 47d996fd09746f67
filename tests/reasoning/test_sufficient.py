"""Sufficient reasons: the facts that are named give the answer alone, and none of them can be spared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.reasoning.sufficient import sufficient_reasons
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.testing import cases, narrowings
from tests.reasoning.modifiable import decided, facts_of, knowing_only, modifiable_rules, possible
from tests.ruleset.shipped import shipped_rules, shipped_thresholds


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return modifiable_rules(tmp_path_factory.mktemp("rules"))


def a_case(rules: RuleSet, data: st.DataObject) -> Case:
    known = data.draw(st.sampled_from([0.6, 0.95]))
    return data.draw(cases(rules.vocabulary, known=known, structures=2))


@given(data=st.data())
@settings(max_examples=30)
def test_the_facts_of_a_sufficient_reason_alone_leave_the_same_verdicts(rules: RuleSet, data: st.DataObject) -> None:
    case = a_case(rules, data)
    for found in sufficient_reasons(decided(case, rules)):
        kept = {fact.place for fact in found.facts}
        assert all(facts_of(case)[place].is_known for place in kept)
        assert possible(knowing_only(case, rules, kept), rules, found.lesion, found.option) == found.possible


@given(data=st.data())
@settings(max_examples=30)
def test_without_any_fact_of_a_sufficient_reason_more_would_be_possible(rules: RuleSet, data: st.DataObject) -> None:
    case = a_case(rules, data)
    for found in sufficient_reasons(decided(case, rules)):
        kept = {fact.place for fact in found.facts}
        for place in kept:
            less = knowing_only(case, rules, kept - {place})
            assert possible(less, rules, found.lesion, found.option) > found.possible, place


@given(data=st.data())
@settings(max_examples=8)
def test_whatever_else_becomes_known_no_verdict_is_added_to_a_sufficient_reason(data: st.DataObject) -> None:
    rules, constants = shipped_rules(), shipped_thresholds()
    case = data.draw(cases(rules.vocabulary, known=0.9, constants=constants, structures=3, lesions=1))
    for found in sufficient_reasons(decided(case, rules)):
        alone = knowing_only(case, rules, {fact.place for fact in found.facts})
        completed = data.draw(narrowings(alone, rules.vocabulary, constants=constants))
        assert possible(completed, rules, found.lesion, found.option) <= found.possible


def rests_on(rules: RuleSet, option: str, patient: dict[str, object], **lesion: object) -> list[tuple[str, str]]:
    facts = {"site": "neck", "side": "left", "flag": False, **lesion}
    written = {"as_of": "2026-11-22", "patient": patient, "lesions": [{"id": "T1", "facts": facts}]}
    found = sufficient_reasons(decided(case_from_mapping(rules.vocabulary, written), rules))
    return [fact.place for each in found if each.option == option for fact in each.facts]


def test_one_reason_that_excludes_is_enough_beside_the_scope(rules: RuleSet) -> None:
    found = rests_on(rules, "knife", {"ratio": 9}, size=30, grade="high", count=5)
    assert found == [("T1", "grade"), ("T1", "site")]


def test_a_distance_that_only_the_closing_statement_bounds_rests_on_that_statement(rules: RuleSet) -> None:
    found = rests_on(rules, "frost", {"flagA": False, "flagB": False}, size=1, count=3, closing=50)
    assert ("T1", "closing") in found
    assert not any("/" in subject for subject, _ in found)


def test_of_an_answer_that_is_wide_open_nothing_is_named_but_the_scope(rules: RuleSet) -> None:
    assert rests_on(rules, "knife", {"flagB": True}) == [("T1", "site")]


@pytest.mark.parametrize("phase", ["planning", "follow-up"])
def test_a_phase_without_verdicts_rests_on_nothing(rules: RuleSet, phase: Phase) -> None:
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {}, "lesions": [{"id": "T1"}]})
    assert sufficient_reasons(reason(case, rules, phase, ReferenceEngine())) == ()
