"""Borderline values: flagged exactly where what the value may be lies on both sides of a threshold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.case import CLOSING_STATEMENT, Fact, Known
from cds.case.reading import case_from_mapping
from cds.quantities import Interval
from cds.reasoning.borderline import Borderline, borderline, widened
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.recommendation.build import build
from cds.ruleset import RuleSet
from cds.vocabulary import Level
from tests.reasoning.modifiable import decided, with_values
from tests.ruleset.workshop import a_rule, rules_of, small_rules

RULES = rules_of(
    a_rule("R-1", "against", "lesion.size > parameters.mm20"),
    a_rule("R-2", "informs", "lesion.size between parameters.mm5 and parameters.mm8"),
    a_rule("R-3", "against", "patient.ratio >= parameters.ratioLimit", for_each="patient"),
    a_rule("R-4", "against", "lesion.count > parameters.n2"),
    a_rule("R-5", "against", "structure.distance < parameters.limit", option="frost", for_each="structure"),
)
SIZE_STEP = Fraction(1, 10)
OF_SIZE = (Fraction(5), Fraction(8), Fraction(20))


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return small_rules(tmp_path_factory.mktemp("rules"), RULES)


def found(rules: RuleSet, values: dict[tuple[str, str], Interval]) -> dict[tuple[str, str], Borderline]:
    lesion = {"id": "T1", "facts": {"site": "neck", "side": "left"}}
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {}, "lesions": [lesion]})
    return {each.place: each for each in borderline(decided(with_values(case, rules, dict(values)), rules))}


tenths = st.integers(0, 3000).map(lambda n: n * SIZE_STEP)
near = st.builds(lambda c, by: c + by * SIZE_STEP, st.sampled_from(OF_SIZE), st.integers(-2, 2))
sizes = st.one_of(
    st.one_of(tenths, near).map(Interval.point),
    st.builds(lambda a, b: Interval(min(a, b), max(a, b)), near, near),
    st.builds(lambda a, b: Interval(min(a, b), max(a, b) + 1, True, True), near, near),
)


@given(value=sizes)
def test_a_value_is_borderline_exactly_where_both_sides_of_a_threshold_lie_in_the_widened_interval(
    rules: RuleSet, value: Interval
) -> None:
    assert value.low is not None
    assert value.high is not None
    low, high = max(Fraction(0), value.low - SIZE_STEP / 2), min(Fraction(300), value.high + SIZE_STEP / 2)

    def holds(number: Fraction) -> dict[Fraction, bool]:
        return {Fraction(20): number > 20, Fraction(5): number >= 5, Fraction(8): number <= 8}

    # The numbers of the widened interval, as far as these comparisons can tell them apart.
    inside = low + Fraction(1, 10**6), high - Fraction(1, 10**6)
    tried = [*inside, *(n + by for n in OF_SIZE for by in (-Fraction(1, 10**6), Fraction(0), Fraction(1, 10**6)))]
    tried = [number for number in tried if low < number < high]
    expected = {limit for limit in OF_SIZE if len({holds(number)[limit] for number in tried}) == 2}
    its = found(rules, {("T1", "size"): value}).get(("T1", "size"))
    assert {crossed.threshold for crossed in its.crossed} == expected if its is not None else not expected


def test_a_value_at_a_threshold_is_borderline_by_rounding_and_names_the_rules(rules: RuleSet) -> None:
    its = found(rules, {("T1", "size"): Interval.point(Fraction(20))})["T1", "size"]
    assert [(each.threshold, each.by, each.criteria) for each in its.crossed] == [(20, "rounding", ("R-1",))]
    assert str(its.widened) == "19.95 to 20.05"


def test_a_range_across_a_threshold_is_borderline_by_what_the_record_states(rules: RuleSet) -> None:
    its = found(rules, {("T1", "size"): Interval(Fraction(18), Fraction(23))})["T1", "size"]
    assert [(each.threshold, each.by) for each in its.crossed] == [(20, "stated-interval")]


def test_the_step_of_the_grid_is_the_facts_own(rules: RuleSet) -> None:
    beside = {("patient", "ratio"): Interval.point(Fraction(181, 100)), ("T1", "size"): Interval.point(Fraction(20))}
    assert set(found(rules, beside)) == {("T1", "size")}
    assert set(found(rules, {("patient", "ratio"): Interval.point(Fraction(9, 5))})) == {("patient", "ratio")}


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("count", Fact(Known(Interval.point(Fraction(2))))),
        ("size", Fact(Known(Interval.below(Fraction(20), open_end=False)))),
        ("size", Fact(Known(Interval.point(Fraction(20))), note=CLOSING_STATEMENT)),
        ("size", Fact(Known(Interval.point(Fraction(20))), note="implied by relation")),
        ("grade", Fact(Known("high"))),
    ],
)
def test_a_count_a_bound_from_one_side_and_what_is_implied_have_no_error(
    rules: RuleSet, name: str, fact: Fact
) -> None:
    assert widened(fact, rules.vocabulary.fact(Level.LESION, name)) is None


def test_contact_is_no_borderline_distance(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, rules_of(a_rule("R-1", "against", "lesion.size = 0 'mm'")))
    assert found(rules, {("T1", "size"): Interval.point(Fraction(0))}) == {}


def test_the_answer_carries_the_value_its_error_the_threshold_and_the_parameter(rules: RuleSet) -> None:
    facts = {"site": "neck", "side": "left", "size": 20}
    written = {"as_of": "2026-11-22", "patient": {}, "lesions": [{"id": "T1", "facts": facts}]}
    case = case_from_mapping(rules.vocabulary, written)
    (part,) = build(reason(case, rules, "decision", ReferenceEngine())).borderline
    assert part.model_dump() == {
        "name": "lesion.size", "label": "size", "subject": "T1", "display": "20 mm", "low": "19.95", "high": "20.05",
        "unit": "mm",
        "thresholds": ({"value": "20 mm", "by": "rounding", "parameters": ("mm20",), "rules": ("R-1",)},),
    }  # fmt: skip
