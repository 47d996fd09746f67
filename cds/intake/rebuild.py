"""The smallest FHIR R4 bundle that reads as a given case: the inverse of the intake.

Tests compare the two directions, so this module is written from the wire format alone and shares no code, table or
value set with the reader. It is also where integrators' samples, and the patients that a proof prints, come from.

What silence says already is not written: a fact that was never recorded, a document fact that is false because nobody
wrote one, a distance that only the closing statement of a report bounds. Where silence would be read as something else
(a document as not there, a pattern as what the lesions' sites come to), that the fact was never recorded is written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, Final

from cds.case import (
    AbsenceReason,
    Absent,
    Case,
    Conflicting,
    Fact,
    Facts,
    Known,
    Lesion,
    Structure,
    Value,
    bounded,
    structures_at_risk,
)
from cds.case.case import implied, silent
from cds.errors import CdsError
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import DateSpan, Interval
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

Json = dict[str, object]

LOCAL: Final = "https://example.org/fhir/CodeSystem/hnc-cds-"
"""The start of every local code system: `…observation`, `…structure`, and one for each fact of type Code."""
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
DATA_ABSENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
TUMOUR_PROFILE: Final = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-tumor"
LATERALITY: Final = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-laterality-qualifier"
LESION_IDENTIFIER: Final = "urn:example:tumour-board"
ABSENCE: Final = f"{LOCAL}absence"
"""The local code system of reasons for which a fact has no value; for those that FHIR has no word for."""
AFTER: Final = "https://example.org/fhir/StructureDefinition/hnc-cds-after"
"""The extension by which an Observation says that it follows an event (a fact of type Date) whose day is not known."""
WORKED_OUT: Final = "recurrencePattern"
"""The fact of the patient that follows from the sites of all lesions where nothing is said of it."""
SIDES: Final = {"left": "7771000", "right": "24028007", "midline": "399488007"}

FHIR_ABSENCES: Final = (
    AbsenceReason.ASKED_UNKNOWN,
    AbsenceReason.ASKED_DECLINED,
    AbsenceReason.NOT_ASKED,
    AbsenceReason.TEMP_UNKNOWN,
    AbsenceReason.MASKED,
    AbsenceReason.NOT_APPLICABLE,
    AbsenceReason.UNSUPPORTED,
    AbsenceReason.ERROR,
    AbsenceReason.NOT_PERFORMED,
    AbsenceReason.NOT_PERMITTED,
)
"""The reasons that FHIR's code system `data-absent-reason` has a word for (R4, with the same spelling)."""

_UNRECORDED: Final[Json] = {
    "dataAbsentReason": {"coding": [{"system": ABSENCE, "code": AbsenceReason.NEVER_RECORDED.value}]}
}
_BODY: Final = ("site", "side", "histology")
"""Facts of a lesion that its BodyStructure carries; what is not plainly known of them is said as an Observation."""
_ID: Final = re.compile(r"[A-Za-z0-9-]{1,24}")
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class NotRebuildable(CdsError):
    """A case that no bundle would be read as; `problems` names every fact at fault and why.

    >>> raise NotRebuildable(["patient: patient.inr: known to be any value at all; leave it out"])
    Traceback (most recent call last):
    cds.intake.rebuild.NotRebuildable: patient: patient.inr: known to be any value at all; leave it out
    """

    code: ClassVar[str] = "not-rebuildable"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class _Unsayable(Exception):
    """Why one fact cannot be written; collected, so that all of a case are reported together."""


def kebab(name: str) -> str:
    """A fact's name as a code: words in lower case with hyphens, an abbreviation being one word.

    >>> kebab("primaryTStage"), kebab("initialStageIV"), kebab("t4bFeature")
    ('primary-t-stage', 'initial-stage-iv', 't4b-feature')
    """
    return _WORD.sub("-", name).lower()


