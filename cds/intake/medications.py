"""Medication records as statements of what the patient takes. An order is read as taken while it is active.

That a drug was given or handed out once says that it may be taken, no more. A record that it is taken does not stand
against one that it is not, unless it is known to be the later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import NOTHING, Concept, concept
from cds.intake.document import child, children, string
from cds.intake.moments import Dated, dated_by, is_later, span_of
from cds.intake.references import Whose
from cds.intake.refusals import ORDERS
from cds.intake.remarks import shown
from cds.intake.setting import FUTURE, UNREAD, Setting, Statement, Use
from cds.quantities import DateSpan
from cds.ruleset.mapping import Coded, MedicationReader, fact_key

_TAKEN: Final = frozenset({"active"})
_NOT_TAKEN: Final = frozenset(
    {"completed", "entered-in-error", "intended", "stopped", "not-taken", "cancelled", "draft"}
)
_SAID_NOT_TAKEN: Final = frozenset({"completed", "stopped", "not-taken"})
"""What a MedicationStatement says of the patient. That an order has ended does not: another may go on."""
_ONCE: Final = frozenset({"MedicationAdministration", "MedicationDispense"})
_NEVER: Final = frozenset({"cancelled", "declined", "entered-in-error", "not-done", "preparation"})
_DATES: Final = {
    "MedicationStatement": ("dateAsserted", "effectiveDateTime", "effectivePeriod"),
    "MedicationRequest": ("authoredOn",),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "MedicationDispense": ("whenHandedOver", "whenPrepared"),
}
_DOSES: Final = ("dosage", "dosageInstruction")


def read_medications(setting: Setting) -> None:
    """Add which drugs are taken."""
    statements: list[Statement] = []
    ended = _not_taken(setting)
    for entry in setting.record.of(*_DATES):
        drug, sources = _drug(entry, setting)
        status = string(entry.resource, "status") or ""
        if not drug.readable:
            if status not in (_NEVER if entry.type in _ONCE else _NOT_TAKEN):
                _unreadable(entry, setting)
            continue
        readers = [r for r in setting.tables.readers.medications if drug.any_in(setting.tables.value_set(r.codes))]
        for reader in readers:
            against = [other for other in ended if other.codes & set(drug.codes)]
            statements += _statements(entry, reader, status, sources, against, setting)
        if not readers:
            setting.remarks.exclude(
                *(
                    Source(s.resource, s.version, s.path, s.date, s.entry, s.mapping, Role.EXCLUSION.value)
                    for s in sources
                )
            )
            setting.show_unplaced(entry, "", drug)
    setting.any_of(statements)


@dataclass(frozen=True, slots=True)
class _NotTaken:
    """A record that the patient does not take a drug, or not any more, and of when that is said."""

    entry: Entry
    codes: frozenset[Coded]
    dated: Dated
    sources: tuple[Source, ...]


def _not_taken(setting: Setting) -> list[_NotTaken]:
    found: list[_NotTaken] = []
    for entry in setting.record.of("MedicationStatement", "MedicationRequest"):
        status = string(entry.resource, "status")
        if entry.type == "MedicationStatement":
            element, says = "status", status in _SAID_NOT_TAKEN
        else:
            forbidden = entry.resource.get("doNotPerform") is True and string(entry.resource, "intent") in ORDERS
            element, says = "doNotPerform", forbidden and status in _TAKEN
        if not says or setting.references.whose(entry)[0] is not Whose.PATIENT:
            continue
        drug, sources = _drug(entry, setting)
        ends = span_of(child(entry.resource, "effectivePeriod").get("end")) is not None
        dated = dated_by(entry, *(("effectivePeriod",) if ends else _DATES[entry.type]))
        begins = dated.moment.span.first if dated.moment.span is not None else setting.as_of
        if drug.codes and begins <= setting.as_of:
            named = (entry.source(element, role=Role.CONTEXT), *sources, *dated.sources)
            found.append(_NotTaken(entry, frozenset(drug.codes), dated, named))
    return found


def _drug(entry: Entry, setting: Setting) -> tuple[Concept, tuple[Source, ...]]:
    """The drug's code, in the record itself or in the Medication that it refers to."""
    if "medicationCodeableConcept" in entry.resource:
        source = entry.source("medicationCodeableConcept", role=Role.CONTEXT)
        return concept(entry.resource["medicationCodeableConcept"], setting.tables), (source,)
    source = entry.source("medicationReference", role=Role.CONTEXT)
    target = setting.references.resolve(entry.resource.get("medicationReference"), entry)
    if target is None:
        return NOTHING, (source,)
    if string(target.contained or target.entry.resource, "status") == "entered-in-error":
        if target.contained is None:
            setting.remarks.exclude(target.entry.source("status", role=Role.EXCLUSION))
        return NOTHING, (source,)
    if target.contained is not None:
        return concept(target.contained.get("code"), setting.tables), (source, *target.sources)
    if target.entry.type != "Medication":
        return NOTHING, (source,)
    code = target.entry.source("code", role=Role.CONTEXT)
    return concept(target.entry.resource.get("code"), setting.tables), (source, *target.sources, code)


