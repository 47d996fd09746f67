"""The syntax tree of a condition: what the parser makes and everything else reads.

A node equals another if it says the same; where it stood in the text (`span`) is kept beside it and does not count.
`parse(print(e)) == e` for every tree that the parser can make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

ComparisonOperator = Literal["=", "!=", "<", "<=", ">", ">="]
ArithmeticOperator = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stood: offsets into the condition's text, `start` included, `end` not."""

    start: int
    end: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True)
class BooleanLiteral:
    """`true` or `false`."""

    value: bool
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """`70` (an Integer) or `1.8` (a Decimal; `decimals` is then at least 1)."""

    value: Fraction
    decimals: int
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class QuantityLiteral:
    """`270 'deg'`: a number with a UCUM unit."""

    value: Fraction
    decimals: int
    unit: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class CodeLiteral:
    """`'biopsy'`: one value of a fact of type Code (a CQL String)."""

    value: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NullLiteral:
    """CQL's `null`: what a parameter is on a day on which it has no value. No author can write it.

    It stands on the right of a comparison only, which is then unknown whatever the fact is.
    """

    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FactReference:
    """`lesion.carotidEncasement`: a fact, or a definition, of the level named before the point.

    `level` is `patient`, `lesion`, `other` (the other lesion of a pair) or `structure`.
    """

    level: str
    name: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.level}.{self.name}"


@dataclass(frozen=True, slots=True)
class ParameterReference:
    """`parameters.carotidEncasementLimit`: a named, dated, cited number."""

    name: str
    span: Span = field(default=NOWHERE, compare=False, repr=False)

    def __str__(self) -> str:
        return f"parameters.{self.name}"


@dataclass(frozen=True, slots=True)
class Not:
    """CQL's `not`."""

    operand: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class And:
    """CQL's `and`, of two operands as written."""

    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Or:
    """CQL's `or`."""

    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Xor:
    """CQL's `xor`."""

    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Implies:
    """CQL's `implies`."""

    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`, one of `= != < <= > >=`."""

    operator: ComparisonOperator
    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Between:
    """`operand between low and high`: both ends included, as in CQL."""

    operand: Expression
    low: Expression
    high: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Membership:
    """`operand in {a, b}`: shorthand for `operand = a or operand = b`, which it means and is exported as."""

    operand: Expression
    members: tuple[Expression, ...]
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left operator right` on literals and parameters; folded when the rule set loads."""

    operator: ArithmeticOperator
    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negate:
    """`-operand` on a number or a quantity."""

    operand: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Kleene's *or* of `body` over every enumerated member of `over`; written in YAML as `{any: structure, where: …}`.

    Not part of the text syntax: CQL's `exists` would turn an unknown member into "no".
    """

    over: str
    body: Expression
    span: Span = field(default=NOWHERE, compare=False, repr=False)


Expression = (
    BooleanLiteral
    | NumberLiteral
    | QuantityLiteral
    | CodeLiteral
    | NullLiteral
    | FactReference
    | ParameterReference
    | Not
    | And
    | Or
    | Xor
    | Implies
    | Comparison
    | Between
    | Membership
    | Arithmetic
    | Negate
    | AnyOf
)
