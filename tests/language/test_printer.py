"""Printing is the inverse of parsing; the export means the same in any CQL engine."""

from __future__ import annotations

import pytest
from hypothesis import given

from cds.language import ConditionError, parse, print_expression, to_cql
from cds.language.syntax import AnyOf, Expression
from tests.language.meaning import Case, cases, sound_conditions, value
from tests.language.test_parser import CONDITIONS
from tests.language.trees import trees


@given(trees)
def test_parsing_what_was_printed_gives_the_tree_back(tree: Expression) -> None:
    assert parse(print_expression(tree)) == tree


@given(trees)
def test_no_pair_of_printed_parentheses_can_be_left_out(tree: Expression) -> None:
    """Remove each pair in turn: the text then is another condition, or none."""
    text = print_expression(tree)
    for opening, closing in _pairs(text):
        without = text[:opening] + " " + text[opening + 1 : closing] + " " + text[closing + 1 :]
        try:
            assert parse(without) != tree
        except ConditionError:
            continue


def _pairs(text: str) -> list[tuple[int, int]]:
    """Matching parentheses of a printed condition, those inside quoted values aside."""
    pairs, open_at, quoted, at = [], [], False, 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "'":
            quoted = not quoted
        elif not quoted and text[at] == "(":
            open_at.append(at)
        elif not quoted and text[at] == ")":
            pairs.append((open_at.pop(), at))
        at += 1
    return pairs


@pytest.mark.parametrize("text", CONDITIONS)
def test_printing_is_stable_once_printed(text: str) -> None:
    printed = print_expression(parse(text))
    assert print_expression(parse(printed)) == printed
    assert parse(printed) == parse(text)


def test_any_of_is_printed_for_people_and_not_parsed() -> None:
    printed = print_expression(AnyOf("structure", parse("structure.a or structure.b")))
    assert printed == "any structure where (structure.a or structure.b)"
    with pytest.raises(ConditionError):
        parse(printed)


@pytest.mark.parametrize(
    ("text", "cql"),
    [
        ("lesion.a in {'x', 'y'}", "(lesion.a = 'x' or lesion.a = 'y')"),
        ("lesion.a in {1}", "(lesion.a = 1)"),
        ("not (lesion.a in {1, 2})", "not (lesion.a = 1 or lesion.a = 2)"),
        ("(lesion.a = 1) in {true}", "(lesion.a = 1 = true)"),
        ("lesion.a between 1 'mm' and 2 'mm'", "lesion.a between 1 'mm' and 2 'mm'"),
    ],
)
def test_in_is_exported_as_the_equalities_it_stands_for(text: str, cql: str) -> None:
    assert to_cql(parse(text)) == cql


@given(sound_conditions, cases)
def test_the_export_says_what_the_condition_says_of_every_case(condition: Expression, case: Case) -> None:
    exported = parse(to_cql(condition))
    assert value(exported, case) is value(condition, case)


def test_any_of_is_exported_as_kleenes_or() -> None:
    assert to_cql(AnyOf("structure", parse("structure.a in {1, 2}"))) == (
        "(if exists (structures structure where (structure.a = 1 or structure.a = 2)) then true "
        "else if exists (structures structure where ((structure.a = 1 or structure.a = 2)) is null) "
        "then null as Boolean else false)"
    )
