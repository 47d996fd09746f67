"""Upkeep: reviews that are overdue on a day, and what a withdrawn source would leave without any."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cds.ruleset.upkeep import overdue_reviews, statements, supported_by
from tests.ruleset.shipped import shipped_rules
from tests.ruleset.workshop import PARAMETERS, PLANNER, REFERENCES, a_rule, rules_of, small_rules

DUE = "{owner: team, due: 2026-06-30}"
CITED = rules_of(
    a_rule("R-1", "against", "patient.flagB", basis="cited", evidence="[{cite: book}]", review=DUE),
    a_rule("R-2", "against", "patient.flagB", basis="cited", evidence="[{cite: book}, {cite: other}]"),
)
OTHER = '}, {"id": "other", "type": "book", "title": "B", "x-tag": "V1", "x-verified": true}]'
BOTH = REFERENCES.replace("}]", OTHER)


def test_a_review_is_overdue_from_the_day_after_it_was_due(tmp_path: Path) -> None:
    rules = small_rules(tmp_path, CITED, references=BOTH)
    assert overdue_reviews(rules, dt.date(2026, 6, 30)) == ()
    (found,) = overdue_reviews(rules, dt.date(2026, 7, 1))
    assert (found.code, found.severity, found.position.file) == ("overdue-review", "warning", "small/rules/all.yaml")
    assert found.position.line > 1
    assert "`R-1` was due on 2026-06-30; team reviews it" in found.message


def test_parameters_and_the_planner_are_reviewed_too(tmp_path: Path) -> None:
    parameters = PARAMETERS.replace("cite: book, from", f"cite: book, review: {DUE}, from")
    planner = PLANNER.replace("says: near, basis", f"says: near, review: {DUE}, basis")
    rules = small_rules(tmp_path, parameters=parameters, thermoprotection=planner)
    found = overdue_reviews(rules, dt.date(2027, 1, 1))
    assert {(f.position.file, f.message.split("`")[1]) for f in found} == {
        ("small/parameters.yaml", "ratioLimit"),
        ("small/thermoprotection.yaml", "N-1"),
    }


def test_every_shipped_rule_and_threshold_names_who_reviews_it_and_when() -> None:
    rules = shipped_rules()
    assert [name for name, each in statements(rules) if each.review is None] == []
    assert [name for name, each in rules.parameters.items() if each.review is None] == []
    everything = overdue_reviews(rules, dt.date(2100, 1, 1))
    assert len(everything) == len(list(statements(rules))) + len(rules.parameters)


def test_what_cites_nothing_else_would_be_left_without_a_source(tmp_path: Path) -> None:
    claims = "claims: [{id: c, cite: book, tag: V1, says: x}]\n"
    rules = small_rules(tmp_path, CITED, references=BOTH, claims=claims)
    found = {(each.kind, each.name): each.alone for each in supported_by(rules, "book")}
    assert found == {
        ("rule", "R-1"): True, ("rule", "R-2"): False, ("parameter", "ratioLimit"): True, ("claim", "c"): True,
    }  # fmt: skip
    assert {each.name: each.alone for each in supported_by(rules, "other")} == {"R-2": False}
    assert all(each.position.line for each in supported_by(rules, "book"))


def test_the_seed_study_holds_up_outcomes_that_nothing_else_does() -> None:
    kinds = {each.kind for each in supported_by(shipped_rules(), "schwartz2022") if each.whole}
    assert {"outcome", "claim", "banner"} <= kinds


def test_support_is_judged_by_what_a_citation_supports(tmp_path: Path) -> None:
    evidence = "[{cite: book, supports: condition}, {cite: book}, {cite: other}]"
    text = rules_of(a_rule("R-1", "against", "patient.flagB", basis="cited", evidence=evidence))
    found = supported_by(small_rules(tmp_path, text, references=BOTH), "book")
    (rule,) = (each for each in found if each.kind == "rule")
    assert (rule.lost, rule.whole, rule.alone) == (("condition",), False, True)


def test_how_evidence_is_graded_is_no_source_of_what_is_graded(tmp_path: Path) -> None:
    evidence = "[{cite: book}, {cite: other, supports: grading}]"
    text = rules_of(a_rule("R-1", "against", "patient.flagB", basis="cited", evidence=evidence))
    rules = small_rules(tmp_path, text, references=BOTH)
    found = {
        cite: [(each.lost, each.whole) for each in supported_by(rules, cite) if each.kind == "rule"]
        for cite in ("book", "other")
    }
    assert found == {"book": [(("effect",), True)], "other": [(("grading",), False)]}
