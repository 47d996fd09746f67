"""Partial dates: what they may mean, and no order where they overlap."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.quantities import DateSpan
from cds.truth import Truth

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", "2024-01-01", "2024-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-02", "2023-02-01", "2023-02-28"),
        ("2024-12", "2024-12-01", "2024-12-31"),
        ("2024-02-29", "2024-02-29", "2024-02-29"),
        ("2024-03-09T23:59:60Z", "2024-03-09", "2024-03-09"),
        ("2024-03-09T00:30:00.123+14:00", "2024-03-09", "2024-03-09"),
        ("2024-03-09T00:30:00-05:00", "2024-03-09", "2024-03-09"),
    ],
)
def test_a_date_is_the_days_it_may_mean(text: str, first: str, last: str) -> None:
    span = DateSpan.parse(text)
    assert (span.first, span.last) == (dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    assert span.is_day is (first == last)


@pytest.mark.parametrize(
    "text",
    ["", "24", "0000", "2024-", "2024-00", "2024-13", "2024-1", "2024-02-30", "2023-02-29", "2024-04-31", "2024-03-00",
     "2024-03-09 12:00", "2024-03-09T", "2024-03-09T24:00:00Z", "2024-03-09T12", "2024-03-09T12:60:00Z", "20240309",
     "2024-W10", "09.03.2024", "March 2024", "2024-03-09\n", " 2024", "2024 ", "+2024", "-2024", "12024", "2024-03-09Z",
     "2024-03-09T12:00:00+15:00", "2024-03-09T12:00:00+0100", "٢٠٢٤", "２０２４-03"],
)  # fmt: skip
def test_what_is_no_date_of_the_standard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        DateSpan.parse(text)


# columns: this, that, is this before that?
ORDER = [
    ("2024-03-09", "2024-03-10", T),
    ("2024-03-10", "2024-03-09", F),
    ("2024-03-09", "2024-03-09", F),
    ("2024", "2025", T),
    ("2025", "2024", F),
    ("2024", "2024", U),
    ("2024", "2024-03", U),
    ("2024-03", "2024", U),
    ("2024-02", "2024-03", T),
    ("2024-03-01", "2024-03", U),  # the first of a month is before it, or the same day
    ("2024-03", "2024-03-01", F),  # no day of a month is before its first
    ("2024-03-31", "2024-03", F),  # nor is its last before any of them
    ("2024-03", "2024-03-31", U),
    ("2024-12", "2025", T),
    ("2023-12-31", "2024", T),
]


@pytest.mark.parametrize(("this", "that", "expected"), ORDER)
def test_one_date_is_before_another_only_if_every_day_of_it_is(this: str, that: str, expected: Truth) -> None:
    assert DateSpan.parse(this).before(DateSpan.parse(that)) is expected


days = st.dates(dt.date(2020, 1, 1), dt.date(2020, 3, 31))


@st.composite
def spans(draw: st.DrawFn) -> DateSpan:
    first, last = sorted([draw(days), draw(days)])
    return DateSpan(first, last)


@given(spans(), spans())
def test_before_is_what_all_pairs_of_days_say(a: DateSpan, b: DateSpan) -> None:
    ends = [(x < y) for x in (a.first, a.last) for y in (b.first, b.last)]
    assert a.before(b) is (T if all(ends) else U if any(ends) else F)


@given(st.dates(dt.date(1, 1, 1)), st.sampled_from(["day", "month", "year"]))
def test_a_date_that_a_record_can_give_reads_back_from_its_text(day: dt.date, form: str) -> None:
    text = day.isoformat()[: {"day": 10, "month": 7, "year": 4}[form]]
    assert str(DateSpan.parse(text)) == text


def test_a_span_without_a_day_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="holds no day"):
        DateSpan(dt.date(2024, 1, 2), dt.date(2024, 1, 1))
