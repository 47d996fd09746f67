"""The solver's reading of every condition and of every verdict is the reference evaluator's, patient for patient."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import pytest
import z3

from cds.analysis.formulas import Symbolic
from cds.analysis.meaning import Meaning
from cds.analysis.universe import OTHER, Universe
from cds.case import Case, Facts
from cds.language.types import BooleanType, CodeType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict, objection, possible_verdicts
from cds.ruleset.model import Phase, Rule
from cds.truth import Truth, all_of
from cds.vocabulary import Level
from tests.analysis.evaluation import Evaluation, Values
from tests.differential.population import Population
from tests.differential.test_two_engines import IMPOSSIBLE
from tests.ruleset.shipped import shipped_rules, shipped_thresholds

RULES = shipped_rules()
VERDICTS = [(option, verdict) for option in RULES.options for verdict in ORDER_OF_VERDICTS]
SEEDS: dict[Phase, int] = {"decision": 1100, "planning": 1200, "follow-up": 1300}
ONE_TRUTH = {key for key, (impossible, _) in IMPOSSIBLE.items() if len(impossible) == 2}
FAR = 10**9
"""A place on any grid that no value reaches: the end of an interval without bound."""


def facts_by_subject(case: Case) -> dict[str, Facts]:
    found: dict[str, Facts] = {"patient": case.patient}
    for lesion in case.lesions:
        found[lesion.id] = lesion.facts
        found |= {f"{lesion.id}/{structure.key}": structure.facts for structure in lesion.structures}
    return found


class Reader:
    """Gives the values of a universe's variables in a case."""

    def __init__(self, universe: Universe) -> None:
        self._variables = [
            (key, [str(term) for term in (each.known, each.yes, each.code, each.low, each.high) if term is not None],
             each.definition.type)
            for key, each in universe.variables.items()
        ]  # fmt: skip
        self._places = [(each.key, str(each.present)) for places in universe.structures.values() for each in places]

    def values(self, case: Case) -> Values:
        facts = facts_by_subject(case)
        values: dict[str, int | bool] = {}
        for (subject, name), (known, *terms), type_ in self._variables:
            value = facts[subject][name].value if subject in facts else None
            values[known] = value is not None
            match type_:
                case BooleanType():
                    values[terms[0]] = value is True
                case CodeType(codes):
                    values[terms[0]] = codes.index(value) if isinstance(value, str) else 0
                case NumberType() | QuantityType():
                    values[terms[0]], values[terms[1]] = ends(value, 10**type_.decimals)
        return values | {present: key in facts for key, present in self._places}


def ends(value: object, scale: int) -> tuple[int, int]:
    if not isinstance(value, Interval):
        return 0, 0
    low = -FAR if value.low is None else int(2 * value.low * scale) + value.low_open
    high = FAR if value.high is None else int(2 * value.high * scale) - value.high_open
    return low, high


TRUTHS = {(True, False): Truth.TRUE, (False, True): Truth.FALSE, (False, False): Truth.UNKNOWN}


@pytest.mark.slow
@pytest.mark.parametrize(("phase", "count"), [("decision", 6000), ("planning", 3000), ("follow-up", 1000)])
def test_ten_thousand_patients_get_the_same_truths_and_verdicts_from_the_formulas(phase: Phase, count: int) -> None:
    patients = list(Population(RULES, shipped_thresholds()).patients(SEEDS[phase], count))
    for lesions in (1, 2):
        compare(phase, [patient for patient in patients if len(patient.lesions) == lesions], lesions)


def compare(phase: Phase, patients: Sequence[Case], lesions: int, *, varied: bool = True) -> None:
    universe = Universe(RULES.vocabulary, other=lesions == 2)
    meaning = Meaning(RULES, phase, universe)
    reader = Reader(universe)
    evaluation = Evaluation([reader.values(patient) for patient in patients])
    everybody = evaluation.truths(z3.BoolVal(True))
    assert all(evaluation.truths(axiom) == everybody for axiom in universe.axioms)
    found = {
        key: (evaluation.truths(truth.true), evaluation.truths(truth.false)) for key, truth in meaning.truths.items()
    }
    possible = {key: evaluation.truths(meaning.possible(*key)) for key in VERDICTS}
    engine = ReferenceEngine()
    seen: dict[str, set[Truth]] = {criterion: set() for criterion, _ in found}
    for number, patient in enumerate(patients):
        expected = engine.decide(RULES.programs[phase], contexts_of(patient))
        for key, truth in expected.items():
            if key in found:
                yes, no = (each >> number & 1 == 1 for each in found[key])
                assert TRUTHS[yes, no] is truth, (key, truth)
                seen[key[0]].add(truth)
            else:
                assert OTHER in key[1].split("/")[0].split("+")[0], key
        by_criterion: dict[str, dict[str, Truth]] = {criterion.id: {} for criterion in RULES.programs[phase].criteria}
        for (criterion, where), truth in expected.items():
            by_criterion[criterion][where] = truth
        for option in RULES.options:
            verdicts = {verdict for verdict in ORDER_OF_VERDICTS if possible[option, verdict] >> number & 1}
            assert verdicts == expected_verdicts(phase, option, by_criterion)
    if varied and (lesions == 2 or phase == "decision"):
        alone = {criterion for criterion, truths in seen.items() if len(truths) < 2}
        assert alone <= ONE_TRUTH | {c.id for c in RULES.programs[phase].at(Level.OTHER_LESION) if lesions == 1}


def expected_verdicts(
    phase: Phase, option: str, truths: Mapping[str, Mapping[str, Truth]]
) -> frozenset[Verdict]:
    """What is possible for T1, from the truths at each place of each criterion."""

    def about(options: set[str]) -> list[tuple[Rule, Truth]]:
        return [
            (rule, truth)
            for rule in RULES.rules_in(phase)
            if rule.option in options
            for where, truth in truths[rule.id].items()
            if where == "patient" or not where.startswith(OTHER)
        ]

    scope = all_of(truth for _, truth in about({"scope"}))
    raised = [
        objection(rule.effect, truth, has_remedy=rule.remedy is not None) for rule, truth in about({option, "any"})
    ]
    return possible_verdicts([each for each in raised if each is not None], scope)


@pytest.mark.parametrize("name", ["&", "|", "^", "implies"])
def test_the_tables_over_formulas_are_those_of_truth(name: str) -> None:
    operate = {
        "&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b,
        "implies": lambda a, b: a.implies(b),
    }[name]  # fmt: skip
    symbols = {
        Truth.TRUE: Symbolic.of(True), Truth.FALSE: Symbolic.of(False),
        Truth.UNKNOWN: Symbolic(z3.BoolVal(False), z3.BoolVal(False)),
    }  # fmt: skip
    for left, right in itertools.product(Truth, repeat=2):
        result = operate(symbols[left], symbols[right])
        found = TRUTHS[z3.is_true(result.true), z3.is_true(result.false)]
        assert found is operate(left, right), (left, right)
