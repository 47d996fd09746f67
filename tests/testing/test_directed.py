"""Cases directed at a criterion: every truth that it can have is reached, and nothing is returned that is not so."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from cds.api import read_case
from cds.case import Case
from cds.case.text import patient_text
from cds.language import walk
from cds.language.syntax import BooleanLiteral, FactReference, Membership
from cds.ruleset import RuleSet, load_rules
from cds.testing import (
    UnknownCriterion,
    Unreachable,
    bundles_where,
    cases_at_threshold,
    cases_where,
    days,
    facts_where,
    lesions_where,
    noisy_bundles_where,
    random_cases_where,
    truths,
)
from cds.testing.directed import Target, case_at_threshold
from cds.testing.generation import AS_OF
from cds.testing.sampling import SeededChoices
from cds.truth import Truth
from cds.vocabulary import Level
from tests.ruleset.shipped import shipped_folder
from tests.ruleset.workshop import a_rule, rules_of, small_rules

RULES = load_rules(shipped_folder())
CRITERIA = sorted({criterion.id for program in RULES.programs.values() for criterion in program.criteria})
few = settings(
    max_examples=8, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate, Phase.reuse)
)


def never_has(criterion: str) -> set[Truth]:
    """The truths that a condition cannot have, from its form: `true` has one, a list of all codes is never false."""
    condition = Target.of(RULES, criterion).criterion.condition
    match condition:
        case BooleanLiteral(value):
            return {Truth.FALSE if value else Truth.TRUE, Truth.UNKNOWN}
        case Membership(FactReference() as fact, members):
            codes = getattr(RULES.vocabulary.fact(Level(fact.level), fact.name).type, "values", ())
            return {Truth.FALSE} if len(codes) == len(members) else set()
        case _:
            return set()


@pytest.mark.parametrize("truth", Truth)
def test_every_criterion_of_the_shipped_rules_is_met_with_every_truth_that_it_can_have(truth: Truth) -> None:
    wrong = []
    for criterion in CRITERIA:
        try:
            for case in random_cases_where(RULES, criterion, truth, n=2):
                if truth not in truths(case, RULES, criterion).values():
                    wrong.append(f"{criterion} is not {truth.value} in a case made for it")
        except Unreachable:
            if truth not in never_has(criterion):
                wrong.append(f"{criterion} can be {truth.value}, and no case was found")
    assert not wrong, "\n".join(wrong)


def test_every_criterion_that_reads_a_number_is_met_at_a_threshold_that_decides_it() -> None:
    reached = 0
    for criterion in CRITERIA:
        target = Target.of(RULES, criterion)
        if target.constants:
            case = case_at_threshold(SeededChoices(random.Random(criterion)), target)
            assert any(on_a_threshold(case, target)), criterion
            reached += 1
    assert reached > 30


def on_a_threshold(case: Case, target: Target) -> Iterator[bool]:
    """Whether a number that was read lies on a threshold or one step of its grid beside it."""
    for derivation in target.derivations(case).values():
        for _, reference, fact in derivation.facts():
            level = "lesion" if reference.level == "other" else reference.level
            definition = RULES.vocabulary.fact(Level(level), reference.name)
            step = 10 ** -getattr(definition.type, "decimals", 0)
            low = getattr(fact.value, "low", None)
            yield low is not None and any(
                abs(low - each) <= step for each in target.constants.get(definition.path, ())
            )


@given(cases_at_threshold(RULES, "SS-2"))
@few
def test_at_its_threshold_a_rule_is_decided(case: Case) -> None:
    assert {Truth.TRUE, Truth.FALSE} & set(truths(case, RULES, "SS-2").values())


def test_a_failing_case_shrinks_to_a_patient_of_whom_only_the_rules_own_facts_are_said() -> None:
    case = find(cases_where(RULES, "SS-2", Truth.TRUE), lambda _: True)
    assert patient_text(case) == "as of 2026-11-22\nT1: carotidEncasement 271"


def test_a_rule_about_a_structure_shrinks_to_one_structure() -> None:
    case = find(cases_where(RULES, "TP-1", Truth.TRUE), lambda _: True)
    said = [line for line in patient_text(case).splitlines() if "/" in line]
    assert len(said) <= 1


@given(facts_where(RULES, "SS-2", Truth.UNKNOWN))
@few
def test_facts_directed_at_a_rule_are_those_it_reads(facts: dict[tuple[str, str], object]) -> None:
    condition = Target.of(RULES, "SS-2").criterion.condition
    read = {node.name for node, _ in walk(condition) if isinstance(node, FactReference)}
    assert {name for _, name in facts} == read


@given(data=st.data())
@few
def test_lesions_directed_at_a_rule_are_lesions_of_which_it_is_true(data: st.DataObject) -> None:
    lesion = data.draw(lesions_where(RULES, "SS-2", Truth.TRUE))
    assert lesion.facts["carotidEncasement"].is_known


@given(bundles_where(RULES, "SS-2", Truth.TRUE))
@few
def test_bundles_directed_at_a_rule_are_read_as_cases_in_which_it_is_true(bundle: dict[str, object]) -> None:
    case = read_case(bundle, as_of=AS_OF, rules=RULES)
    assert Truth.TRUE in truths(case, RULES, "SS-2").values()


@given(noisy_bundles_where(RULES, "CR-3", Truth.FALSE))
@few
def test_noise_does_not_take_a_directed_bundle_from_its_truth(noisy: object) -> None:
    case = read_case(getattr(noisy, "source"), as_of=AS_OF, rules=RULES)  # noqa: B009
    assert Truth.FALSE in truths(case, RULES, "CR-3").values()


def test_a_criterion_that_is_not_there_is_named_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnknownCriterion, match="did you mean `SS-2`"):
        cases_where(RULES, "SS2", Truth.TRUE)


def test_what_cannot_be_is_said_to_be_not_found_and_never_made_up() -> None:
    with pytest.raises(Unreachable, match="`DQ-5` is false; `cds verify` proves"):
        next(random_cases_where(RULES, "DQ-5", Truth.FALSE, n=1))


def test_days_to_evaluate_at_are_met_on_both_sides_of_a_change_of_a_parameter() -> None:
    changes = {period.until for period in RULES.periods}
    assert changes
    turn = min(changes)
    for day in (turn, turn - dt.timedelta(days=1)):
        assert find(days(RULES), lambda drawn, day=day: drawn == day) == day


def test_the_same_seed_makes_the_same_cases(rules: RuleSet = RULES) -> None:
    one, other = (list(random_cases_where(rules, "TP-1", Truth.TRUE, seed=5, n=3)) for _ in range(2))
    assert one == other
    assert one[0] != one[1]


NO_STRUCTURES = "measures: {}\nmonitoring: {}\nstructures: {}\n"
NO_PLANNER = "need: []\nmeasures: []\nmonitoring: []\n"


@pytest.mark.parametrize("truth", Truth)
def test_a_rule_set_of_a_field_without_structures_at_risk_has_directed_cases(tmp_path: Path, truth: Truth) -> None:
    rule = a_rule("K-1", "against", "lesion.size > parameters.mm5")
    rules = small_rules(tmp_path, rules_of(rule), structures=NO_STRUCTURES, thermoprotection=NO_PLANNER)
    for case in random_cases_where(rules, "K-1", truth, n=20):
        assert truth in truths(case, rules, "K-1").values()
