"""Answers to look at: those of the examples, and of cases that are drawn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

import cds
from cds.recommendation.model import Recommendation
from cds.ruleset import RuleSet, load_rules

AS_OF = dt.date(2026, 11, 22)
Example = Callable[[str], tuple[dict[str, Any], Recommendation]]


@pytest.fixture(scope="session")
def ruleset(repository: Path) -> RuleSet:
    return load_rules(repository / "rules" / "recurrent-head-and-neck")


@pytest.fixture(scope="session")
def example(repository: Path, ruleset: RuleSet) -> Example:
    """The bundle and the answer of an example, by the number that its name begins with."""
    made: dict[str, tuple[dict[str, Any], Recommendation]] = {}

    def of(number: str) -> tuple[dict[str, Any], Recommendation]:
        if number not in made:
            files = list((repository / "fhir_examples").glob(f"{number}-*/bundle.json"))
            if not files:
                pytest.skip("no examples: they are not in this copy")
            content = files[0].read_bytes()
            made[number] = (orjson.loads(content), cds.evaluate(content, as_of=AS_OF, rules=ruleset))
        return made[number]

    return of


@pytest.fixture(scope="session", params=["02", "04", "05", "06", "10", "12"])
def answer(request: pytest.FixtureRequest, example: Example) -> Recommendation:
    """The answers of the examples, one after the other."""
    return example(request.param)[1]
