"""From a resolved condition to two positive formulas: when it is certainly true, and when it is certainly false.

durable-rules knows two outcomes of a rule, fired or not, and every test of a missing attribute fails. So a condition
becomes two formulas without any *not*, whose atoms ask "is this certainly so?" of one attribute. Neither holds where
the condition is unknown. Both are ordinary two-valued formulas, and may be rearranged as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Literal, assert_never

from cds.errors import EngineFailure
from cds.language.syntax import (
    And,
    AnyOf,
    Arithmetic,
    Between,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
    ComparisonOperator,
    Expression,
    FactReference,
    Implies,
    Membership,
    Negate,
    Not,
    NullLiteral,
    NumberLiteral,
    Or,
    ParameterReference,
    QuantityLiteral,
    Xor,
)
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.vocabulary import Level, Vocabulary

Part = Literal["low", "high", "code", "flag"]
"""What of a fact an attribute carries: an end of its interval, its code, or its yes/no."""

LEVEL_OF_WORD: Final[Mapping[str, Level]] = {
    "patient": Level.PATIENT,
    "lesion": Level.LESION,
    "other": Level.LESION,
    "structure": Level.STRUCTURE,
}
WORD_OF_MEMBERS: Final[Mapping[str, str]] = {"structure": "lesion", "other.structure": "other"}
"""Whose structures *any structure* ranges over, by what it is over."""


@dataclass(frozen=True, slots=True)
class FactAttribute:
    """One end, code or flag of one fact. `word` is the word before the point in a condition."""

    word: str
    name: str
    part: Part


@dataclass(frozen=True, slots=True)
class AnyAttribute:
    """Whether `body` is certainly true of some structure of `word` (`outcome`), or certainly false of all (not)."""

    word: str
    body: Expression
    outcome: bool


@dataclass(frozen=True, slots=True)
class HeldAttribute:
    """Whether a formula, decided before in the same context, held."""

    formula: Formula


Attribute = FactAttribute | AnyAttribute | HeldAttribute


@dataclass(frozen=True, slots=True)
class Atom:
    """`attribute operator constant`: fails where the attribute is missing."""

    attribute: Attribute
    operator: ComparisonOperator
    constant: int


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds. At least two parts, none of them an `All`, in a fixed order; made by `all_parts`."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds. At least two parts, none of them a `Some`, in a fixed order; made by `some_parts`."""

    parts: tuple[Formula, ...]


Formula = bool | Atom | All | Some
"""A `bool` is a formula that is settled without the engine."""


def all_parts(parts: Iterable[Formula]) -> Formula:
    """The conjunction of formulas, flat, without settled parts, repetitions, or parts that another one implies.

    >>> low = Atom(FactAttribute("lesion", "depth", "low"), ">", 8)
    >>> all_parts([True, low, low]) == low, all_parts([low, False]), all_parts([])
    (True, False, True)
    """
    flat: dict[Formula, None] = {}
    for part in parts:
        if part is False:
            return False
        if part is not True:
            flat.update(dict.fromkeys(part.parts if isinstance(part, All) else (part,)))
    kept = [part for part in flat if not (isinstance(part, Some) and any(p in flat for p in part.parts))]
    if not kept:
        return True
    return kept[0] if len(kept) == 1 else All(tuple(sorted(kept, key=_order)))


def some_parts(parts: Iterable[Formula]) -> Formula:
    """The disjunction of formulas, flat, without settled parts, repetitions, or parts that imply another one.

    >>> low = Atom(FactAttribute("lesion", "depth", "low"), ">", 8)
    >>> some_parts([False, low]) == low, some_parts([low, True]), some_parts([])
    (True, True, False)
    """
    flat: dict[Formula, None] = {}
    for part in parts:
        if part is True:
            return True
        if part is not False:
            flat.update(dict.fromkeys(part.parts if isinstance(part, Some) else (part,)))
    kept = [part for part in flat if not (isinstance(part, All) and any(p in flat for p in part.parts))]
    if not kept:
        return False
    return kept[0] if len(kept) == 1 else Some(tuple(sorted(kept, key=_order)))


def _order(formula: Formula) -> tuple[bool, str]:
    # Atoms first, so that rules share their beginnings and the branches of a disjunction are entered late.
    return not isinstance(formula, Atom), repr(formula)


