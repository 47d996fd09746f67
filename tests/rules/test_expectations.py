"""What a worked case can expect of orders, of protection, and of a rule that has nothing to say at a place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds.ruleset import load_rules
from cds.worked_cases import run_file
from tests.analysis.answers import by_reference
from tests.ruleset.workshop import a_rule, rules_of, small

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