def rebuild(case: Case, vocabulary: Vocabulary) -> dict[str, object]:
    """The bundle (type `collection`, ready for `json.dumps`) that intake reads as `case`.

    Everything is dated `as_of`; ids and fullUrls follow from the facts' names alone. A fact that counts since an event
    is said to follow it where the day of the event is not known. Every case that intake can give has its bundle; raises
    `NotRebuildable` for one that it cannot give: an implausible value, a fact older than what it has to follow, two
    lesions with one id.

    >>> from cds.case import assemble
    >>> from cds.testing import sample_vocabulary
    >>> facts = {"weight": Fact(Known(Interval.below(Fraction(405, 10), open_end=True)))}
    >>> case = assemble(sample_vocabulary(), as_of=dt.date(2026, 11, 22), patient=facts, lesions=[])
    >>> patient, weight = (entry["resource"] for entry in rebuild(case, sample_vocabulary())["entry"])
    >>> weight["valueQuantity"]
    {'value': 40.5, 'comparator': '<', 'unit': 'kg', 'system': 'http://unitsofmeasure.org', 'code': 'kg'}
    """
    bundle, problems = _write(case, vocabulary)
    if problems:
        raise NotRebuildable(problems)
    return bundle


def unsayable(case: Case, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What keeps a case from being rebuilt, one sentence for each fact at fault; empty where `rebuild` works."""
    return tuple(_write(case, vocabulary)[1])


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whom facts are about: its name for messages, the elements that say so, and the start of its Observations' ids."""

    name: str
    case: Case
    lesion: Lesion | None
    facts: Facts
    context: Json
    prefix: str


def _write(case: Case, vocabulary: Vocabulary) -> tuple[Json, list[str]]:
    problems: list[str] = []
    patient: Json = {"resourceType": "Patient", "id": "patient"}
    subject: Json = {"reference": _full_url(patient)}
    bodies: list[Json] = []
    observations: list[Json] = []

    age = _exact_age(case, vocabulary)
    if age is not None:
        patient["birthDate"] = _birth_date(case.as_of, age).isoformat()
    whom = _Subject("patient", case, None, case.patient, {"subject": subject}, "patient")
    for definition in vocabulary.of(Level.PATIENT):
        if age is None or definition.name != "ageYears":
            observations += _observations(whom, definition, silent(definition, {"any": ()}), problems)
    if _is_worked_out(case):
        observations.append(_observation(whom, vocabulary.fact(Level.PATIENT, WORKED_OUT), "", _UNRECORDED))
    for lesion in case.lesions:
        body = _body_structure(lesion, subject)
        bodies.append(body)
        context: Json = {"subject": subject, "focus": [{"reference": _full_url(body)}]}
        whom = _Subject(lesion.id, case, lesion, lesion.facts, context, str(body["id"]))
        for definition in vocabulary.of(Level.LESION):
            if definition.name not in _BODY or not _in_body(definition.name, lesion.facts[definition.name]):
                observations += _observations(whom, definition, silent(definition, {"any": ()}), problems)
        observations += _structures(whom, lesion, vocabulary, problems)
    names = [lesion.id for lesion in case.lesions]
    problems += [f"lesions: `{n}` is no id of a lesion; take a word or a few without `/`, other than `patient`"
                 for n in names if not _names_a_lesion(n)]  # fmt: skip
    if len(set(names)) < len(names):
        problems.append("lesions: two lesions have the same id; give each its own, since facts name their lesion by it")
    entries = [{"fullUrl": _full_url(r), "resource": r} for r in [patient, *bodies, *observations]]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}, problems


