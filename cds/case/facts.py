"""A fact about one subject: known, absent with a reason, or conflicting.

Absent and conflicting are both unknown to logic.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cds.case.provenance import Source
from cds.quantities import DateSpan, Interval

Value = bool | str | Interval | DateSpan
"""A yes/no, a code, a measured value in the fact's unit, or a date."""


class AbsenceReason(enum.Enum):
    """Why a fact has no value. The words follow FHIR's `data-absent-reason` where it has them."""

    NEVER_RECORDED = "never-recorded"
    ASKED_UNKNOWN = "asked-unknown"
    ASKED_DECLINED = "asked-declined"
    NOT_ASKED = "not-asked"
    TEMP_UNKNOWN = "temp-unknown"
    MASKED = "masked"
    NOT_APPLICABLE = "not-applicable"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    NOT_PERFORMED = "not-performed"
    NOT_PERMITTED = "not-permitted"
    NOT_ASSESSED = "not-assessed"
    NOT_EXAMINED = "not-examined"
    UNDECIDED = "undecided"
    ENTERED_IN_ERROR = "entered-in-error"
    NOT_FINAL = "not-final"
    UNREADABLE_UNIT = "unreadable-unit"
    UNREADABLE_VALUE = "unreadable-value"
    UNREADABLE_CODE = "unreadable-code"
    IMPLAUSIBLE = "implausible"
    STALE = "stale"
    UNDATED = "undated"
    QUARANTINED = "quarantined"
    UNKNOWN_MODIFIER = "unknown-modifier"
    INDETERMINATE = "indeterminate"
    """The record was asked and its answer settles nothing (an X category, "cannot be assessed")."""


@dataclass(frozen=True, slots=True)
class Known:
    """The fact has this value. A number is an interval on the fact's grid, in the fact's unit."""

    value: Value


@dataclass(frozen=True, slots=True)
class Absent:
    """The fact has no value, and why."""

    reason: AbsenceReason
    note: str = ""


@dataclass(frozen=True, slots=True)
class Conflicting:
    """Sources disagree; every value is kept, none is chosen."""

    values: tuple[Value, ...]


State = Known | Absent | Conflicting


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one fact about one subject, with the elements it was read from."""

    state: State
    sources: tuple[Source, ...] = ()
    note: str = ""
    """How the value came about where no element carries it (silence, a closing statement, an age)."""
    dated: dt.date | None = field(default=None, compare=False, repr=False)
    """The earliest day that the oldest of its statements may be of, where the vocabulary names a limit of age.

    It is no part of what the fact says: two that differ only here are the same fact.
    """

    @property
    def value(self) -> Value | None:
        """The value, or `None` where it is not known (absent or conflicting).

        >>> Fact(Known(True)).value, Fact(NEVER_RECORDED.state).value
        (True, None)
        """
        return self.state.value if isinstance(self.state, Known) else None

    @property
    def is_known(self) -> bool:
        """Whether logic may use a value."""
        return isinstance(self.state, Known)


NEVER_RECORDED = Fact(Absent(AbsenceReason.NEVER_RECORDED))
Facts = Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class ReportedStructure:
    """What the record says about one structure at risk of one lesion: facts by name, without their level."""

    name: str
    side: str
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReportedLesion:
    """What the record says about one lesion, before silence is read and structures are enumerated."""

    id: str
    label: str
    facts: Facts = field(default_factory=dict)
    structures: tuple[ReportedStructure, ...] = ()
    sources: tuple[Source, ...] = ()
