"""Conditions as statements of diagnoses; and whether the record holds a problem list, whose silence may count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cds.case import AbsenceReason, Absent, Known, Role, Source
from cds.intake.bundle import Entry
from cds.intake.coding import Concept, concept
from cds.intake.document import children
from cds.intake.moments import Dated, dated_by, is_later
from cds.intake.references import Whose
from cds.intake.remarks import shown
from cds.intake.setting import FUTURE, UNREAD, Setting, Statement, Use
from cds.intake.standing import (
    ABATEMENT,
    CONDITION_CATEGORY,
    VERIFICATION_STATUS,
    Standing,
    note_assumption,
    standing,
)
from cds.ruleset.mapping import Coded, ConditionReader, fact_key
from cds.vocabulary import Level

PROBLEM_LIST: Final = "problem-list"
_DATES: Final = ("recordedDate", "onsetDateTime", "onsetPeriod")
_OF_LESIONS: Final = ("site", "side", "histology", "recurrenceDate")


def read_conditions(setting: Setting) -> None:
    """Add the diagnoses that Conditions state."""
    statements: list[Statement] = []
    refuted = _refuted(setting)
    for entry in setting.record.of("Condition"):
        code = concept(entry.resource.get("code"), setting.tables)
        if not code.readable:
            _unreadable(entry, setting)
            continue
        readers = [r for r in setting.tables.readers.conditions if code.any_in(setting.tables.value_set(r.codes))]
        for reader in readers:
            statements += _statement(entry, reader, [r for r in refuted if r.codes & set(code.codes)], setting)
        for notice in (n for n in setting.tables.readers.notices if code.any_in(setting.tables.value_set(n.codes))):
            setting.remarks.inform(notice.id, entry.at("code"), f"`{shown(entry.key)}`: {notice.says}")
        _keep_from_silence(entry, code, setting)
        if not readers:
            setting.remarks.exclude(entry.source("code", role=Role.EXCLUSION))
            setting.show_unplaced(entry, "code", code)
    setting.any_of(statements)


def _keep_from_silence(entry: Entry, code: Concept, setting: Setting) -> None:
    """A diagnosis that the tables cannot place may be the one whose absence a problem list would tell."""
    if standing(entry, setting.tables)[0] is not Standing.WITHDRAWN:
        for key, (reason, note) in open_diagnoses(code, setting):
            setting.shadow((key,), reason, note, entry.source("code", role=Role.ABSENCE))


def open_diagnoses(
    code: Concept, setting: Setting
) -> Iterator[tuple[tuple[Level, str], tuple[AbsenceReason, str]]]:
    """The facts that a diagnosis may make true though it is not listed for them; each with the reason and a note.

    Silence about a fact counts for a Condition only if it is coded in a system that the fact's own value set covers, or
    if the tables know it as something else. A text, a local code or a code of another system keeps the fact unknown,
    and so does a diagnosis of a group in which there are such (`may_be`), unless it is itself listed.
    """
    tables = setting.tables
    placed = any(tables.knows(each) for each in code.codes)
    systems = {system for system, _ in code.codes}
    readers: dict[tuple[Level, str], list[ConditionReader]] = {}
    for reader in tables.readers.conditions:
        readers.setdefault(fact_key(reader.fact), []).append(reader)
    for key, its in readers.items():
        definition = setting.definition(*key)
        if definition is None or any(code.any_in(tables.value_set(reader.codes)) for reader in its):
            continue
        silence = definition.silence
        counts = silence is not None and silence.context == PROBLEM_LIST
        covered = {system for reader in its for system in tables.value_set(reader.codes).systems}
        if any(code.any_in(tables.value_set(reader.may_be)) for reader in its if reader.may_be is not None):
            yield key, (
                AbsenceReason.INDETERMINATE,
                "a diagnosis of a group in which there are such is recorded: it may be one",
            )
        elif counts and not placed and not systems & covered:
            yield key, (
                AbsenceReason.UNREADABLE_CODE,
                "a diagnosis of the record is in no code that the tables cover: it may be this one",
            )


def lesion_facts() -> Iterator[tuple[Level, str]]:
    """The facts of a lesion that the resources which are it say."""
    return ((Level.LESION, name) for name in _OF_LESIONS)


def _facts(setting: Setting) -> Iterator[tuple[Level, str]]:
    yield from (fact_key(reader.fact) for reader in setting.tables.readers.conditions)
    yield from lesion_facts()


def _unreadable(entry: Entry, setting: Setting) -> None:
    if standing(entry, setting.tables)[0] is Standing.WITHDRAWN:
        setting.remarks.exclude(entry.source(standing(entry, setting.tables)[1], role=Role.EXCLUSION))
        return
    setting.quarantined_types.add("Condition")
    setting.remarks.warn(
        "unreadable-code",
        entry.at("code"),
        f"`{shown(entry.key)}` does not say what it is; what it may have said counts as unknown",
    )
    setting.shadow(
        _facts(setting),
        AbsenceReason.QUARANTINED,
        "a Condition does not say what it is",
        entry.source(role=Role.EXCLUSION),
    )


@dataclass(frozen=True, slots=True)
class _Refuted:
    """A diagnosis that the record says the patient has not, and when it says so."""

    entry: Entry
    codes: frozenset[Coded]
    dated: Dated


def _refuted(setting: Setting) -> list[_Refuted]:
    found: list[_Refuted] = []
    for entry in setting.record.of("Condition"):
        status = concept(entry.resource.get("verificationStatus"), setting.tables).local(VERIFICATION_STATUS)
        if standing(entry, setting.tables)[0] is not Standing.WITHDRAWN or "entered-in-error" in status:
            continue
        code = concept(entry.resource.get("code"), setting.tables)
        if code.codes and setting.references.whose(entry)[0] is Whose.PATIENT:
            found.append(_Refuted(entry, frozenset(code.codes), dated_by(entry, *_DATES)))
    return found


def _statement(
    entry: Entry, reader: ConditionReader, refuted: Sequence[_Refuted], setting: Setting
) -> Iterator[Statement]:
    definition = setting.definition(*fact_key(reader.fact))
    if definition is None or definition.level is not Level.PATIENT:
        return
    how, element = standing(entry, setting.tables)
    if how is Standing.WITHDRAWN:
        setting.remarks.exclude(entry.source(element, role=Role.EXCLUSION))
        return
    use = setting.use(entry)
    if use is Use.NOT_THE_PATIENTS:
        return
    dated = dated_by(entry, *_DATES)
    moment, future = setting.timely(entry, dated)
    state: Known | Absent = Known(True)
    weak = False
    if use is not Use.YES:
        state = UNREAD[use]
    elif future:
        state, weak = FUTURE, True
    elif how is Standing.UNCONFIRMED:
        state = Absent(AbsenceReason.INDETERMINATE, "a diagnosis is recorded and not confirmed")
    elif how is Standing.PAST:
        state = Absent(AbsenceReason.INDETERMINATE, "a diagnosis is recorded as past")
    elif reader.unclear:
        state = Absent(AbsenceReason.INDETERMINATE, "a finding is recorded that may point to it")
    against = [r for r in refuted if isinstance(state, Known) and not is_later(moment, r.dated.moment)]
    if against:
        state = Absent(AbsenceReason.INDETERMINATE, "a diagnosis is recorded as confirmed, and as refuted")
        for other in against:
            setting.remarks.inform(
                "conflicting-sources",
                entry.at("verificationStatus") if "verificationStatus" in entry.resource else entry.path,
                f"`{definition.path}` of the patient: `{shown(entry.key)}` is confirmed and `{shown(other.entry.key)}` "
                "of the same code, not known to be the earlier, is refuted; neither was chosen; correct the record",
            )
    known = isinstance(state, Known)
    note_assumption(entry, setting.remarks)
    value = entry.source("code", role=Role.VALUE if known else Role.ABSENCE, date=dated.text, mapping=reader.id)
    context = [
        entry.source(path, role=Role.CONTEXT)
        for path in ("clinicalStatus", "verificationStatus", "category", *ABATEMENT)
        if path in entry.resource
    ]
    for other in against:
        context += [other.entry.source(e, role=Role.CONTEXT) for e in ("code", "verificationStatus")]
        context += [*setting.references.subject_sources(other.entry), *other.dated.sources]
    sources = (value, *context, *setting.references.subject_sources(entry), *dated.sources)
    yield Statement(definition, (), state, moment, tuple(dict.fromkeys(sources)), weak)


def problem_list(setting: Setting) -> Mapping[str, tuple[Source, ...]]:
    """The contexts in which silence counts: a problem list, if the record holds one and no Condition of it is
    unread.
    """
    if "Condition" in setting.quarantined_types or setting.record.incomplete:
        return {}
    found: list[Source] = []
    for entry in setting.record.of("Condition"):
        listed = any(
            "problem-list-item" in concept(category, setting.tables).local(CONDITION_CATEGORY)
            for category in children(entry.resource, "category")
        )
        if not listed or setting.references.whose(entry)[0] is not Whose.PATIENT:
            continue
        how, element = standing(entry, setting.tables)
        if how is Standing.WITHDRAWN:
            setting.remarks.exclude(entry.source(element, role=Role.EXCLUSION))
            continue
        if setting.is_modified(entry) and setting.use(entry) is not Use.YES:
            continue  # what it says of the list may be changed too
        found += [entry.source("category", role=Role.CONTEXT), entry.source("code", role=Role.CONTEXT)]
        found += setting.references.subject_sources(entry)
    return {PROBLEM_LIST: tuple(dict.fromkeys(found))} if found else {}
