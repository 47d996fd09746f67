"""In which order options may be listed: preferences and their exceptions, whatever their verdicts are."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.reasoning.order import effective, possible_orders
from cds.ruleset.model import Preference
from cds.truth import Truth

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
KNIFE, FROST = ("knife",), ("frost",)


def preference(name: str, *order: tuple[str, ...], exception_to: str | None = None, condition: str = "") -> Preference:
    return Preference.model_validate(
        {"id": name, "order": order, "exception_to": exception_to, "when": "lesion.flag", "if": condition,
         "says": f"{name} says.", "basis": "judgement"}
    )  # fmt: skip


FIRST = preference("P-1", KNIFE, FROST, condition="unless declined")
DECLINED = preference("P-2", FROST, KNIFE, exception_to="P-1", condition="if declined")
IMPOSSIBLE = preference("P-3", FROST, condition="if impossible")
ALL = (FIRST, DECLINED, IMPOSSIBLE)
BOTH = ("knife", "frost")


def groups(*truths: Truth) -> dict[tuple[tuple[str, ...], ...], str]:
    orders = possible_orders(ALL, dict(zip(("P-1", "P-2", "P-3"), truths, strict=True)), BOTH)
    return {order.groups: order.condition for order in orders}


@pytest.mark.parametrize("rule", list(Truth))
@pytest.mark.parametrize("exception", list(Truth))
def test_an_exception_that_holds_silences_what_it_overrides(rule: Truth, exception: Truth) -> None:
    held = effective(ALL, {"P-1": rule, "P-2": exception, "P-3": F})
    assert held == {"P-1": rule & ~exception, "P-2": exception, "P-3": F}


def test_an_exception_of_an_exception_lets_the_first_speak_again() -> None:
    third = preference("P-4", KNIFE, FROST, exception_to="P-2")
    held = effective((FIRST, DECLINED, third), {"P-1": T, "P-2": T, "P-4": T})
    assert held == {"P-1": T, "P-2": F, "P-4": T}


def test_a_preference_that_is_certain_gives_the_order_without_a_condition() -> None:
    assert groups(T, F, F) == {(KNIFE, FROST): ""}
    assert groups(T, T, F) == {(FROST, KNIFE): ""}


def test_an_exception_that_may_hold_leaves_both_orders_each_with_its_condition() -> None:
    assert groups(T, U, F) == {
        (KNIFE, FROST): "unless declined",
        (FROST, KNIFE): "if declined",
    }
    assert groups(U, U, F) == {
        (KNIFE, FROST): "unless declined",
        (FROST, KNIFE): "if declined",
        (("knife", "frost"),): "if none of these holds",
    }


def test_no_preference_that_holds_leaves_the_options_side_by_side() -> None:
    assert groups(F, F, F) == {(("knife", "frost"),): ""}


@pytest.mark.parametrize("truths", list(product(Truth, repeat=3)))
def test_the_only_order_that_is_left_holds_without_a_condition(truths: tuple[Truth, ...]) -> None:
    orders = groups(*truths)
    assert len(orders) > 1 or list(orders.values()) == [""]


def test_an_order_lists_what_its_preference_names() -> None:
    (order,) = possible_orders((IMPOSSIBLE,), {"P-3": T}, ("knife", "frost", "rays"))
    assert (order.groups, order.because) == ((FROST,), ("P-3",))


truths3 = st.tuples(*[st.sampled_from(Truth)] * 3)


@given(truths3, st.data())
def test_learning_more_brings_no_new_order(truths: tuple[Truth, ...], data: st.DataObject) -> None:
    learned = [data.draw(st.sampled_from(Truth)) if t is U else t for t in truths]
    assert set(groups(*learned)) <= set(groups(*truths))


@given(truths3)
def test_every_completion_has_its_order_among_those_listed(truths: tuple[Truth, ...]) -> None:
    listed = set(groups(*truths))
    for answers in product(*[[T, F] if t is U else [t] for t in truths]):
        assert set(groups(*answers)) <= listed


@given(truths3)
def test_no_option_stands_at_two_places_of_an_order(truths: tuple[Truth, ...]) -> None:
    for order in groups(*truths):
        named = [option for group in order for option in group]
        assert len(named) == len(set(named))
        assert set(named) <= set(BOTH)
