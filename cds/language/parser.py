"""From the text of a condition to its syntax tree.

Precedence and associativity are CQL 1.5's (appendix A, the alternatives of `expression` and `expressionTerm`), from the
tightest: `-` as a sign, `* /`, `+ -`, `not`, `between`, `< <= > >=`, `= !=`, `in`, `and`, `or xor`, `implies`; all of
one level group from the left. So `not a = b` means `(not a) = b`, here as in every CQL tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from cds.errors import UnitError
from cds.language.errors import ConditionError
from cds.language.lexer import Kind, Token, character_name, tokens
from cds.language.refused import CALENDAR_UNITS, CQL_WORDS, IS, WORDS, Refusal
from cds.language.suggestion import did_you_mean, nearest
from cds.language.syntax import (
    And,
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
    NumberLiteral,
    Or,
    ParameterReference,
    QuantityLiteral,
    Span,
    Xor,
)
from cds.language.traversal import walk
from cds.quantities import parse_unit

LEVELS: Final = ("patient", "lesion", "other", "structure")
LONGEST_TEXT: Final = 10_000
DEEPEST: Final = 100
LARGEST_INTEGER: Final = 2**31 - 1  # CQL's Integer
DECIMAL_PLACES: Final = 8  # CQL's Decimal: 28 digits, 8 of them after the point
LARGEST_DECIMAL: Final = Fraction(10**28 - 1, 10**8)

# How tightly each operator binds.
IMPLIES, OR, AND, IN, EQUALITY, INEQUALITY, BETWEEN, NOT, SUM, PRODUCT, SIGN, TERM = range(1, 13)
OPERATOR_LEVEL: Final[Mapping[str, int]] = MappingProxyType(
    {
        "implies": IMPLIES, "or": OR, "xor": OR, "and": AND, "in": IN, "=": EQUALITY, "!=": EQUALITY,
        "<": INEQUALITY, "<=": INEQUALITY, ">": INEQUALITY, ">=": INEQUALITY, "between": BETWEEN,
        "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT,
    }
)  # fmt: skip
_REFUSED: Final = MappingProxyType({word.lower(): word for word in WORDS})
_KEYWORDS: Final = ("and", "or", "xor", "not", "implies", "between", "in", "true", "false")


def parse(text: str) -> Expression:
    """Read one condition.

    Raises `ConditionError` at the first place where `text` is not in the language.

    >>> parse("lesion.carotidEncasement > parameters.limit").operator
    '>'
    >>> parse("not lesion.treated and lesion.side in {'left', 'right'}").left
    Not(operand=FactReference(level='lesion', name='treated'))
    >>> parse("exists structure.threatened")
    Traceback (most recent call last):
    cds.language.errors.ConditionError: condition:1:1: `exists` is refused: it turns unknown into an answer: a member \