def _body_structure(lesion: Lesion, patient: object) -> Json:
    """The lesion: identifier and profile make it one, whatever else is known."""
    name = lesion.id if _ID.fullmatch(lesion.id) else hashlib.sha256(lesion.id.encode()).hexdigest()[:24]
    body: Json = {
        "resourceType": "BodyStructure",
        "id": f"lesion-{name}",
        "meta": {"profile": [TUMOUR_PROFILE]},
        "identifier": [{"system": LESION_IDENTIFIER, "value": lesion.id}],
    }
    facts = lesion.facts
    if "histology" in facts and _in_body("histology", facts["histology"]):
        body["morphology"] = _concept(f"{LOCAL}histology", str(facts["histology"].value))
    if _in_body("site", facts["site"]):
        body["location"] = _concept(f"{LOCAL}site", str(facts["site"].value))
    if _in_body("side", facts["side"]):
        body["locationQualifier"] = [_concept(SNOMED, SIDES[str(facts["side"].value)])]
    if lesion.label.strip():  # a FHIR string is never blank
        body["description"] = lesion.label
    body["patient"] = patient
    return body


def _in_body(name: str, fact: Fact) -> bool:
    return isinstance(fact.value, str) and (name != "side" or fact.value in SIDES)


def _structures(about: _Subject, lesion: Lesion, vocabulary: Vocabulary, problems: list[str]) -> Iterator[Json]:
    """The Observations of a lesion's structures; a structure that the site does not enumerate needs one to be there."""
    enumerated = structures_at_risk(vocabulary, lesion.facts)
    present = {(structure.name, structure.side) for structure in lesion.structures}
    for name, side in enumerated:
        if (name, side) not in present:
            problems.append(f"{lesion.id}/{name}/{side}: the site enumerates this structure, but the case lacks it; "
                            "make cases with `assemble`")  # fmt: skip
    for structure in lesion.structures:
        key = f"{lesion.id}/{structure.key}"
        sides = ("left", "right") if vocabulary.structures[structure.name].sided else ("none",)
        if structure.side not in sides:
            problems.append(f"{key}: `{structure.side}` is no side of this structure; it has {' or '.join(sides)}")
        whom = _Subject(key, about.case, lesion, structure.facts, {**about.context, "bodySite": _body_site(structure)},
                        f"{about.prefix}.{structure.name}.{structure.side}")  # fmt: skip
        written = False
        stated = [d for d in vocabulary.of(Level.STRUCTURE) if d.kind is not FactKind.GIVEN]
        for definition in stated:
            unwritten = _unwritten(vocabulary, definition, structure, lesion.facts)
            for observation in _observations(whom, definition, unwritten, problems):
                written = True
                yield observation
        if stated and not written and (structure.name, structure.side) not in enumerated:
            yield _observation(whom, stated[0], "", _UNRECORDED)  # else the bundle would not name the structure


def _body_site(structure: Structure) -> Json:
    site = _concept(f"{LOCAL}structure", structure.name)
    if structure.side in ("left", "right"):
        side = {"url": LATERALITY, "valueCodeableConcept": _concept(SNOMED, SIDES[structure.side])}
        return {"extension": [side], **site}
    return site


def _unwritten(vocabulary: Vocabulary, definition: FactDefinition, structure: Structure, lesion: Facts) -> Fact:
    """What a structure's fact would be if the bundle said nothing about it."""
    silence = silent(definition, {"any": ()})
    facts = implied(vocabulary, {**structure.facts, definition.name: silence})
    return bounded(vocabulary, facts, lesion)[definition.name]


def _observations(about: _Subject, definition: FactDefinition, unwritten: Fact, problems: list[str]) -> list[Json]:
    """One fact as no, one or (in conflict) several Observations; `unwritten` is what saying nothing is read as."""
    fact = about.facts[definition.name]
    try:
        if _never_recorded(fact) and _never_recorded(unwritten):
            return []
        if fact.state == unwritten.state and fact.note == unwritten.note:
            return []
        forms = _forms(definition, fact)
        if isinstance(fact.state, Known):
            forms = [{**_after(about, definition), **form} for form in forms]
    except _Unsayable as problem:
        problems.append(f"{about.name}: {definition.path}: {problem}")
        return []
    numbers = [""] if len(forms) == 1 else [f".{n}" for n in range(1, len(forms) + 1)]
    return [_observation(about, definition, number, form) for number, form in zip(numbers, forms, strict=True)]


