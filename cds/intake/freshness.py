"""Statements that are too old to count: older than an event, or than a limit that the institution has set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from cds.case import AbsenceReason, Absent, Conflicting, Fact, Role
from cds.intake.reconcile import Reading
from cds.quantities import DateSpan, convert
from cds.truth import Truth
from cds.vocabulary import Freshness, Level

Ages = Mapping[str, tuple[Fraction, str]]
"""The greatest age by parameter: a number and its UCUM unit of time. A parameter that is not in it is unset."""


def freshened(
    fact: Fact,
    readings: Sequence[Reading],
    fresh: Freshness,
    events: Sequence[tuple[tuple[Level, str], Fact]],
    as_of: dt.date,
    ages: Ages,
) -> Fact:
    """The fact, or its absence where what it rests on is stale.

    `events` are the facts of the dates that it must not precede: one, or those of all lesions for a fact of the
    patient. That a statement says it follows an event counts where the dates leave it open, never against them.
    """
    if isinstance(fact.state, (Absent, Conflicting)):
        return fact
    limited = fresh.within is not None and fresh.within in ages
    spans = [(_span(reading), reading.after) for reading in readings]
    if fresh.within is not None:
        first = (span.first if span is not None else dt.date.min for span, _ in spans)
        fact = replace(fact, dated=min(first, default=None))
    if not fresh.since and not limited:
        return fact
    named = (replace(s, role=Role.CONTEXT.value) for _, event in events for s in event.sources)
    sources = tuple(dict.fromkeys((*fact.sources, *named)))
    if any(span is None for span, _ in spans):
        if fresh.since and not limited and _none_matters(fresh, [event for _, event in events]):
            return fact
        return Fact(Absent(AbsenceReason.UNDATED, "no clinical date says when this was"), sources, fact.note)
    for span, after in spans:
        assert span is not None, "undated readings were handled above"
        if limited and fresh.within is not None:
            amount, unit = ages[fresh.within]
            days = convert(amount, unit, "d")
            if (as_of - span.first).days > days:
                limit = f"{amount} {unit}"
                return Fact(
                    Absent(AbsenceReason.STALE, f"{span} is more than {limit} before {as_of}"), sources, fact.note
                )
        for key, event in events:
            when = event.value
            if not isinstance(when, DateSpan):
                if fresh.unknown_event == "undecided" and key not in after:
                    note = "the date of the event that it must follow is not known"
                    return Fact(Absent(AbsenceReason.STALE, note), sources, fact.note)
                continue
            before = span.before(when)
            if before is Truth.TRUE or (before is Truth.UNKNOWN and key not in after):
                says = "is before" if before is Truth.TRUE else "may be before"
                return Fact(Absent(AbsenceReason.STALE, f"{span} {says} {when}"), sources, fact.note)
    return replace(fact, sources=sources)


def _span(reading: Reading) -> DateSpan | None:
    return reading.moment.span if reading.moment.dated else None


def _none_matters(fresh: Freshness, events: Sequence[Fact]) -> bool:
    """Whether an unknown date of the statement is harmless: there is no event that it could precede."""
    return fresh.unknown_event == "usable" and not any(isinstance(event.value, DateSpan) for event in events)
