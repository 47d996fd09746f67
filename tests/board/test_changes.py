"""What would change the answer, as the page shows it: the words of each change, and whose fact it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cds.board.changes import LesionChanges, OptionChanges, changes_view
from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.ruleset import RuleSet
from tests.reasoning.modifiable import MODIFIABLE, modifiable_rules
from tests.ruleset.workshop import a_rule, rules_of


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    read = rules_of(
        a_rule("R-1", "against", "lesion.size > parameters.mm20"),
        a_rule("R-2", "requires", "patient.ratio <= parameters.ratioLimit", for_each="patient", remedy="mend it"),
        a_rule("R-3", "against", "other.grade = 'high'", for_each="other-lesion"),
        a_rule("R-4", "against", "structure.touched", option="frost", for_each="structure"),
    )
    return modifiable_rules(tmp_path_factory.mktemp("rules"), read, names=(*MODIFIABLE, "touched"))


Made = Callable[..., Case]


@pytest.fixture
def case(rules: RuleSet) -> Made:
    def made(*lesions: dict[str, object], **patient: object) -> Case:
        written = {"as_of": "2026-11-22", "patient": patient, "lesions": list(lesions)}
        return case_from_mapping(rules.vocabulary, written)

    return made


def lesion(name: str, **facts: object) -> dict[str, object]:
    return {"id": name, "facts": {"site": "neck", "side": "left", **facts}}


def option(views: tuple[LesionChanges, ...], name: str, lesion: str = "T1") -> OptionChanges:
    its = next(each for each in views if each.lesion == lesion)
    return next(each for each in its.options if each.option == name)


def test_a_line_says_what_the_fact_is_now_and_what_it_would_have_to_be(rules: RuleSet, case: Made) -> None:
    knife = option(changes_view(case(lesion("T1", size=30, grade="low"), ratio=1), rules), "knife")
    (eligible,) = [each for each in knife.outcomes if each.verdict == "eligible"]
    (way,) = eligible.ways
    (line,) = way.changes
    assert (line.name, line.label, line.now, line.to, line.direction) == (
        "lesion.size", "size", "30 mm", "at most 20 mm", "lower",
    )  # fmt: skip
    assert (knife.label, knife.verdict, knife.possible, eligible.facts) == ("Knife", "conditional", ("conditional",), 1)


def test_answers_that_one_change_leads_to_come_before_those_that_take_two(rules: RuleSet, case: Made) -> None:
    knife = option(changes_view(case(lesion("T1", size=30, grade="low"), ratio=3), rules), "knife")
    assert [(each.verdict, each.facts) for each in knife.outcomes] == [("ineligible", 1), ("eligible", 2)]
    assert not knife.complete


def test_facts_of_other_lesions_and_of_structures_say_whose_they_are(rules: RuleSet, case: Made) -> None:
    skin = [{"name": "skin", "side": "none", "facts": {"touched": True}}]
    first = {**lesion("T1", size=1, grade="low"), "structures": skin}
    views = changes_view(case(first, lesion("T2", grade="high"), ratio=1, flagA=False), rules)
    knife, frost = option(views, "knife"), option(views, "frost")
    assert {line.label for outcome in knife.outcomes for way in outcome.ways for line in way.changes} >= {"grade, T2"}
    assert {fact.label for fact in frost.rests_on} == {"touched, skin", "flag A"}


def test_what_an_answer_rests_on_says_whether_anybody_can_change_it(rules: RuleSet, case: Made) -> None:
    knife = option(changes_view(case(lesion("T1", size=30, flag=True), ratio=1), rules), "knife")
    frost = option(changes_view(case(lesion("T1"), flagA=True), rules), "frost")
    assert [(fact.name, fact.now, fact.modifiable) for fact in knife.rests_on] == [("lesion.size", "30 mm", True)]
    assert [(fact.name, fact.now, fact.modifiable) for fact in frost.rests_on] == [("patient.flagA", "yes", False)]


def test_there_is_nothing_to_show_in_phases_that_give_no_verdict(rules: RuleSet, case: Made) -> None:
    assert changes_view(case(lesion("T1")), rules, "planning") == ()
