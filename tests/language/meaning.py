"""A second, naive reading of a condition: three-valued, straight from CQL, on trees before `resolve` as after it.

It exists so that tests can say that reducing a condition did not change what it says.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from fractions import Fraction

from hypothesis import strategies as st

from cds.language import NameTable
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
    NumberLiteral,
    Or,
    ParameterReference,
    QuantityLiteral,
    Xor,
)
from cds.language.types import BooleanType, CodeType, Constant, DateType, NumberType, QuantityType
from cds.truth import Truth

SITES = ("larynx", "oral_cavity", "neck_node")
MM = {"mm": 1, "cm": 10}
NAMES = NameTable(
    facts={
        "patient": {"age": NumberType(0), "inr": NumberType(1), "fit": BooleanType()},
        "lesion": {
            "treated": BooleanType(),
            "site": CodeType(SITES),
            "diameter": QuantityType("mm", 0),
            "margin": QuantityType("mm", 1),
            "encasement": QuantityType("deg", 0),
            "interval": QuantityType("mo", 0),
            "proved": DateType(),
        },
    },
    parameters={
        "old": Constant(Fraction(70), 0, None),
        "large": Constant(Fraction(6), 0, "cm"),
        "near": Constant(Fraction(5), 0, "mm"),
        "inrLimit": Constant(Fraction(18, 10), 1, None),
        "encasementLimit": Constant(Fraction(270), 0, "deg"),
        "unset": None,
        "odd": Constant(Fraction(1), 0, "furlong"),
    },
    definitions={
        "lesion": {
            "isLarge": Comparison(
                ">", FactReference("lesion", "diameter"), QuantityLiteral(Fraction(60), 0, "mm")
            )
        }
    },
)
LARGE = FactReference("lesion", "isLarge")

Value = bool | Fraction | str | None
Case = Mapping[FactReference, Value]
_COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip
_COMPUTE = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def value(expression: Expression, case: Case) -> Value:
    """What an expression is worth; lengths in millimetres, unknown as `None`."""
    match expression:
        case BooleanLiteral() | CodeLiteral() | NumberLiteral():
            return expression.value
        case QuantityLiteral():
            return expression.value * MM[expression.unit]
        case ParameterReference():
            constant = NAMES.parameters[expression.name]
            assert constant is not None
            return constant.value * MM.get(constant.unit or "", 1)
        case FactReference() if expression == LARGE:
            return value(NAMES.definitions["lesion"]["isLarge"], case)
        case FactReference():
            return case[expression]
        case Negate():
            inner = value(expression.operand, case)
            assert isinstance(inner, Fraction)
            return -inner
        case Arithmetic():
            left, right = value(expression.left, case), value(expression.right, case)
            assert isinstance(left, Fraction) and isinstance(right, Fraction)
            result = _COMPUTE[expression.operator](left, right)
            assert isinstance(result, Fraction)
            return result
        case Comparison():
            return compared(expression.operator, value(expression.left, case), value(expression.right, case))
        case Between():
            operand = value(expression.operand, case)
            low, high = value(expression.low, case), value(expression.high, case)
            return as_value(truth(compared(">=", operand, low)) & truth(compared("<=", operand, high)))
        case Membership():
            operand = value(expression.operand, case)
            result = Truth.FALSE
            for member in expression.members:
                result |= truth(compared("=", operand, value(member, case)))
            return as_value(result)
        case Not():
            return as_value(~truth(value(expression.operand, case)))
        case And():
            return as_value(truth(value(expression.left, case)) & truth(value(expression.right, case)))
        case Or():
            return as_value(truth(value(expression.left, case)) | truth(value(expression.right, case)))
        case Xor():
            return as_value(truth(value(expression.left, case)) ^ truth(value(expression.right, case)))
        case Implies():
            return as_value(truth(value(expression.left, case)).implies(truth(value(expression.right, case))))
        case AnyOf():
            raise AssertionError("no generated condition has one")


def compared(sign: str, left: Value, right: Value) -> Value:
    return None if left is None or right is None else bool(_COMPARE[sign](left, right))


def truth(of: Value) -> Truth:
    assert of is None or isinstance(of, bool)
    return Truth.UNKNOWN if of is None else Truth.of(of)


def as_value(of: Truth) -> Value:
    return {Truth.TRUE: True, Truth.FALSE: False, Truth.UNKNOWN: None}[of]


# ------------------------------------------------------------------------- sound conditions, and cases for them

AGE, INR, FIT = (
    FactReference("patient", "age"),
    FactReference("patient", "inr"),
    FactReference("patient", "fit"),
)
TREATED, SITE, DIAMETER = (FactReference("lesion", name) for name in ("treated", "site", "diameter"))
cases: st.SearchStrategy[Case] = st.fixed_dictionaries(
    {
        AGE: st.none() | st.integers(0, 9).map(Fraction),
        INR: st.none() | st.integers(0, 40).map(lambda tenths: Fraction(tenths, 10)),
        FIT: st.none() | st.booleans(),
        TREATED: st.none() | st.booleans(),
        SITE: st.none() | st.sampled_from(SITES),
        DIAMETER: st.none() | st.integers(0, 90).map(Fraction),
    }
)

_comparison = st.sampled_from(("=", "!=", "<", "<=", ">", ">="))
_integers = st.builds(NumberLiteral, st.integers(0, 5).map(Fraction), st.just(0))
_integer_constants: st.SearchStrategy[Expression] = st.recursive(
    _integers | st.just(ParameterReference("old")),
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from(("+", "-", "*")), inner, inner) | st.builds(Negate, inner)
    ),
    max_leaves=3,
)
_lengths = st.builds(
    QuantityLiteral, st.integers(0, 9).map(Fraction), st.just(0), st.sampled_from(("mm", "cm"))
)
_length_constants: st.SearchStrategy[Expression] = st.recursive(
    _lengths | st.sampled_from((ParameterReference("large"), ParameterReference("near"))),
    lambda inner: (
        st.builds(Arithmetic, st.sampled_from(("+", "-")), inner, inner)
        | st.builds(Arithmetic, st.just("*"), inner, _integers)
        | st.builds(Negate, inner)
    ),
    max_leaves=3,
)


def _sound(fact: FactReference, constants: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.builds(Comparison, _comparison, st.just(fact), constants) | st.builds(
        Comparison, _comparison, constants, st.just(fact)
    )


def _ordered(pair: tuple[Expression, Expression]) -> tuple[Expression, Expression]:
    low, high = sorted(pair, key=lambda each: value(each, {}))  # type: ignore[arg-type, return-value]
    return low, high


_codes = st.builds(CodeLiteral, st.sampled_from(SITES))
_truths = st.builds(BooleanLiteral, st.booleans())
_atoms: st.SearchStrategy[Expression] = st.one_of(
    st.sampled_from((FIT, TREATED, LARGE)),
    _truths,
    _sound(AGE, _integer_constants),
    _sound(DIAMETER, _length_constants),
    st.builds(Comparison, st.just(">"), st.just(INR), st.just(ParameterReference("inrLimit"))),
    st.builds(Comparison, st.sampled_from(("=", "!=")), st.just(SITE), _codes),
    st.builds(Membership, st.just(SITE), st.lists(_codes, min_size=1, max_size=3, unique=True).map(tuple)),
    st.tuples(_length_constants, _length_constants).map(_ordered).map(lambda ends: Between(DIAMETER, *ends)),
    st.builds(Comparison, st.sampled_from(("=", "!=")), st.sampled_from((FIT, TREATED, LARGE)), _truths),
    st.builds(Comparison, st.sampled_from(("=", "!=")), _truths, st.sampled_from((FIT, TREATED, LARGE))),
)
sound_conditions: st.SearchStrategy[Expression] = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.builds(Not, inner), *(st.builds(node, inner, inner) for node in (And, Or, Xor, Implies))
    ),
    max_leaves=6,
)
