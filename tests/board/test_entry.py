"""What is typed into the form is what the record then says, for every fact that a person may state."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds.api import read_case
from cds.board.entry import DAY, NAME, SIGN, SIGNS, Control, EntryView, Filled, entry_view, filled
from cds.fhir_output.questionnaire import check_read_back, questionnaire_response
from cds.language.types import NumberType, QuantityType
from cds.recommendation import recommend
from cds.ruleset import RuleSet, load_rules
from cds.vocabulary import FactKind, Level

TODAY = dt.date(2026, 11, 22)
AUTHORED = dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)
LOCAL = "https://example.org/fhir/CodeSystem/hnc-cds-"


@pytest.fixture(scope="module")
def rules(repository: Any) -> RuleSet:
    return load_rules(repository / "rules" / "recurrent-head-and-neck")


@pytest.fixture(scope="module")
def view(rules: RuleSet) -> EntryView:
    """The form of a lesion of which nothing is known but its name: every structure is a question."""
    tumour = {
        "resourceType": "BodyStructure", "id": "t1",
        "identifier": [{"system": "urn:example:tumour-board", "value": "T1"}],
        "patient": {"reference": "Patient/p"}, "description": "a tumour",
    }  # fmt: skip
    born = {"resourceType": "Patient", "id": "p", "birthDate": "1957-04-01"}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": born}, {"resource": tumour}]}
    case = read_case(bundle, as_of=TODAY, rules=rules)
    return entry_view(recommend(case, rules), case, rules.vocabulary, "T1")


def sent(view: EntryView, **typed: str) -> Filled:
    return filled(view, {DAY: "2026-11-01", NAME: "Dr A", **typed}, TODAY)


def texts(control: Control) -> st.SearchStrategy[dict[str, str]]:
    """What may be typed for a question, every value that it takes among it."""
    kind = control.definition.type
    if control.kind == "choice":
        return st.sampled_from([{control.field: code} for code, _ in control.choices])
    if control.kind == "date":
        days = st.dates(dt.date(1960, 1, 1), TODAY).map(dt.date.isoformat)
        return st.builds(lambda day, length: {control.field: day[:length]}, days, st.sampled_from([4, 7, 10]))
    assert isinstance(kind, NumberType | QuantityType)
    bounds = control.definition.plausible
    assert bounds is not None and bounds.low is not None and bounds.high is not None
    step = 10**kind.decimals
    numbers = st.integers(int(bounds.low * step) + 1, int(bounds.high * step) - 1)
    numbers = numbers if int(bounds.high * step) - int(bounds.low * step) > 1 else st.just(int(bounds.low * step))
    written = numbers.map(lambda n: f"{n / step:.{kind.decimals}f}")
    signs = st.sampled_from(["", *SIGNS]) if control.takes_sign else st.just("")
    return st.builds(lambda number, sign: {control.field: number, control.field + SIGN: sign}, written, signs)


def test_every_fact_that_a_record_may_state_is_a_question_and_none_is_asked_twice(
    view: EntryView, rules: RuleSet
) -> None:
    fields = [control.field for control in view.controls]
    assert len(fields) == len(set(fields))
    asked = {control.definition.path for control in view.controls}
    assert asked == {each.path for each in rules.vocabulary.facts.values() if each.kind is not FactKind.GIVEN}


def test_of_a_plan_only_what_is_listed_for_a_structure_is_asked(view: EntryView, rules: RuleSet) -> None:
    for group in view.groups:
        if group.level is Level.STRUCTURE:
            name = group.controls[0].key[2][1]
            listed = rules.vocabulary.structures[name]
            measures = {**rules.vocabulary.measures, **rules.vocabulary.monitoring}
            planned = {measures[each].planned for each in (*listed.measures, *listed.monitoring)}
            asked = {c.definition.name for c in group.controls if c.definition.name.endswith("Planned")}
            assert asked <= {each.rpartition(".")[2] for each in planned}


@settings(max_examples=120)
@given(data=st.data())
def test_what_is_typed_is_what_intake_reads_from_the_response(
    view: EntryView, rules: RuleSet, data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(view.controls), min_size=1, max_size=8, unique_by=lambda c: c.field))
    typed: dict[str, str] = {}
    for control in chosen:
        typed |= data.draw(texts(control))
    form = sent(view, **typed)
    assert form.problems == ()
    assert {control.key for control in chosen} == set(form.said)
    response = questionnaire_response(rules, form.said, day=form.day, authored=AUTHORED, author=form.name)
    check_read_back(rules, response, form.said, TODAY)


def test_every_answer_of_every_choice_is_read_back(view: EntryView, rules: RuleSet) -> None:
    choices = [control for control in view.controls if control.kind == "choice"]
    for number in range(max(len(control.choices) for control in choices)):
        typed = {c.field: c.choices[min(number, len(c.choices) - 1)][0] for c in choices}
        form = sent(view, **typed)
        assert form.problems == ()
        assert len(form.said) == len(choices)
        response = questionnaire_response(rules, form.said, day=form.day, authored=AUTHORED, author=form.name)
        check_read_back(rules, response, form.said, TODAY)


@settings(max_examples=100)
@given(data=st.data())
def test_whatever_is_typed_it_is_a_value_or_a_problem_of_its_field_and_blank_is_neither(
    view: EntryView, data: st.DataObject
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(view.controls), max_size=6, unique_by=lambda c: c.field))
    odd = st.text(max_size=30) | st.from_regex(
        r"[-+]?[0-9]{0,4}[.,]?[0-9]{0,3}|[0-9]{4}-[0-9]{2}(-[0-9]{2})?", fullmatch=True
    )
    typed = {control.field: data.draw(odd) for control in chosen}
    form = sent(view, **typed)
    wrong = {problem.field for problem in form.problems} - {""}
    for control in chosen:
        text = typed[control.field]
        assert ((control.key in form.said) + (control.field in wrong)) == bool(text.split()), text
    assert set(form.said) <= {control.key for control in chosen}
