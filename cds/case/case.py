"""A case: every fact of the vocabulary, for the patient, each target lesion and each structure at risk.

`assemble` is the only way in. It reads silence as the vocabulary says, enumerates the structures at risk, and gives
every fact a state, so that nothing later has to ask whether a fact is there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

from cds.case.facts import (
    NEVER_RECORDED,
    AbsenceReason,
    Absent,
    Conflicting,
    Fact,
    Facts,
    Known,
    ReportedLesion,
    ReportedStructure,
)
from cds.case.provenance import Source
from cds.errors import Issue
from cds.language.types import BooleanType
from cds.quantities import Interval
from cds.vocabulary import FactDefinition, FactKind, Level, StructureDefinition, Vocabulary

CLOSING_STATEMENT = "closing statement of the report"
"""The note of a distance that only the closing statement bounds."""

IMPLIED = "implied by"
"""Begins the note of a distance that follows from, or contradicts, what another fact says."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A structure at risk of one lesion. `side` is `left`, `right` or `none`."""

    name: str
    side: str
    label: str
    facts: Facts

    @property
    def key(self) -> str:
        """`carotid-artery/left`: unique within a lesion."""
        return f"{self.name}/{self.side}"


@dataclass(frozen=True, slots=True)
class Lesion:
    """A target lesion. `label` is for people: "local recurrence, base of tongue, left"."""

    id: str
    label: str
    facts: Facts
    structures: tuple[Structure, ...]
    sources: tuple[Source, ...] = ()


class _Printer(Protocol):
    """The part of a printer that a case needs."""

    def text(self, obj: str, /) -> None:
        """Print words as they are."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that is known, unknown and contradictory about one patient at `as_of`."""

    as_of: dt.date
    patient: Facts
    lesions: tuple[Lesion, ...]
    issues: tuple[Issue, ...] = ()
    excluded: tuple[Source, ...] = ()
    """Elements that decided that a resource was not used, and quarantined resources."""

    def _repr_pretty_(self, printer: _Printer, cycle: bool) -> None:
        """What IPython and Hypothesis show of a case: what is said of the patient, not every fact of the vocabulary."""
        from cds.case.text import patient_text

        printer.text(f"<Case {patient_text(self)}>".replace("\n", "\n    "))


def assemble(
    vocabulary: Vocabulary,
    *,
    as_of: dt.date,
    patient: Facts,
    lesions: Iterable[ReportedLesion],
    silences: Mapping[str, tuple[Source, ...]] | None = None,
    issues: Iterable[Issue] = (),
    excluded: Iterable[Source] = (),
) -> Case:
    """Make a case of what was reported.

    `silences` names the contexts in which silence may be read as "no" (`problem-list`) with the elements that show that
    the context is there; `any` always holds. A reported fact, also an absent one, is never overwritten.

    >>> from cds.testing import sample_vocabulary
    >>> tongue = ReportedLesion("T1", "tongue", {"site": Fact(Known("tongue")), "side": Fact(Known("left"))})
    >>> case = assemble(sample_vocabulary(), as_of=dt.date(2026, 11, 22), patient={}, lesions=[tongue])
    >>> case.patient["smoker"] == NEVER_RECORDED, [structure.key for structure in case.lesions[0].structures]
    (True, ['nerve-a/left', 'skin/none', 'flap/none'])
    """
    contexts: dict[str, tuple[Source, ...]] = {"any": (), **(silences or {})}
    return Case(
        as_of=as_of,
        patient=_complete(vocabulary.of(Level.PATIENT), patient, contexts),
        lesions=tuple(_lesion(vocabulary, reported, contexts) for reported in lesions),
        issues=tuple(issues),
        excluded=tuple(excluded),
    )


def _lesion(vocabulary: Vocabulary, reported: ReportedLesion, contexts: Mapping[str, tuple[Source, ...]]) -> Lesion:
    facts = _complete(vocabulary.of(Level.LESION), reported.facts, contexts)
    by_key = {(s.name, s.side): s for s in reported.structures}
    keys = dict.fromkeys([*structures_at_risk(vocabulary, facts), *by_key])
    unsaid = {d.name: silent(d, contexts) for d in vocabulary.of(Level.STRUCTURE)}
    structures = tuple(_structure(vocabulary, by_key.get(key, ReportedStructure(*key)), facts, unsaid) for key in keys)
    return Lesion(reported.id, reported.label, facts, structures, reported.sources)


