"""From what a condition says to what the engines compute.

`resolve` checks types, dimensions and values, replaces definitions and parameters by what they stand for, and computes
arithmetic exactly. Afterwards a comparison has a fact on its left and, on its right, a constant in that fact's own unit
on that fact's own grid, which is all that either engine needs to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NoReturn

from cds.errors import UnitError
from cds.language.errors import ConditionError, ConditionErrors
from cds.language.parser import DECIMAL_PLACES, DEEPEST, LARGEST_DECIMAL, LARGEST_INTEGER, LEVELS
from cds.language.printer import print_expression
from cds.language.suggestion import did_you_mean
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
    Span,
    Xor,
)
from cds.language.traversal import walk
from cds.language.types import BooleanType, CodeType, Constant, DateType, Names, NumberType, QuantityType
from cds.quantities import convert, decimal_text, parse_unit

MOST_NODES: Final = 5_000  # after inlining; definitions that double each other grow exponentially

_MIRRORED: Final[Mapping[ComparisonOperator, ComparisonOperator]] = MappingProxyType(
    {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
)
_Constants = NumberLiteral | QuantityLiteral | CodeLiteral | ParameterReference
_WHY_ONE_FACT: Final = (
    "both engines compare a fact with a constant only, and durable-rules cannot hold two facts safely"
)


@dataclass(frozen=True, slots=True)
class _Condition:
    """A resolved yes/no question."""

    expression: Expression


@dataclass(frozen=True, slots=True)
class _Number:
    """A constant with or without unit."""

    constant: Constant


@dataclass(frozen=True, slots=True)
class _Code:
    """A constant in quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class _Fact:
    """A fact that is no yes/no question."""

    reference: FactReference
    type: NumberType | QuantityType | CodeType


_Meaning = _Condition | _Number | _Code | _Fact


class _Wrong(Exception):
    """An operand whose problem is reported already: whatever contains it has no meaning and nothing more to report."""


def resolve(expression: Expression, names: Names, *, text: str = "") -> Expression:
    """Check `expression` against `names` and reduce it to facts, constants and logic.

    The result holds no name of a definition, no `ParameterReference`, `Arithmetic` or `Negate`. A `Comparison`,
    `Between` or `Membership` has a `FactReference` first and then literals of that fact's own unit, with the decimals
    of its grid. A Boolean fact stands by itself, or is compared with `=` or `!=` to a `BooleanLiteral`.

    `text` is what `expression` was parsed from, for the excerpts of errors. Raises `ConditionErrors` with everything
    that is wrong.

    >>> from cds.language.names import NameTable
    >>> from cds.language.parser import parse
    >>> names = NameTable({"lesion": {"diameter": QuantityType("mm", 0)}}, {"large": Constant(Fraction(5), 0, "cm")})
    >>> print_expression(resolve(parse("parameters.large + 1 'cm' < lesion.diameter"), names))
    "lesion.diameter > 60 'mm'"
    >>> text = "lesion.diametre > 10 'deg'"
    >>> resolve(parse(text), names, text=text)
    Traceback (most recent call last):
    cds.language.errors.ConditionErrors: condition:1:1: no fact and no definition `lesion.diametre`; did you mean \
`lesion.diameter`? [condition-error]
        lesion.diametre > 10 'deg'
        ^^^^^^^^^^^^^^^
    """
    resolved, errors = _resolved(expression, names, text)
    if resolved is None:
        raise ConditionErrors(errors)
    return resolved


def check(expression: Expression, names: Names, *, text: str = "") -> tuple[ConditionError, ...]:
    """Everything that `resolve` would report, in the order of the text; empty if `expression` is sound."""
    return _resolved(expression, names, text)[1]


def _resolved(
    expression: Expression, names: Names, text: str
) -> tuple[Expression | None, tuple[ConditionError, ...]]:
    resolver = _Resolver(names, text)
    try:
        resolver.measure(expression, expression.span)  # a tree that was not parsed can be as deep as it likes
        result = resolver.condition(expression, "a condition")
        resolver.measure(result, expression.span)
    except _Wrong:
        errors = sorted(resolver.errors, key=lambda error: (error.span.start, error.span.end))
        return None, tuple(errors)
    return result, ()


