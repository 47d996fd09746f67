"""Partial dates: `2024`, `2024-03` and `2024-03-09` as the interval of days they may mean.

FHIR's `date` and `dateTime` may stop at the year or the month; two such dates can overlap without being equal, and then
their order is not known. Source: FHIR R4 §2.24.0.1 (date, dateTime, instant).
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from cds.quantities.interval import Interval
from cds.truth import Truth

_PATTERN: Final = re.compile(
    r"(?P<year>\d{4})(-(?P<month>0[1-9]|1[0-2])(-(?P<day>0[1-9]|[12]\d|3[01])"
    r"(T(?P<time>([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)?)(?P<zone>Z|[+-](0\d|1[0-4]):[0-5]\d)?)?)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, order=False)
class DateSpan:
    """A date as far as it is known: from `first` to `last`, both possible.

    >>> str(DateSpan.parse("2024-03"))
    '2024-03'
    """

    first: dt.date
    last: dt.date

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"`{self.first}` to `{self.last}` holds no day; the first day comes first")

    @staticmethod
    def parse(text: str) -> DateSpan:
        """Read a FHIR date, dateTime or instant; the time of day is dropped. Raises `ValueError`.

        >>> DateSpan.parse("2024").last
        datetime.date(2024, 12, 31)
        """
        match = _PATTERN.fullmatch(text)
        if match is None or match["year"] == "0000":
            raise ValueError(f"`{text[:40]}` is not a date; give YYYY, YYYY-MM, YYYY-MM-DD or a full dateTime")
        year = int(match["year"])
        if match["month"] is None:
            return DateSpan(dt.date(year, 1, 1), dt.date(year, 12, 31))
        month = int(match["month"])
        last_day = calendar.monthrange(year, month)[1]
        if match["day"] is None:
            return DateSpan(dt.date(year, month, 1), dt.date(year, month, last_day))
        if int(match["day"]) > last_day:
            raise ValueError(f"`{text[:40]}` is not a date: {year}-{month:02} has {last_day} days")
        day = dt.date(year, month, int(match["day"]))
        return DateSpan(day, day)

    @property
    def is_day(self) -> bool:
        """Whether the day is known."""
        return self.first == self.last

    def before(self, other: DateSpan) -> Truth:
        """Whether this date is before `other`; unknown where the two overlap.

        >>> DateSpan.parse("2024").before(DateSpan.parse("2024-03"))
        <Truth.UNKNOWN: 'unknown'>
        """
        if self.last < other.first:
            return Truth.TRUE
        return Truth.FALSE if self.first >= other.last else Truth.UNKNOWN

    def __str__(self) -> str:
        if self.is_day:
            return self.first.isoformat()
        if (self.first.month, self.first.day, self.last.month, self.last.day) == (1, 1, 12, 31):
            first, last = f"{self.first.year:04}", f"{self.last.year:04}"
            return first if first == last else f"{first}/{last}"
        month_end = calendar.monthrange(self.first.year, self.first.month)[1]
        if self.first.day == 1 and self.last == self.first.replace(day=month_end):
            return f"{self.first.year:04}-{self.first.month:02}"
        return f"{self.first.isoformat()}/{self.last.isoformat()}"


def age_at(born: DateSpan, day: dt.date) -> Interval:
    """Whole years from birth to a day, for every day on which the birth may have been.

    >>> str(age_at(DateSpan.parse("1957-04"), dt.date(2026, 4, 10)))
    '68 to 69'
    """
    return Interval(Fraction(_years(born.last, day)), Fraction(_years(born.first, day)))


def birthday(born: dt.date, years: int) -> dt.date:
    """The day on which somebody becomes so many years old; who was born on 29 February, on 1 March where there is none.

    >>> birthday(dt.date(2008, 2, 29), 18)
    datetime.date(2026, 3, 1)
    """
    year = born.year + years
    leap_day = (born.month, born.day) == (2, 29) and not calendar.isleap(year)
    return dt.date(year, 3, 1) if leap_day else born.replace(year=year)


def _years(born: dt.date, day: dt.date) -> int:
    return max(0, day.year - born.year - ((day.month, day.day) < (born.month, born.day)))
