"""What a page that asks what if is made of: the outline of the answer before, and the addresses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from cds.api import read_case
from cds.board.changes import changes_view
from cds.board.comparison import compare, outline
from cds.board.supposing import address_of
from cds.case.supposing import read_suppositions, supposed
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from tests.board.conftest import AS_OF, Example

TEXTS = st.text(min_size=1, max_size=20).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)


def test_an_outline_compares_as_the_whole_answer_does(answer: Recommendation) -> None:
    told = outline(json.loads(answer.model_dump_json(by_alias=True)))
    compared = compare(answer, told)
    assert not any(each.differs for each in compared.verdicts)
    assert (compared.facts, compared.criteria, compared.protection) == ((), (), ())
    assert compared.same_rules


@pytest.mark.parametrize("number", ["01", "06", "09"])
def test_what_is_said_to_change_the_answer_does_if_it_is_supposed(
    number: str, example: Example, ruleset: RuleSet
) -> None:
    case = read_case(example(number)[0], as_of=AS_OF, rules=ruleset)
    tried = 0
    for lesion in changes_view(case, ruleset):
        for option in lesion.options:
            for outcome in option.outcomes:
                for way in outcome.ways:
                    written = [(f"{each.subject}:{each.name.partition('.')[2]}", each.value) for each in way.changes]
                    states = read_suppositions(case, ruleset.vocabulary, written)
                    answer = reason(supposed(case, ruleset.vocabulary, states), ruleset, "decision", ReferenceEngine())
                    (found,) = (each for each in answer.lesions if each.lesion.id == lesion.lesion)
                    (told,) = (each for each in found.options if each.option == option.option)
                    assert {verdict.value for verdict in told.possible} == set(outcome.possible), written
                    tried += 1
    assert tried > 3


@pytest.mark.parametrize("content", [{}, {"lesions": [1], "facts": []}, {"lesions": [], "facts": [{}]}])
def test_what_is_no_answer_has_no_outline(content: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValidationError)):
        outline(content)


@given(st.lists(st.tuples(TEXTS, TEXTS)))
def test_an_address_says_what_is_supposed_whatever_it_is(written: list[tuple[str, str]]) -> None:
    address = address_of("/what-if", written, lang="fr")
    assert QueryParams(address.partition("?")[2]).multi_items() == [*written, ("lang", "fr")]
    assert address.isascii()