class _Resolver:
    """Resolves one condition and collects what is wrong with it.

    INVARIANT: `_Wrong` is raised only after its reason stands in `errors`.
    """

    def __init__(self, names: Names, text: str) -> None:
        self.errors: list[ConditionError] = []
        self._names = names
        self._text = text
        self._quantified: list[str] = []

    def measure(self, expression: Expression, span: Span) -> None:
        """Refuse a condition that inlining made too large to evaluate in a request."""
        for nodes, (_, depth) in enumerate(walk(expression), start=1):
            if nodes > MOST_NODES or depth > DEEPEST:
                self._wrong(
                    f"with its definitions written out this condition has more than {MOST_NODES} parts or is nested "
                    f"more than {DEEPEST} deep",
                    span,
                    "let its definitions share less",
                )

    def condition(self, expression: Expression, wanted_by: str) -> Expression:
        """The resolved form of what must be a yes/no question."""
        meaning = self._meaning(expression)
        if isinstance(meaning, _Condition):
            return meaning.expression
        self._wrong(
            f"{wanted_by} is a yes/no question, and {_described(meaning)} is none",
            expression.span,
            _compare_it(meaning),
        )

    # ----------------------------------------------------------------------------------------------- problems

    def _report(self, message: str, span: Span, hint: str) -> None:
        self.errors.append(ConditionError(message, span, hint, text=self._text))

    def _wrong(self, message: str, span: Span, hint: str) -> NoReturn:
        self._report(message, span, hint)
        raise _Wrong

    def _meanings(self, expressions: tuple[Expression, ...]) -> list[_Meaning]:
        """The meaning of each, after the problems of all are reported."""
        meanings = []
        for expression in expressions:
            try:
                meanings.append(self._meaning(expression))
            except _Wrong:
                continue
        if len(meanings) < len(expressions):
            raise _Wrong
        return meanings

    def _conditions(
        self, left: Expression, right: Expression, operator: str
    ) -> tuple[Expression, Expression]:
        """Both operands of a logical operator, after the problems of both are reported."""
        found = []
        for side in (left, right):
            try:
                found.append(self.condition(side, f"an operand of `{operator}`"))
            except _Wrong:
                continue
        if len(found) < 2:
            raise _Wrong
        return found[0], found[1]

    # ----------------------------------------------------------------------------------------------- meanings

    def _meaning(self, expression: Expression) -> _Meaning:
        match expression:
            case BooleanLiteral():
                return _Condition(expression)
            case NumberLiteral():
                return _Number(Constant(expression.value, expression.decimals, None))
            case QuantityLiteral():
                self._check_unit(expression.unit, expression.span)
                return _Number(Constant(expression.value, expression.decimals, expression.unit))
            case CodeLiteral():
                return _Code(expression.value)
            case FactReference():
                return self._fact(expression)
            case ParameterReference():
                return self._parameter(expression)
            case Not():
                return _Condition(
                    Not(self.condition(expression.operand, "the operand of `not`"), expression.span)
                )
            case And():
                return _Condition(
                    And(*self._conditions(expression.left, expression.right, "and"), expression.span)
                )
            case Or():
                return _Condition(
                    Or(*self._conditions(expression.left, expression.right, "or"), expression.span)
                )
            case Xor():
                return _Condition(
                    Xor(*self._conditions(expression.left, expression.right, "xor"), expression.span)
                )
            case Implies():
                sides = self._conditions(expression.left, expression.right, "implies")
                return _Condition(Implies(*sides, expression.span))
            case Comparison(right=NullLiteral()):  # made from a condition that is known to be sound
                return _Condition(expression)
            case Comparison():
                return _Condition(self._comparison(expression))
            case Between():
                return _Condition(self._between(expression))
            case Membership():
                return _Condition(self._membership(expression))
            case Arithmetic():
                return _Number(self._arithmetic(expression))
            case Negate():
                constant = self._constant(expression.operand, "-", self._meaning(expression.operand))
                return _Number(Constant(-constant.value, constant.decimals, constant.unit))
            case AnyOf():
                return _Condition(self._any_of(expression))
            case NullLiteral():
                self._wrong("`null` stands for no value", expression.span, "compare with a value")

    def _fact(self, reference: FactReference) -> _Meaning:
        levels = (*self._names.levels(), *self._quantified)
        if reference.level not in levels:
            self._wrong(
                f"no {reference.level} is given where this condition stands",
                reference.span,
                f"it may name {_listed(levels)}",
            )
        definition = self._names.definition(reference.level, reference.name)
        if definition is not None:
            return _Condition(replace(definition, span=reference.span))
        kind = self._names.fact_type(reference.level, reference.name)
        match kind:
            case BooleanType():
                return _Condition(reference)
            case NumberType() | QuantityType() | CodeType():
                return _Fact(reference, kind)
            case DateType():
                self._wrong(
                    f"`{reference}` is a date, and conditions hold no dates",
                    reference.span,
                    "compare a duration that the vocabulary has, or let it declare `fresh: {since: …}`",
                )
            case None:
                elsewhere = [level for level in levels if reference.name in self._names.names_of(level)]
                question = (
                    f"did you mean `{elsewhere[0]}.{reference.name}`?"
                    if elsewhere
                    else did_you_mean(
                        reference.name, self._names.names_of(reference.level), f"{reference.level}."
                    )
                )
                self._wrong(
                    f"no fact and no definition `{reference}`",
                    reference.span,
                    question or "name one of the vocabulary, or add it there",
                )

    def _parameter(self, reference: ParameterReference) -> _Meaning:
        constant = self._names.parameter(reference.name)
        if constant is not None:
            if constant.unit is not None:
                self._check_unit(constant.unit, reference.span)
            return _Number(constant)
        if self._names.parameter_is_unset(reference.name):
            self._wrong(
                f"`{reference}` has no value, and a rule that moves a verdict may not rest on it",
                reference.span,
                "give the parameter a value with its source, or leave the condition out",
            )
        question = did_you_mean(reference.name, self._names.parameter_names(), "parameters.")
        self._wrong(
            f"no parameter `{reference}`",
            reference.span,
            question or "add it to the parameters, with its source",
        )

    def _any_of(self, expression: AnyOf) -> Expression:
        if expression.over not in LEVELS:
            question = did_you_mean(expression.over, LEVELS) or f"it may be {_listed(LEVELS)}"
            self._wrong(f"no level `{expression.over}` to look through", expression.span, question)
        self._quantified.append(expression.over)
        try:
            body = self.condition(expression.body, f"`any: {expression.over}`")
        finally:
            self._quantified.pop()
        return AnyOf(expression.over, body, expression.span)

    # --------------------------------------------------------------------------------------------- comparisons

    def _comparison(self, expression: Comparison) -> Expression:
        operator, span = expression.operator, expression.span
        self._refuse_misread_not(expression, expression.left)
        left, right = self._meanings((expression.left, expression.right))
        if isinstance(left, (_Number, _Code)) and isinstance(right, (_Number, _Code)):
            self._wrong(
                "this compares two constants and says nothing about the patient",
                span,
                "name a fact on one side",
            )
        if isinstance(left, _Condition) and isinstance(right, _Condition):
            return self._boolean_comparison(operator, left.expression, right.expression, span)
        if isinstance(left, _Condition) or isinstance(right, _Condition):
            hint = "write `(…)` around the yes/no question, and join conditions with `and` or `or`"
            if isinstance(left, _Condition) and isinstance(
                expression.left, Comparison | Between | Membership
            ):
                hint = (
                    "a comparison cannot be compared again; write `… and …`, or `fact between low and high`"
                )
            elif isinstance(left, _Code) or isinstance(right, _Code):
                hint = "write `true` or `false`, without quotes"
            elif isinstance(left, _Fact) or isinstance(right, _Fact):
                hint = _compare_it(left if isinstance(left, _Fact) else right)
            self._wrong(f"{_described(left)} cannot be compared with {_described(right)}", span, hint)
        if isinstance(left, _Fact) and isinstance(right, _Fact):
            self._wrong(
                f"`{left.reference}` and `{right.reference}` are both facts: {_WHY_ONE_FACT}",
                span,
                "compare each with a constant or a parameter, or let the vocabulary have a fact for their relation",
            )
        fact, constant, at = left, right, expression.right
        if not isinstance(fact, _Fact):
            fact, constant, at, operator = right, left, expression.left, _MIRRORED[operator]
        assert isinstance(fact, _Fact) and isinstance(constant, (_Number, _Code))
        if isinstance(fact.type, CodeType) and operator not in ("=", "!="):
            self._wrong(
                f"`{fact.reference}` is a Code, and codes have no order", span, "write `=`, `!=` or `in {…}`"
            )
        return Comparison(operator, fact.reference, self._literal(fact, constant, at.span), span)

    def _refuse_misread_not(self, whole: Comparison | Between | Membership, operand: Expression) -> None:
        """Report `not fact = value`, which CQL reads as `(not fact) = value`, by what its author meant."""
        # A simple operand only: it is resolved twice, which nested operands would do again and again.
        if not isinstance(operand, Not) or not isinstance(operand.operand, FactReference | _Constants):
            return
        silent = _Resolver(self._names, self._text)
        silent._quantified = self._quantified
        try:
            meaning = silent._meaning(operand.operand)
        except _Wrong:
            return
        if isinstance(meaning, _Condition):
            return
        if isinstance(whole, Comparison):
            meant: Expression = replace(whole, left=operand.operand)
        else:
            meant = replace(whole, operand=operand.operand)
        self._wrong(
            f"`not` binds more tightly than what follows: this reads `({print_expression(operand)}) …`, and "
            f"{_described(meaning)} is no yes/no question",
            whole.span,
            f"write `{print_expression(Not(meant))}`",
        )

    def _boolean_comparison(
        self, operator: ComparisonOperator, left: Expression, right: Expression, span: Span
    ) -> Expression:
        if operator not in ("=", "!="):
            self._wrong("yes and no have no order", span, "write the condition by itself, or `not (…)`")
        if isinstance(left, BooleanLiteral):
            left, right = right, left
        if isinstance(left, BooleanLiteral):
            self._wrong(
                "this compares two constants and says nothing about the patient",
                span,
                "name a fact on one side",
            )
        if not isinstance(right, BooleanLiteral):
            self._wrong(
                f"this compares two yes/no questions with `{operator}`: {_WHY_ONE_FACT}",
                span,
                "write `a xor b` where they differ, `not (a xor b)` where they agree",
            )
        if isinstance(left, FactReference):
            return Comparison(operator, left, right, span)
        # Of a condition that is no single fact, `= true` says what it says and `= false` the contrary (unknown stays).
        return left if (operator == "=") == right.value else Not(left, span)

    def _between(self, expression: Between) -> Expression:
        self._refuse_misread_not(expression, expression.operand)
        operand, low, high = self._meanings((expression.operand, expression.low, expression.high))
        fact = self._measured(operand, expression.operand, "between")
        ends = []
        for meaning, end in ((low, expression.low), (high, expression.high)):
            try:
                ends.append(self._constant_literal(fact, meaning, end.span))
            except _Wrong:
                continue
        if len(ends) < 2:
            raise _Wrong
        if _value(ends[0]) > _value(ends[1]):
            self._wrong(
                f"nothing lies between `{print_expression(ends[0])}` and `{print_expression(ends[1])}`",
                expression.span,
                "write the lower end first",
            )
        return Between(fact.reference, ends[0], ends[1], expression.span)

    def _membership(self, expression: Membership) -> Expression:
        self._refuse_misread_not(expression, expression.operand)
        operand, *members = self._meanings((expression.operand, *expression.members))
        if not isinstance(operand, _Fact):
            hint = (
                "write the condition by itself, or `not (…)`"
                if isinstance(operand, _Condition)
                else "name a fact"
            )
            self._wrong(
                f"`in` asks for the value of a fact, and {_described(operand)} has none",
                expression.operand.span,
                hint,
            )
        literals: list[Expression] = []
        for meaning, member in zip(members, expression.members, strict=True):
            try:
                literal = self._constant_literal(operand, meaning, member.span)
            except _Wrong:
                continue
            if literal in literals:
                self._report(
                    f"`{print_expression(literal)}` stands in the list twice",
                    member.span,
                    "remove it, or write what was meant",
                )
            literals.append(literal)
        if len(literals) < len(members) or len(set(literals)) < len(literals):
            raise _Wrong
        return Membership(operand.reference, tuple(literals), expression.span)

    def _measured(self, meaning: _Meaning, expression: Expression, operator: str) -> _Fact:
        if isinstance(meaning, _Fact) and isinstance(meaning.type, NumberType | QuantityType):
            return meaning
        self._wrong(
            f"`{operator}` asks for a fact with a number, and {_described(meaning)} is none",
            expression.span,
            "write `in {…}` for codes" if isinstance(meaning, _Fact) else "name a fact before it",
        )

    # ------------------------------------------------------------------------------------------------ constants

    def _constant_literal(self, fact: _Fact, meaning: _Meaning, span: Span) -> Expression:
        if isinstance(meaning, (_Number, _Code)):
            return self._literal(fact, meaning, span)
        if isinstance(meaning, _Fact):
            self._wrong(
                f"`{fact.reference}` and `{meaning.reference}` are both facts: {_WHY_ONE_FACT}",
                span,
                "write a constant or a parameter here",
            )
        self._wrong(f"{_described(meaning)} is no value of `{fact.reference}`", span, _compare_it(fact))

    def _literal(self, fact: _Fact, meaning: _Number | _Code, span: Span) -> Expression:
        """The constant as a literal of the fact's own type, unit and grid."""
        kind = fact.type
        if isinstance(kind, CodeType):
            if not isinstance(meaning, _Code):
                self._wrong(
                    f"`{fact.reference}` is a Code, and {_described(meaning)} is none",
                    span,
                    _compare_it(fact),
                )
            if meaning.value not in kind.values:
                question = did_you_mean(meaning.value, kind.values)
                self._wrong(
                    f"`{fact.reference}` is never {print_expression(CodeLiteral(meaning.value))}",
                    span,
                    question or f"it is {_listed(kind.values)}",
                )
            return CodeLiteral(meaning.value, span)
        if isinstance(meaning, _Code):
            self._wrong(
                f"`{fact.reference}` is {_a(kind)}, and {_described(meaning)} is a text",
                span,
                _compare_it(fact),
            )
        constant = meaning.constant
        if isinstance(kind, QuantityType):
            if constant.unit is None:
                self._wrong(
                    f"`{fact.reference}` is {_a(kind)}, and {_described(meaning)} has no unit",
                    span,
                    f"write `{decimal_text(constant.value)} '{kind.unit}'`",
                )
            try:
                value = convert(constant.value, constant.unit, kind.unit)
            except UnitError:
                self._wrong(
                    f"`{fact.reference}` is {_a(kind)}, and {_described(meaning)} measures something else",
                    span,
                    f"compare it with a value in `{kind.unit}`",
                )
        else:
            if constant.unit is not None:
                self._wrong(
                    f"`{fact.reference}` has no unit, and {_described(meaning)} has one",
                    span,
                    f"write `{decimal_text(constant.value)}` if that is what is meant",
                )
            value = constant.value
        if (value * 10**kind.decimals).denominator != 1:
            unit = f" '{kind.unit}'" if isinstance(kind, QuantityType) else ""
            places = f"at most {kind.decimals} decimals" if kind.decimals else "a whole number"
            self._wrong(
                f"`{decimal_text(value)}{unit}` lies between the values that `{fact.reference}` can have",
                span,
                f"write {places}{f' of{unit}' if unit else ''}, or let the vocabulary declare more decimals",
            )
        if isinstance(kind, QuantityType):
            return QuantityLiteral(value, kind.decimals, kind.unit, span)
        return NumberLiteral(value, kind.decimals, span)

    def _check_unit(self, unit: str, span: Span) -> None:
        try:
            parse_unit(unit)
        except UnitError as problem:
            self._wrong(str(problem), span, "")

    def _constant(self, expression: Expression, operator: str, meaning: _Meaning) -> Constant:
        if isinstance(meaning, _Number):
            return meaning.constant
        hint = "write a number, a quantity or a parameter"
        if isinstance(meaning, _Fact):
            hint = "move it to the constant: not `fact + a > b` but `fact > b - a`"
        self._wrong(
            f"`{operator}` computes with literals and parameters only, and {_described(meaning)} is neither",
            expression.span,
            hint,
        )

    def _arithmetic(self, expression: Arithmetic) -> Constant:
        operator, span = expression.operator, expression.span
        meanings = self._meanings((expression.left, expression.right))
        operands = []
        for side, meaning in zip((expression.left, expression.right), meanings, strict=True):
            try:
                operands.append(self._constant(side, operator, meaning))
            except _Wrong:
                continue
        if len(operands) < 2:
            raise _Wrong
        left, right = operands
        result = (
            self._sum(operator, left, right, span)
            if operator in "+-"
            else self._product(operator, left, right, span)
        )
        is_integer = result.unit is None and result.decimals == 0
        if (result.value * 10**DECIMAL_PLACES).denominator != 1:
            self._wrong(
                f"`{print_expression(expression)}` is not exact with {DECIMAL_PLACES} decimals, and CQL would round it",
                span,
                "choose numbers that divide, or give the result as a parameter",
            )
        if abs(result.value) > (LARGEST_INTEGER if is_integer else LARGEST_DECIMAL):
            self._wrong(
                f"`{print_expression(expression)}` is too large a number for CQL",
                span,
                "choose smaller numbers",
            )
        return result

    def _sum(self, operator: str, left: Constant, right: Constant, span: Span) -> Constant:
        if (left.unit is None) != (right.unit is None):
            self._wrong(
                f"`{operator}` joins a number with a unit and one without",
                span,
                f"give both the unit `{left.unit or right.unit}`, or neither",
            )
        value = right.value
        if left.unit is not None and right.unit is not None:
            try:
                value = convert(right.value, right.unit, left.unit)
            except UnitError:
                self._wrong(
                    f"`{operator}` joins `{left.unit}` and `{right.unit}`, which measure different things",
                    span,
                    "give both the same dimension",
                )
        total = left.value + value if operator == "+" else left.value - value
        return Constant(total, max(left.decimals, right.decimals), left.unit)

    def _product(self, operator: str, left: Constant, right: Constant, span: Span) -> Constant:
        if right.unit is not None and (left.unit is not None or operator == "/"):
            self._wrong(
                f"`{operator}` would make a new unit",
                span,
                "multiply or divide a quantity by a plain number",
            )
        unit = left.unit or right.unit
        if operator == "*":
            return Constant(left.value * right.value, left.decimals + right.decimals, unit)
        if right.value == 0:
            self._wrong("this divides by zero", span, "divide by another number")
        # CQL's `/` gives a Decimal even for two Integers.
        return Constant(left.value / right.value, max(1, left.decimals, right.decimals), unit)


