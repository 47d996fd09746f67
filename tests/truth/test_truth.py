"""Truths: laws that make three values safe to reason with, and no way to mistake unknown for no."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.truth import AND, IMPLIES, NOT, OR, XOR, Truth, all_of, any_of

truths = st.sampled_from(list(Truth))
TABLES = {"and": AND, "or": OR, "xor": XOR, "implies": IMPLIES}


def completions(truth: Truth) -> list[Truth]:
    """What an answer may turn out to be."""
    return [Truth.TRUE, Truth.FALSE] if truth is Truth.UNKNOWN else [truth]


@pytest.mark.parametrize("truth", list(Truth))
def test_a_truth_refuses_to_be_a_python_condition(truth: Truth) -> None:
    with pytest.raises(TypeError, match="three values"):
        bool(truth)
    with pytest.raises(TypeError, match="three values"):
        _ = 1 if truth else 2
    with pytest.raises(TypeError, match="three values"):
        assert not truth


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_every_cell(name: str) -> None:
    assert set(TABLES[name]) == set(product(Truth, Truth))


def test_only_two_truths_are_known() -> None:
    assert [truth for truth in Truth if truth.is_known] == [Truth.TRUE, Truth.FALSE]
    assert (Truth.of(True), Truth.of(False)) == (Truth.TRUE, Truth.FALSE)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("left", list(Truth))
@pytest.mark.parametrize("right", list(Truth))
def test_a_cell_is_known_exactly_where_every_completion_agrees(name: str, left: Truth, right: Truth) -> None:
    """Kleene's strong tables: one place where an answer is given away or held back too long shows here."""
    table = TABLES[name]
    outcomes = {table[a, b] for a in completions(left) for b in completions(right)}
    assert table[left, right] is (outcomes.pop() if len(outcomes) == 1 else Truth.UNKNOWN)


@given(truths, truths)
def test_de_morgan_holds_with_unknowns(a: Truth, b: Truth) -> None:
    assert ~(a & b) is (~a | ~b)
    assert ~(a | b) is (~a & ~b)


@given(truths)
def test_twice_not_is_nothing(a: Truth) -> None:
    assert NOT[NOT[a]] is a


@given(truths, truths, truths)
def test_and_and_or_group_and_turn_as_they_please(a: Truth, b: Truth, c: Truth) -> None:
    assert (a & b) & c is a & (b & c)
    assert (a | b) | c is a | (b | c)
    assert (a ^ b) ^ c is a ^ (b ^ c)
    assert (a & b, a | b, a ^ b) == (b & a, b | a, b ^ a)


@given(st.lists(truths, max_size=6))
def test_all_and_any_are_and_and_or_of_however_many(several: list[Truth]) -> None:
    everything = Truth.FALSE if Truth.FALSE in several else Truth.UNKNOWN if Truth.UNKNOWN in several else Truth.TRUE
    anything = Truth.TRUE if Truth.TRUE in several else Truth.UNKNOWN if Truth.UNKNOWN in several else Truth.FALSE
    assert (all_of(several), any_of(several)) == (everything, anything)
    assert any_of(several) is ~all_of(~truth for truth in several)


def test_of_no_questions_all_are_true_and_none_is() -> None:
    assert (all_of([]), any_of([])) == (Truth.TRUE, Truth.FALSE)


@given(truths, truths, st.sampled_from(sorted(TABLES)))
def test_learning_an_operand_never_turns_a_known_result_over(a: Truth, b: Truth, name: str) -> None:
    before = TABLES[name][a, b]
    for learned_a, learned_b in product(completions(a), completions(b)):
        after = TABLES[name][learned_a, learned_b]
        assert not before.is_known or after is before
