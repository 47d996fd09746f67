"""The three-valued tables of HL7 CQL 1.5, written out again cell by cell, against every place that computes them.

Source: Clinical Quality Language 1.5, Appendix B, "Logical Operators" (And, Implies, Not, Or, Xor).
`None` is CQL's null.
"""

from __future__ import annotations

import pytest

from cds.case import NEVER_RECORDED, Fact, Known
from cds.language import NameTable, parse, resolve
from cds.language.types import BooleanType
from cds.reasoning.conditions import derive
from cds.reasoning.contexts import Context
from cds.truth import Truth
from cds.vocabulary import Level

WORDS = {True: Truth.TRUE, False: Truth.FALSE, None: Truth.UNKNOWN}

# left, right: and, or, xor, implies
BINARY = [
    (True, True, True, True, False, True),
    (True, False, False, True, True, False),
    (True, None, None, True, None, None),
    (False, True, False, True, True, True),
    (False, False, False, False, False, True),
    (False, None, False, None, None, True),
    (None, True, None, True, None, True),
    (None, False, False, None, None, None),
    (None, None, None, None, None, None),
]
OPERATORS = ("and", "or", "xor", "implies")
CELLS = [
    (operator, left, right, row[index]) for left, right, *row in BINARY for index, operator in enumerate(OPERATORS)
]
NEGATIONS = [(True, False), (False, True), (None, None)]
NAMES = NameTable({"patient": {"a": BooleanType(), "b": BooleanType()}}, {})


def decided(text: str, **facts: bool | None) -> Truth:
    """The truth that the reference evaluator gives to a condition on the patient's yes/no facts."""
    known = {name: NEVER_RECORDED if value is None else Fact(Known(value)) for name, value in facts.items()}
    context = Context("patient", Level.PATIENT, {"patient": known}, {"patient": "patient"}, {})
    return derive(resolve(parse(text), NAMES), context, {}).truth


def test_every_cell_of_every_table_is_listed_once() -> None:
    assert len({(operator, left, right) for operator, left, right, _ in CELLS}) == 4 * 9


@pytest.mark.parametrize(("operator", "left", "right", "expected"), CELLS)
def test_a_truth_combines_as_the_standard_says(
    operator: str, left: bool | None, right: bool | None, expected: bool | None
) -> None:
    a, b = WORDS[left], WORDS[right]
    combined = {"and": a & b, "or": a | b, "xor": a ^ b, "implies": a.implies(b)}[operator]
    assert combined is WORDS[expected]


@pytest.mark.parametrize(("operator", "left", "right", "expected"), CELLS)
def test_a_condition_is_decided_as_the_standard_says(
    operator: str, left: bool | None, right: bool | None, expected: bool | None
) -> None:
    assert decided(f"patient.a {operator} patient.b", a=left, b=right) is WORDS[expected]


@pytest.mark.parametrize(("value", "expected"), NEGATIONS)
def test_negation_is_as_the_standard_says(value: bool | None, expected: bool | None) -> None:
    assert ~WORDS[value] is WORDS[expected]
    assert decided("not patient.a", a=value) is WORDS[expected]


@pytest.mark.parametrize("value", [True, False, None])
@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("patient.a = true", True),
        ("patient.a != false", True),
        ("patient.a = false", False),
        ("patient.a != true", False),
    ],
)
def test_a_yes_or_no_compared_with_a_literal_stays_unknown_where_it_is(
    value: bool | None, text: str, same: bool
) -> None:
    expected = None if value is None else value is same
    assert decided(text, a=value) is WORDS[expected]