def _unreadable(entry: Entry, setting: Setting) -> None:
    setting.remarks.warn(
        "unreadable-code",
        entry.path,
        f"`{shown(entry.key)}` does not say which drug it is; what it may have said counts as unknown",
    )
    setting.shadow(
        (fact_key(r.fact) for r in setting.tables.readers.medications),
        AbsenceReason.QUARANTINED,
        "a medication record does not say which drug it is",
        entry.source(role=Role.EXCLUSION),
    )


def _statements(
    entry: Entry,
    reader: MedicationReader,
    status: str,
    drug: tuple[Source, ...],
    ended: Sequence[_NotTaken],
    setting: Setting,
) -> Iterator[Statement]:
    definition = setting.definition(*fact_key(reader.fact))
    if definition is None:
        return
    proposed = entry.type == "MedicationRequest" and string(entry.resource, "intent") not in ORDERS
    once = entry.type in _ONCE
    if status in (_NEVER if once else _NOT_TAKEN) or proposed or entry.resource.get("doNotPerform") is True:
        elements = [e for e in ("status", "intent", "doNotPerform") if e in entry.resource]
        setting.remarks.exclude(*(entry.source(e, role=Role.EXCLUSION) for e in elements), *drug)
        return
    use = setting.use(entry)
    if use is Use.NOT_THE_PATIENTS:
        return
    dated = dated_by(entry, *_DATES[entry.type])
    moment, future = setting.timely(entry, dated)
    start, end = _taken_from(entry), _taken_until(entry)
    state: Known | Absent = Known(True)
    weak = False
    if use is not Use.YES:
        state = UNREAD[use]
    elif future:
        state, weak = FUTURE, True
    elif once:
        state = Absent(AbsenceReason.INDETERMINATE, "the drug was given or handed out; whether it is taken is not said")
    elif status not in _TAKEN:
        state = Absent(AbsenceReason.INDETERMINATE, f"a medication record has the status {shown(status)}")
    elif end is not None and end.last < setting.as_of:
        state = Absent(AbsenceReason.INDETERMINATE, f"recorded as taken until {end}, and as active")
    elif start is not None and start.first > setting.as_of:
        state = Absent(AbsenceReason.INDETERMINATE, f"recorded as taken from {start} on, and as active")
    against = [one for one in ended if isinstance(state, Known) and not is_later(moment, one.dated.moment)]
    if against:
        state = Absent(AbsenceReason.INDETERMINATE, "a drug is recorded as taken, and as not taken")
        for other in against:
            setting.remarks.inform(
                "conflicting-sources",
                entry.at("status"),
                f"`{definition.path}` of the patient: `{shown(entry.key)}` says that the drug is taken and "
                f"`{shown(other.entry.key)}`, not known to be the earlier, that it is not; neither was chosen; correct "
                "the record",
            )
    role = Role.VALUE if isinstance(state, Known) else Role.ABSENCE
    value = entry.source("status", role=role, date=dated.text, mapping=reader.id)
    context = [
        entry.source(e, role=Role.CONTEXT)
        for e in ("intent", "doNotPerform", "effectiveDateTime", "effectivePeriod", *_DOSES)
        if e in entry.resource
    ]
    for other in against:
        context += [*other.sources, *setting.references.subject_sources(other.entry)]
    sources = (value, *drug, *context, *setting.references.subject_sources(entry), *dated.sources)
    yield Statement(definition, (), state, moment, tuple(dict.fromkeys(sources)), weak)


def _taken_from(entry: Entry) -> DateSpan | None:
    """The day from which on a drug is taken, as far as a MedicationStatement says one."""
    period = child(entry.resource, "effectivePeriod")
    return span_of(period.get("start")) or span_of(entry.resource.get("effectiveDateTime"))


def _taken_until(entry: Entry) -> DateSpan | None:
    """The day until which a drug is taken: that of the statement, or of the last dose where every dose has one."""
    stated = span_of(child(entry.resource, "effectivePeriod").get("end"))
    repeats = (
        child(child(dose, "timing"), "repeat") for element in _DOSES for dose in children(entry.resource, element)
    )
    ends = [span_of(child(repeat, "boundsPeriod").get("end")) for repeat in repeats]
    known = [end for end in ends if end is not None]
    last = max(known, key=lambda end: end.last) if known and len(known) == len(ends) else None
    return stated or last
