"""If the reference evaluator were wrong anywhere, the comparison with durable-rules would show it.

Each operator is made wrong in turn, in every way that a slip could; durable-rules' decisions, made before, disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import pytest

from cds import truth as truth_module
from cds.case import Absent, Conflicting, Fact, Known
from cds.errors import EngineDisagreement
from cds.language import walk
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    Or,
    Xor,
)
from cds.quantities import Interval
from cds.reasoning import conditions
from cds.reasoning.agreement import compare
from cds.reasoning.conditions import Derivation, ReferenceEngine
from cds.reasoning.contexts import Contexts
from cds.reasoning.engine import Decisions
from cds.reasoning.forward_chaining import DurableRulesEngine
from cds.ruleset.program import Program
from cds.testing import random_cases, thresholds
from cds.truth import Truth, all_of, any_of
from tests.differential.population import Population, together
from tests.ruleset.shipped import shipped_rules, shipped_thresholds
from tests.ruleset.workshop import a_rule, rules_of, small_rules

pytestmark = pytest.mark.slow

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
DEFINITIONS = "definitions:\n  lesion.anyTouched: {any: structure, where: structure.touched}\n"
EVERY_OPERATOR = rules_of(
    *(
        a_rule(f"L-{n}", "informs", f"patient.flagA {operator} patient.flagB", for_each="patient")
        for n, operator in enumerate(["and", "or", "xor", "implies"])
    ),
    a_rule("L-9", "informs", "not patient.flagA", for_each="patient"),
    a_rule("L-8", "informs", "patient.flagA = false", for_each="patient"),
    *(
        a_rule(f"C-{n}", "informs", f"lesion.size {operator} parameters.mm20")
        for n, operator in enumerate(["<", "<=", ">", ">=", "=", "!="])
    ),
    a_rule("C-7", "informs", "lesion.count between parameters.n2 and parameters.n5"),
    a_rule("C-8", "informs", "lesion.count in {1, 4, 6}"),
    a_rule("C-9", "informs", "lesion.grade in {'low', 'middle'}"),
    a_rule("C-10", "informs", "lesion.grade = 'high'"),
    a_rule("C-11", "informs", "lesion.grade != 'high'"),
    a_rule("A-1", "informs", "lesion.anyTouched"),
    a_rule("A-2", "informs", "other.anyTouched and lesion.flag", for_each="other-lesion"),
)


@dataclass(frozen=True)
class Decided:
    """A program, many patients, and what durable-rules decided for them."""

    program: Program
    contexts: Contexts
    durable: Decisions
    engine: DurableRulesEngine

    @cached_property
    def by_criterion(self) -> Mapping[str, Decisions]:
        """What durable-rules decided, of each criterion."""
        found: dict[str, dict[tuple[str, str], Truth]] = {criterion.id: {} for criterion in self.program.criteria}
        for (criterion, context), truth in self.durable.items():
            found[criterion][criterion, context] = truth
        return found

    def holds(self, kind: type[Expression], operator: str | None = None) -> bool:
        """Whether some condition has an operator."""
        trees = [*(c.condition for c in self.program.criteria), *self.program.derived.values()]
        return any(
            isinstance(node, kind) and (operator is None or getattr(node, "operator", None) == operator)
            for tree in trees
            for node, _ in walk(tree)
        )


@pytest.fixture(scope="module")
def engine() -> Iterator[DurableRulesEngine]:
    durable = DurableRulesEngine(time_limit=60.0)
    yield durable
    durable.close()


@pytest.fixture(scope="module")
def every_operator(engine: DurableRulesEngine, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    """A program with every operator of the language."""
    rules = small_rules(tmp_path_factory.mktemp("rules"), EVERY_OPERATOR, definitions=DEFINITIONS)
    program = rules.programs["decision"]
    constants = thresholds(criterion.condition for criterion in program.criteria)
    constants["lesion.count"] = tuple(map(type(next(iter(constants["lesion.size"]))), (1, 2, 4, 5, 6)))
    contexts = together(list(random_cases(rules.vocabulary, constants, seed=3, n=250, known=0.7)))
    return Decided(program, contexts, engine.decide(program, contexts), engine)


@pytest.fixture(scope="module")
def shipped(engine: DurableRulesEngine) -> Decided:
    """The program of the shipped rules in the planning phase, which has the most of them."""
    rules = shipped_rules()
    program = rules.programs["planning"]
    contexts = together(list(Population(rules, shipped_thresholds()).patients(17, 90)))
    return Decided(program, contexts, engine.decide(program, contexts), engine)


# --- ways to be wrong ----------------------------------------------------------------------------------------------

Slip = Callable[[pytest.MonkeyPatch], None]


def reads(rewrite: Callable[[Expression], Expression]) -> Slip:
    """The evaluator takes a node for another one."""

    def slip(patch: pytest.MonkeyPatch) -> None:
        right = conditions.derive
        patch.setattr(conditions, "derive", lambda node, context, derived: right(rewrite(node), context, derived))

    return slip


def decides(kind: type[Expression], wrong: Callable[[Derivation], Truth]) -> Slip:
    """The evaluator decides a kind of node from its derivation in a wrong way."""

    def slip(patch: pytest.MonkeyPatch) -> None:
        right = conditions.derive

        def derive(node: Expression, context: object, derived: object) -> Derivation:
            derivation = right(node, context, derived)  # type: ignore[arg-type]
            return replace(derivation, truth=wrong(derivation)) if isinstance(node, kind) else derivation

        patch.setattr(conditions, "derive", derive)

    return slip


def compares(operator: str, wrong: str) -> Slip:
    def rewrite(node: Expression) -> Expression:
        return replace(node, operator=wrong) if isinstance(node, Comparison) and node.operator == operator else node  # type: ignore[arg-type]

    return reads(rewrite)


def becomes(kind: type[And | Or | Xor | Implies], other: type[And | Or | Xor | Implies]) -> Slip:
    return reads(lambda node: other(node.left, node.right) if isinstance(node, kind) else node)


def between(low: str, high: str) -> Slip:
    def rewrite(node: Expression) -> Expression:
        if not isinstance(node, Between):
            return node
        ends = Comparison(low, node.operand, node.low), Comparison(high, node.operand, node.high)  # type: ignore[arg-type]
        return And(*ends)

    return reads(rewrite)


def ends(wrong: Callable[[Interval], Interval]) -> Slip:
    """The open and closed ends of intervals are taken for others."""

    def slip(patch: pytest.MonkeyPatch) -> None:
        for name in ("less", "less_or_equal", "contains"):
            right = getattr(Interval, name)
            patch.setattr(Interval, name, lambda its, number, right=right: right(wrong(its), number))

    return slip


def closed(interval: Interval) -> Interval:
    return Interval(interval.low, interval.high, interval.low is None, interval.high is None)


def opened(interval: Interval) -> Interval:
    return interval if interval.is_point else Interval(interval.low, interval.high, True, True)


def values(wrong: Callable[[Fact], object]) -> Slip:
    """A fact is taken to have a value that it does not have."""
    return lambda patch: patch.setattr(Fact, "value", property(wrong))


def state_value(fact: Fact) -> object:
    return fact.state.value if isinstance(fact.state, Known) else None


def conflict_as_known(fact: Fact) -> object:
    return fact.state.values[0] if isinstance(fact.state, Conflicting) else state_value(fact)


def absent_as_false(derivation: Derivation) -> Truth:
    fact = derivation.fact
    return F if fact is not None and isinstance(fact.state, Absent) else derivation.truth


def unknown_as(truth: Truth) -> Callable[[Derivation], Truth]:
    return lambda derivation: truth if derivation.truth is U else derivation.truth


SLIPS: dict[str, tuple[type[Expression], str | None, Slip]] = {
    **{
        f"{operator} read as {wrong}": (Comparison, operator, compares(operator, wrong))
        for operator, wrong in product(["<", "<=", ">", ">="], repeat=2)
        if operator != wrong
    },
    "= read as !=": (Comparison, "=", compares("=", "!=")),
    "!= read as =": (Comparison, "!=", compares("!=", "=")),
    "and read as or": (And, None, becomes(And, Or)),
    "and read as xor": (And, None, becomes(And, Xor)),
    "and without its left side": (And, None, reads(lambda n: n.right if isinstance(n, And) else n)),
    "and without its right side": (And, None, reads(lambda n: n.left if isinstance(n, And) else n)),
    "or read as and": (Or, None, becomes(Or, And)),
    "or read as xor": (Or, None, becomes(Or, Xor)),
    "or without its left side": (Or, None, reads(lambda n: n.right if isinstance(n, Or) else n)),
    "or without its right side": (Or, None, reads(lambda n: n.left if isinstance(n, Or) else n)),
    "xor read as or": (Xor, None, becomes(Xor, Or)),
    "xor read as implies": (Xor, None, becomes(Xor, Implies)),
    "implies read as or": (Implies, None, becomes(Implies, Or)),
    "implies read as and": (Implies, None, becomes(Implies, And)),
    "implies the other way": (
        Implies,
        None,
        reads(lambda n: Implies(n.right, n.left) if isinstance(n, Implies) else n),
    ),
    "not forgotten": (Not, None, reads(lambda n: n.operand if isinstance(n, Not) else n)),
    "not of unknown is true": (Not, None, decides(Not, unknown_as(T))),
    "membership without its last member": (
        Membership,
        None,
        reads(lambda n: replace(n, members=n.members[:-1]) if isinstance(n, Membership) else n),
    ),
    "membership without its first member": (
        Membership,
        None,
        reads(lambda n: replace(n, members=n.members[1:]) if isinstance(n, Membership) else n),
    ),
    "membership of unknown is false, as in CQL's own": (Membership, None, decides(Membership, unknown_as(F))),
    "membership turned round": (Membership, None, decides(Membership, lambda d: ~d.truth)),
    "between without its lower end": (Between, None, between(">", "<=")),
    "between without its upper end": (Between, None, between(">=", "<")),
    "between without its upper bound": (
        Between,
        None,
        reads(lambda n: Comparison(">=", n.operand, n.low) if isinstance(n, Between) else n),
    ),
    "between without its lower bound": (
        Between,
        None,
        reads(lambda n: Comparison("<=", n.operand, n.high) if isinstance(n, Between) else n),
    ),
    "any read as all": (AnyOf, None, decides(AnyOf, lambda d: all_of(o.truth for o in d.operands))),
    "any of the reported ones, as CQL's exists": (
        AnyOf,
        None,
        decides(AnyOf, lambda d: any_of(o.truth if o.truth.is_known else F for o in d.operands)),
    ),
    "any without the last one": (AnyOf, None, decides(AnyOf, lambda d: any_of(o.truth for o in d.operands[:-1]))),
    "a yes/no fact turned round": (FactReference, None, decides(FactReference, lambda d: ~d.truth)),
    "an absent fact is false": (FactReference, None, decides(FactReference, absent_as_false)),
    "an unknown fact is false": (FactReference, None, decides(FactReference, unknown_as(F))),
    "an unknown fact is true": (FactReference, None, decides(FactReference, unknown_as(T))),
    "a comparison with an absent fact is false": (Comparison, None, decides(Comparison, absent_as_false)),
    "a comparison that is undecided is false": (Comparison, None, decides(Comparison, unknown_as(F))),
    "a comparison that is undecided is true": (Comparison, None, decides(Comparison, unknown_as(T))),
    "a conflict is its first value": (FactReference, None, values(conflict_as_known)),
    "open ends are closed": (Comparison, None, ends(closed)),
    "closed ends are open": (Comparison, None, ends(opened)),
}


def compare_each(decided: Decided) -> None:
    """Criterion by criterion, as far as the first that is decided otherwise: the rest would only repeat it."""
    for criterion in decided.program.criteria:
        found = ReferenceEngine().decide(replace(decided.program, criteria=(criterion,)), decided.contexts)
        compare(found, decided.by_criterion[criterion.id], decided.engine)


def assert_caught(decided: Decided) -> None:
    with pytest.raises(EngineDisagreement):
        compare_each(decided)


@pytest.mark.parametrize("decided", ["every_operator", "shipped"])
def test_as_it_is_the_evaluator_agrees(decided: str, request: pytest.FixtureRequest) -> None:
    its: Decided = request.getfixturevalue(decided)
    compare(ReferenceEngine().decide(its.program, its.contexts), its.durable, its.engine)
    compare_each(its)  # or what catches the slips below would catch anything


@pytest.mark.parametrize("slip", SLIPS)
def test_every_slip_is_caught_where_every_operator_is(
    every_operator: Decided, monkeypatch: pytest.MonkeyPatch, slip: str
) -> None:
    kind, operator, make = SLIPS[slip]
    assert every_operator.holds(kind, operator)
    make(monkeypatch)
    assert_caught(every_operator)


@pytest.mark.parametrize("slip", SLIPS)
def test_every_slip_that_concerns_the_shipped_rules_is_caught_on_them(
    shipped: Decided, monkeypatch: pytest.MonkeyPatch, slip: str
) -> None:
    kind, operator, make = SLIPS[slip]
    if not shipped.holds(kind, operator):
        # No rule has the operator, so that there is nothing to get wrong; the other program has it.
        make(monkeypatch)
        wrong = ReferenceEngine().decide(shipped.program, shipped.contexts)
        compare(wrong, shipped.durable, shipped.engine)
        return
    make(monkeypatch)
    assert_caught(shipped)


TABLES = ("AND", "OR", "XOR", "IMPLIES")
CELLS = [
    (table, cell, wrong)
    for table in TABLES
    for cell in product(Truth, Truth)
    for wrong in Truth
    if getattr(truth_module, table)[cell] is not wrong
]


@pytest.mark.parametrize(("table", "cell", "wrong"), CELLS)
def test_a_wrong_cell_of_a_table_is_caught(
    every_operator: Decided, monkeypatch: pytest.MonkeyPatch, table: str, cell: tuple[Truth, Truth], wrong: Truth
) -> None:
    monkeypatch.setitem(getattr(truth_module, table), cell, wrong)
    assert_caught(every_operator)


@pytest.mark.parametrize(
    ("cell", "wrong"), [(cell, wrong) for cell in Truth for wrong in Truth if truth_module.NOT[cell] is not wrong]
)
def test_a_wrong_negation_is_caught(
    every_operator: Decided, monkeypatch: pytest.MonkeyPatch, cell: Truth, wrong: Truth
) -> None:
    monkeypatch.setitem(truth_module.NOT, cell, wrong)
    assert_caught(every_operator)