def attributes_of(formula: Formula) -> Iterator[Attribute]:
    """Every attribute that a formula asks, as often as it asks."""
    if isinstance(formula, Atom):
        yield formula.attribute
    elif isinstance(formula, All | Some):
        for part in formula.parts:
            yield from attributes_of(part)


def words_of(formula: Formula) -> frozenset[str]:
    """The subjects that a formula reads, also through formulas decided before it."""
    return frozenset(
        word
        for attribute in attributes_of(formula)
        for word in (words_of(attribute.formula) if isinstance(attribute, HeldAttribute) else (attribute.word,))
    )


def seen_from_other(formula: Formula) -> Formula:
    """A formula about the other lesion alone, as a formula about `lesion`."""
    match formula:
        case bool():
            return formula
        case Atom(FactAttribute("other", name, part), operator, constant):
            return Atom(FactAttribute("lesion", name, part), operator, constant)
        case Atom(AnyAttribute("other", body, outcome), operator, constant):
            return Atom(AnyAttribute("lesion", body, outcome), operator, constant)
        case Atom():
            return formula
        case All(parts):
            return all_parts(seen_from_other(part) for part in parts)
        case Some(parts):
            return some_parts(seen_from_other(part) for part in parts)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a condition stands: its level and, at structure level, the structure's given and derived facts.

    `given` maps `name`, `kind` and `side` to the codes that this structure has; `derived` the facts that the planner
    computes for it to their expressions; `derived_names` are all names so computed, for this structure or another.
    """

    vocabulary: Vocabulary
    level: Level
    given: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Expression] = field(default_factory=dict)
    derived_names: frozenset[str] = frozenset()


def certainly(condition: Expression, outcome: bool, scope: Scope) -> Formula:
    """The formula that holds exactly where Kleene's logic gives the condition the truth value `outcome`.

    Raises `EngineFailure` for what a resolved condition cannot hold.

    >>> certainly(Not(BooleanLiteral(True)), False, Scope(Vocabulary({}, {}, {}, {}), Level.PATIENT))
    True
    """
    match condition:
        case BooleanLiteral(value):
            return value is outcome
        case FactReference():
            return _yes_no(condition, outcome, scope)
        case Not(operand):
            return certainly(operand, not outcome, scope)
        case And(left, right):
            both = (certainly(left, outcome, scope), certainly(right, outcome, scope))
            return all_parts(both) if outcome else some_parts(both)
        case Or(left, right):
            both = (certainly(left, outcome, scope), certainly(right, outcome, scope))
            return some_parts(both) if outcome else all_parts(both)
        case Xor(left, right):
            return some_parts(
                all_parts((certainly(left, first, scope), certainly(right, first is not outcome, scope)))
                for first in (True, False)
            )
        case Implies(left, right):
            return certainly(Or(Not(left), right), outcome, scope)
        case Comparison(operator, left, right):
            return _comparison(operator, left, right, outcome, scope)
        case Between(operand, low, high):
            bounds = And(Comparison(">=", operand, low), Comparison("<=", operand, high))
            return certainly(bounds, outcome, scope)
        case Membership(operand, members):
            each = [_comparison("=", operand, member, outcome, scope) for member in members]
            return some_parts(each) if outcome else all_parts(each)
        case AnyOf(over, body):
            return Atom(AnyAttribute(_owner(over, scope), body, outcome), "=", 1)
        case (
            NumberLiteral() | QuantityLiteral() | CodeLiteral() | NullLiteral() | ParameterReference()
            | Arithmetic() | Negate()
        ):  # fmt: skip
            raise _not_lowered(condition, "a condition is a yes/no")
        case _:
            assert_never(condition)


def _owner(over: str, scope: Scope) -> str:
    reachable = {Level.LESION: ("structure",), Level.OTHER_LESION: ("structure", "other.structure")}
    if over not in reachable.get(scope.level, ()):
        raise EngineFailure(
            f"durable-rules: *any* over `{over}` cannot be decided at level `{scope.level.value}`; "
            "a lesion has structures, a pair of lesions has those of both; correct the rule's `for_each`"
        )
    return WORD_OF_MEMBERS[over]


def _yes_no(reference: FactReference, outcome: bool, scope: Scope) -> Formula:
    if reference.level == "structure" and reference.name in scope.derived_names:
        if reference.name not in scope.derived:
            name = scope.given.get("name", "unknown")
            raise EngineFailure(
                f"durable-rules: `{reference}` is derived, but not for the structure `{name}`; "
                "every structure of the vocabulary needs an expression; compile the program again"
            )
        return certainly(scope.derived[reference.name], outcome, scope)
    if not isinstance(scope.vocabulary.fact(LEVEL_OF_WORD[reference.level], reference.name).type, BooleanType):
        raise _not_lowered(reference, "only a yes/no fact stands alone")
    return Atom(FactAttribute(reference.level, reference.name, "flag"), "=", int(outcome))


_NEGATION: Final[Mapping[ComparisonOperator, ComparisonOperator]] = {
    "=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip


def _comparison(
    operator: ComparisonOperator, left: Expression, right: Expression, outcome: bool, scope: Scope
) -> Formula:
    if not isinstance(left, FactReference):
        raise _not_lowered(left, "the left side of a comparison is a fact")
    if isinstance(right, NullLiteral):
        return False  # certainly neither
    certain = operator if outcome else _NEGATION[operator]
    if isinstance(right, BooleanLiteral) and certain in ("=", "!="):
        return _yes_no(left, (certain == "=") is right.value, scope)
    if isinstance(right, CodeLiteral) and certain in ("=", "!="):
        return _code(left, certain, right.value, scope)
    return _measured(left, certain, right, scope)


def _code(left: FactReference, operator: ComparisonOperator, code: str, scope: Scope) -> Formula:
    if left.level == "structure" and left.name in scope.given:
        return (scope.given[left.name] == code) is (operator == "=")
    declared = scope.vocabulary.fact(LEVEL_OF_WORD[left.level], left.name).type
    if not isinstance(declared, CodeType) or code not in declared.values:
        raise _not_lowered(CodeLiteral(code), f"`{left}` has no such code")
    return Atom(FactAttribute(left.level, left.name, "code"), operator, code_number(declared, code))


def code_number(declared: CodeType, code: str) -> int:
    """The integer that stands for a code of a fact: its place in the vocabulary's list, from 1.

    >>> code_number(CodeType(("mobile", "fixed")), "fixed")
    2
    """
    return declared.values.index(code) + 1


def doubled(value: Fraction, decimals: int) -> int | None:
    """Where a number lies on the doubled grid of `decimals` places, or `None` beside the grid.

    Odd places stand for everything between two neighbours: an open end of an interval.

    >>> doubled(Fraction(9, 2), 1), doubled(Fraction(9, 2), 0)
    (90, None)
    """
    place = value * 10**decimals
    return 2 * place.numerator if place.denominator == 1 else None


def _measured(left: FactReference, operator: ComparisonOperator, right: Expression, scope: Scope) -> Formula:
    declared = scope.vocabulary.fact(LEVEL_OF_WORD[left.level], left.name).type
    value: Fraction
    match declared, right:
        case NumberType(), NumberLiteral():
            value = right.value
        case QuantityType(), QuantityLiteral() if right.unit == declared.unit:
            value = right.value
        case (BooleanType() | CodeType() | DateType() | NumberType() | QuantityType()), _:
            raise _not_lowered(right, f"`{left}` is a {declared}")
        case _:
            assert_never(declared)
    place = doubled(value, declared.decimals)
    if place is None:
        raise _not_lowered(right, f"`{left}` lies on a grid of {declared.decimals} decimals")
    low = FactAttribute(left.level, left.name, "low")
    high = FactAttribute(left.level, left.name, "high")
    match operator:
        case "<" | "<=":
            return Atom(high, operator, place)
        case ">" | ">=":
            return Atom(low, operator, place)
        case "=":
            return all_parts((Atom(low, ">=", place), Atom(high, "<=", place)))
        case "!=":
            return some_parts((Atom(high, "<", place), Atom(low, ">", place)))
        case _:
            assert_never(operator)


def _not_lowered(expression: Expression, why: str) -> EngineFailure:
    return EngineFailure(
        f"durable-rules: `{expression}` cannot stand in a resolved condition: {why}; "
        "conditions are resolved and checked when the rule set loads; load it again"
    )
