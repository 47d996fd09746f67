"""The example patients' answers as FHIR resources, and the rule set that they are answered by."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path

import cds
from cds.errors import Issue
from cds.fhir_output import Addresses, Occasion, care_plan
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet
from cds.service.fhir.outcomes import fhir_outcome
from tests.fhir_output.validators import Json

REPOSITORY = Path(__file__).resolve().parents[2]
NAMES = sorted(path.parent.name for path in (REPOSITORY / "fhir_examples").glob("*/bundle.json"))
AS_OF = dt.date(2026, 11, 22)
OCCASION = Occasion(uuid.UUID(int=7), dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC), "Patient/p")


@cache
def shipped() -> RuleSet:
    return cds.load_rules(REPOSITORY / "rules" / "recurrent-head-and-neck")


@cache
def answer_of(name: str, phase: str = "decision") -> Recommendation:
    content = (REPOSITORY / "fhir_examples" / name / "bundle.json").read_bytes()
    return cds.evaluate(content, as_of=AS_OF, phase=phase, rules=shipped())


def as_resource(answer: Recommendation, make: Callable[..., Json] = care_plan, occasion: Occasion = OCCASION) -> Json:
    content = answer.model_dump_json(by_alias=True).encode()
    issues = [Issue(each.severity, each.code, each.expression, each.details) for each in answer.issues]
    outcome = fhir_outcome(issues, Addresses.of(shipped())) if issues else None
    return make(answer, content, shipped(), occasion, outcome)


@cache
def plan_of(name: str, phase: str = "decision") -> Json:
    return as_resource(answer_of(name, phase))