def _structure(vocabulary: Vocabulary, reported: ReportedStructure, lesion: Facts, unsaid: Facts) -> Structure:
    definition = vocabulary.structures[reported.name]
    given: dict[str, Fact] = {
        "name": Fact(Known(definition.name)),
        "kind": Fact(Known(definition.kind)),
        "side": Fact(Known(reported.side)),
    }
    said = {**reported.facts, **given}
    facts = {name: said.get(name, silence) for name, silence in unsaid.items()}
    label = structure_label(definition, reported.side)
    return Structure(
        reported.name, reported.side, label, bounded(vocabulary, implied(vocabulary, facts), lesion)
    )


def structure_label(definition: StructureDefinition, side: str) -> str:
    """`left carotid artery`, or the plain label of a structure that has no side.

    >>> from cds.testing import sample_vocabulary
    >>> structure_label(sample_vocabulary().structures["nerve-a"], "left")
    'left nerve A'
    """
    return f"{side} {definition.label}" if side in ("left", "right") else definition.label


def _complete(
    definitions: Iterable[FactDefinition], reported: Facts, contexts: Mapping[str, tuple[Source, ...]]
) -> dict[str, Fact]:
    """Every fact of a level: the reported one, else what silence about it means."""
    return {d.name: reported[d.name] if d.name in reported else silent(d, contexts) for d in definitions}


def silent(definition: FactDefinition, contexts: Mapping[str, tuple[Source, ...]]) -> Fact:
    """What silence about a fact means: "no" only where the vocabulary says so and the record holds the context.

    >>> from cds.testing import sample_vocabulary
    >>> allergy = sample_vocabulary().fact(Level.PATIENT, "allergy")
    >>> silent(allergy, {}).value, silent(allergy, {"problem-list": ()}).value
    (None, False)
    """
    if definition.kind is FactKind.DOCUMENT and definition.silence is None:
        is_yes_no = isinstance(definition.type, BooleanType)
        return Fact(Known(False), note="not documented") if is_yes_no else NEVER_RECORDED
    if definition.silence is not None and definition.silence.context in contexts:
        return Fact(Known(False), contexts[definition.silence.context], note=f"silence: {definition.silence.why}")
    return NEVER_RECORDED


def structures_at_risk(vocabulary: Vocabulary, lesion: Facts) -> tuple[tuple[str, str], ...]:
    """The structures that a lesion's site enumerates, as (name, side).

    An unknown site enumerates every structure. A sided structure is enumerated on the lesion's side; on both where the
    lesion lies in the midline or its side is unknown.

    >>> from cds.testing import sample_vocabulary
    >>> neck = {"site": Fact(Known("neck")), "side": Fact(Known("left")), "flap": Fact(Known(False))}
    >>> structures_at_risk(sample_vocabulary(), neck)
    (('skin', 'none'),)
    """
    site, side = lesion["site"].value, lesion["side"].value
    sides = (str(side),) if side in ("left", "right") else ("left", "right")
    keys: list[tuple[str, str]] = []
    for definition in vocabulary.structures.values():
        if site is not None and definition.sites is not None and site not in definition.sites:
            continue
        if definition.only_if is not None and lesion[definition.only_if].value is False:
            continue
        keys += [(definition.name, s) for s in sides] if definition.sided else [(definition.name, "none")]
    return tuple(keys)


def implied(vocabulary: Vocabulary, structure: Facts) -> dict[str, Fact]:
    """The facts of a structure with what its codes imply: what is encased is 0 mm away.

    A value that the record states beside it holds if it agrees; if not, the two contradict each other, both are kept
    and neither counts.
    """
    result = dict(structure)
    for definition in vocabulary.of(Level.STRUCTURE):
        for name, values in definition.implied_by.items():
            code, fact = structure[name], result[definition.name]
            if not isinstance(code.value, str) or code.value not in values:
                continue
            point = Interval.point(values[code.value])
            if fact == NEVER_RECORDED:
                result[definition.name] = Fact(Known(point), code.sources, note=f"{IMPLIED} {name}")
            elif isinstance(fact.value, Interval) and fact.value.intersection(point) is None:
                sources = tuple(dict.fromkeys((*fact.sources, *code.sources)))
                result[definition.name] = Fact(Conflicting((fact.value, point)), sources, note=f"{IMPLIED} {name}")
    return result