def _observation(about: _Subject, definition: FactDefinition, number: str, form: Json) -> Json:
    code = kebab(definition.name)
    return {
        "resourceType": "Observation",
        "id": _observation_id(f"{about.prefix}.{code}{number}"),
        "status": "final",
        "code": {**_concept(f"{LOCAL}observation", code), "text": definition.label or definition.name},
        **about.context,
        "effectiveDateTime": about.case.as_of.isoformat(),
        **form,
    }


def _names_a_lesion(name: str) -> bool:
    """Whether a lesion can be called so: one short line of visible characters that is no other subject's name."""
    line = " ".join(name.split())
    plain = line == name and name.isprintable() and not set("/`") & set(name)
    return plain and 0 < len(name) <= 100 and name != "patient"


def _is_worked_out(case: Case) -> bool:
    """Whether a reader would give the fact that follows from the lesions a value, which the case has not."""
    fact = case.patient.get(WORKED_OUT)
    sites = [lesion.facts.get("site", fact) for lesion in case.lesions]
    return fact is not None and _never_recorded(fact) and bool(sites) and all(s and s.is_known for s in sites)


def _never_recorded(fact: Fact) -> bool:
    return isinstance(fact.state, Absent) and fact.state.reason is AbsenceReason.NEVER_RECORDED


def _forms(definition: FactDefinition, fact: Fact) -> list[Json]:
    """`value[x]` or `dataAbsentReason` of each Observation that a fact needs."""
    match fact.state:
        case Known(value):
            return [_value(definition, value)]
        case Conflicting(values):
            return [_value(definition, value) for value in values]
        case Absent(reason):
            return [_absence(definition, reason)]


def _absence(definition: FactDefinition, reason: AbsenceReason) -> Json:
    if reason in FHIR_ABSENCES:
        return {"dataAbsentReason": _concept(DATA_ABSENT_REASON, reason.value)}
    for code, meant in definition.absences.items():
        if meant == reason.value:
            return {"valueCodeableConcept": _concept(f"{LOCAL}{kebab(definition.name)}", code)}
    return {"dataAbsentReason": _concept(ABSENCE, reason.value)}


def _after(about: _Subject, definition: FactDefinition) -> Json:
    """That a fact follows the events since which it counts, for those whose days do not show it.

    Everything being dated `as_of`, that is an event that is not known, or that may be later.
    """
    follows: list[Json] = []
    for level, name in definition.fresh.since if definition.fresh is not None else ():
        days = [event.value for event in _events(about, level, name)]
        for day in days:
            if isinstance(day, DateSpan) and day.first > about.case.as_of:
                raise _Unsayable(f"counts since `{level.value}.{name}`, which is {day}; the bundle is dated "
                                 f"{about.case.as_of}, so give an earlier date")  # fmt: skip
        undecided = definition.fresh is not None and definition.fresh.unknown_event != "usable"
        if any(day.last > about.case.as_of if isinstance(day, DateSpan) else undecided for day in days):
            follows.append({"url": AFTER, "valueCode": f"{level.value}.{name}"})
    return {"extension": follows} if follows else {}


def _events(about: _Subject, level: Level, name: str) -> list[Fact]:
    """The dates that a fact must not precede: a fact of the patient counts since the event of every lesion."""
    if level is Level.PATIENT:
        return [about.case.patient[name]]
    if level is Level.LESION:
        return [lesion.facts[name] for lesion in ([about.lesion] if about.lesion else about.case.lesions)]
    return [about.facts[name]]


