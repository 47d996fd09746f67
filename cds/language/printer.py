"""From a syntax tree back to text, with no more parentheses than needed.

`parse(print_expression(e)) == e` for every tree that the parser can make. Comments and layout are not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from cds.language.parser import (
    AND,
    BETWEEN,
    EQUALITY,
    IMPLIES,
    IN,
    INEQUALITY,
    NOT,
    OPERATOR_LEVEL,
    OR,
    SIGN,
    SUM,
    TERM,
)
from cds.language.syntax import (
    And,
    AnyOf,
    Arithmetic,
    Between,
    BooleanLiteral,
    CodeLiteral,
    Comparison,
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

Written = Callable[[Expression], str | None]
"""Writes a node its own way, as a term that needs no parentheses; `None` leaves it to the printer."""

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def print_expression(expression: Expression) -> str:
    """The text of a tree.

    `AnyOf` is printed as `any structure where (…)`, for people only: CQL has no such operator and `parse` refuses it.

    >>> from cds.language.parser import parse
    >>> print_expression(parse("((lesion.a) and (lesion.b)) or not(lesion.c = 'x')"))
    "lesion.a and lesion.b or not (lesion.c = 'x')"
    """
    return _text(expression, IMPLIES, None)


def to_cql(expression: Expression, written: Written = lambda _: None) -> str:
    """The text of a tree for any CQL engine, meaning there what it means here.

    `in {…}` becomes the *or* of equalities that it stands for, since CQL's own `null in {…}` is false. `AnyOf` over
    `structure` becomes Kleene's *or* over the list `structures`: true if the body is true of a member, else unknown if
    it is unknown of one, else false. `written` is asked first, of every node, how it is to be written.

    >>> from cds.language.parser import parse
    >>> to_cql(parse("lesion.side in {'left', 'right'} and lesion.treated"))
    "(lesion.side = 'left' or lesion.side = 'right') and lesion.treated"
    """
    return _text(expression, IMPLIES, written)


def _text(expression: Expression, level: int, cql: Written | None) -> str:
    """The text of `expression`, in parentheses if it binds less tightly than `level`; for people without `cql`."""
    as_written = cql(expression) if cql is not None else None
    if as_written is not None:
        return as_written
    own, text = _own(expression, cql)
    return text if own >= level else f"({text})"


def _own(expression: Expression, cql: Written | None) -> tuple[int, str]:
    """How tightly the text of `expression` binds, and the text."""

    def text(operand: Expression, level: int) -> str:
        return _text(operand, level, cql)

    def joined(level: int, operator: str, left: Expression, right: Expression) -> tuple[int, str]:
        return level, f"{text(left, level)} {operator} {text(right, level + 1)}"

    match expression:
        case BooleanLiteral():
            return TERM, "true" if expression.value else "false"
        case NumberLiteral():
            return _level(expression.value), _number(expression.value, expression.decimals)
        case QuantityLiteral():
            number = _number(expression.value, expression.decimals)
            return _level(expression.value), f"{number} {_quoted(expression.unit)}"
        case CodeLiteral():
            return TERM, _quoted(expression.value)
        case NullLiteral():
            return TERM, "null"
        case FactReference() | ParameterReference():
            return TERM, str(expression)
        case Not():
            return NOT, f"not {text(expression.operand, NOT)}"
        case And():
            return joined(AND, "and", expression.left, expression.right)
        case Or():
            return joined(OR, "or", expression.left, expression.right)
        case Xor():
            return joined(OR, "xor", expression.left, expression.right)
        case Implies():
            return joined(IMPLIES, "implies", expression.left, expression.right)
        case Comparison():
            level = EQUALITY if expression.operator in ("=", "!=") else INEQUALITY
            return joined(level, expression.operator, expression.left, expression.right)
        case Arithmetic():
            return joined(
                OPERATOR_LEVEL[expression.operator], expression.operator, expression.left, expression.right
            )
        case Between():
            operand = text(expression.operand, BETWEEN)
            return BETWEEN, f"{operand} between {text(expression.low, SUM)} and {text(expression.high, SUM)}"
        case Membership() if cql is not None:
            operand = text(expression.operand, EQUALITY)
            equalities = (f"{operand} = {text(member, EQUALITY + 1)}" for member in expression.members)
            return TERM, f"({' or '.join(equalities)})"
        case Membership():
            members = ", ".join(text(member, SUM) for member in expression.members)
            return IN, f"{text(expression.operand, IN)} in {{{members}}}"
        case Negate():
            return SIGN, f"-{text(expression.operand, SIGN)}"
        case AnyOf() if cql is not None:
            body = text(expression.body, IMPLIES)
            members = f"{expression.over}s {expression.over}"
            return TERM, (
                f"(if exists ({members} where {body}) then true "
                f"else if exists ({members} where ({body}) is null) then null as Boolean else false)"
            )
        case AnyOf():
            return TERM, f"any {expression.over} where ({text(expression.body, IMPLIES)})"


def _level(value: Fraction) -> int:
    """A negative literal, which only `resolve` makes, is printed with a sign."""
    return SIGN if value < 0 else TERM


def _number(value: Fraction, decimals: int) -> str:
    scaled = abs(value) * 10**decimals
    if scaled.denominator != 1:
        raise ValueError(f"`{value}` has more than {decimals} decimals")
    digits = str(scaled.numerator).rjust(decimals + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}" if decimals else f"{sign}{digits}"


def _quoted(text: str) -> str:
    return (
        "'"
        + "".join(_ESCAPES.get(each) or (each if each.isprintable() else _escaped(each)) for each in text)
        + "'"
    )


def _escaped(character: str) -> str:
    """A character that nobody sees, as CQL's UTF-16 escapes."""
    halves = character.encode("utf-16-be")
    return "".join(f"\\u{halves[at : at + 2].hex().upper()}" for at in range(0, len(halves), 2))
