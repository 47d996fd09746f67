"""A case as a JSON document and back, without loss: what a decision record keeps, and replay reads.

Every source stands once, in a table; facts name it by its place there. A fact of which nothing was ever recorded is
`null`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from cds.case.case import Case, Lesion, Structure
from cds.case.facts import NEVER_RECORDED, AbsenceReason, Absent, Conflicting, Fact, Facts, Known, Value
from cds.case.provenance import Source
from cds.errors import Issue
from cds.quantities import DateSpan, Interval

Json = Mapping[str, Any]

FORMAT: Final = 1
"""The form of the document. A document of another form is refused, never guessed at."""


def case_document(case: Case) -> dict[str, Any]:
    """The JSON document of a case: objects, lists, texts, numbers and booleans only.

    >>> case = Case(dt.date(2026, 11, 22), {"smoker": Fact(Known(True))}, ())
    >>> case_document(case)["patient"]
    {'smoker': {'known': True}}
    >>> case_of_document(case_document(case)) == case
    True
    """
    table = _Table()
    return {
        "format": FORMAT,
        "as_of": case.as_of.isoformat(),
        "patient": table.facts(case.patient),
        "lesions": [table.lesion(lesion) for lesion in case.lesions],
        "issues": [[issue.severity, issue.code, issue.expression, issue.details] for issue in case.issues],
        "excluded": table.places(case.excluded),
        "sources": [_source(source) for source in table.sources],
    }


def case_of_document(document: Json) -> Case:
    """The case that a document says. Raises `ValueError` where it is no document of this form."""
    if document.get("format") != FORMAT:
        raise ValueError(f"the case has the form `{document.get('format')}`; form {FORMAT} is read here")
    try:
        reader = _Reader(tuple(Source(*source) for source in document["sources"]))
        return Case(
            as_of=dt.date.fromisoformat(document["as_of"]),
            patient=reader.facts(document["patient"]),
            lesions=tuple(reader.lesion(lesion) for lesion in document["lesions"]),
            issues=tuple(Issue(*issue) for issue in document["issues"]),
            excluded=reader.sources(document["excluded"]),
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"the case does not read as one: {type(error).__name__} at {error}") from error


def _source(source: Source) -> list[str | None]:
    return [source.resource, source.version, source.path, source.date, source.entry, source.mapping, source.role]


@dataclass(slots=True)
class _Table:
    """The sources of one document, each once, in the order in which they are first named."""

    sources: dict[Source, int] = field(default_factory=dict)

    def places(self, sources: Iterable[Source]) -> list[int]:
        return [self.sources.setdefault(source, len(self.sources)) for source in sources]

    def lesion(self, lesion: Lesion) -> dict[str, Any]:
        structures = [
            {"name": each.name, "side": each.side, "label": each.label, "facts": self.facts(each.facts)}
            for each in lesion.structures
        ]
        return {
            "id": lesion.id, "label": lesion.label, "facts": self.facts(lesion.facts), "structures": structures,
            "sources": self.places(lesion.sources),
        }  # fmt: skip

    def facts(self, facts: Facts) -> dict[str, Any]:
        return {name: None if fact == NEVER_RECORDED else self.fact(fact) for name, fact in facts.items()}

    def fact(self, fact: Fact) -> dict[str, Any]:
        written: dict[str, Any]
        match fact.state:
            case Known(value):
                written = {"known": _written(value)}
            case Absent(reason, note):
                written = {"absent": reason.value, **({"because": note} if note else {})}
            case Conflicting(values):
                written = {"conflicting": [_written(value) for value in values]}
        if fact.sources:
            written["sources"] = self.places(fact.sources)
        if fact.note:
            written["note"] = fact.note
        if fact.dated is not None:
            written["dated"] = fact.dated.isoformat()
        return written


def _written(value: Value) -> object:
    match value:
        case Interval(low, high, low_open, high_open):
            ends = {"low": None if low is None else str(low), "high": None if high is None else str(high)}
            return {**ends, "low_open": low_open, "high_open": high_open}
        case DateSpan(first, last):
            return {"first": first.isoformat(), "last": last.isoformat()}
        case bool() | str():
            return value


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads facts whose sources are places in a table."""

    table: tuple[Source, ...]

    def sources(self, places: Iterable[int]) -> tuple[Source, ...]:
        return tuple(self.table[place] for place in places)

    def lesion(self, written: Json) -> Lesion:
        structures = tuple(
            Structure(each["name"], each["side"], each["label"], self.facts(each["facts"]))
            for each in written["structures"]
        )
        facts = self.facts(written["facts"])
        return Lesion(written["id"], written["label"], facts, structures, self.sources(written["sources"]))

    def facts(self, written: Json) -> Facts:
        return {name: NEVER_RECORDED if fact is None else self.fact(fact) for name, fact in written.items()}

    def fact(self, written: Json) -> Fact:
        state: Known | Absent | Conflicting
        if "known" in written:
            state = Known(_read(written["known"]))
        elif "absent" in written:
            state = Absent(AbsenceReason(written["absent"]), written.get("because", ""))
        else:
            state = Conflicting(tuple(_read(value) for value in written["conflicting"]))
        dated = dt.date.fromisoformat(written["dated"]) if "dated" in written else None
        return Fact(state, self.sources(written.get("sources", ())), written.get("note", ""), dated)


def _read(written: object) -> Value:
    if isinstance(written, bool | str):
        return written
    if not isinstance(written, Mapping):
        raise TypeError(f"`{type(written).__name__}` is no value of a fact")
    if "first" in written:
        return DateSpan(dt.date.fromisoformat(written["first"]), dt.date.fromisoformat(written["last"]))
    low, high = written["low"], written["high"]
    return Interval(
        None if low is None else Fraction(low),
        None if high is None else Fraction(high),
        written["low_open"],
        written["high_open"],
    )