def _value(definition: FactDefinition, value: Value) -> Json:
    kind: ValueType = definition.type
    if isinstance(kind, BooleanType) and isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(kind, CodeType) and isinstance(value, str) and value in kind.values:
        return {"valueCodeableConcept": _concept(f"{LOCAL}{kebab(definition.name)}", value)}
    if isinstance(kind, DateType) and isinstance(value, DateSpan):
        if "/" in str(value):  # no year, month or day: one of the days of a Period
            return {"valuePeriod": {"start": value.first.isoformat(), "end": value.last.isoformat()}}
        return {"valueDateTime": str(value)}
    if isinstance(kind, NumberType | QuantityType) and isinstance(value, Interval):
        return _number(definition, kind, value)
    raise _Unsayable(f"`{_text(value)}` is no value of a {kind}")


def _number(definition: FactDefinition, kind: NumberType | QuantityType, value: Interval) -> Json:
    """An Integer, a Quantity (with a comparator for an open range of values), or a Range."""
    ends = [end for end in (value.low, value.high) if end is not None]
    if not ends:
        raise _Unsayable("known to be any value at all, which says nothing; leave it out")
    if definition.plausible is not None and definition.plausible.intersection(value) is None:
        raise _Unsayable(f"`{value}` is not plausible (accepted: {definition.plausible}) and would be left unread")
    unit = kind.unit if isinstance(kind, QuantityType) else "1"
    if value.low is None:
        return {"valueQuantity": _quantity(ends[0], unit, "<" if value.high_open else "<=")}
    if value.high is None:
        return {"valueQuantity": _quantity(ends[0], unit, ">" if value.low_open else ">=")}
    # FHIR's Range has closed ends. A number between two grid points is read, rounded outward, as the open interval of
    # the two, so half a step inside an open end says exactly that end.
    half = Fraction(1, 2 * 10**kind.decimals)
    low = value.low + half if value.low_open else value.low
    high = value.high - half if value.high_open else value.high
    if low != high:
        return {"valueRange": {"low": _quantity(low, unit), "high": _quantity(high, unit)}}
    if isinstance(kind, NumberType) and kind.decimals == 0 and low.denominator == 1 and abs(low) < 2**31:
        return {"valueInteger": int(low)}
    return {"valueQuantity": _quantity(low, unit)}


def _quantity(value: Fraction, unit: str, comparator: str | None = None) -> Json:
    number: int | float = int(value) if value.denominator == 1 else float(value)
    if Fraction(repr(number)) != value:
        raise _Unsayable(f"`{value}` has more digits than a JSON number keeps; give at most 15")
    sign: Json = {"comparator": comparator} if comparator else {}
    return {"value": number, **sign, "unit": unit, "system": UCUM, "code": unit}


def _exact_age(case: Case, vocabulary: Vocabulary) -> int | None:
    """The age in whole years where a date of birth can say it."""
    if (Level.PATIENT, "ageYears") not in vocabulary.facts:
        return None
    definition, value = vocabulary.fact(Level.PATIENT, "ageYears"), case.patient["ageYears"].value
    if not isinstance(value, Interval) or not value.is_point or value.low is None or value.low.denominator != 1:
        return None
    if definition.plausible is not None and not definition.plausible.contains(value.low):
        return None
    return int(value.low) if 0 <= value.low < case.as_of.year - 1 else None


def _birth_date(as_of: dt.date, age: int) -> dt.date:
    """A day of birth that makes the patient `age` years old at `as_of`, the last birthday being 100 days ago.

    >>> _birth_date(dt.date(2024, 2, 29), 1)
    datetime.date(2022, 11, 20)
    """
    year = as_of.year - age
    leap_day = (as_of.month, as_of.day) == (2, 29)
    return (dt.date(year, 2, 28) if leap_day else as_of.replace(year=year)) - dt.timedelta(days=100)


def _concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _full_url(resource: Json) -> str:
    name = f"https://example.org/fhir/{resource['resourceType']}/{resource['id']}"
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"


def _observation_id(name: str) -> str:
    """A FHIR id (64 characters at most) that only this name gets."""
    return name if len(name) <= 64 else f"{name[:39]}.{hashlib.sha256(name.encode()).hexdigest()[:24]}"


def _text(value: Value | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
