"""What requests are told of one patient, against the solver: nothing nearer, nothing missing, nothing to spare."""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import pytest
import yaml
import z3

from cds.analysis.counterfactuals import Stated, fewest_changes, stated
from cds.analysis.formulas import Formula, both, either, no
from cds.analysis.meaning import Meaning
from cds.analysis.universe import Universe, place
from cds.case import Case, Value
from cds.case.reading import case_from_mapping
from cds.language.types import CodeType, DateType
from cds.quantities import Interval
from cds.reasoning.changes import Change, NearestChanges, is_changeable, nearest_changes
from cds.reasoning.decision import Decision, OptionDecision
from cds.reasoning.sufficient import SufficientReason, sufficient_reasons
from cds.reasoning.supposing import Supposing
from cds.reasoning.verdict import ORDER_OF_VERDICTS
from cds.ruleset import RuleSet
from cds.testing import random_cases
from cds.vocabulary import FactKind
from tests.reasoning.modifiable import decided, modifiable_rules
from tests.ruleset.shipped import shipped_folder, shipped_rules, shipped_thresholds

SECONDS = 60.0
CONSTANTS = {
    "patient.ratio": [Fraction(9, 5)],
    "lesion.size": [Fraction(5), Fraction(8), Fraction(20)],
    "lesion.count": [Fraction(1), Fraction(2), Fraction(4)],
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    return modifiable_rules(tmp_path_factory.mktemp("rules"))


MEANINGS: dict[tuple[str, int], Meaning] = {}


def meaning(rules: RuleSet, lesions: int) -> Meaning:
    """What a rule set means, made once: it is the same for every case."""
    key = (rules.digest, lesions)
    if key not in MEANINGS:
        MEANINGS[key] = Meaning(rules, "decision", Universe(rules.vocabulary, other=lesions == 2))
    return MEANINGS[key]


def options(decision: Decision, rules: RuleSet) -> Iterator[tuple[Stated, OptionDecision]]:
    for lesion in decision.lesions:
        case = Stated(decision, lesion, meaning(rules, len(decision.case.lesions)))
        for option in lesion.options:
            yield case, option


def worked_cases(count: int) -> Iterator[Case]:
    rules = shipped_rules()
    files = sorted((shipped_folder() / "cases").glob("*.yaml"))
    for file in random.Random(3).sample(files, count):
        written = yaml.safe_load(file.read_text(encoding="utf-8"))
        if written.get("phase", "decision") == "decision" and len(written["lesions"]) < 3:
            yield case_from_mapping(rules.vocabulary, written)


def checked(case: Case, rules: RuleSet) -> int:
    """Compare all that is said of a case with the solver; how many changes were compared."""
    decision = decided(case, rules)
    near = {(each.lesion, each.option): each for each in nearest_changes(decision)}
    reasons = {(each.lesion, each.option): each for each in sufficient_reasons(decision)}
    compared = 0
    for its, option in options(decision, rules):
        key = (its.lesion.lesion.id, option.option)
        compared += nearest_are_exact(its, option, near[key])
        reason_is_exact(its, option, reasons[key])
        settling_is_exact(its, option)
    return compared


# --- nearest changes -----------------------------------------------------------------------------------------------


def nearest_are_exact(case: Stated, option: OptionDecision, nearest: NearestChanges) -> int:
    """The same answers at the same distance, and every way of that distance lies in what is listed."""
    exact = {way.possible: len(way.changes) for way in fewest_changes(case, option, seconds=SECONDS)}
    listed = {way.possible: len(way.changes) for way in nearest.ways}
    assert listed == {possible: facts for possible, facts in exact.items() if facts <= nearest.searched}
    if nearest.is_complete:
        assert listed == exact
    supposing = Supposing(case.decision, case.lesion, option)
    free = {each: z3.Bool(f"changed {each}") for each in supposing.read if is_changeable(each, supposing)}
    solver = z3.Solver()
    solver.add(case.structures())
    for where in case.variables:
        same = case.same(where)
        solver.add(z3.If(free[where], case.otherwise(where), same) if where in free else same)
    formulas = case.possible(option.option)
    for possible, facts in listed.items():
        boxes = [
            both(*(both(free[change.place], within(case, change)) for change in way.changes))
            for way in nearest.ways
            if way.possible == possible
        ]
        solver.push()
        solver.add(*(its if verdict in possible else no(its) for verdict, its in formulas.items()))
        solver.add(z3.AtMost(*free.values(), facts), no(either(*boxes)))
        assert solver.check() == z3.unsat, (option.option, possible)
        solver.pop()
    return len(nearest.ways)


def within(case: Stated, change: Change) -> Formula:
    """The fact has one of the values of a change."""
    variable = case.variables[change.place]

    def one(value: Value) -> Formula:
        if isinstance(value, bool):
            assert variable.yes is not None
            return variable.yes if value else no(variable.yes)
        if isinstance(value, str):
            assert isinstance(variable.definition.type, CodeType)
            assert variable.code is not None
            return both(variable.code == variable.definition.type.values.index(value))
        assert isinstance(value, Interval)
        assert variable.low is not None
        assert variable.high is not None
        ends = []
        if value.low is not None:
            ends.append(variable.low >= place(value.low, variable.definition, after=value.low_open))
        if value.high is not None:
            ends.append(variable.high <= place(value.high, variable.definition, before=value.high_open))
        return both(*ends)

    return either(*map(one, change.values))


# --- sufficient reasons --------------------------------------------------------------------------------------------


def reason_is_exact(case: Stated, option: OptionDecision, reason: SufficientReason) -> None:
    """Whatever all other facts are, no verdict is added; without any one of the facts some patient has another."""
    kept = {fact.place for fact in reason.facts}
    closing = {name for _, name in kept} & {d.bounded_below_by for d in case.universe.vocabulary.facts.values()}
    if closing:
        return  # the distances that a statement bounds are no variables of their own
    solver = z3.Solver()
    solver.add(case.structures(), *(variable.bounds() for variable in case.variables.values()))
    formulas = case.possible(option.option)
    solver.add(either(*(formulas[verdict] for verdict in ORDER_OF_VERDICTS if verdict not in reason.possible)))
    stated_ = {where: z3.Bool(f"stated {where}") for where in kept}
    solver.add(*(z3.Implies(its, case.same(where)) for where, its in stated_.items()))
    assert solver.check(*stated_.values()) == z3.unsat
    for where in kept:
        assert solver.check(*(its for other, its in stated_.items() if other != where)) == z3.sat, where


# --- settling facts ------------------------------------------------------------------------------------------------


def settling_is_exact(case: Stated, option: OptionDecision) -> None:
    """Each outcome is reached and no other is; a fact that is not listed decides nothing that is open."""
    if len(option.possible) == 1:
        return
    listed = {(each.subject, each.definition.name): each for each in option.settling}
    formulas = case.possible(option.option)
    considered = [*option.considerations, *case.lesion.scope_considerations]
    places = {subject: its for its, subject in case.subjects.items()}
    open_criteria = [
        case.meaning.truths[each.rule.id, universal(each.context.id, places)]
        for each in considered
        if not each.truth.is_known and (each.objection is not None or each in case.lesion.scope_considerations)
    ]
    solver = z3.Solver()
    solver.add(case.structures())
    pins = {where: z3.Bool(f"as stated {where}") for where in case.variables}
    solver.add(*(z3.Implies(its, case.same(where)) for where, its in pins.items()))
    closing = {definition.bounded_below_by for definition in case.universe.vocabulary.facts.values()}
    for where, variable in case.variables.items():
        if variable.definition.name in closing or isinstance(variable.definition.type, DateType):
            continue
        if variable.definition.kind is FactKind.GIVEN or is_exact(case.fact(where).value):
            continue
        others = [its for other, its in pins.items() if other != where]
        solver.push()
        solver.add(variable.point, variable.bounds(), refines(case, where))
        if where not in listed:
            solver.add(either(*(either(truth.true, truth.false) for truth in open_criteria)))
            assert solver.check(*others) == z3.unsat, where
        else:
            said = {outcome.possible for outcome in listed[where].outcomes}
            each_said = [
                both(*(its if verdict in possible else no(its) for verdict, its in formulas.items()))
                for possible in said
            ]
            assert all(solver.check(*others, one) == z3.sat for one in named(solver, each_said)), where
            solver.add(no(either(*each_said)))
            assert solver.check(*others) == z3.unsat, where
        solver.pop()


def named(solver: z3.Solver, formulas: list[Formula]) -> Iterator[z3.BoolRef]:
    for number, formula in enumerate(formulas):
        name = z3.FreshBool(f"outcome {number}")
        solver.add(z3.Implies(name, formula))
        yield name


def universal(context: str, places: dict[str, str]) -> str:
    """The place in the words of the solver: `T1`, `T1+T2`, `T1/skin/none`."""
    return "+".join(places[each] for each in context.split("+"))


def is_exact(value: object) -> bool:
    return value is not None and not (isinstance(value, Interval) and not value.is_point)


def refines(case: Stated, where: tuple[str, str]) -> Formula:
    """What is learned lies within what is known."""
    variable, value = case.variables[where], case.fact(where).value
    if not isinstance(value, Interval) or variable.low is None or variable.high is None:
        return both()
    ends = []
    if value.low is not None:
        ends.append(variable.low >= place(value.low, variable.definition, after=value.low_open))
    if value.high is not None:
        ends.append(variable.high <= place(value.high, variable.definition, before=value.high_open))
    return both(*ends)


# --- the cases -----------------------------------------------------------------------------------------------------


def test_what_is_said_of_generated_patients_of_a_small_rule_set_is_exact(rules: RuleSet) -> None:
    compared = 0
    for known in (0.7, 0.95):
        for case in random_cases(rules.vocabulary, CONSTANTS, 7, 3, known=known):
            compared += checked(case, rules)
    assert compared > 5


@pytest.mark.slow
def test_what_is_said_of_more_patients_of_a_small_rule_set_is_exact(rules: RuleSet) -> None:
    for known in (0.5, 0.75, 1.0):
        for case in random_cases(rules.vocabulary, CONSTANTS, 5, 5, known=known):
            checked(case, rules)


@pytest.mark.slow
def test_what_is_said_of_worked_cases_is_exact() -> None:
    assert sum(checked(case, shipped_rules()) for case in worked_cases(16)) > 10


@pytest.mark.slow
def test_what_is_said_of_generated_patients_of_the_shipped_rules_is_exact() -> None:
    rules, compared = shipped_rules(), 0
    for known in (0.8, 0.97):
        for case in random_cases(rules.vocabulary, shipped_thresholds(), 11, 3, known=known, lesions=(1, 2)):
            compared += checked(case, rules)
    assert compared > 5


def test_the_solver_finds_what_takes_more_changes_than_were_searched(rules: RuleSet) -> None:
    facts = {"site": "neck", "side": "left", "flag": False, "size": 30, "grade": "high", "count": 3}
    written = {"as_of": "2026-11-22", "patient": {"ratio": 3}, "lesions": [{"id": "T1", "facts": facts}]}
    decision = decided(case_from_mapping(rules.vocabulary, written), rules)
    lesion, option = decision.lesions[0], decision.lesions[0].options[0]
    nearest = nearest_changes(decision)[0]
    found = fewest_changes(stated(decision, lesion), option, seconds=SECONDS)
    assert {"eligible"} not in [{v.value for v in way.possible} for way in nearest.ways]
    (eligible,) = [way for way in found if {v.value for v in way.possible} == {"eligible"}]
    assert {change.place[1] for change in eligible.changes} >= {"ratio", "size"}
    assert len(eligible.changes) == 3


def test_more_lesions_than_the_solver_speaks_of_are_not_decided(rules: RuleSet) -> None:
    lesions = [{"id": name} for name in ("T1", "T2", "T3")]
    case = case_from_mapping(rules.vocabulary, {"as_of": "2026-11-22", "patient": {}, "lesions": lesions})
    decision = decided(case, rules)
    with pytest.raises(ValueError, match="3 lesions; the solver speaks of 2 at most"):
        stated(decision, decision.lesions[0])

