"""The assertions say who the patient is, what differs and why; they pass where nothing that counts differs."""

from __future__ import annotations

from typing import Any

import pytest

from cds.case import Case
from cds.case.reading import case_from_mapping
from cds.recommendation import recommend
from cds.ruleset import load_rules
from cds.testing import assert_reasons, assert_same_reasons, assert_truth, truths
from cds.truth import Truth
from tests.ruleset.shipped import shipped_folder

RULES = load_rules(shipped_folder())


def patient(**lesion: Any) -> Case:
    written = {"as_of": "2026-11-22", "lesions": [{"id": "T1", "facts": lesion}]}
    return case_from_mapping(RULES.vocabulary, written)


def failure_of(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        call(*arguments, **named)
    return str(caught.value)


def test_a_truth_that_is_another_is_shown_with_its_derivation_and_the_patient() -> None:
    told = failure_of(assert_truth, patient(carotidEncasement=200), RULES, "SS-2", Truth.TRUE)
    assert "`SS-2` is false at T1; expected was true" in told
    assert "T1.carotidEncasement is 200" in told
    assert "T1: carotidEncasement 200" in told.splitlines()
    assert_truth(patient(carotidEncasement=300), RULES, "SS-2", Truth.TRUE)


def test_a_place_that_the_case_does_not_have_is_no_pass() -> None:
    assert "is not decided at `T2`" in failure_of(assert_truth, patient(), RULES, "SS-2", Truth.UNKNOWN, at="T2")
    nobody = case_from_mapping(RULES.vocabulary, {"as_of": "2026-11-22"})
    assert "is decided nowhere" in failure_of(assert_truth, nobody, RULES, "SS-2", Truth.UNKNOWN)
    assert truths(nobody, RULES, "SS-2") == {}


def test_answers_with_one_verdict_and_other_reasons_differ_in_those_lines_alone() -> None:
    one, other = recommend(patient(carotidEncasement=200), RULES), recommend(patient(carotidEncasement=201), RULES)
    verdicts = {option.verdict for answer in (one, other) for option in answer.lesions[0].options}
    assert verdicts == {"undetermined"}
    told = failure_of(assert_same_reasons, one, other).splitlines()[1:]
    assert told
    assert all("carotidEncasement" in line for line in told)
    assert {line[0] for line in told} == {"-", "+"}
    assert_same_reasons(one, one.model_copy())


def test_reasons_that_were_not_considered_are_told_with_those_that_were() -> None:
    answer = recommend(patient(carotidEncasement=300), RULES)
    assert_reasons(answer, "salvage-surgery", {"SS-2": "true"}, lesion="T1")
    told = failure_of(assert_reasons, answer, "salvage-surgery", {"SS-2": "false", "XX-9": "true"}, verdict="eligible")
    assert "the verdict is undetermined; expected was eligible" in told
    assert "SS-2: true; expected was false" in told
    assert "XX-9: not considered; expected was true" in told
    assert "SS-2 against at T1: true" in told
