"""What is missing stands in the order of what it settles, then of what it costs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cds.board.missing import missing_of
from cds.recommendation.model import OptionPart, Recommendation, SettlingFact
from cds.vocabulary import Burden

POSSIBLE = ("eligible", "conditional", "ineligible")
OUTCOMES = st.lists(st.sampled_from(POSSIBLE), min_size=1, unique=True).map(tuple)


def a_fact(number: int, burden: str, outcomes: list[tuple[str, ...]]) -> SettlingFact:
    told: list[dict[str, Any]] = [{"if": f"value {i}", "possible": each} for i, each in enumerate(outcomes)]
    return SettlingFact.model_validate({
        "name": f"lesion.fact{number}", "subject": "T1", "label": f"fact {number}", "status": "absent",
        "reason": "never-recorded", "burden": burden, "modifiable": False, "outcomes": told,
    })  # fmt: skip


FACTS = st.lists(
    st.tuples(st.sampled_from([each.value for each in Burden]), st.lists(OUTCOMES, min_size=1, max_size=3)), max_size=6
)


@given(facts=FACTS)
def test_what_settles_more_comes_first_and_of_equals_what_is_easier_to_get(
    example: Any, facts: list[tuple[str, list[tuple[str, ...]]]]
) -> None:
    lesion = example("02")[1].lesions[0]
    settling = tuple(a_fact(number, *each) for number, each in enumerate(facts))
    options: list[OptionPart] = [
        option.model_copy(update={"possible": POSSIBLE, "settling_facts": settling}) for option in lesion.options
    ]
    missing = missing_of(lesion.model_copy(update={"options": tuple(options)}), {"T1": "the lesion"})
    burdens = [each.value for each in Burden]
    keys = [(-each.settles, -each.narrows, burdens.index(each.burden)) for each in missing]
    assert keys == sorted(keys)
    assert sorted(each.name for each in missing) == sorted(fact.name for fact in settling)
    assert all(len(each.effects) == len(options) for each in missing)


def test_every_settling_fact_of_an_answer_is_listed_once(answer: Recommendation) -> None:
    for lesion in answer.lesions:
        wanted = {(fact.name, fact.subject) for option in lesion.options for fact in option.settling_facts}
        listed = [(each.name, each.subject) for each in missing_of(lesion, {})]
        assert len(listed) == len(set(listed))
        assert set(listed) == wanted
