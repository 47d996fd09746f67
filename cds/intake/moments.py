"""When something in a record happened, as far as the record says, and which of two things is the later."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cds.case import Role, Source
from cds.intake.bundle import Entry
from cds.intake.document import Json, child, string
from cds.intake.remarks import shown
from cds.quantities import DateSpan
from cds.truth import Truth


@dataclass(frozen=True, slots=True)
class Moment:
    """A clinical date, perhaps with a time of day, and what settles the order where two dates are the same.

    `dated` is false where the record gives no clinical date, only that of its entry (or none: then `span` is `None`).
    """

    span: DateSpan | None
    time: dt.datetime | None = None
    dated: bool = True
    issued: dt.datetime | None = None
    updated: dt.datetime | None = None
    version: int | None = None
    resource: str = ""


UNKNOWN_MOMENT: Final = Moment(None, dated=False)


def time_of(text: str | None) -> dt.datetime | None:
    """The date and time of a FHIR dateTime or instant that has a time of day; without zone it stays without."""
    if text is None or len(text) < 16:
        return None
    head, dot, rest = text.partition(".")
    if dot:  # FHIR allows any precision of seconds, Python six digits
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[:digits][:6].ljust(6, '0')}{rest[digits:]}"
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def span_of(value: object) -> DateSpan | None:
    """A FHIR date or dateTime; `None` where there is none or the text is none."""
    if not isinstance(value, str):
        return None
    try:
        return DateSpan.parse(value.strip())
    except ValueError:
        return None


def period_span(period: Json) -> DateSpan | None:
    """A Period as the days it may cover; without an end it may go on to this day (`Setting.timely` cuts it there)."""
    start, end = span_of(period.get("start")), span_of(period.get("end"))
    if start is None:
        return end
    last = end.last if end is not None else dt.date.max
    return DateSpan(start.first, last) if start.first <= last else None


@dataclass(frozen=True, slots=True)
class Dated:
    """A moment with the elements it was read from, and whether one of them cannot be read."""

    moment: Moment
    sources: tuple[Source, ...]
    text: str | None
    broken: str | None = None
    """The element that is there and is no date."""


def observed(entry: Entry) -> Dated:
    """When an Observation was made: effective[x], else `issued` (then undated)."""
    resource = entry.resource
    for element in ("effectiveDateTime", "effectiveInstant"):
        if element in resource:
            return _from_text(entry, element)
    if "effectivePeriod" in resource:
        period = child(resource, "effectivePeriod")
        start = string(period, "start")
        text = f"{start} or later" if start and "end" not in period else None
        return _dated(entry, "effectivePeriod", period_span(period), text)
    if "effectiveTiming" in resource:
        events = child(resource, "effectiveTiming").get("event")
        spans = [span for span in map(span_of, events if isinstance(events, list) else ()) if span is not None]
        span = DateSpan(min(s.first for s in spans), max(s.last for s in spans)) if spans else None
        return _dated(entry, "effectiveTiming", span, None) if span else _undated(entry, "issued")
    return _undated(entry, "issued")


def dated_by(entry: Entry, *elements: str, entered: str = "") -> Dated:
    """When something happened by the first of these elements that is there (a date, or a Period's end), else
    undated.
    """
    for element in elements:
        value = entry.resource.get(element)
        if isinstance(value, Mapping):
            end = span_of(value.get("end"))
            start = string(value, "start")
            text = string(value, "end") or (f"{start} or later" if start else None)
            begun = span_of(value.get("start"))
            if begun is not None and end is not None and begun.first > end.last:
                return _dated(entry, element, None, text)  # it ends before it starts: which of the two is wrong?
            return _dated(entry, element, end or period_span(value), text)
        if value is not None:
            return _from_text(entry, element)
    return _undated(entry, entered)


def dated_at(entry: Entry, path: str, text: str | None) -> Dated:
    """When something happened by the text of an element inside a resource: `item[0].answer[0].valueDate`."""
    return _dated(entry, path, span_of(text), text)


def _from_text(entry: Entry, element: str) -> Dated:
    text = string(entry.resource, element)
    return _dated(entry, element, span_of(text), text)


def _dated(entry: Entry, element: str, span: DateSpan | None, text: str | None) -> Dated:
    sources = (entry.source(element, role=Role.CONTEXT), *_tie_breakers(entry, element))
    moment = _moment(entry, span, time_of(text), dated=span is not None)
    return Dated(moment, sources, _shown(text) or (str(span) if span else None), None if span else element)


def _undated(entry: Entry, entered: str) -> Dated:
    text = string(entry.resource, entered) if entered else None
    return Dated(_moment(entry, span_of(text), None, dated=False), _tie_breakers(entry, ""), _shown(text))


def _shown(text: str | None) -> str | None:
    return shown(text, 40) if text else None


def _tie_breakers(entry: Entry, element: str) -> tuple[Source, ...]:
    meta = child(entry.resource, "meta")
    found = [name for name in ("issued",) if name in entry.resource and name != element]
    found += [f"meta.{name}" for name in ("lastUpdated", "versionId") if name in meta]
    return tuple(entry.source(path, role=Role.CONTEXT) for path in found)


def _moment(entry: Entry, span: DateSpan | None, time: dt.datetime | None, *, dated: bool) -> Moment:
    version = entry.version or ""
    return Moment(
        span,
        time,
        dated,
        _zoned(string(entry.resource, "issued")),
        _zoned(string(child(entry.resource, "meta"), "lastUpdated")),
        int(version) if version.isdecimal() and len(version) < 19 else None,
        entry.key,
    )


def _zoned(text: str | None) -> dt.datetime | None:
    time = time_of(text)
    return time if time is not None and time.tzinfo is not None else None


def is_later(one: Moment, other: Moment) -> bool:
    """Whether `one` is certainly the later: by date, then time of day, then when it was issued and last updated.

    Partial dates that overlap without being equal have no order, and nothing behind them is looked at.
    """
    if one.span is None or other.span is None:
        return False
    if one.time is not None and other.time is not None and one.time.tzinfo and other.time.tzinfo:
        if one.time != other.time:  # two instants: the calendar days of two zones need not agree with their order
            return one.time > other.time
    elif one.span != other.span:
        return other.span.before(one.span) is Truth.TRUE
    pairs: list[tuple[dt.datetime | None, dt.datetime | None]] = []
    if one.time is not None and other.time is not None and (one.time.tzinfo is None) == (other.time.tzinfo is None):
        pairs.append((one.time, other.time))
    pairs += [(one.issued, other.issued), (one.updated, other.updated)]
    for mine, its in pairs:
        if mine is not None and its is not None and mine != its:
            return mine > its
    same = one.resource == other.resource and one.version is not None and other.version is not None
    return same and (one.version or 0) > (other.version or 0)
