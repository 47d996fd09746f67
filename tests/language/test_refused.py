"""What is refused, where the caret stands, and what the author is told."""

from __future__ import annotations

import pytest

from cds.language import ConditionError, parse
from cds.language.refused import CALENDAR_UNITS, CQL_WORDS, IS, SYMBOLS, WORDS, Refusal
from cds.language.suggestion import nearest

EVERY_REFUSAL = [*WORDS.items(), *IS.items(), *SYMBOLS.items()]


def error_of(text: str) -> ConditionError:
    with pytest.raises(ConditionError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("spelling", "refusal"), EVERY_REFUSAL, ids=[spelling for spelling, _ in EVERY_REFUSAL]
)
def test_every_refused_spelling_is_refused_with_its_reason(spelling: str, refusal: Refusal) -> None:
    error = error_of(refusal.example)
    assert error.message == f"`{spelling}` is refused: {refusal.why}"
    assert error.hint == refusal.instead
    assert refusal.example[error.span.start :].startswith(spelling)


@pytest.mark.parametrize(
    "spelling",
    "exists AnyTrue AllTrue Count Coalesce ~ !~ contains,is null,is true,is false,is not null,if,case".replace(" ", ",")
    .replace("is,", "is ").replace("not,", "not ").split(","),
)  # fmt: skip
def test_what_turns_unknown_into_an_answer_is_refused_for_that_reason(spelling: str) -> None:
    refusal = dict(EVERY_REFUSAL)[spelling]
    assert refusal.why.startswith("it turns unknown into an answer")


