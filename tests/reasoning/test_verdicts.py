"""What an answer means: every combination of objections, against an oracle that tries every completion."""

from __future__ import annotations

from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.reasoning.verdict import (
    Objection,
    Standing,
    Verdict,
    listed,
    objection,
    possible_verdicts,
    standing_of,
    verdict_of,
)
from cds.ruleset.model import Effect
from cds.truth import Truth

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
E, C, X, N = Verdict.ELIGIBLE, Verdict.CONDITIONAL, Verdict.INELIGIBLE, Verdict.NOT_ASSESSED

# A criterion of an option: its effect, whether it has a remedy, its truth.
Stated = tuple[Effect, bool, Truth]
KINDS: tuple[tuple[Effect, bool], ...] = (
    ("excludes", False),
    ("requires", False),
    ("requires", True),
    ("against", False),
)
UP_TO_TWO = [(), *((t,) for t in Truth), *combinations_with_replacement(Truth, 2)]


def oracle(stated: list[Stated], scope: Truth) -> frozenset[Verdict]:
    """Every verdict that some way of answering all open questions leads to."""
    found = set()
    choices = [[True, False] if truth is U else [truth is T] for *_, truth in stated]
    for in_scope in [True, False] if scope is U else [scope is T]:
        for answers in product(*choices):
            found.add(verdict([(e, r, a) for (e, r, _), a in zip(stated, answers, strict=True)]) if in_scope else N)
    return frozenset(found)


def verdict(answered: list[tuple[Effect, bool, bool]]) -> Verdict:
    """The meaning of the effects, as the table of the design gives it, for a patient about whom all is known."""
    worst = E
    for effect, remedy, holds in answered:
        if (effect == "excludes" and holds) or (effect == "requires" and not remedy and not holds):
            return X
        if (effect == "against" and holds) or (effect == "requires" and remedy and not holds):
            worst = C
    return worst


def objections(stated: list[Stated]) -> list[Objection]:
    return [o for e, r, t in stated if (o := objection(e, t, has_remedy=r)) is not None]


def test_up_to_two_criteria_of_every_kind_in_every_scope_leave_what_the_completions_leave() -> None:
    tried = 0
    for per_kind in product(UP_TO_TWO, repeat=len(KINDS)):
        stated = [(effect, remedy, t) for (effect, remedy), ts in zip(KINDS, per_kind, strict=True) for t in ts]
        for scope in Truth:
            assert possible_verdicts(objections(stated), scope) == oracle(stated, scope), (stated, scope)
            tried += 1
    assert tried == 10**4 * 3


# One criterion of its own: effect, remedy: what true, false and unknown leave possible.
ROWS: list[tuple[Effect, bool, set[Verdict], set[Verdict], set[Verdict]]] = [
    ("requires", False, {E}, {X}, {E, X}),
    ("requires", True, {E}, {C}, {E, C}),
    ("excludes", False, {X}, {E}, {E, X}),
    ("against", False, {C}, {E}, {E, C}),
    ("for", False, {E}, {E}, {E}),
    ("informs", False, {E}, {E}, {E}),
    ("obliges", False, {E}, {E}, {E}),
]


@pytest.mark.parametrize(("effect", "remedy", "if_true", "if_false", "if_unknown"), ROWS)
def test_one_criterion_does_to_an_option_what_the_table_says(
    effect: Effect, remedy: bool, if_true: set[Verdict], if_false: set[Verdict], if_unknown: set[Verdict]
) -> None:
    for truth, expected in ((T, if_true), (F, if_false), (U, if_unknown)):
        assert possible_verdicts(objections([(effect, remedy, truth)]), T) == expected


def test_nothing_against_an_option_leaves_it_eligible() -> None:
    assert possible_verdicts([], T) == {E}


@pytest.mark.parametrize(("scope", "expected"), [(T, {E, X}), (F, {N}), (U, {E, X, N})])
def test_the_scope_stands_before_every_verdict(scope: Truth, expected: set[Verdict]) -> None:
    assert possible_verdicts(objections([("excludes", False, U)]), scope) == expected


