"""A problem of a condition as a finding of a rule set: file, line, column, excerpt, caret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.errors import CdsError, Position, RuleSetError
from cds.language import ConditionError, ConditionErrors, finding, findings, parse, resolve
from cds.language.syntax import Span
from tests.language.meaning import NAMES


def error_of(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    return caught.value


def test_a_finding_points_into_the_file() -> None:
    text = "lesion.a == 5"
    assert str(finding(error_of(text), text, Position("rules/surgery.yaml", 12, 9))) == (
        "rules/surgery.yaml:12:18: `==` is refused: it is not CQL; did you mean `=`? [condition-error]\n"
        "    lesion.a == 5\n"
        "             ^^"
    )


def test_in_a_text_of_several_lines_the_line_of_the_mistake_is_shown() -> None:
    text = "lesion.a\n  and lesion.b is null\n  and lesion.c"
    found = finding(error_of(text), text, Position("r.yaml", 3, 7))
    assert (found.position.line, found.position.column) == (4, 22)
    assert found.excerpt == "      and lesion.b is null\n                   ^^^^^^^"


def test_a_mistake_at_the_end_of_a_line_has_one_caret_there() -> None:
    text = "lesion.a and"
    assert finding(error_of(text), text, Position("r.yaml", 1, 1)).excerpt.endswith("\n" + " " * 16 + "^")


def test_a_long_line_is_cut_around_the_caret() -> None:
    text = " or ".join(["lesion.carotid"] * 30) + " || lesion.b"
    line, carets = finding(error_of(text), text, Position("r.yaml", 1, 1)).excerpt.split("\n")
    assert len(line) < 110
    assert line[carets.index("^") :].startswith("||")


@given(st.text(), st.integers(0, 40), st.integers(0, 40))
def test_every_span_of_every_text_can_be_shown(text: str, start: int, length: int) -> None:
    found = finding(ConditionError("x", Span(start, start + length)), text, Position("r.yaml", 1, 1))
    if text.strip():
        shown, carets = found.excerpt.split("\n")
        assert carets.strip() == "^" * carets.count("^") != ""
        assert shown.isprintable()


def test_all_problems_of_one_condition_are_reported_together_in_the_order_of_the_text() -> None:
    text = "lesion.sight = 'x' and patient.age > parameters.unset or lesion.site = 'larnyx'"
    with pytest.raises(ConditionErrors) as caught:
        resolve(parse(text), NAMES, text=text)
    found = findings(caught.value, text, Position("r.yaml", 1, 1))
    assert [each.position.column for each in found] == [1, 38, 72]
    assert caught.value.findings == tuple(
        finding(error, text, Position("condition", 1, 1)) for error in caught.value.errors
    )


def test_a_condition_error_is_a_rule_set_error_with_its_own_code() -> None:
    error = error_of("lesion.a ==")
    assert issubclass(ConditionError, RuleSetError) and issubclass(ConditionErrors, CdsError)
    assert error.code == ConditionErrors.code == error.findings[0].code == "condition-error"
