"""What a worked case can expect of orders, of protection, and of a rule that has nothing to say at a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.ruleset import RuleSet, load_rules
from cds.worked_cases import run_file
from tests.analysis.answers import by_reference
from tests.ruleset.workshop import PLANNER, RULE_SET, a_rule, rules_of, small

PREFERENCES = """\
preferences:
  - {id: P-1, order: [[knife], [frost]], when: lesion.flag, if: flag, says: one, basis: unverified}
"""
ABOUT_NERVES = a_rule(
    "K-1", "against", "structure.kind = 'nerve' and structure.touched", option="frost", for_each="structure"
)
CASE = """\
name: one
as_of: 2026-11-22
patient: {}
lesions:
  - id: T1
    facts: {site: neck, side: left, flag: true}
    structures: [{name: nerve, side: left, facts: {distance: 4, touched: true}}]
expect:
"""


@pytest.mark.parametrize(
    ("expected", "otherwise", "told"),
    [
        ("order: {T1: {reasons: {P-1: true}}}", "P-1: false", "`P-1` is `true`; expected was `false`"),
        (
            "thermoprotection: {T1: {nerve/left: {reasons: {N-1: true, M-1: true}}}}",
            "N-1: false",
            "`N-1` is `true`; expected was `false`",
        ),
        (
            "thermoprotection: {T1: {nerve/left: {reasons: {M-1: true}}}}",
            "M-1: not-considered",
            "`M-1` is `true`; expected was `not-considered`",
        ),
        (
            "options: {T1: {frost: {reasons: {K-1 skin/none: not-considered}}}}",
            "K-1 skin/none: false",
            "`K-1` was considered, about T1/nerve/left only",
        ),
        (
            "options: {T1: {frost: {reasons: {K-1 nerve/left: true}}}}",
            "K-1 nerve/left: not-considered",
            "`K-1 nerve/left` is `true about T1/nerve/left`; expected was `not-considered`",
        ),
    ],
    ids=["order", "need", "measure", "nothing said", "something said"],
)
def test_an_expectation_that_is_met_passes_and_one_that_is_not_is_told(
    tmp_path: Path, expected: str, otherwise: str, told: str
) -> None:
    rules = load_rules(small(tmp_path, rules_of(ABOUT_NERVES), preferences=PREFERENCES))
    name = otherwise.rpartition(": ")[0]
    start = expected.index(f"{name}: ")
    end = min(expected.index(mark, start) for mark in ",}" if mark in expected[start:])
    for text, failures in ((expected, []), (expected[:start] + otherwise + expected[end:], [told])):
        file = tmp_path / "one.yaml"
        file.write_text(f"{CASE}  {text}\n", encoding="utf-8")
        outcome = run_file(file, rules, evaluate=by_reference)
        assert [failure.message for failure in outcome.failures] == failures


PLANNED = CASE.replace("touched: true", "touched: false")
TOGETHER = "combinations:\n  - {id: C-1, together: [gloves, camera], says: both, basis: unverified}\n"
ENOUGH = "plan: {T1: {sufficient: [[gloves]], with: [camera], together: [C-1], excludes: [], without_measure: []}}"


@pytest.mark.parametrize(
    ("expected", "otherwise", "told"),
    [
        ("sufficient: [[gloves]]", "sufficient: [[gloves], [water]]", "what is enough is `gloves`"),
        ("with: [camera]", "with: []", "with is `camera`; expected was nothing"),
        ("together: [C-1]", "together: []", "together is `C-1`; expected was nothing"),
        ("excludes: []", "excludes: [C-1]", "excludes is nothing; expected was `C-1`"),
        ("without_measure: []", "without_measure: [nerve/left]", "without measure is nothing"),
        ("excludes: []", "covered_by_plan: true", "covered by plan is `false`; expected was `true`"),
        ("excludes: []", "enough: []", "`enough` is nothing that a case can expect"),
    ],
)
def test_what_is_enough_for_all_structures_together_is_compared_whole(
    tmp_path: Path, expected: str, otherwise: str, told: str
) -> None:
    rules = load_rules(small(tmp_path, thermoprotection=PLANNER + TOGETHER))
    assert failures(tmp_path, rules, ENOUGH) == []
    found = failures(tmp_path, rules, ENOUGH.replace(expected, otherwise))
    assert len(found) == 1
    assert found[0].startswith(told)


def test_alternatives_are_compared_whole_and_nothing_is_planned_where_nothing_is_at_risk(tmp_path: Path) -> None:
    beside = "what stands beside the options"
    rules = load_rules(small(tmp_path, ruleset=f"{RULE_SET}alternatives:\n  - {{id: A-1, says: wait}}\n"))
    assert failures(tmp_path, rules, "alternatives: [A-1]") == []
    assert failures(tmp_path, rules, "alternatives: []") == [f"{beside} is `A-1`; expected was nothing"]
    follow_up = PLANNED.replace("patient: {}", "phase: follow-up\npatient: {}")
    [told] = failures(tmp_path, rules, ENOUGH, follow_up)
    assert told.startswith("nothing is planned: ")


@pytest.mark.parametrize("written", ["", "3", "gloves", "{gloves: true}"])
@pytest.mark.parametrize(("section", "key"), [("plan", "sufficient"), ("order", "possible")])
def test_an_expectation_that_is_no_list_where_one_is_needed_is_told_at_its_place(
    tmp_path: Path, section: str, key: str, written: str
) -> None:
    rules = load_rules(small(tmp_path))
    file = tmp_path / "one.yaml"
    file.write_text(f"{PLANNED}  {section}:\n    T1:\n      {key}: {written}\n", encoding="utf-8")
    [told] = run_file(file, rules, evaluate=by_reference).failures
    assert (told.code, told.position.line) == ("file-shape", len(PLANNED.splitlines()) + 3)
    assert told.message.startswith(f"`{key}` lists ")


@pytest.mark.parametrize("written", ["[3]", "[[knife]]", "[[[knife]], [3]]", "[[[knife], [3]], [[[knife]]]]"])
def test_orders_that_are_no_lists_of_groups_are_told(tmp_path: Path, written: str) -> None:
    [told] = failures(tmp_path, load_rules(small(tmp_path)), f"order: {{T1: {{possible: {written}}}}}")
    assert told.startswith("`possible` lists orders here")


def failures(tmp_path: Path, rules: RuleSet, expected: str, case: str = PLANNED) -> list[str]:
    file = tmp_path / "one.yaml"
    file.write_text(f"{case}  {expected}\n", encoding="utf-8")
    return [failure.message for failure in run_file(file, rules, evaluate=by_reference).failures]
