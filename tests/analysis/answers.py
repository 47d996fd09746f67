"""Whole answers, by the reference evaluator on both sides: what quicker ways are compared with."""

from __future__ import annotations

from cds.case import Case
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import reason
from cds.recommendation import Recommendation
from cds.recommendation.build import build
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase


def by_reference(case: Case, rules: RuleSet, *, phase: Phase) -> Recommendation:
    """The answer to a case."""
    return build(reason(case, rules, phase, ReferenceEngine()))