@pytest.mark.parametrize(
    ("text", "caret", "message", "hint"),
    [
        ("lesion.a AND lesion.b", "AND", "`AND` is no operator", "did you mean `and`?"),
        ("lesion.a Between 1 and 2", "Between", "`Between` is no operator", "did you mean `between`?"),
        ("lesion.a && lesion.b", "&&", "`&&` is refused: it is not CQL", "did you mean `and`?"),
        ("lesion.a adn lesion.b", "adn", "`adn` is no operator", "did you mean `and`?"),
        ("lesion.a implise lesion.b", "implise", "`implise` is no operator", "did you mean `implies`?"),
        ("NOT lesion.a", "NOT", "`NOT` is not CQL", "did you mean `not`?"),
        ("lesion.a = True", "True", "`True` is not CQL", "did you mean `true`?"),
        ("lesoin.a", "lesoin", "no level `lesoin`", "did you mean `lesion`?"),
        ("parameter.a > 1", "parameter", "no level `parameter`", "did you mean `parameters`?"),
        ("this.a", "this", "no level `this`",
         "names are `level.name`, the level one of patient, lesion, other, structure, or `parameters.name`"),
        ("size > 5", "size", "`size` has no level", "write `lesion.size` for a fact, `'size'` for a value"),
        ("lesion > 5", "lesion", "`lesion` alone names nothing", "write `lesion.name`"),
        ("lesion.date > 5", "date", "`date` is a word of CQL", "give the fact another name"),
        ("lesion.a.b", ".", "`a` has no parts", "a name has one point: `level.name`"),
        ("lesion.a > 5mm", "mm", "a unit stands in quotes", "write `5 'mm'`"),
        ("lesion.a > 5 min", "min", "a unit stands in quotes", "write `5 'min'`"),
        ("lesion.a > .5", ".", "a name or a number begins before this point", "write `0.5`, or `level.name`"),
        ("lesion.a > 5.", ".", "no digit follows the point", "write `5`, or add the digits"),
        ("lesion.a > 1e5", "e5", "CQL has no exponents", "write the number with all its digits"),
        ("lesion.a > 5L", "L", "CQL's Long is not in the language", "write `5`"),
        ("lesion.a > 1,8", ",", "`,` stands only in a list", "write a decimal with a point: `1.8`"),
        ("lesion.a > 2147483648", "2147483648", "`2147483648` is no Integer of CQL",
         "write at most 2147483647, or a Decimal: `2147483648.0`"),
        ("lesion.a > 0.123456789", "0.123456789", "`0.123456789` is no Decimal of CQL",
         "write at most 20 digits before the point and 8 after it"),
        ("lesion.a = 'it''s'", "'s'", "a quote inside a value ends it", r"write it as `\'`"),
        ("lesion.a = 'it", "'it", "this text does not end", "close it with `'` on the same line"),
        (r"lesion.a = '\d'", r"\d", r"`\d` is not an escape of CQL", None),
        (r"lesion.a = '\ud800'", r"'\ud800'", "this text holds half a character", "write both halves, or neither"),
        ("lesion.a in {}", "{", "the list after `in` is empty, so nothing is in it", "name at least one value"),
        ("lesion.a in 'x'", "'x'", "no list of values follows `in`", "write `in {'a', 'b'}`"),
        ("lesion.a in {'x'} = true", "=",
         "`=` binds more tightly than `in`, so CQL would apply it to the list", "write the `in {…}` in parentheses"),
        ("lesion.a not in {'x'}", "not", "CQL has no `not in`", "write `not (… in …)`"),
        ("lesion.a not between 1 and 2", "not", "CQL has no `not between`", "write `not (… between …)`"),
        ("lesion.a between 1 or 2", "or", "`and` is missing after the lower end of `between`",
         "it should stand before `or`"),
        ("lesion.a lesion.b", "lesion", "an operator is missing before `lesion`", "write `and`, `or`, `=`, `<`, …"),
        ("lesion.a = 1 )", ")", "no parenthesis is open here", "remove it, or open one with `(`"),
        ("5 + not lesion.a", "not", "`not` binds less tightly than what stands before it", "write `(not …)`"),
        ("lésion.a", "é", "`é` is not in the language", None),
        ("lesion.a\u00a0= 1", "\u00a0", "the invisible character U+00A0 is not in the language", None),
        ("LesionSize(lesion.a)", "LesionSize", "functions such as `LesionSize` are not in the language", None),
        ("lesion.a /* open", "/*", "this comment does not end", "write `*/` after it"),
        ("lesion.a IS NOT NULL", "IS NOT NULL", None, None),
        ("EXISTS lesion.a", "EXISTS", None, None),
    ],
)  # fmt: skip
def test_a_slip_is_shown_where_it_is_with_what_was_meant(
    text: str, caret: str, message: str | None, hint: str | None
) -> None:
    error = error_of(text)
    assert text[error.span.start : error.span.end] == caret
    assert message in (None, error.message)
    assert hint in (None, error.hint)


@pytest.mark.parametrize("text", ["lesion.a and", "(lesion.a", "lesion.a in {'x'", "not", "lesion."])
def test_a_condition_that_breaks_off_has_its_caret_after_the_last_character(text: str) -> None:
    assert error_of(text).span.start == len(text)


@pytest.mark.parametrize("text", ["", "  ", "// nothing", "/* nothing */"])
def test_an_empty_condition_is_an_error_and_never_true(text: str) -> None:
    assert error_of(text).message == "the condition is empty"


@pytest.mark.parametrize(("unit", "ucum"), CALENDAR_UNITS.items())
def test_a_calendar_unit_is_refused_because_it_is_not_the_ucum_unit(unit: str, ucum: str) -> None:
    error = error_of(f"lesion.interval > 24 {unit}")
    assert error.hint == f"write the UCUM unit: `24 '{ucum}'`"


@pytest.mark.parametrize("word", sorted(CQL_WORDS))
def test_no_word_of_cql_names_a_fact(word: str) -> None:
    assert "is a word of CQL" in error_of(f"lesion.{word}").message


def test_the_first_mistake_in_the_text_is_the_one_reported() -> None:
    assert error_of('exists lesion.a and lesion.b = "x').span.start == 0


def test_nothing_is_suggested_for_a_word_that_is_like_none() -> None:
    assert nearest("tracheostomy", ["and", "or", "not"]) is None