# --- the theorems --------------------------------------------------------------------------------------------------

truths = st.sampled_from(Truth)
criteria = st.lists(st.tuples(st.sampled_from(KINDS), truths).map(lambda drawn: (*drawn[0], drawn[1])), max_size=7)


@given(criteria, truths, st.data())
def test_learning_more_never_flips_a_settled_answer(stated: list[Stated], scope: Truth, data: st.DataObject) -> None:
    def learned(truth: Truth) -> Truth:
        return data.draw(st.sampled_from([T, F, U])) if truth is U else truth

    after = [(effect, remedy, learned(truth)) for effect, remedy, truth in stated]
    left, then = possible_verdicts(objections(stated), scope), possible_verdicts(objections(after), learned(scope))
    assert then <= left
    assert verdict_of(left) is Verdict.UNDETERMINED or verdict_of(then) is verdict_of(left)
    before = standing_of(objections(stated))
    assert before is Standing.UNKNOWN or standing_of(objections(after)) is before


@given(criteria)
def test_an_unknown_contraindication_is_never_eligible(stated: list[Stated]) -> None:
    for effect, value in (("excludes", U), ("requires", U)):
        left = possible_verdicts(objections([*stated, (effect, False, value)]), T)
        assert X in left
        assert verdict_of(left) is not E


@given(criteria, truths)
def test_some_verdict_is_always_possible_and_undetermined_is_none_of_them(stated: list[Stated], scope: Truth) -> None:
    left = possible_verdicts(objections(stated), scope)
    assert left
    assert Verdict.UNDETERMINED not in left


@given(criteria, criteria, truths)
def test_one_more_criterion_never_makes_an_option_better(
    stated: list[Stated], more: list[Stated], scope: Truth
) -> None:
    rank = {E: 0, C: 1, X: 2, N: 3}
    fewer, all_ = (possible_verdicts(objections(s), scope) for s in (stated, [*stated, *more]))
    assert min(rank[v] for v in all_) >= min(rank[v] for v in fewer)


@given(criteria, truths, st.randoms())
def test_the_order_of_the_rules_means_nothing(stated: list[Stated], scope: Truth, chance: object) -> None:
    shuffled = list(stated)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert possible_verdicts(objections(shuffled), scope) == possible_verdicts(objections(stated), scope)
    assert standing_of(objections(shuffled)) is standing_of(objections(stated))


# --- standing ------------------------------------------------------------------------------------------------------


@given(criteria)
def test_the_standing_is_what_exclusions_and_unremedied_requirements_alone_say(stated: list[Stated]) -> None:
    grounds = [s for s in stated if s[0] == "excludes" or (s[0] == "requires" and not s[1])]
    outcomes = oracle(grounds, T)
    expected = Standing.EXCLUDED if outcomes == {X} else Standing.NOT_EXCLUDED if outcomes == {E} else Standing.UNKNOWN
    assert standing_of(objections(stated)) is expected


@given(criteria)
def test_an_excluded_option_is_ineligible_and_one_that_is_not_is_not(stated: list[Stated]) -> None:
    left, standing = possible_verdicts(objections(stated), T), standing_of(objections(stated))
    assert (standing is Standing.EXCLUDED) is (left == {X})
    assert (standing is Standing.NOT_EXCLUDED) is (X not in left)


# --- one verdict, or several ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("only", [E, C, X, N])
def test_the_one_verdict_left_is_the_verdict(only: Verdict) -> None:
    assert verdict_of(frozenset({only})) is only


@given(st.sets(st.sampled_from([E, C, X, N]), min_size=2))
def test_more_than_one_is_undetermined_and_listed_from_least_to_most_against(several: set[Verdict]) -> None:
    assert verdict_of(frozenset(several)) is Verdict.UNDETERMINED
    assert list(listed(frozenset(several))) == [v for v in (E, C, X, N) if v in several]
