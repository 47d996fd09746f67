"""The answer for one patient, and the way from a case to it."""

from __future__ import annotations

from cds.case import Case
from cds.reasoning.decision import reason
from cds.reasoning.engine import Engine
from cds.reasoning.engines import second_engine
from cds.reasoning.validity import valid_until
from cds.recommendation.build import build
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase

__all__ = ["Recommendation", "recommend"]


def recommend(case: Case, rules: RuleSet, *, phase: Phase = "decision", engine: Engine | None = None) -> Recommendation:
    """Decide a case with both engines and say what came of it.

    `engine` is the second engine, by default this process's durable-rules worker. Raises `NoAdvice` where the engines
    disagree or one fails.
    """
    decision = reason(case, rules, phase, engine if engine is not None else second_engine())
    return build(decision, valid_until(decision, rules))
