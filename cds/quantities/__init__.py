"""Numbers with units, intervals of them, and dates that may be incomplete. Knows no fact and no patient."""

from cds.quantities.dates import DateSpan, age_at, birthday
from cds.quantities.interval import Interval, decimal_text
from cds.quantities.units import Unit, convert, parse_unit

__all__ = ["DateSpan", "Interval", "Unit", "age_at", "birthday", "convert", "decimal_text", "parse_unit"]
