"""The order in which a bundle becomes a case: text, entries, references, lesions, statements, facts.

Every stage finds all of its problems; what makes the bundle unusable is raised together. What a resource could have
said and was not read leaves its facts unknown, never "no".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from cds.case import (
    AbsenceReason,
    Absent,
    Case,
    Fact,
    Known,
    ReportedLesion,
    ReportedStructure,
    Role,
    Source,
    assemble,
    structures_at_risk,
)
from cds.case.facts import NEVER_RECORDED
from cds.intake.bundle import Entry, read_record
from cds.intake.conditions import lesion_facts, problem_list, read_conditions
from cds.intake.document import Limits, child, parse_document
from cds.intake.exclusions import unused
from cds.intake.forms import find_form_lesions, read_forms
from cds.intake.freshness import Ages, freshened
from cds.intake.imaging import read_imaging
from cds.intake.institution import with_maps_named
from cds.intake.lesions import find_lesions
from cds.intake.medications import read_medications
from cds.intake.observations import Observations, is_of_lesion
from cds.intake.patient import read_patient
from cds.intake.pattern import recurrence_pattern
from cds.intake.procedures import read_procedures
from cds.intake.reconcile import Reading, Subject, reconciled, report_conflicts
from cds.intake.references import References
from cds.intake.remarks import Remarks, shown
from cds.intake.resources import is_valid
from cds.intake.setting import ANY, FUTURE, Setting, Use
from cds.intake.standing import Standing, standing
from cds.intake.tumours import Tumour, is_cancer, is_tumour, lesion_name
from cds.intake.within import read_within
from cds.quantities import DateSpan
from cds.ruleset.mapping import MappingTables
from cds.truth import Truth
from cds.vocabulary import FactDefinition, Level, Vocabulary

FactKey = tuple[Level, str]
READ_TYPES: Final = (
    "BodyStructure",
    "Condition",
    "Consent",
    "ImagingStudy",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "Observation",
    "Patient",
    "Procedure",
    "QuestionnaireResponse",
    "ServiceRequest",
)
"""The resource types that a mapping can read."""


def read_bundle(
    source: bytes | Mapping[str, object],
    *,
    vocabulary: Vocabulary,
    mapping: MappingTables,
    as_of: dt.date,
    lesion: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen, so one for all calls is the same
    ages: Ages | None = None,
) -> Case:
    """The case that a FHIR R4 or R4B bundle tells of.

    `lesion` keeps one lesion by its id, or the id or an identifier of its resource; `ages` gives the greatest age of
    what a parameter limits (`bloodTestAge`), unset ones being left out. Raises `UnusableInput` with every problem that
    makes the bundle unusable; what is only partly usable is in `Case.issues`.

    >>> from cds.vocabulary import Vocabulary
    >>> bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {"resourceType": "Patient"}}]}
    >>> nothing = Vocabulary({}, {}, {}, {})
    >>> read_bundle(bundle, vocabulary=nothing, mapping=MappingTables(), as_of=dt.date(2026, 1, 1)).lesions
    ()
    """
    remarks = Remarks()
    record = read_record(parse_document(source, limits), remarks)
    references = References(record)
    references.check_patients(remarks)
    if remarks.unusable:  # the sender gets everything at once, also what alone would only be quarantined
        refused = {issue.expression.partition(".resource")[0] for issue in remarks.issues.values()}
        for entry in record.of(*READ_TYPES):
            if entry.path.partition(".resource")[0] not in refused:
                is_valid(entry, remarks)
    remarks.stop_if_unusable()
    setting = Setting(vocabulary, mapping, as_of, record, references, remarks)
    _find_lesions(setting)
    if lesion is not None:
        asked = setting.lesions.named(lesion)
        lesion = asked[0].id if len(asked) == 1 else lesion_name(lesion)
    if lesion is not None and lesion not in {tumour.id for tumour in setting.lesions.tumours}:
        known = ", ".join(f"`{tumour.id}`" for tumour in setting.lesions.tumours) or "none: the record names no lesion"
        remarks.error("unknown-lesion", "", f"`{shown(lesion)}` is no lesion of this record; accepted are {known}")
        remarks.stop_if_unusable()
    is_dead = read_patient(setting)
    read_within(setting)
    Observations(setting).read()
    read_conditions(setting)
    read_medications(setting)
    read_forms(setting)
    read_imaging(setting)
    read_procedures(setting)  # last: where a treatment was is compared with where the lesion is
    if record.incomplete:
        setting.shadow(
            setting.all_facts(), AbsenceReason.TEMP_UNKNOWN, "the bundle says that it is incomplete", *record.incomplete
        )
    remarks.exclude(*references.blocked)
    if is_dead:
        setting.lesions.tumours.clear()  # nothing is assessed; the facts of the patient can still be read
    setting.readings = with_maps_named(setting.readings, record.entries, mapping)
    return _Facts(setting, ages or {}).case(lesion)


def _find_lesions(setting: Setting) -> None:
    """Find the lesions among what is valid; what is not makes what it may have said of lesions unknown."""
    vocabulary, tables = setting.vocabulary, setting.tables
    candidates: dict[str, list[Entry]] = {"BodyStructure": [], "Condition": []}
    withdrawn: list[Entry] = []
    unread: list[Entry] = []
    for entry in setting.record.of("BodyStructure", "Condition"):
        if entry.type == "Condition":
            how, decides = standing(entry, tables)
            gone = how is Standing.WITHDRAWN
            withdrawn += [entry] if gone else []
            if gone or not is_cancer(entry, tables):
                setting.remarks.exclude(entry.source(decides if gone else "code", role=Role.EXCLUSION))
                continue
        elif entry.resource.get("active") is False or not is_tumour(entry, vocabulary, tables):
            setting.remarks.exclude(*_no_tumour(entry))
            continue
        use = setting.use(entry)
        if use is Use.YES:
            candidates[entry.type].append(entry)
        elif use is not Use.NOT_THE_PATIENTS:
            unread.append(entry)
    setting.lesions = find_lesions(
        candidates["BodyStructure"],
        candidates["Condition"],
        setting.references,
        vocabulary,
        tables,
        setting.remarks,
        withdrawn=withdrawn,
        believed=lambda entry: setting.use(entry) is Use.YES,
        findings=[entry for entry in setting.record.of("Observation") if is_of_lesion(entry, setting)],
    )
    setting.lesions.others += unread
    setting.lesions.unsettled += unread
    for entry in unread:
        setting.shadow(
            lesion_facts(),
            AbsenceReason.QUARANTINED,
            "a tumour's resource could not be used",
            entry.source(role=Role.EXCLUSION),
        )
    for tumour in setting.lesions.tumours:
        setting.readings += tumour.readings
    find_form_lesions(setting)


def _no_tumour(body: Entry) -> Iterator[Source]:
    """The elements that keep a BodyStructure from being a tumour: that it is inactive, a volume, or what it is of."""
    if body.resource.get("active") is False:
        yield body.source("active", role=Role.EXCLUSION)
        return
    present = [element for element in ("morphology", "location", "identifier") if element in body.resource]
    present += ["meta.profile"] if "profile" in child(body.resource, "meta") else []
    for element in present or [""]:
        yield body.source(element, role=Role.EXCLUSION)


class _Facts:
    """Readings to facts: reconciled, freshened, and put together as a case."""

    def __init__(self, setting: Setting, ages: Ages) -> None:
        self.setting = setting
        self.ages = ages
        self.groups: dict[tuple[Level, str, Subject], list[Reading]] = {}
        self.events: dict[tuple[Level, str, Subject], Fact] = {}
        for reading in map(self._not_to_come, setting.readings):
            self.groups.setdefault((reading.level, reading.name, reading.subject), []).append(reading)

    def _not_to_come(self, reading: Reading) -> Reading:
        """The reading, or that it is an error where it dates an event after the day of the answer.

        What has an open end has happened by that day.
        """
        state = reading.state
        if not isinstance(state, Known) or not isinstance(state.value, DateSpan):
            return reading
        if state.value.first <= self.setting.as_of:
            if state.value.last < dt.date.max:
                return reading
            return replace(reading, state=Known(DateSpan(state.value.first, self.setting.as_of)))
        first, *rest = reading.sources
        where = first.entry + "".join(first.path.partition(".")[1:])
        self.setting.remarks.warn(
            "future-dated",
            where,
            f"`{reading.level.value}.{reading.name}` is said to be {state.value}, after {self.setting.as_of}; it was "
            "not used",
        )
        self.setting.remarks.exclude(*(replace(source, role=Role.EXCLUSION.value) for source in reading.sources))
        return replace(reading, state=FUTURE, sources=(replace(first, role=Role.ABSENCE.value), *rest), weak=True)

    def case(self, only: str | None) -> Case:
        setting = self.setting
        events = {key for d in setting.vocabulary.facts.values() if d.fresh for key in d.fresh.since}
        events |= {key for r in setting.readings for key in (r.since, r.before) if key is not None}
        lesions = [tumour.id for tumour in setting.lesions.tumours]
        for key in sorted(events, key=lambda k: (k[0].value, k[1])):
            for subject in [()] if key[0] is Level.PATIENT else [(id_,) for id_ in lesions]:
                self.events[(*key, subject)] = self._fact(key, subject)
        patient = self._level(Level.PATIENT, ())
        reported = [self._lesion(tumour) for tumour in setting.lesions.tumours]
        if not setting.lesions.unsettled and not setting.quarantined_types & {"BodyStructure", "Condition"}:
            patient = {**recurrence_pattern(reported, setting.vocabulary, setting.tables), **patient}
        kept = [one for one in reported if only is None or one.id == only]
        report_conflicts(patient, kept, setting.vocabulary, setting.remarks)
        case = assemble(
            setting.vocabulary,
            as_of=setting.as_of,
            patient=patient,
            lesions=kept,
            silences=problem_list(setting),
            issues=tuple(setting.remarks.issues.values()),
        )
        return replace(case, excluded=unused(case, setting.remarks.excluded))

    def _lesion(self, tumour: Tumour) -> ReportedLesion:
        vocabulary = self.setting.vocabulary
        facts = self._level(Level.LESION, (tumour.id,))
        complete = {d.name: facts.get(d.name, NEVER_RECORDED) for d in vocabulary.of(Level.LESION)}
        keys = [(s[1], s[2]) for _, _, s in self.groups if len(s) == 3 and s[0] == tumour.id and ANY not in s]
        if {"site", "side"} <= set(complete):
            keys += structures_at_risk(vocabulary, complete)
        structures = [
            ReportedStructure(name, side, self._level(Level.STRUCTURE, (tumour.id, name, side)))
            for name, side in dict.fromkeys(keys)
        ]
        label = tumour.label or _label(vocabulary, complete)
        return ReportedLesion(tumour.id, label, facts, tuple(s for s in structures if s.facts), tumour.sources)

    def _level(self, level: Level, subject: Subject) -> dict[str, Fact]:
        facts: dict[str, Fact] = {}
        for definition in self.setting.vocabulary.of(level):
            if self.setting.definition(level, definition.name) is None:
                continue
            fact = self._fact((level, definition.name), subject)
            if fact != NEVER_RECORDED:
                facts[definition.name] = fact
        return facts

    def _fact(self, key: FactKey, subject: Subject) -> Fact:
        known = self.events.get((*key, subject))
        if known is not None:
            return known
        definition = self.setting.vocabulary.facts.get(key)
        readings = self._readings(key, subject)
        if definition is None or not readings:
            return self._shadowed(key)
        fact, standing_readings = reconciled(definition, [self._timely(r) for r in readings])
        if definition.fresh is None:
            return fact
        return freshened(
            fact,
            standing_readings,
            definition.fresh,
            self._event_facts(definition, subject),
            self.setting.as_of,
            self.ages,
        )

    def _readings(self, key: FactKey, subject: Subject) -> list[Reading]:
        """What is said of a subject, and what may be about it because it names no structure or no side."""
        found = list(self.groups.get((*key, subject), ()))
        if len(subject) == 3:
            lesion, structure, _ = subject
            for vague in ((lesion, structure, ANY), (lesion, ANY, ANY)):
                found += self.groups.get((*key, vague), ())
        return found

    def _shadowed(self, key: FactKey) -> Fact:
        over = [shadow for shadow in self.setting.shadows if key in shadow.facts]
        if not over:
            return NEVER_RECORDED
        sources = tuple(dict.fromkeys(s for shadow in over for s in shadow.sources))
        return Fact(Absent(over[0].reason, over[0].note), sources)

    def _event_facts(self, definition: FactDefinition, subject: Subject) -> list[tuple[FactKey, Fact]]:
        assert definition.fresh is not None, "only facts with a freshness come here"
        return [(since, fact) for since in definition.fresh.since for fact in self._events(since, subject)]

    def _events(self, since: FactKey, subject: Subject) -> list[Fact]:
        """The dates that a statement must not precede: its lesion's, or every lesion's for a fact of the patient."""
        if since[0] is Level.PATIENT:
            return [self._fact(since, ())]
        if subject:
            return [self._fact(since, subject[:1])]
        return [self._fact(since, (tumour.id,)) for tumour in self.setting.lesions.tumours]

    def _timely(self, reading: Reading) -> Reading:
        """The reading, or its absence where its mapping says that it speaks of the time before an event, or after."""
        if reading.before is not None:
            return self._earlier(reading, reading.before)
        if reading.since is None or not isinstance(reading.state, Known):
            return reading
        span = reading.moment.span if reading.moment.dated else None
        for event in self._events(reading.since, reading.subject):
            sources = tuple(dict.fromkeys((*reading.sources, *_context(event.sources))))
            when = event.value
            if span is None or not isinstance(when, DateSpan) or span.before(when) is not Truth.FALSE:
                note = "not known to be of the time since the recurrence"
                return replace(reading, state=Absent(AbsenceReason.STALE, note), sources=sources)
            reading = replace(reading, sources=sources)
        return reading

    def _earlier(self, reading: Reading, event: FactKey) -> Reading:
        """The reading, or an absence that says nothing against another, where it does not certainly precede the event.

        What is said of the first disease is read only from before every recurrence.
        """
        span = reading.moment.span if reading.moment.dated else None
        events = self._events(event, reading.subject)
        sources = tuple(dict.fromkeys((*reading.sources, *(s for one in events for s in _context(one.sources)))))
        first = (one.value for one in events)
        if span and events and all(isinstance(day, DateSpan) and span.before(day) is Truth.TRUE for day in first):
            return replace(reading, sources=sources)
        note = "not known to be of the time before the recurrence"
        return replace(reading, state=Absent(AbsenceReason.INDETERMINATE, note), sources=sources, weak=True)


def _context(sources: Iterable[Source]) -> Iterable[Source]:
    return (replace(source, role=Role.CONTEXT.value) for source in sources)


def _label(vocabulary: Vocabulary, facts: Mapping[str, Fact]) -> str:
    """A lesion in words, from its site and side."""
    words = []
    for name in ("site", "side"):
        value = facts[name].value if name in facts else None
        if isinstance(value, str):
            words.append(vocabulary.fact(Level.LESION, name).value_labels.get(value, value))
    return ", ".join(words) or "head and neck tumour"
