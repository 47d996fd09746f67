"""Several statements of one fact: what they come to, by the fact's declared agreement.

`latest`: the newest statements hold; if they differ, or their order is not known, they conflict. `conflict`: all
statements hold, and differing ones conflict whatever their dates. A statement that could not be read counts: it may
have said anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cds.case import (
    AbsenceReason,
    Absent,
    Conflicting,
    Fact,
    Facts,
    Known,
    ReportedLesion,
    Role,
    Source,
    Value,
)
from cds.intake.moments import Moment, is_later
from cds.intake.remarks import Remarks
from cds.vocabulary import Agreement, FactDefinition, Level, Vocabulary

Subject = tuple[str, ...]
"""`()` the patient, `(lesion,)`, `(lesion, structure, side)`."""

_STATED = frozenset(
    {
        AbsenceReason.NEVER_RECORDED,
        AbsenceReason.ASKED_UNKNOWN,
        AbsenceReason.NOT_ASKED,
        AbsenceReason.TEMP_UNKNOWN,
        AbsenceReason.NOT_PERFORMED,
        AbsenceReason.NOT_ASSESSED,
        AbsenceReason.NOT_EXAMINED,
        AbsenceReason.NOT_APPLICABLE,
        AbsenceReason.MASKED,
        AbsenceReason.NOT_PERMITTED,
        AbsenceReason.UNSUPPORTED,
    }
)
"""Absences that say nothing against a value which another source states for the same time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One statement of the record about one fact of one subject.

    A `weak` reading only keeps silence from being read as an answer: it counts where nothing else is said. `since`
    names the date before which the statement speaks of an earlier time, where its mapping says so; `after` the events
    that the statement itself says it follows, `before` the date that its mapping says it must precede.
    """

    level: Level
    name: str
    subject: Subject
    state: Known | Absent
    moment: Moment
    sources: tuple[Source, ...]
    weak: bool = False
    note: str = ""
    since: tuple[Level, str] | None = None
    after: frozenset[tuple[Level, str]] = frozenset()
    before: tuple[Level, str] | None = None


def reconciled(definition: FactDefinition, readings: Sequence[Reading]) -> tuple[Fact, tuple[Reading, ...]]:
    """The fact that the readings come to, and the readings it rests on. There is at least one reading."""
    strong = [reading for reading in readings if not reading.weak]
    if not strong:
        first = readings[0]
        return Fact(first.state, _sources(readings), first.note), tuple(readings)
    standing = strong if definition.agreement is Agreement.CONFLICT else _newest(strong)
    rest = [reading for reading in strong if reading not in standing]
    sources = _sources(standing) + tuple(replace(s, role=Role.CONTEXT.value) for s in _sources(rest))
    note = next((reading.note for reading in standing if reading.note), "")
    return Fact(_state(standing), tuple(dict.fromkeys(sources)), note), tuple(standing)


def _newest(readings: Sequence[Reading]) -> list[Reading]:
    return [r for r in readings if not any(is_later(other.moment, r.moment) for other in readings)]


def _state(readings: Iterable[Reading]) -> Known | Absent | Conflicting:
    values: dict[Value, None] = {}
    absences: list[Absent] = []
    for reading in readings:
        if isinstance(reading.state, Known):
            values.setdefault(reading.state.value)
        else:
            absences.append(reading.state)
    if len(values) > 1:
        return Conflicting(tuple(values))
    unread = [absence for absence in absences if absence.reason not in _STATED]
    if unread:
        return unread[0]
    return Known(next(iter(values))) if values else absences[0]


def report_conflicts(
    patient: Facts, lesions: Iterable[ReportedLesion], vocabulary: Vocabulary, remarks: Remarks
) -> None:
    """Report every fact of which the record says two things, with the elements that do."""
    for definition in vocabulary.of(Level.PATIENT):
        _report(definition, patient.get(definition.name), "the patient", remarks)
    for lesion in lesions:
        for definition in vocabulary.of(Level.LESION):
            _report(definition, lesion.facts.get(definition.name), f"`{lesion.id}`", remarks)
        for structure in lesion.structures:
            for definition in vocabulary.of(Level.STRUCTURE):
                about = f"`{lesion.id}/{structure.name}/{structure.side}`"
                _report(definition, structure.facts.get(definition.name), about, remarks)


def _report(definition: FactDefinition, fact: Fact | None, about: str, remarks: Remarks) -> None:
    if fact is None or not isinstance(fact.state, Conflicting):
        return
    values = (source for source in fact.sources if source.role == Role.VALUE.value)
    places = list(dict.fromkeys(s.entry + "".join(s.path.partition(".")[1:]) for s in values))
    if len(places) > 1:
        remarks.inform(
            "conflicting-sources",
            places[0],
            f"`{definition.path}` of {about}: {' and '.join(f'`{place}`' for place in places)} contradict "
            "each other; all were kept, none was chosen; correct the record or state the fact anew",
        )


def _sources(readings: Iterable[Reading]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(source for reading in readings for source in reading.sources))
