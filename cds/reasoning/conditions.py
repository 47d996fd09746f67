"""The reference evaluator: a condition in a context, decided by CQL's truth tables, with its derivation.

It evaluates the tree as the author wrote it (definitions in place, constants on the facts' grids) and returns every
step. Its result is the answer of record; the other engine has to agree with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from cds.case import Fact
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    ComparisonOperator,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    NullLiteral,
    NumberLiteral,
    Or,
    QuantityLiteral,
    Xor,
)
from cds.quantities import Interval
from cds.reasoning.contexts import Context, Contexts
from cds.reasoning.engine import Decisions
from cds.ruleset.program import Program
from cds.truth import Truth, any_of

VERSION = "1"
"""Of the meaning of conditions; raised when a truth table or an operator changes."""

Derived = Mapping[tuple[str, str], Expression]


@dataclass(frozen=True, slots=True)
class Derivation:
    """Why a condition has its truth: the node, its truth, and the derivations of its operands.

    A node that reads a fact carries it, with the subject it is about.
    """

    expression: Expression
    truth: Truth
    operands: tuple[Derivation, ...] = ()
    fact: Fact | None = None
    reference: FactReference | None = None
    subject: str = ""

    def facts(self) -> Iterator[tuple[str, FactReference, Fact]]:
        """Every fact read, as (subject, name, fact), in the order of the condition; one may come more than once."""
        if self.fact is not None and self.reference is not None:
            yield self.subject, self.reference, self.fact
        for operand in self.operands:
            yield from operand.facts()


def derive(condition: Expression, context: Context, derived: Derived) -> Derivation:
    """Decide a resolved condition in a context.

    Every operand is evaluated, also where the truth is settled already: the derivation shows all that was considered,
    and what is shown never depends on the order in which a rule was written.
    """
    match condition:
        case BooleanLiteral():
            return Derivation(condition, Truth.of(condition.value))
        case FactReference():
            return _fact(condition, context, derived)
        case Comparison(operator, left_side, right_side):
            if _is_planner_fact(left_side, context, derived) and isinstance(right_side, BooleanLiteral):
                inner = derive(left_side, context, derived)
                same = inner.truth if right_side.value else ~inner.truth
                return Derivation(condition, same if operator == "=" else ~same, (inner,))
            return _atom(condition, left_side, context, lambda fact: compare(fact, operator, right_side))
        case Between():
            return _atom(
                condition,
                condition.operand,
                context,
                lambda fact: compare(fact, ">=", condition.low) & compare(fact, "<=", condition.high),
            )
        case Membership():
            return _atom(
                condition,
                condition.operand,
                context,
                lambda fact: any_of(compare(fact, "=", member) for member in condition.members),
            )
        case Not():
            operand = derive(condition.operand, context, derived)
            return Derivation(condition, ~operand.truth, (operand,))
        case And():
            left, right = derive(condition.left, context, derived), derive(condition.right, context, derived)
            return Derivation(condition, left.truth & right.truth, (left, right))
        case Or():
            left, right = derive(condition.left, context, derived), derive(condition.right, context, derived)
            return Derivation(condition, left.truth | right.truth, (left, right))
        case Xor():
            left, right = derive(condition.left, context, derived), derive(condition.right, context, derived)
            return Derivation(condition, left.truth ^ right.truth, (left, right))
        case Implies():
            left, right = derive(condition.left, context, derived), derive(condition.right, context, derived)
            return Derivation(condition, left.truth.implies(right.truth), (left, right))
        case AnyOf():
            members = tuple(derive(condition.body, member, derived) for member in context.members[condition.over])
            return Derivation(condition, any_of(member.truth for member in members), members)
        case _:
            raise TypeError(f"`{type(condition).__name__}` is not a resolved condition")


def _is_planner_fact(expression: Expression, context: Context, derived: Derived) -> bool:
    return (
        isinstance(expression, FactReference)
        and expression.level == "structure"
        and (context.structure_name, expression.name) in derived
    )


def _fact(reference: FactReference, context: Context, derived: Derived) -> Derivation:
    """A Boolean fact as a condition; a fact that the planner computes is its expression for this structure."""
    if _is_planner_fact(reference, context, derived):
        inner = derive(derived[context.structure_name, reference.name], context, derived)
        return Derivation(reference, inner.truth, (inner,))
    fact = context.fact(reference)
    truth = Truth.of(fact.value) if isinstance(fact.value, bool) else Truth.UNKNOWN
    return Derivation(reference, truth, (), fact, reference, context.subject(reference))


def _atom(condition: Expression, operand: Expression, context: Context, decide: Callable[[Fact], Truth]) -> Derivation:
    if not isinstance(operand, FactReference):
        raise TypeError(f"`{type(operand).__name__}` is not the fact that a resolved comparison starts with")
    fact = context.fact(operand)
    return Derivation(condition, decide(fact), (), fact, operand, context.subject(operand))


def compare(fact: Fact, operator: ComparisonOperator, constant: Expression) -> Truth:
    """`fact operator constant`: unknown where the fact is, and where its interval lies on both sides.

    >>> from cds.case import Known
    >>> compare(Fact(Known(Interval.below(Fraction(5), open_end=True))), "<", QuantityLiteral(Fraction(5), 0, "mm"))
    <Truth.TRUE: 'true'>
    """
    value = fact.value
    if value is None or isinstance(constant, NullLiteral):
        return Truth.UNKNOWN
    if isinstance(constant, (BooleanLiteral, CodeLiteral)):
        if not isinstance(value, type(constant.value)):
            raise TypeError(f"`{value}` is compared with `{constant.value}`, which is of another type")
        same = Truth.of(value == constant.value)
        return same if operator == "=" else ~same
    if isinstance(constant, (NumberLiteral, QuantityLiteral)) and isinstance(value, Interval):
        return _compare_interval(value, operator, constant.value)
    raise TypeError(f"`{value}` cannot be compared with a {type(constant).__name__}")


def _compare_interval(interval: Interval, operator: ComparisonOperator, number: Fraction) -> Truth:
    match operator:
        case "<":
            return interval.less(number)
        case "<=":
            return interval.less_or_equal(number)
        case ">":
            return ~interval.less_or_equal(number)
        case ">=":
            return ~interval.less(number)
        case "=":
            return interval.equal(number)
        case "!=":
            return ~interval.equal(number)


@dataclass(frozen=True, slots=True)
class ReferenceEngine:
    """The reference evaluator as an engine.

    >>> ReferenceEngine().name
    'reference'
    """

    name: str = "reference"
    version: str = VERSION

    def derivations(self, program: Program, contexts: Contexts) -> dict[tuple[str, str], Derivation]:
        """The derivation of every criterion in every context of its level, by (criterion id, context id)."""
        return {
            (criterion.id, context.id): derive(criterion.condition, context, program.derived)
            for criterion in program.criteria
            for context in contexts.at(criterion.level)
        }

    def decide(self, program: Program, contexts: Contexts) -> Decisions:
        """The truth of every criterion in every context of its level."""
        return {key: derivation.truth for key, derivation in self.derivations(program, contexts).items()}
