"""The form asks every fact that a record may state, and its responses answer its own questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

from cds.case import AbsenceReason, Absent, Known
from cds.fhir_output import artefacts
from cds.fhir_output.questionnaire import Said, Unsayable, check_read_back, questionnaire, questionnaire_response
from cds.quantities import DateSpan, Interval
from cds.ruleset import RuleSet
from cds.vocabulary import FactKind, Level
from tests.fhir_output.validators import Json, errors_of

TODAY = dt.date(2026, 11, 22)
MOMENT = dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)
SKIN = ("T1", "skin", "none")
CAROTID = ("T1", "carotid-artery", "left")
SAID: Said = {
    (Level.PATIENT, "inr", ()): Known(Interval.point(Fraction(5, 4))),
    (Level.PATIENT, "ecog", ()): Known(Interval.point(Fraction(2))),
    (Level.PATIENT, "bleedingDisorder", ()): Known(False),
    (Level.LESION, "recurrenceDate", ("T1",)): Known(DateSpan.parse("2026-09")),
    (Level.LESION, "site", ("T1",)): Known("larynx"),
    (Level.LESION, "surgicalAssessment", ("T1",)): Absent(AbsenceReason.NOT_ASSESSED),
    (Level.LESION, "t4bFeature", ("T1",)): Known(True),
    (Level.STRUCTURE, "tumourDistance", CAROTID): Known(Interval.below(Fraction(5), open_end=True)),
    (Level.STRUCTURE, "tumourDistance", SKIN): Known(Interval.above(Fraction(21, 2), open_end=False)),
    (Level.LESION, "maxDiameter", ("T2",)): Known(Interval.point(Fraction(45, 2))),
}


def items_of(node: Json) -> Iterator[Json]:
    for item in node.get("item", ()):
        yield item
        yield from items_of(item)


def response(rules: RuleSet, said: Said) -> Json:
    return questionnaire_response(rules, said, day=TODAY, authored=MOMENT, author="Dr A", subject="Patient/p")


def test_every_fact_that_a_record_may_state_is_a_question_of_its_type(rules: RuleSet) -> None:
    form = questionnaire(rules)
    Questionnaire.model_validate(form)
    links = [item["linkId"] for item in items_of(form)]
    assert len(links) == len(set(links))
    asked = {d.path for d in rules.vocabulary.facts.values() if d.kind is not FactKind.GIVEN}
    assert set(links) - asked == {
        "day", "patient", "lesion", "lesion.id", "structure", "structure.name", "structure.side",
    }  # fmt: skip
    assert asked < set(links)
    assert form in artefacts(rules)


def test_a_response_is_fhir_and_answers_the_questions_by_their_types(rules: RuleSet) -> None:
    made = response(rules, SAID)
    QuestionnaireResponse.model_validate(made)
    assert made["questionnaire"] == f"{rules.mapping.local.questionnaire}|{rules.head.version}"
    questions = {item["linkId"]: item for item in items_of(questionnaire(rules))}
    elements = {
        "boolean": "valueBoolean", "choice": "valueCoding", "date": "valueDate", "decimal": "valueDecimal",
        "integer": "valueInteger", "quantity": "valueQuantity", "string": "valueString",
    }  # fmt: skip
    for item in items_of(made):
        question = questions[item["linkId"]]
        for answer in item.get("answer", ()):
            assert list(answer) == [elements[question["type"]]]
            if question["type"] == "choice":
                offered = {(o["valueCoding"]["system"], o["valueCoding"]["code"]) for o in question["answerOption"]}
                assert (answer["valueCoding"]["system"], answer["valueCoding"]["code"]) in offered


def test_three_validators_find_nothing_wrong_with_form_and_response(rules: RuleSet) -> None:
    for found in errors_of([questionnaire(rules), response(rules, SAID)]):
        assert not any(found.values()), found


def test_what_is_read_of_a_response_is_what_was_said(rules: RuleSet) -> None:
    check_read_back(rules, response(rules, SAID), SAID, TODAY)


@pytest.mark.parametrize("key", list(SAID), ids=str)
def test_a_response_that_says_less_or_more_than_it_was_to_say_is_no_answer(
    rules: RuleSet, key: tuple[Level, str, tuple[str, ...]]
) -> None:
    less = {each: state for each, state in SAID.items() if each != key}
    with pytest.raises(Unsayable, match="was said"):
        check_read_back(rules, response(rules, less), SAID, TODAY)
    with pytest.raises(Unsayable, match="was said"):
        check_read_back(rules, response(rules, SAID), less, TODAY)


def test_a_rule_set_that_reads_an_answer_otherwise_is_found_out(rules: RuleSet) -> None:
    made = response(rules, SAID)
    local = rules.mapping.local.model_copy(update={"questionnaire": "urn:another"})
    elsewhere = replace(rules, mapping=replace(rules.mapping, local=local))
    with pytest.raises(Unsayable):
        check_read_back(elsewhere, made, SAID, TODAY)


@pytest.mark.parametrize(
    ("key", "state"),
    [
        ((Level.LESION, "maxDiameter", ("T1",)), Known(Interval(Fraction(1), Fraction(2)))),
        ((Level.LESION, "maxDiameter", ("T1",)), Known(Interval.point(Fraction(1, 3)))),
        ((Level.PATIENT, "ecog", ()), Known(Interval.below(Fraction(2), open_end=True))),
        ((Level.PATIENT, "bleedingDisorder", ()), Absent(AbsenceReason.NOT_ASSESSED)),
        ((Level.LESION, "site", ("T1",)), Known("heaven")),
        ((Level.LESION, "recurrenceDate", ("T1",)), Known(DateSpan(dt.date(2026, 1, 2), dt.date(2026, 2, 3)))),
    ],
    ids=["two ends", "a third", "less than a grade", "no such absence", "no such code", "some days"],
)
def test_what_no_answer_can_say_is_refused_and_never_said_otherwise(
    rules: RuleSet, key: tuple[Level, str, tuple[str, ...]], state: Known | Absent
) -> None:
    with pytest.raises(Unsayable):
        response(rules, {key: state})
