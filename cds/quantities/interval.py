"""What is known of a measured value: an interval of numbers, with open or closed ends.

`< 5 mm`, a Range and a reading with stated uncertainty are intervals; an exact value is a point. A comparison is true
only if it holds for every number in the interval, false only if it holds for none, otherwise unknown.

Ends are exact rationals. Before an engine sees an interval it lies on the fact's decimal grid (`on_grid`), rounded
outward, so that no two engines can differ by rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from cds.truth import Truth


@dataclass(frozen=True, slots=True)
class Interval:
    """A non-empty interval of rationals. `low` or `high` of `None` has no bound; an unbounded end is open.

    >>> Interval.point(Fraction(5)).is_point
    True
    >>> str(Interval(None, Fraction(5), True, True))
    '< 5'
    """

    low: Fraction | None
    high: Fraction | None
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self) -> None:
        if (self.low is None and not self.low_open) or (self.high is None and not self.high_open):
            raise ValueError("an end without a bound is open")
        if self.low is None or self.high is None:
            return
        if self.low > self.high or (self.low == self.high and (self.low_open or self.high_open)):
            raise ValueError(f"`{self.low}` to `{self.high}` holds no number; the lower end comes first")

    @staticmethod
    def point(value: Fraction) -> Interval:
        """The interval that holds one number."""
        return Interval(value, value)

    @staticmethod
    def above(value: Fraction, *, open_end: bool) -> Interval:
        """Everything above `value`, which belongs to it unless `open_end`."""
        return Interval(value, None, open_end, True)

    @staticmethod
    def below(value: Fraction, *, open_end: bool) -> Interval:
        """Everything below `value`, which belongs to it unless `open_end`."""
        return Interval(None, value, True, open_end)

    @property
    def is_point(self) -> bool:
        """Whether exactly one number is left."""
        return self.low is not None and self.low == self.high

    def contains(self, value: Fraction) -> bool:
        """Whether `value` lies in the interval.

        >>> Interval.below(Fraction(5), open_end=True).contains(Fraction(5))
        False
        """
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below

    def within(self, other: Interval) -> bool:
        """Whether every number of this interval lies in `other` (narrowing: learning more about a value).

        >>> Interval.point(Fraction(5)).within(Interval.below(Fraction(5), open_end=False))
        True
        """
        low_inside = other.low is None or (
            self.low is not None
            and (self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open)))
        )
        high_inside = other.high is None or (
            self.high is not None
            and (self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open)))
        )
        return low_inside and high_inside

    def intersection(self, other: Interval) -> Interval | None:
        """The numbers in both, or `None` where there is none (the two contradict each other).

        >>> above_3, below_8 = Interval.above(Fraction(3), open_end=True), Interval.below(Fraction(8), open_end=False)
        >>> str(above_3.intersection(below_8)), above_3.intersection(Interval.point(Fraction(3)))
        ('> 3 and <= 8', None)
        """
        low, low_open = self.low, self.low_open
        if other.low is not None and (low is None or other.low > low or (other.low == low and other.low_open)):
            low, low_open = other.low, other.low_open
        high, high_open = self.high, self.high_open
        if other.high is not None and (high is None or other.high < high or (other.high == high and other.high_open)):
            high, high_open = other.high, other.high_open
        if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
            return None
        return Interval(low, high, low_open, high_open)

    def less(self, value: Fraction) -> Truth:
        """`x < value` for the x that is known to lie here.

        >>> Interval.below(Fraction(5), open_end=True).less(Fraction(5))
        <Truth.TRUE: 'true'>
        """
        if self.high is not None and (self.high < value or (self.high == value and self.high_open)):
            return Truth.TRUE
        if self.low is not None and self.low >= value:
            return Truth.FALSE
        return Truth.UNKNOWN

    def less_or_equal(self, value: Fraction) -> Truth:
        """`x <= value` for the x that is known to lie here.

        >>> Interval(Fraction(3), Fraction(5)).less_or_equal(Fraction(5))
        <Truth.TRUE: 'true'>
        """
        if self.high is not None and self.high <= value:
            return Truth.TRUE
        if self.low is not None and (self.low > value or (self.low == value and self.low_open)):
            return Truth.FALSE
        return Truth.UNKNOWN

    def equal(self, value: Fraction) -> Truth:
        """`x = value` for the x that is known to lie here.

        >>> Interval(Fraction(3), Fraction(5)).equal(Fraction(4))
        <Truth.UNKNOWN: 'unknown'>
        """
        if not self.contains(value):
            return Truth.FALSE
        return Truth.TRUE if self.is_point else Truth.UNKNOWN

    def on_grid(self, decimals: int) -> Interval:
        """The smallest interval with ends on the grid of `decimals` places that still holds every number of this one.

        An end that moves becomes open: the grid point itself was never possible.

        >>> grid = Interval.point(Fraction(455, 100)).on_grid(1)
        >>> grid.low, grid.low_open, grid.high, grid.high_open
        (Fraction(9, 2), True, Fraction(23, 5), True)
        """
        scale = 10**decimals
        low, low_open = self.low, self.low_open
        if low is not None and (low * scale).denominator != 1:
            low, low_open = Fraction(math.floor(low * scale), scale), True
        high, high_open = self.high, self.high_open
        if high is not None and (high * scale).denominator != 1:
            high, high_open = Fraction(math.ceil(high * scale), scale), True
        return Interval(low, high, low_open, high_open)

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return "any value"
        if self.is_point:
            return decimal_text(self.low or Fraction(0))
        if self.low is None:
            return f"{'<' if self.high_open else '<='} {decimal_text(self.high or Fraction(0))}"
        if self.high is None:
            return f"{'>' if self.low_open else '>='} {decimal_text(self.low)}"
        if not (self.low_open or self.high_open):
            return f"{decimal_text(self.low)} to {decimal_text(self.high)}"
        return (
            f"{'>' if self.low_open else '>='} {decimal_text(self.low)} and "
            f"{'<' if self.high_open else '<='} {decimal_text(self.high)}"
        )


def decimal_text(value: Fraction) -> str:
    """The shortest decimal text of a rational that has one (all on a decimal grid do), else `p/q`.

    >>> decimal_text(Fraction(9, 2)), decimal_text(Fraction(270)), decimal_text(Fraction(1, 3))
    ('4.5', '270', '1/3')
    """
    if value.denominator == 1:
        return str(value.numerator)
    denominator, places = value.denominator, 0
    for factor in (2, 5):
        count = 0
        while denominator % factor == 0:
            denominator //= factor
            count += 1
        places = max(places, count)
    if denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