def _value(literal: Expression) -> Fraction:
    assert isinstance(literal, NumberLiteral | QuantityLiteral)
    return literal.value


def _described(meaning: _Meaning) -> str:
    """A meaning as a message names it."""
    match meaning:
        case _Condition(expression):
            text = print_expression(expression)
            return f"`{text}` (yes or no)" if len(text) <= 60 else "a condition (yes or no)"
        case _Number(constant):
            unit = f" '{constant.unit}'" if constant.unit is not None else ""
            return f"`{decimal_text(constant.value)}{unit}`"
        case _Code(value):
            return f"`{print_expression(CodeLiteral(value))}`" if len(value) <= 40 else "a text"
        case _Fact(reference, kind):
            return f"`{reference}` ({kind})"


def _a(kind: NumberType | QuantityType) -> str:
    return f"an {kind}" if str(kind)[0] in "AEIOU" else f"a {kind}"


def _compare_it(meaning: _Meaning) -> str:
    """What to write to make a condition of something that is none."""
    if not isinstance(meaning, _Fact):
        return "write a comparison, such as `fact > limit`"
    match meaning.type:
        case CodeType(values):
            example = print_expression(CodeLiteral(values[0])) if values else "'…'"
            return f"write `{meaning.reference} = {example}`, or another of its values"
        case QuantityType(unit):
            return f"compare it with a value in `{unit}`: `{meaning.reference} > 1 '{unit}'`"
        case NumberType():
            return f"compare it with a number: `{meaning.reference} > 1`"


def _listed(words: tuple[str, ...]) -> str:
    """Some words for a message: at most twelve of them."""
    shown = ", ".join(f"`{word}`" for word in words[:12])
    return f"{shown}, …" if len(words) > 12 else shown or "nothing"
