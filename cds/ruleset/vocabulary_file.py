"""`vocabulary.yaml` and `structures.yaml` as a `Vocabulary`, with everything wrong in them."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from cds.case.facts import AbsenceReason
from cds.errors import Finding, UnitError
from cds.language.refused import CQL_WORDS
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import Interval, parse_unit
from cds.ruleset.documents import Document, KeyPath
from cds.ruleset.model import FactEntry, StructureFile, VocabularyFile
from cds.vocabulary import (
    Agreement,
    Burden,
    FactDefinition,
    FactKind,
    Freshness,
    Level,
    Measure,
    Silence,
    StructureDefinition,
    Vocabulary,
    fact_key,
)

PLANNER_FACTS = ("unprotectable", "coveredByPlan")
"""Boolean structure facts that conditions may name and that the planner's table defines (`Program.derived`)."""


def planned_fact(name: str, *, monitoring: bool = False) -> str:
    """The document fact that says that a plan names a measure or a way of monitoring.

    >>> planned_fact("gas-dissection"), planned_fact("emg-tube", monitoring=True)
    ('gasDissectionPlanned', 'emgTubeMonitoringPlanned')
    """
    first, *rest = name.split("-")
    return first + "".join(word.capitalize() for word in rest) + ("MonitoringPlanned" if monitoring else "Planned")


def build_vocabulary(
    facts: VocabularyFile, facts_document: Document, table: StructureFile, table_document: Document
) -> tuple[Vocabulary, list[Finding]]:
    """The vocabulary of a rule set and what is wrong in its two files."""
    findings: list[Finding] = []
    definitions: dict[tuple[Level, str], FactDefinition] = {}
    for level, entries in (
        (Level.PATIENT, facts.patient),
        (Level.LESION, facts.lesion),
        (Level.STRUCTURE, facts.structure),
    ):
        for name, entry in entries.items():
            path: KeyPath = (level.value, name)
            if name in CQL_WORDS or not name.isidentifier() or not name.isascii():
                message = f"`{name}` cannot be named in a condition; give the fact a plain name that is no word of CQL"
                findings.append(Finding("unusable-name", facts_document.position(path), message))
            findings += _entry_findings(entry, facts, facts_document, path)
            definitions[level, name] = _definition(level, name, entry)
    measures = {
        name: Measure(name, entry.label, planned_fact(name), entry.measure_class)
        for name, entry in table.measures.items()
    }
    monitoring = {
        name: Measure(name, entry.label, planned_fact(name, monitoring=True))
        for name, entry in table.monitoring.items()
    }
    for measure in (*measures.values(), *monitoring.values()):
        definitions[Level.STRUCTURE, measure.planned] = FactDefinition(
            Level.STRUCTURE,
            measure.planned,
            FactKind.DOCUMENT,
            BooleanType(),
            f"{measure.label} planned",
            modifiable=True,
        )
    structures = {
        name: StructureDefinition(
            name,
            entry.label,
            entry.kind,
            entry.sided,
            None if entry.sites == "all" else frozenset(entry.sites),
            entry.only_if.removeprefix("lesion.") if entry.only_if else None,
            tuple(measure for measure in entry.measures if measure in measures),
            tuple(watch for watch in entry.monitoring if watch in monitoring),
            entry.evidence,
            entry.listed_by.removeprefix("lesion.") if entry.listed_by else None,
        )
        for name, entry in table.structures.items()
    }
    findings += _structure_findings(table, table_document, facts)
    findings += _needed_findings(facts, facts_document, table)
    return Vocabulary(definitions, structures, measures, monitoring), findings


def _value_type(entry: FactEntry) -> ValueType:
    match entry.type:
        case "Boolean":
            return BooleanType()
        case "Integer":
            return NumberType(0)
        case "Decimal":
            return NumberType(entry.decimals)
        case "Quantity":
            return QuantityType(entry.unit or "1", entry.decimals)
        case "Code":
            return CodeType(tuple(entry.values))
        case "Date":
            return DateType()


def _definition(level: Level, name: str, entry: FactEntry) -> FactDefinition:
    fresh = entry.fresh
    return FactDefinition(
        level=level,
        name=name,
        kind=FactKind(entry.kind),
        type=_value_type(entry),
        label=entry.label,
        agreement=Agreement(entry.agreement),
        agreement_why=entry.agreement_why,
        silence=Silence(entry.silence.why, entry.silence.look_back, entry.silence.context) if entry.silence else None,
        fresh=Freshness(tuple(map(fact_key, fresh.since)), fresh.within, fresh.unknown_event)
        if fresh
        else None,
        modifiable=entry.modifiable,
        burden=Burden(entry.burden),
        plausible=Interval(Fraction(entry.plausible[0]), Fraction(entry.plausible[1])) if entry.plausible else None,
        absences=entry.absences,
        value_labels=entry.values,
        bounded_below_by=entry.bounded_below_by.removeprefix("lesion.") if entry.bounded_below_by else None,
        implied_by={
            fact: {code: Fraction(value) for code, value in values.items()} for fact, values in entry.implied_by.items()
        },
        starts_at=entry.starts_at,
        note=entry.note,
    )