def bounded(vocabulary: Vocabulary, structure: Facts, lesion: Facts) -> dict[str, Fact]:
    """The facts of a structure with the lesion's closing statement applied, if it is about this structure.

    "No other structure nearer than x" gives every structure of which the record says nothing the interval (x, ∞).
    """
    result = dict(structure)
    definition_of = vocabulary.structures[str(structure["name"].value)]
    if definition_of.listed_by is not None and _speaks(lesion[definition_of.listed_by]):
        return result
    for definition in vocabulary.of(Level.STRUCTURE):
        if definition.bounded_below_by is None or result[definition.name] != NEVER_RECORDED:
            continue
        closing = lesion[definition.bounded_below_by]
        bound = beyond(closing, definition)
        if bound is not None:
            result[definition.name] = Fact(Known(bound), closing.sources, note=CLOSING_STATEMENT)
    return result


def _speaks(fact: Fact) -> bool:
    """Whether a lesion's fact about one structure says, or may say, that the two touch."""
    return not isinstance(fact.state, Absent) and fact.value != Interval.point(Fraction(0))


def beyond(closing: Fact, definition: FactDefinition) -> Interval | None:
    """What a closing statement says of a distance that was never recorded: farther than the nearest it may mean.

    On the grid of the distance, whatever that of the statement is. `None` where it says nothing.

    >>> from cds.testing import sample_vocabulary
    >>> distance = sample_vocabulary().fact(Level.STRUCTURE, "distance")
    >>> str(beyond(Fact(Known(Interval.point(Fraction(30)))), distance))
    '> 30'
    """
    if not isinstance(closing.value, Interval) or closing.value.low is None:
        return None
    decimals = getattr(definition.type, "decimals", 0)
    return Interval.above(closing.value.low, open_end=True).on_grid(decimals)


def narrowed(case: Case, vocabulary: Vocabulary, subject: str, name: str, fact: Fact) -> Case:
    """The case with one fact replaced; `subject` is `patient`, a lesion's id, or `lesion-id/structure/side`."""
    if subject == "patient":
        return replace(case, patient={**case.patient, name: fact})
    lesions = []
    for lesion in case.lesions:
        if subject == lesion.id:
            facts = {**lesion.facts, name: fact}
            unbounded = (replace(s, facts=_unbounded(vocabulary, s.facts, lesion.facts)) for s in lesion.structures)
            structures = tuple(replace(s, facts=bounded(vocabulary, s.facts, facts)) for s in unbounded)
            lesion = replace(lesion, facts=facts, structures=structures)
        elif subject.startswith(f"{lesion.id}/"):
            structures = tuple(
                replace(s, facts={**s.facts, name: fact}) if subject == f"{lesion.id}/{s.key}" else s
                for s in lesion.structures
            )
            lesion = replace(lesion, structures=structures)
        lesions.append(lesion)
    return replace(case, lesions=tuple(lesions))


def _unbounded(vocabulary: Vocabulary, structure: Facts, lesion: Facts) -> dict[str, Fact]:
    """The facts of a structure before the lesion's closing statement was applied: the inverse of `bounded`."""
    blank = {
        d.name: NEVER_RECORDED
        for d in vocabulary.of(Level.STRUCTURE)
        if d.bounded_below_by and structure[d.name].note == CLOSING_STATEMENT
    }
    return {**structure, **blank}


def subjects_of(case: Case) -> Iterator[tuple[str, Level, Facts]]:
    """Everything that has facts in a case: its subject, its level, and the facts by name.

    >>> [subject for subject, _, _ in subjects_of(Case(dt.date(2026, 11, 22), {}, (Lesion("T1", "tongue", {}, ()),)))]
    ['patient', 'T1']
    """
    yield "patient", Level.PATIENT, case.patient
    for lesion in case.lesions:
        yield lesion.id, Level.LESION, lesion.facts
        for structure in lesion.structures:
            yield f"{lesion.id}/{structure.key}", Level.STRUCTURE, structure.facts


def stale(fact: Fact, note: str) -> Fact:
    """The fact made unknown because it is too old, with its sources kept.

    >>> stale(Fact(Known(True)), "older than the imaging").is_known
    False
    """
    return Fact(Absent(AbsenceReason.STALE, note), fact.sources, fact.note)
