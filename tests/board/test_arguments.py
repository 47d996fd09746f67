"""Every criterion is shown, once, under what it does to its option."""

from __future__ import annotations

import pytest

from cds.board.arguments import KINDS, LEADING, kind_of, option_view
from cds.explanation.reasons import holds_back, may_hold_back
from cds.recommendation.model import Recommendation


def test_every_reason_of_every_option_is_in_exactly_one_group(answer: Recommendation) -> None:
    for lesion in answer.lesions:
        for option in lesion.options:
            view = option_view(option, lesion)
            shown = [about.reason for group in view.groups for each in group.arguments for about in each.abouts]
            assert sorted(map(id, shown)) == sorted(map(id, option.reasons))
            assert [group.kind for group in view.groups] == [kind for kind in KINDS if view.of(kind)]


def test_what_holds_an_option_back_or_may_is_never_folded(answer: Recommendation) -> None:
    for lesion in answer.lesions:
        for option in lesion.options:
            for reason in option.reasons:
                if holds_back(reason) or may_hold_back(reason):
                    assert kind_of(reason) in LEADING


def test_a_verdict_is_shown_only_where_one_is_left(answer: Recommendation) -> None:
    for lesion in answer.lesions:
        for option in lesion.options:
            view = option_view(option, lesion)
            assert view.verdict == option.verdict
            assert (view.verdict == "undetermined") == (len(view.still_possible) > 1)


@pytest.mark.parametrize(
    ("possible", "verdict", "standing"),
    [
        (("conditional", "not-assessed"), "conditional", "not-excluded"),
        (("ineligible", "not-assessed"), "ineligible", "excluded"),
        (("eligible", "ineligible", "not-assessed"), "undetermined", "unknown"),
        (("not-assessed",), "not-assessed", "not-excluded"),
    ],
)
def test_while_the_scope_is_not_known_every_verdict_holds_only_in_scope(
    answer: Recommendation, possible: tuple[str, ...], verdict: str, standing: str
) -> None:
    lesion = answer.lesions[0]
    option = lesion.options[0].model_copy(update={"verdict": "undetermined", "possible": possible})
    scope = lesion.scope.model_copy(update={"truth": "unknown"})
    view = option_view(option, lesion.model_copy(update={"scope": scope}))
    assert (view.verdict, view.standing) == (verdict, standing)
    assert view.if_in_scope == (verdict != "not-assessed")
