"""Intervals: a comparison holds for every number that may be meant, or it is unknown."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds.quantities import Interval, decimal_text
from cds.truth import Truth

T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


def interval(picture: str) -> Interval:
    """The interval that a picture shows: columns are the numbers 0, 1, 2, …; `[` `]` closed, `(` `)` open, `*` a point.

    A line that runs out of the picture (`<`, `>`) has no end there.
    """
    marks = {character: column for column, character in enumerate(picture) if character in "[](){}*<>"}
    if "*" in marks:
        return Interval.point(Fraction(marks["*"]))
    low = next((marks[c] for c in "[(" if c in marks), None)
    high = next((marks[c] for c in "])" if c in marks), None)
    return Interval(
        None if low is None else Fraction(low),
        None if high is None else Fraction(high),
        low is None or "(" in marks,
        high is None or ")" in marks,
    )


# The constant stands in column 5, under the caret.      <  <=  >  >=  =  !=
PICTURES = [
    ("  *       ", T, T, F, F, F, T),
    ("     *    ", F, T, F, T, T, F),
    ("        * ", F, F, T, T, F, T),
    (" [--]     ", T, T, F, F, F, T),
    (" [---]    ", U, T, F, U, U, U),
    (" [---)    ", T, T, F, F, F, T),
    (" (---)    ", T, T, F, F, F, T),
    (" (---]    ", U, T, F, U, U, U),
    (" [-----]  ", U, U, U, U, U, U),
    ("   (---)  ", U, U, U, U, U, U),
    ("     [--] ", F, U, U, T, U, U),
    ("     (--] ", F, F, T, T, F, T),
    ("     [--) ", F, U, U, T, U, U),
    ("     (--) ", F, F, T, T, F, T),
    ("      [-] ", F, F, T, T, F, T),
    ("<----)    ", T, T, F, F, F, T),
    ("<----]    ", U, T, F, U, U, U),
    ("<------)  ", U, U, U, U, U, U),
    ("<--]      ", T, T, F, F, F, T),
    ("     (--->", F, F, T, T, F, T),
    ("     [--->", F, U, U, T, U, U),
    ("   [----->", U, U, U, U, U, U),
    ("       (->", F, F, T, T, F, T),
    ("<-------->", U, U, U, U, U, U),
    #     ^
]


@pytest.mark.parametrize(("picture", "less", "at_most", "above", "at_least", "equal", "different"), PICTURES)
def test_a_comparison_with_five_is_what_the_picture_shows(
    picture: str, less: Truth, at_most: Truth, above: Truth, at_least: Truth, equal: Truth, different: Truth
) -> None:
    x, five = interval(picture), Fraction(5)
    assert (x.less(five), x.less_or_equal(five), x.equal(five)) == (less, at_most, equal)
    assert (~x.less_or_equal(five), ~x.less(five), ~x.equal(five)) == (above, at_least, different)


numbers = st.builds(Fraction, st.integers(-8, 8), st.sampled_from([1, 2]))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, high = sorted([draw(numbers), draw(numbers)])
    ends = draw(st.sampled_from(["both", "low", "high", "none"]))
    low_open, high_open = draw(st.booleans()), draw(st.booleans())
    if low == high:
        low_open = high_open = False
    return Interval(
        low if ends in ("both", "low") else None,
        high if ends in ("both", "high") else None,
        low_open or ends not in ("both", "low"),
        high_open or ends not in ("both", "high"),
    )


def samples(*around: Interval | Fraction) -> list[Fraction]:
    """Every number at which something about the given intervals may change, the middles between, and far outside."""
    ends = sorted({Fraction(-100), Fraction(100), *(e for a in around for e in _ends(a))})
    return sorted({*ends, *((a + b) / 2 for a, b in pairwise(ends))})


def _ends(item: Interval | Fraction) -> list[Fraction]:
    return [item] if isinstance(item, Fraction) else [end for end in (item.low, item.high) if end is not None]


def belongs(number: Fraction, to: Interval) -> bool:
    """Membership written out again, from the definition of an end."""
    if to.low is not None and (number < to.low or (to.low_open and number == to.low)):
        return False
    return not (to.high is not None and (number > to.high or (to.high_open and number == to.high)))


@given(intervals(), numbers)
def test_a_comparison_is_what_all_its_numbers_say(x: Interval, constant: Fraction) -> None:
    inside = [number for number in samples(x, constant) if belongs(number, x)]

    def said(values: list[bool]) -> Truth:
        return T if all(values) else U if any(values) else F

    assert x.less(constant) is said([n < constant for n in inside])
    assert x.less_or_equal(constant) is said([n <= constant for n in inside])
    assert x.equal(constant) is said([n == constant for n in inside])
    assert x.contains(constant) is belongs(constant, x)


@given(intervals(), intervals())
def test_what_two_intervals_share_is_what_both_contain(a: Interval, b: Interval) -> None:
    shared = a.intersection(b)
    for number in samples(a, b):
        assert (belongs(number, a) and belongs(number, b)) is (shared is not None and belongs(number, shared))
    assert shared == b.intersection(a)
    assert shared is None or (shared.within(a) and shared.within(b))


@given(intervals(), intervals())
def test_an_interval_is_within_another_where_each_of_its_numbers_is(a: Interval, b: Interval) -> None:
    inside = all(belongs(number, b) for number in samples(a, b) if belongs(number, a))
    assert a.within(b) is inside


@given(intervals(), intervals(), numbers)
def test_narrowing_never_turns_a_comparison_over(a: Interval, b: Interval, constant: Fraction) -> None:
    narrow = a.intersection(b)
    if narrow is None:
        return
    for compared in (Interval.less, Interval.less_or_equal, Interval.equal):
        before = compared(a, constant)
        assert not before.is_known or compared(narrow, constant) is before


@given(
    st.builds(lambda n, d: Interval.point(Fraction(n, d)), st.integers(-999, 999), st.integers(1, 60)) | intervals(),
    st.integers(0, 3),
)
def test_the_grid_loses_no_number_and_has_its_ends_on_it(x: Interval, decimals: int) -> None:
    rounded = x.on_grid(decimals)
    assert x.within(rounded)
    for end in (rounded.low, rounded.high):
        assert end is None or (end * 10**decimals).denominator == 1
    for before, after in ((x.low, rounded.low), (x.high, rounded.high)):
        assert (before is None) is (after is None)
        if before is not None and after is not None:
            assert abs(after - before) < Fraction(1, 10**decimals)


@given(intervals(), st.integers(0, 2), st.integers(-80, 80))
def test_rounding_outward_keeps_every_comparison_with_a_grid_point(x: Interval, decimals: int, place: int) -> None:
    """Which is why both engines may see the grid only: nothing decidable is lost, and nothing is made up."""
    constant = Fraction(place, 10**decimals)
    rounded = x.on_grid(decimals)
    assert rounded.less(constant) is x.less(constant)
    assert rounded.less_or_equal(constant) is x.less_or_equal(constant)
    assert rounded.equal(constant) is x.equal(constant)


@given(intervals(), st.integers(0, 3))
def test_what_lies_on_the_grid_stays(x: Interval, decimals: int) -> None:
    once = x.on_grid(decimals)
    assert once.on_grid(decimals) == once


@pytest.mark.parametrize(
    ("low", "high", "low_open", "high_open", "told"),
    [
        (5, 4, False, False, "holds no number"),
        (5, 5, True, False, "holds no number"),
        (5, 5, False, True, "holds no number"),
        (5, 5, True, True, "holds no number"),
        (None, 5, False, False, "without a bound is open"),
        (5, None, False, False, "without a bound is open"),
    ],
)
def test_an_interval_without_numbers_cannot_be_made(
    low: int | None, high: int | None, low_open: bool, high_open: bool, told: str
) -> None:
    ends = [None if end is None else Fraction(end) for end in (low, high)]
    with pytest.raises(ValueError, match=told):
        Interval(ends[0], ends[1], low_open, high_open)


@pytest.mark.parametrize(
    ("picture", "text"),
    [
        ("     *    ", "5"),
        ("<----)    ", "< 5"),
        ("<----]    ", "<= 5"),
        ("     (--->", "> 5"),
        ("     [--->", ">= 5"),
        (" [---]    ", "1 to 5"),
        (" (---]    ", "> 1 and <= 5"),
        (" [---)    ", ">= 1 and < 5"),
        ("<-------->", "any value"),
    ],
)
def test_an_interval_reads_as_people_write_it(picture: str, text: str) -> None:
    assert str(interval(picture)) == text


@given(st.integers(-(10**9), 10**9), st.integers(0, 9))
def test_a_decimal_reads_back_as_the_number_it_was(numerator: int, places: int) -> None:
    number = Fraction(numerator, 10**places)
    text = decimal_text(number)
    assert Fraction(text) == number
    assert "." not in text or not text.endswith("0")


def test_a_number_without_a_decimal_is_written_as_a_fraction_never_rounded() -> None:
    assert (decimal_text(Fraction(1, 3)), decimal_text(Fraction(-1, 7))) == ("1/3", "-1/7")
    assert decimal_text(Fraction(-1, 20)) == "-0.05"