def _entry_findings(entry: FactEntry, facts: VocabularyFile, document: Document, path: KeyPath) -> list[Finding]:
    found: list[Finding] = []
    reasons = {reason.value for reason in AbsenceReason}

    def report(code: str, key: str, message: str) -> None:
        found.append(Finding(code, document.position((*path, key)), message))

    if entry.unit is not None:
        try:
            parse_unit(entry.unit)
        except UnitError as error:
            report("unknown-unit", "unit", str(error))
    for code, reason in entry.absences.items():
        if reason not in reasons:
            message = f"`{reason}` is no reason for an absence; accepted are {', '.join(sorted(reasons))}"
            report("unknown-absence-reason", "absences", message)
        if code in entry.values:
            report("absent-value", "absences", f"`{code}` is a value and an absence; a value never means not known")
    for since in entry.fresh.since if entry.fresh else ():
        level, _, name = since.partition(".")
        event = getattr(facts, level, {}).get(name) if level in ("patient", "lesion", "structure") else None
        if event is None or event.type != "Date":
            report("unknown-fact", "fresh", f"`{since}` is not a Date fact of the vocabulary; name one that is")
    for fact, values in entry.implied_by.items():
        other: FactEntry | None = getattr(facts, str(path[0])).get(fact)
        unknown = [code for code in values if other is None or code not in other.values]
        if unknown:
            message = f"`{unknown[0]}` is no value of `{path[0]}.{fact}`; name a Code fact of this level and its values"
            report("unknown-fact", "implied_by", message)
    if entry.bounded_below_by and entry.bounded_below_by.removeprefix("lesion.") not in facts.lesion:
        message = f"`{entry.bounded_below_by}` is not a fact of the lesion; name the closing statement"
        report("unknown-fact", "bounded_below_by", message)
    return found


def _needed_findings(facts: VocabularyFile, document: Document, table: StructureFile) -> list[Finding]:
    """The facts that the program itself reads: where a lesion is, and what the structure table gives."""
    found: list[Finding] = []
    given = {"name": set(table.structures), "kind": {entry.kind for entry in table.structures.values()}, "side": set()}
    needed = [("lesion", name, facts.lesion.get(name), "", set[str]()) for name in ("site", "side")]
    needed += [("structure", name, facts.structure.get(name), "given", values) for name, values in given.items()]
    for level, name, entry, kind, values in needed:
        if entry is None or entry.type != "Code" or (kind and entry.kind != kind):
            what = f"a fact `{name}` of type Code{f' and kind {kind}' if kind else ''}"
            message = f"the vocabulary has no {level}.{name} that can be used; the program reads it: add {what}"
            found.append(Finding("missing-fact", document.position((level, name)), message))
        elif lacking := sorted(values - set(entry.values)):
            message = f"`{level}.{name}` has no value `{lacking[0]}`, which structures.yaml gives; add it"
            found.append(Finding("missing-fact", document.position((level, name, "values")), message))
    return found


def _structure_findings(table: StructureFile, document: Document, facts: VocabularyFile) -> list[Finding]:
    found: list[Finding] = []
    site = facts.lesion.get("site")
    known: Mapping[str, tuple[str, frozenset[str]]] = {
        "measures": ("measure", frozenset(table.measures)),
        "monitoring": ("monitoring", frozenset(table.monitoring)),
        "sites": ("site", frozenset(site.values if site else ())),
    }
    for name, entry in table.structures.items():
        listed = {"measures": entry.measures, "monitoring": entry.monitoring, "sites": entry.sites}
        for key, (word, accepted) in known.items():
            given = listed[key]
            for item in () if given == "all" else given:
                if item not in accepted:
                    message = f"`{item}` is not a {word} of the table; accepted are {', '.join(sorted(accepted))}"
                    found.append(Finding(f"unknown-{word}", document.position(("structures", name, key)), message))
        if entry.listed_by is not None and entry.listed_by.removeprefix("lesion.") not in facts.lesion:
            message = f"`{entry.listed_by}` is not a fact of the lesion; name one that is"
            found.append(Finding("unknown-fact", document.position(("structures", name, "listed_by")), message))
        if entry.only_if is not None:
            fact = facts.lesion.get(entry.only_if.removeprefix("lesion."))
            if fact is None or fact.type != "Boolean":
                message = f"`{entry.only_if}` is not a Boolean fact of the lesion; name one that is"
                found.append(Finding("unknown-fact", document.position(("structures", name, "only_if")), message))
    return found
