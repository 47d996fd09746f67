"""durable-rules and the reference evaluator decide alike, on twenty thousand patients on both sides of every rule."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from cds.language import facts_of
from cds.language.syntax import (
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    Expression,
    FactReference,
    Membership,
    NumberLiteral,
)
from cds.language.types import CodeType
from cds.reasoning.agreement import compare
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.forward_chaining import DurableRulesEngine
from cds.ruleset.model import Phase
from cds.ruleset.program import Criterion
from cds.truth import Truth
from cds.vocabulary import FactDefinition, Level
from tests.differential.population import Population, together
from tests.ruleset.shipped import shipped_rules, shipped_thresholds

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
RULES = shipped_rules()
POPULATION = Population(RULES, shipped_thresholds())
BATCH = 50
LEAST = 0.01
PATIENTS: dict[Phase, tuple[int, ...]] = {
    # seeds, of a thousand patients each
    "decision": tuple(range(100, 109)),
    "planning": tuple(range(200, 206)),
    "follow-up": tuple(range(300, 305)),
}

ALWAYS = "its condition is `true`: the obligation is everybody's"
EVERY_VALUE = "it is done with any of the fact's values: known is done"
IMPOSSIBLE: dict[str, tuple[frozenset[Truth], str]] = {
    "CR-15": (frozenset({F, U}), ALWAYS),
    "DQ-4": (frozenset({F, U}), ALWAYS),
    "DQ-5": (frozenset({F, U}), ALWAYS),
    "PL-3": (frozenset({F, U}), ALWAYS),
    "RC-1": (frozenset({F, U}), ALWAYS),
    "CR-15.done": (frozenset({F}), EVERY_VALUE),
    "SS-5.done": (frozenset({F}), EVERY_VALUE),
    "SS-14.done": (frozenset({F}), EVERY_VALUE),
    "FU-3.done": (frozenset({F}), EVERY_VALUE),
}
"""Truths that a criterion cannot have, and why."""


def criteria() -> dict[str, Criterion]:
    return {criterion.id: criterion for phase in PATIENTS for criterion in RULES.programs[phase].criteria}


def fact_of(expression: Expression) -> FactDefinition:
    (reference,) = facts_of(expression)
    return RULES.vocabulary.fact(Level.LESION if reference.level == "other" else Level(reference.level), reference.name)


def impossible(condition: Expression) -> frozenset[Truth]:
    """What the form of a condition rules out, whoever the patient is."""
    match condition:
        case BooleanLiteral(True):
            return frozenset({F, U})
        case Membership(FactReference(), members):
            listed = {member.value for member in members if isinstance(member, CodeLiteral)}
            value_type = fact_of(condition).type
            everything = isinstance(value_type, CodeType) and listed >= set(value_type.values)
            return frozenset({F}) if everything else frozenset()
        case Comparison(">=", FactReference(), NumberLiteral(number)):
            bounds = fact_of(condition).plausible
            return (
                frozenset({F})
                if bounds is not None and bounds.low is not None and bounds.low >= number
                else frozenset()
            )
        case _:
            return frozenset()


def test_what_cannot_be_is_said_with_its_reason_and_follows_from_the_condition() -> None:
    found = {name: what for name, criterion in criteria().items() if (what := impossible(criterion.condition))}
    assert {name: what for name, (what, _) in IMPOSSIBLE.items()} == found
    assert sum(map(len, PATIENTS.values())) * 1000 >= 20_000


@pytest.fixture(scope="module")
def durable() -> Iterator[DurableRulesEngine]:
    engine = DurableRulesEngine(time_limit=60.0)
    yield engine
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("phase", PATIENTS)
def test_the_engines_agree_and_every_rule_was_true_and_false_and_unknown(
    durable: DurableRulesEngine, phase: Phase
) -> None:
    """The rates are of all contexts that a criterion was decided in: a rule about one nerve is false at every other."""
    program, reference = RULES.programs[phase], ReferenceEngine()
    counts: dict[str, Counter[Truth]] = defaultdict(Counter)
    lesions: Counter[int] = Counter()
    for seed in PATIENTS[phase]:
        cases = list(POPULATION.patients(seed, 1000))
        lesions.update(len(case.lesions) for case in cases)
        for start in range(0, len(cases), BATCH):
            contexts = together(cases[start : start + BATCH])
            decided = reference.decide(program, contexts)
            compare(decided, durable.decide(program, contexts), durable)
            for (criterion, _), truth in decided.items():
                counts[criterion][truth] += 1
    assert min(lesions[1], lesions[2]) > 1000
    assert counts.keys() == {criterion.id for criterion in program.criteria}
    rare = {
        name: {truth.value: f"{count[truth] / count.total():.4f}" for truth in Truth}
        for name, count in counts.items()
        for never in [IMPOSSIBLE.get(name, (frozenset(), ""))[0]]
        if any(
            (count[truth] / count.total() < LEAST) is not (truth in never) or (truth in never and count[truth])
            for truth in Truth
        )
    }
    assert rare == {}
