"""The checklist, the bars, the duties, and two answers compared."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.board.bars import bars, place
from cds.board.case import case_view
from cds.board.comparison import compare
from cds.board.listing import Search, case_row
from cds.board.protection import checklist
from cds.recommendation.model import Recommendation

Example = Any


def test_every_structure_is_on_the_checklist_the_threatened_ones_first(answer: Recommendation) -> None:
    for lesion in answer.lesions:
        entries = checklist(lesion).entries
        assert sorted(entry.part.label for entry in entries) == sorted(part.label for part in lesion.thermoprotection)
        needs = [entry.part.verdict for entry in entries]
        assert needs == sorted(needs, key=["required", "undetermined", "not-required"].index)
        for entry in entries:
            assert len(entry.open) + len(entry.closed) == len(entry.part.measures)


def test_the_smallest_sets_are_told_by_their_labels(example: Example) -> None:
    plan = checklist(example("02")[1].lesions[0])
    assert [each.measures for each in plan.sets] == [
        ("hydrodissection", "gauze soaked in warm water"),
        ("hydrodissection", "gloves filled with warm saline"),
    ]
    assert plan.without_measure == ("left carotid artery",)


@given(st.floats(0, 100), st.floats(0, 100))
def test_the_axis_keeps_the_order_of_percentages(one: float, other: float) -> None:
    assert (place(one) <= place(other)) or one > other


def test_five_of_eleven_is_a_dot_within_its_interval(example: Example) -> None:
    outcomes = case_view(example("02")[1]).outcomes
    first = outcomes[0]
    assert (first.outcome.k, first.outcome.n) == (5, 11)
    assert (first.low, first.dot, first.high) == (place(16.75), place(45.45), place(76.62))
    assert all(bar.low <= bar.dot <= bar.high for bar in outcomes)


def test_outcomes_that_stand_behind_several_lesions_are_drawn_once(example: Example) -> None:
    answer = example("06")[1]
    assert len(answer.lesions) == 2
    assert len(case_view(answer).outcomes) == len(bars(answer.lesions[0].outcomes))


def test_duties_that_are_due_come_first_and_none_is_left_out(answer: Recommendation) -> None:
    view = case_view(answer)
    for before in ("decision", "procedure", "discharge"):
        dues = [duty.part.due for duty in view.duties_before(before)]
        assert dues == sorted(dues, key=["true", "unknown", "false"].index)
    owed = {
        (lesion.id if each.subject != "patient" else "", each.rule, each.due)
        for lesion in answer.lesions for each in lesion.obligations
    }  # fmt: skip
    shown = {(at, duty.part.rule, duty.part.due) for duty in view.duties for at in duty.lesions or ("",)}
    assert shown == owed
    for duty in view.duties:  # what is done and what never arose are both not due, and not the same
        assert len({reason.truth for reason in duty.reasons}) == 1


def test_the_head_names_only_what_is_known(answer: Recommendation) -> None:
    assert all(fact.status == "known" for fact in case_view(answer).identity)


def test_an_answer_compared_with_itself_differs_in_nothing(answer: Recommendation) -> None:
    comparison = compare(answer, answer)
    assert not any((comparison.facts, comparison.criteria, comparison.protection))
    assert not any(each.differs for each in comparison.verdicts)
    assert comparison.same_rules


def test_a_changed_verdict_fact_and_criterion_are_each_found(example: Example) -> None:
    before: Recommendation = example("02")[1]
    lesion = before.lesions[0]
    option = lesion.options[1]
    truths = {"true": "false", "false": "true", "unknown": "true"}
    reason = option.reasons[0].model_copy(update={"truth": truths[option.reasons[0].truth]})
    changed = option.model_copy(update={"verdict": "eligible", "reasons": (reason, *option.reasons[1:])})
    fact = before.facts[0].model_copy(update={"display": "otherwise"})
    after = before.model_copy(update={
        "facts": (fact, *before.facts[1:]),
        "lesions": (lesion.model_copy(update={"options": (lesion.options[0], changed)}),),
    })  # fmt: skip
    comparison = compare(before, after)
    assert [each.option for each in comparison.verdicts if each.differs] == [option.label]
    assert [each.after and each.after.display for each in comparison.facts] == ["otherwise"]
    assert [each.rule for each in comparison.criteria] == [reason.rule]


def test_a_lesion_that_only_one_answer_has_is_told_as_such(example: Example) -> None:
    both: Recommendation = example("06")[1]
    one = both.model_copy(update={"lesions": both.lesions[:1]})
    gone = [each for each in compare(both, one).verdicts if each.after is None]
    assert {each.lesion[:2] for each in gone} == {both.lesions[1].id}
    assert all(each.differs for each in gone)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (Search(), True),
        (Search(text="NECK left"), True),
        (Search(text="liver"), False),
        (Search(verdict="conditional"), True),
        (Search(verdict="conditional", option="salvage-surgery"), False),
        (Search(verdict="ineligible", option="salvage-surgery"), True),
        (Search(option="radiotherapy"), False),
        (Search(missing="lesion.safePath"), False),
    ],
)
def test_a_search_finds_a_case_by_words_verdict_and_what_is_missing(
    search: Search, found: bool, example: Example
) -> None:
    row = case_row("r1", "2026-11-22", example("02")[1].model_dump(mode="json", by_alias=True))
    assert search.finds(row) is found


def test_a_case_is_found_by_what_is_missing_in_it(example: Example) -> None:
    row = case_row("r1", "2026-11-22", example("04")[1].model_dump(mode="json", by_alias=True))
    assert row.missing
    for name in row.missing:
        assert Search(missing=name).finds(row)


def test_a_fact_of_another_lesion_or_of_one_structure_of_many_says_so(example: Example) -> None:
    view = case_view(example("06")[1])
    reasons = {
        reason.rule: reason for option in view.lesions[0].part.options for reason in option.reasons
        if reason.subject == "T1+T2"
    }  # fmt: skip
    other = reasons["SS-15"]
    assert {view.whose(fact, other) for fact in other.facts} == {"T2"}
    far = {view.whose(fact, reasons["TP-11"]) for fact in reasons["TP-11"].facts}
    assert {"T1: skin", "T2: right carotid artery"} <= far
    own = next(each for option in view.lesions[0].part.options for each in option.reasons if each.rule == "SS-1")
    assert {view.whose(fact, own) for fact in own.facts} == {""}


def test_a_criterion_of_the_patient_differs_once_whatever_the_lesions(example: Example) -> None:
    before = example("06")[1]
    lesions = tuple(
        lesion.model_copy(update={
            "options": tuple(
                option.model_copy(update={
                    "reasons": tuple(reason.model_copy(update={"truth": "unknown"}) if reason.rule == "CR-6" else reason
                                     for reason in option.reasons)
                }) for option in lesion.options
            )
        }) for lesion in before.lesions
    )  # fmt: skip
    differing = compare(before, before.model_copy(update={"lesions": lesions})).criteria
    assert [(each.rule, each.about) for each in differing] == [("CR-6", "patient")]
