"""Generated syntax trees: every tree that the parser can make, whether or not it has a meaning."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from cds.language import LEVELS
from cds.language.refused import CQL_WORDS
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
    Xor,
)

UNITS = ("mm", "cm", "mo", "a", "deg", "10*9/L", "Cel", "furlong", "", "it's")
words = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: word not in CQL_WORDS
)


@st.composite
def numbers(draw: st.DrawFn) -> NumberLiteral:
    decimals = draw(st.integers(0, 8))
    largest = 10 ** (20 + decimals) - 1 if decimals else 2**31 - 1
    return NumberLiteral(Fraction(draw(st.integers(0, largest)), 10**decimals), decimals)


@st.composite
def quantities(draw: st.DrawFn) -> QuantityLiteral:
    decimals = draw(st.integers(0, 8))
    value = Fraction(draw(st.integers(0, 10 ** (20 + decimals) - 1)), 10**decimals)
    return QuantityLiteral(value, decimals, draw(st.sampled_from(UNITS) | st.text(max_size=4)))


leaves: st.SearchStrategy[Expression] = st.one_of(
    st.builds(BooleanLiteral, st.booleans()),
    numbers(),
    quantities(),
    st.builds(CodeLiteral, st.text(max_size=8)),
    st.builds(FactReference, st.sampled_from(LEVELS), words),
    st.builds(ParameterReference, words),
)


def compound(operands: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    comparison = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
    return st.one_of(
        st.builds(Not, operands),
        st.builds(Negate, operands),
        *(st.builds(node, operands, operands) for node in (And, Or, Xor, Implies)),
        st.builds(Comparison, comparison, operands, operands),
        st.builds(Arithmetic, st.sampled_from(("+", "-", "*", "/")), operands, operands),
        st.builds(Between, operands, operands, operands),
        st.builds(Membership, operands, st.lists(operands, min_size=1, max_size=3).map(tuple)),
    )


trees: st.SearchStrategy[Expression] = st.recursive(leaves, compound, max_leaves=20)