about which nothing is known counts as not there; let the rule stand `for_each: structure`, or define `{any: \
structure, where: …}` [condition-error]
        exists structure.threatened
        ^^^^^^
    """
    if len(text) > LONGEST_TEXT:
        problem = f"this condition has {len(text)} characters; at most {LONGEST_TEXT} are accepted"
        raise ConditionError(problem, Span(0, 0), "split it into definitions", text=text[:LONGEST_TEXT])
    expression = _Parser(text).condition()
    for node, depth in walk(expression):
        if depth > DEEPEST:
            raise _too_deep(text, node.span)
    return expression


def _too_deep(text: str, span: Span) -> ConditionError:
    problem = f"this condition is nested more than {DEEPEST} deep"
    return ConditionError(problem, span, "split it into definitions, or write one `in {…}`", text=text)


def _shown(spelling: str) -> str:
    """A spelling as a message quotes it: short, and without characters that nobody sees."""
    short = spelling if len(spelling) <= 40 else f"{spelling[:39]}…"
    return "`" + "".join(each if each.isprintable() else "�" for each in short) + "`"


class _Parser:
    """One pass over the tokens of one text. `_expression(level)` reads what binds at least as tightly as `level`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._nesting = 0

    def condition(self) -> Expression:
        if self._token().kind is Kind.END:
            raise self._error(self._token(), "the condition is empty", "write `true` where it always holds")
        expression = self._expression(IMPLIES)
        if self._token().kind is not Kind.END:
            raise self._unexpected(self._token())
        return expression

    # ------------------------------------------------------------------------------------------------- tokens

    def _token(self) -> Token:
        token = self._tokens[self._at]
        if token.error is not None:
            raise token.error
        return token

    def _after(self, distance: int = 1) -> Token:
        """A token further on, which may be a mistake."""
        return self._tokens[min(self._at + distance, len(self._tokens) - 1)]

    def _advance(self) -> Token:
        token = self._token()
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _is(self, spelling: str) -> bool:
        token = self._token()
        return token.spelling == spelling and token.kind in (Kind.SIGN, Kind.WORD)

    def _expect(self, spelling: str, where: str) -> None:
        if not self._is(spelling):
            raise self._unexpected(self._token(), f"`{spelling}` is missing {where}")
        self._advance()

    def _span_from(self, start: int) -> Span:
        return Span(start, self._tokens[self._at - 1].end)

    def _error(self, token: Token, message: str, hint: str) -> ConditionError:
        return ConditionError(message, Span(token.start, token.end), hint, text=self._text)

    # -------------------------------------------------------------------------------------------- expressions

    def _expression(self, level: int) -> Expression:
        start = self._token().start
        self._nesting += 1
        if self._nesting > DEEPEST:
            raise _too_deep(self._text, Span(start, start + 1))
        left = self._prefix(level)
        while (operator := self._operator_level()) >= level:
            left = self._infix(left, operator, start)
        self._nesting -= 1
        return left

    def _operator_level(self) -> int:
        """How tightly the operator that stands here binds; 0 if none does."""
        token = self._token()
        return OPERATOR_LEVEL.get(token.spelling, 0) if token.kind in (Kind.SIGN, Kind.WORD) else 0

    def _prefix(self, level: int) -> Expression:
        start = self._token()
        if self._is("not"):
            if level > NOT:
                raise self._error(
                    start, "`not` binds less tightly than what stands before it", "write `(not …)`"
                )
            self._advance()
            operand = self._expression(NOT)
            return Not(operand, self._span_from(start.start))
        if self._is("-"):
            self._advance()
            operand = self._expression(SIGN)
            return Negate(operand, self._span_from(start.start))
        return self._term()

    def _infix(self, left: Expression, level: int, start: int) -> Expression:
        operator = self._advance().spelling
        if operator == "between":
            low = self._expression(SUM)
            self._expect("and", "after the lower end of `between`")
            high = self._expression(SUM)
            return Between(left, low, high, self._span_from(start))
        if operator == "in":
            members = self._members()
            if self._operator_level() > IN:
                raise self._error(
                    self._token(),
                    f"`{self._token().spelling}` binds more tightly than `in`, so CQL would apply it to the list",
                    "write the `in {…}` in parentheses",
                )
            return Membership(left, members, self._span_from(start))
        right = self._expression(level + 1)
        span = self._span_from(start)
        match operator:
            case "and":
                return And(left, right, span)
            case "or":
                return Or(left, right, span)
            case "xor":
                return Xor(left, right, span)
            case "implies":
                return Implies(left, right, span)
            case "=" | "!=" | "<" | "<=" | ">" | ">=":
                return Comparison(operator, left, right, span)
            case "+" | "-" | "*" | "/":
                return Arithmetic(operator, left, right, span)
            case _:
                raise AssertionError(f"`{operator}` has a level and no node")

    def _members(self) -> tuple[Expression, ...]:
        if not self._is("{"):
            raise self._refused_word(self._token()) or self._error(
                self._token(), "no list of values follows `in`", "write `in {'a', 'b'}`"
            )
        opening = self._advance()
        if self._is("}"):
            raise self._error(
                opening, "the list after `in` is empty, so nothing is in it", "name at least one value"
            )
        members = [self._expression(SUM)]
        while self._is(","):
            self._advance()
            members.append(self._expression(SUM))
        self._expect("}", "after the last value of the list")
        return tuple(members)

    # -------------------------------------------------------------------------------------------------- terms

    def _term(self) -> Expression:
        token = self._token()
        span = Span(token.start, token.end)
        if self._is("("):
            self._advance()
            inner = self._expression(IMPLIES)
            self._expect(")", "to close the parenthesis")
            return inner
        if token.kind is Kind.NUMBER:
            return self._number()
        if token.kind is Kind.TEXT:
            self._advance()
            return CodeLiteral(token.value, span)
        if self._is("true") or self._is("false"):
            self._advance()
            return BooleanLiteral(token.spelling == "true", span)
        if token.kind is Kind.WORD:
            return self._name()
        raise self._unexpected(token, expecting_value=True)

    def _number(self) -> Expression:
        token = self._advance()
        whole, _, places = token.spelling.partition(".")
        decimals = len(places)
        unit = self._token() if self._after(0).kind is Kind.TEXT else None
        # Digits are counted before anything is computed: a long text must not become a long number.
        if decimals > DECIMAL_PLACES or len(whole.lstrip("0")) > 20:
            raise self._error(
                token,
                f"{_shown(token.spelling)} is no Decimal of CQL",
                f"write at most 20 digits before the point and {DECIMAL_PLACES} after it",
            )
        value = Fraction(token.spelling)
        if unit is None and not decimals and value > LARGEST_INTEGER:
            raise self._error(
                token,
                f"`{token.spelling}` is no Integer of CQL",
                f"write at most {LARGEST_INTEGER}, or a Decimal: `{token.spelling}.0`",
            )
        if unit is not None:
            self._advance()
            return QuantityLiteral(value, decimals, unit.value, Span(token.start, unit.end))
        self._refuse_unit(token)
        return NumberLiteral(value, decimals, Span(token.start, token.end))

    def _refuse_unit(self, number: Token) -> None:
        """Refuse whatever stands after a number in the place of its unit."""
        token = self._after(0)
        if token.kind is Kind.SIGN and token.spelling == "." and token.start == number.end:
            raise self._error(
                token, "no digit follows the point", f"write `{number.spelling}`, or add the digits"
            )
        if token.kind is not Kind.WORD or token.spelling in OPERATOR_LEVEL or token.spelling in WORDS:
            return
        if token.spelling in CALENDAR_UNITS:
            ucum = CALENDAR_UNITS[token.spelling]
            raise self._error(
                token,
                f"`{token.spelling}` is one of CQL's calendar units, which are not UCUM's",
                f"write the UCUM unit: `{number.spelling} '{ucum}'`",
            )
        if token.spelling == "L" and token.start == number.end:
            raise self._error(token, "CQL's Long is not in the language", f"write `{number.spelling}`")
        if token.start == number.end and token.spelling[0] in "eE" and token.spelling[1:].isdigit():
            raise self._error(token, "CQL has no exponents", "write the number with all its digits")
        if not token.spelling.isalpha():
            return
        try:
            parse_unit(token.spelling)
        except UnitError:
            return
        raise self._error(token, "a unit stands in quotes", f"write `{number.spelling} '{token.spelling}'`")

    def _name(self) -> Expression:
        token = self._token()
        if self._after().spelling != "." or self._after().kind is not Kind.SIGN:
            raise self._no_name(token)
        if token.spelling not in (*LEVELS, "parameters"):
            raise self._error(
                token,
                f"no level {_shown(token.spelling)}",
                did_you_mean(token.spelling, (*LEVELS, "parameters"))
                or f"names are `level.name`, the level one of {', '.join(LEVELS)}, or `parameters.name`",
            )
        self._advance()
        self._advance()
        name = self._token()
        if name.kind is not Kind.WORD:
            raise self._error(
                name, f"a name is missing after `{token.spelling}.`", f"write `{token.spelling}.name`"
            )
        following = self._after()
        if following.kind is Kind.SIGN and following.spelling == "(":
            raise self._refused_word(name) or self._error(
                name,
                f"functions such as {_shown(name.spelling)} are not in the language",
                f"write `{token.spelling}.name`",
            )
        if name.spelling in CQL_WORDS:
            raise self._error(name, f"`{name.spelling}` is a word of CQL", "give the fact another name")
        self._advance()
        if self._after(0).kind is Kind.SIGN and self._after(0).spelling == ".":
            raise self._error(
                self._token(), f"{_shown(name.spelling)} has no parts", "a name has one point: `level.name`"
            )
        span = self._span_from(token.start)
        if token.spelling == "parameters":
            return ParameterReference(name.spelling, span)
        return FactReference(token.spelling, name.spelling, span)

    # ----------------------------------------------------------------------------------------------- mistakes

    def _refused_word(self, token: Token) -> ConditionError | None:
        """The error for the current word if it is in `WORDS`, in whatever case, or begins `is …`; else `None`."""
        if token.kind is not Kind.WORD:
            return None
        if token.spelling.lower() == "is":
            for length in (3, 2, 1):
                words = [self._after(distance) for distance in range(length)]
                phrase = " ".join(word.spelling for word in words).lower()
                if phrase in IS:
                    return self._refusal(phrase, IS[phrase], Span(token.start, words[-1].end))
        word = _REFUSED.get(token.spelling.lower())
        return self._refusal(word, WORDS[word], Span(token.start, token.end)) if word is not None else None

    def _refusal(self, phrase: str, refusal: Refusal, span: Span) -> ConditionError:
        return ConditionError(f"`{phrase}` is refused: {refusal.why}", span, refusal.instead, text=self._text)

    def _no_name(self, token: Token) -> ConditionError:
        """The error for a word that stands where a value is expected and begins no `level.name`."""
        if refused := self._refused_word(token):
            return refused
        spelling = _shown(token.spelling)
        if token.spelling in OPERATOR_LEVEL:
            return self._error(token, f"nothing stands before {spelling}", "write a condition on both sides")
        if token.spelling.lower() in _KEYWORDS:
            return self._error(token, f"{spelling} is not CQL", f"did you mean `{token.spelling.lower()}`?")
        if token.spelling in LEVELS or token.spelling == "parameters":
            return self._error(token, f"{spelling} alone names nothing", f"write `{token.spelling}.name`")
        following = self._after()
        if (
            following.kind is Kind.SIGN
            and following.spelling == "("
            and nearest(token.spelling, _KEYWORDS) is None
        ):
            return self._error(
                token,
                f"functions such as {spelling} are not in the language",
                "write with `and`, `or`, `not`, comparisons, `between` and `in`",
            )
        question = did_you_mean(token.spelling, ("not", "true", "false"))
        hint = (
            question
            or f"write `lesion.{token.spelling[:40]}` for a fact, `'{token.spelling[:40]}'` for a value"
        )
        return self._error(token, f"{spelling} has no level", hint)

    def _unexpected(
        self, token: Token, missing: str = "", *, expecting_value: bool = False
    ) -> ConditionError:
        """The error for a token that cannot stand where it does; `missing` says what should stand there."""
        if refused := self._refused_word(token):
            return refused
        spelling = _shown(token.spelling)
        if expecting_value:
            if token.kind is Kind.END:
                return self._error(
                    token, "the condition ends where a value is expected", "complete or remove what is open"
                )
            if token.spelling == "+":
                return self._error(token, "`+` as a sign is not in the language", "leave it out")
            if token.spelling == "{":
                for later in self._tokens[self._at :]:
                    if later.spelling == "contains" and (refused := self._refused_word(later)):
                        return refused
                return self._error(token, "a list stands only after `in`", "write `fact in {'a', 'b'}`")
            if token.spelling == ".":
                return self._error(
                    token, "a name or a number begins before this point", "write `0.5`, or `level.name`"
                )
            return self._error(
                token, f"a value is missing before {spelling}", "write a fact, a parameter or a literal"
            )
        if token.kind is Kind.WORD and token.spelling not in OPERATOR_LEVEL:
            if token.spelling == "not" and self._after().spelling in ("in", "between"):
                problem = f"CQL has no `not {self._after().spelling}`"
                return self._error(token, problem, f"write `not (… {self._after().spelling} …)`")
            keyword = nearest(token.spelling, OPERATOR_LEVEL)
            begins_name = self._after().spelling == "." or token.spelling in ("true", "false", "not")
            if keyword is not None and not begins_name:
                return self._error(token, f"{spelling} is no operator", f"did you mean `{keyword}`?")
        if missing:
            return self._error(
                token, missing, f"it should stand before {spelling}" if token.spelling else "add it"
            )
        if token.spelling == ")":
            return self._error(token, "no parenthesis is open here", "remove it, or open one with `(`")
        if token.spelling == ",":
            return self._error(token, "`,` stands only in a list", "write a decimal with a point: `1.8`")
        if token.kind is Kind.TEXT and self._text[token.start - 1 : token.start] == "'":
            return self._error(token, "a quote inside a value ends it", r"write it as `\'`")
        if token.kind in (Kind.WORD, Kind.NUMBER, Kind.TEXT) or token.spelling in ("(", "{"):
            return self._error(
                token, f"an operator is missing before {spelling}", "write `and`, `or`, `=`, `<`, …"
            )
        return self._error(token, f"{character_name(token.spelling[0])} cannot stand here", "remove it")
