"""A case as its author writes it in a file (`rules/*/cases/*.yaml`), read as facts.

    as_of: 2026-11-22
    patient: {inr: 1.1, platelets: "< 50", smoker: {absent: asked-declined}}
    lesions:
    - {id: T1, label: tongue, facts: {site: tongue, maxDiameter: 5..8, p16: {conflict: [positive, negative]}},
       structures: [{name: vagus-nerve, side: left, facts: {tumourDistance: ">= 3"}}]}

The facts are stated as they are to hold at `as_of`: nothing is too old here, and no problem list is silent. What is not
written was never recorded, with one exception: a document fact is false, as in every record.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar, Final

from cds.case.case import Case, assemble
from cds.case.facts import (
    AbsenceReason,
    Absent,
    Conflicting,
    Fact,
    Known,
    ReportedLesion,
    ReportedStructure,
    State,
    Value,
)
from cds.errors import CdsError, Issue
from cds.language.suggestion import did_you_mean
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType, ValueType
from cds.quantities import DateSpan, Interval
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

_CASE_KEYS: Final = ("name", "says", "as_of", "phase", "patient", "lesions", "expect")
_LESION_KEYS: Final = ("id", "label", "facts", "structures")
_STRUCTURE_KEYS: Final = ("name", "side", "facts")
_NUMBER: Final = r"([+-]?\d{1,30}(?:\.\d{1,30})?)"
_ONE_SIDED: Final = re.compile(rf"(<=|>=|<|>)\s*{_NUMBER}")
_RANGE: Final = re.compile(rf"{_NUMBER}\s*(?:\.\.|\bto\b)\s*{_NUMBER}")
_OPEN_RANGE: Final = re.compile(rf"(>=?)\s*{_NUMBER}\s+and\s+(<=?)\s*{_NUMBER}")
_POINT: Final = re.compile(_NUMBER)
NUMBER_TEXTS: Final = tuple(each.pattern for each in (_POINT, _ONE_SIDED, _RANGE, _OPEN_RANGE))
"""How a number or an interval is written as text, each as a regular expression of the whole of it."""


class CaseFileError(CdsError):
    """A case that cannot be read from its file; `issues` names every problem with its place in the file.

    >>> raise CaseFileError([Issue("error", "unknown-fact", "patient.inrr", "no such fact; did you mean `inr`?")])
    Traceback (most recent call last):
    cds.case.reading.CaseFileError: patient.inrr: no such fact; did you mean `inr`?
    """

    code: ClassVar[str] = "case-file-error"

    def __init__(self, issues: Sequence[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(f"{i.expression}: {i.details}" if i.expression else i.details for i in self.issues))


def case_from_mapping(vocabulary: Vocabulary, mapping: Mapping[str, object]) -> Case:
    """The case that a parsed file states; `name`, `says`, `phase` and `expect` are left to whoever runs the case.

    A fact's value: `true` or `false`; a number in the fact's unit; `"< 5"`, `">= 5"`, `5..8` (both ends included),
    `"> 5 and <= 8"`; a code; a date (`2024`, `2024-03`, `2024-03-09`, `2024-03/2025`);
    `{absent: reason}`; `{conflict: [a, b]}`. Numbers between two places of the fact's grid are rounded outward, as
    intake does. Raises `CaseFileError`.

    >>> from cds.testing import sample_vocabulary
    >>> case = case_from_mapping(sample_vocabulary(), {"as_of": "2026-11-22", "patient": {"weight": "< 70"}})
    >>> str(case.patient["weight"].value)
    '< 70'
    """
    reader = _Reader(vocabulary)
    case = reader.case(mapping)
    if reader.issues or case is None:
        raise CaseFileError(reader.issues)
    return case


def state_of(definition: FactDefinition, written: object, where: str, vocabulary: Vocabulary) -> State:
    """The state of one fact as a file states it. Raises `CaseFileError`; `where` names the place of what was written.

    >>> from cds.testing import sample_vocabulary
    >>> vocabulary = sample_vocabulary()
    >>> str(state_of(vocabulary.fact(Level.PATIENT, "weight"), "< 70", "patient.weight", vocabulary).value)
    '< 70'
    """
    reader = _Reader(vocabulary)
    state = reader.state(definition, written, where)
    if state is None:
        raise CaseFileError(reader.issues)
    return state


class _Reader:
    """Reads on after a problem, so that all of a file are reported together."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.issues: list[Issue] = []

    def report(self, code: str, where: str, details: str) -> None:
        self.issues.append(Issue("error", code, where, details))

    def case(self, mapping: object) -> Case | None:
        parts = self.mapping(mapping, "", _CASE_KEYS)
        as_of = self.day(parts.get("as_of"))
        patient = self.facts(Level.PATIENT, parts.get("patient", {}), "patient")
        lesions: list[ReportedLesion] = []
        for number, item in enumerate(self.items(parts.get("lesions", []), "lesions")):
            lesion = self.lesion(item, f"lesions[{number}]")
            if lesion is not None and lesion.id in [other.id for other in lesions]:
                self.report("repeated-lesion", f"lesions[{number}].id", f"`{_shown(lesion.id)}` is the id of an "
                            "earlier lesion; give each lesion its own")  # fmt: skip
            elif lesion is not None:
                lesions.append(lesion)
        if as_of is None or self.issues:
            return None
        return assemble(self.vocabulary, as_of=as_of, patient=patient, lesions=lesions)

    def lesion(self, item: object, where: str) -> ReportedLesion | None:
        parts = self.mapping(item, where, _LESION_KEYS)
        name = self.text(parts.get("id"), f"{where}.id", "the id by which answers name the lesion, such as `T1`")
        if name is not None and ("/" in name or name == "patient"):
            self.report("unreadable-id", f"{where}.id", f"`{_shown(name)}` cannot be told from other subjects; "
                        "take a word without `/`, other than `patient`")  # fmt: skip
        label = name
        if "label" in parts:
            label = self.text(parts["label"], f"{where}.label", "words for people, such as `left base of tongue`")
        facts = self.facts(Level.LESION, parts.get("facts", {}), f"{where}.facts")
        structures: list[ReportedStructure] = []
        for number, each in enumerate(self.items(parts.get("structures", []), f"{where}.structures")):
            place = f"{where}.structures[{number}]"
            structure = self.structure(each, place)
            if structure is None:
                continue
            if (structure.name, structure.side) in [(other.name, other.side) for other in structures]:
                self.report("repeated-structure", place, f"`{structure.name}` ({structure.side}) stands here twice; "
                            "put its facts in one place")  # fmt: skip
            structures.append(structure)
        return None if name is None else ReportedLesion(name, label or name, facts, tuple(structures))

    def structure(self, item: object, where: str) -> ReportedStructure | None:
        parts = self.mapping(item, where, _STRUCTURE_KEYS)
        facts = self.facts(Level.STRUCTURE, parts.get("facts", {}), f"{where}.facts")
        name = self.text(parts.get("name"), f"{where}.name", f"one of {_listed(self.vocabulary.structures)}")
        if name is None:
            return None
        if name not in self.vocabulary.structures:
            self.report("unknown-structure", f"{where}.name", _unknown("structure", name, self.vocabulary.structures))
            return None
        sided = self.vocabulary.structures[name].sided
        side = parts.get("side", "" if sided else "none")
        accepted = ("left", "right") if sided else ("none",)
        if not isinstance(side, str) or side not in accepted:
            self.report("unreadable-side", f"{where}.side", f"`{_shown(side)}` is no side of {name}; "
                        f"give {_listed(accepted)}")  # fmt: skip
            return None
        return ReportedStructure(name, side, facts)

    def facts(self, level: Level, item: object, where: str) -> dict[str, Fact]:
        definitions = {definition.name: definition for definition in self.vocabulary.of(level)}
        found: dict[str, Fact] = {}
        for name, written in self.mapping(item, where).items():
            place = f"{where}.{name}"
            definition = definitions.get(name)
            if definition is None:
                told = _unknown(f"{level.value} fact", name, definitions, everything=False)
                self.report("unknown-fact", place, told)
            elif definition.kind is FactKind.GIVEN:
                self.report("given-fact", place, "the structure table states this; leave it out")
            else:
                state = self.state(definition, written, place)
                if state is not None:
                    found[name] = Fact(state)
        return found

    def state(self, definition: FactDefinition, written: object, where: str) -> State | None:
        if not isinstance(written, Mapping):
            if isinstance(written, str) and written in definition.absences:
                return Absent(AbsenceReason(definition.absences[written]))
            value = self.value(definition, written, where)
            return None if value is None else Known(value)
        parts = self.mapping(written, where, ("absent", "conflict"))
        if "absent" in parts and "conflict" not in parts:
            reason = parts["absent"]
            reasons = {reason.value: reason for reason in AbsenceReason}
            if isinstance(reason, str) and reason in reasons:
                return Absent(reasons[reason])
            self.report("unknown-absence", f"{where}.absent", _unknown("reason", _shown(reason), reasons))
        elif "conflict" in parts and "absent" not in parts:
            items = self.items(parts["conflict"], f"{where}.conflict")
            values = [self.value(definition, each, f"{where}.conflict[{n}]") for n, each in enumerate(items)]
            read = tuple(value for value in values if value is not None)
            if len(read) == len(values) and len(set(read)) == len(read) >= 2:
                return Conflicting(read)
            if len(read) == len(values):
                self.report("no-conflict", f"{where}.conflict", f"`{_shown(items)}` holds no two different values; "
                            "name the values that disagree")  # fmt: skip
        elif set(parts) != {"absent", "conflict"} and set(written) <= {"absent", "conflict"}:
            self.report("unreadable-value", where, "an empty mapping says nothing; give `absent` or `conflict`")
        elif set(parts) == {"absent", "conflict"}:
            self.report("unreadable-value", where, "a fact is absent or conflicting, not both; give one of the two")
        return None

    def value(self, definition: FactDefinition, written: object, where: str) -> Value | None:
        try:
            value = _value(definition.type, written)
        except ValueError as problem:
            self.report("unreadable-value", where, f"{problem}")
            return None
        bounds = definition.plausible
        if isinstance(value, Interval) and bounds is not None and bounds.intersection(value) is None:
            self.report("implausible", where, f"`{_shown(written)}` is not plausible for {definition.label}; "
                        f"intake reads {bounds}")  # fmt: skip
            return None
        return value

    def mapping(self, item: object, where: str, accepted: Collection[str] | None = None) -> dict[str, object]:
        if not isinstance(item, Mapping):
            self.report("unreadable-case", where, f"`{_shown(item)}` is not a mapping; write `key: value` lines")
            return {}
        found: dict[str, object] = {}
        for key, value in item.items():
            if not isinstance(key, str):
                self.report("unknown-key", where, f"the key `{_shown(key)}` is not a word; put it in quotes")
            elif accepted is not None and key not in accepted:
                self.report("unknown-key", f"{where}.{key}".lstrip("."), _unknown("key", key, accepted))
            else:
                found[key] = value
        return found

    def items(self, item: object, where: str) -> Sequence[object]:
        if isinstance(item, Sequence) and not isinstance(item, str | bytes):
            return item
        self.report("unreadable-case", where, f"`{_shown(item)}` is not a list; write `- ` before each item")
        return ()

    def text(self, item: object, where: str, wanted: str) -> str | None:
        if isinstance(item, str) and item.strip() == item and item:
            return item
        problem = "this is missing" if item is None else f"`{_shown(item)}` is not a text"
        self.report("missing" if item is None else "unreadable-case", where, f"{problem}; give {wanted}")
        return None

    def day(self, item: object) -> dt.date | None:
        try:
            span = _date(item)
        except ValueError:
            span = None
        if span is not None and span.is_day:
            return span.first
        problem = "this is missing" if item is None else f"`{_shown(item)}` is not a day"
        self.report("missing" if item is None else "unreadable-value", "as_of", f"{problem}; give the day for which "
                    "the case is read, as YYYY-MM-DD")  # fmt: skip
        return None


def _value(kind: ValueType, written: object) -> Value:
    """A value of a type; raises `ValueError` with what is accepted."""
    match kind:
        case BooleanType():
            if isinstance(written, bool):
                return written
            raise ValueError(f"`{_shown(written)}` is not a yes/no; give true or false")
        case CodeType(codes):
            if isinstance(written, str) and written in codes:
                return written
            raise ValueError(_unknown("code of this fact", _shown(written), codes))
        case DateType():
            return _date(written)
        case NumberType(decimals) | QuantityType(_, decimals):
            return _interval(kind, written).on_grid(decimals)


def _date(written: object) -> DateSpan:
    if isinstance(written, dt.date):
        return DateSpan.parse(written.isoformat())
    if isinstance(written, int) and not isinstance(written, bool) and 1000 <= written <= 9999:
        return DateSpan.parse(str(written))
    if isinstance(written, str):
        first, several, last = written.partition("/")
        span = DateSpan.parse(first)
        return DateSpan(span.first, DateSpan.parse(last).last) if several else span
    raise ValueError(f"`{_shown(written)}` is not a date; give YYYY, YYYY-MM or YYYY-MM-DD")


def _interval(kind: NumberType | QuantityType, written: object) -> Interval:
    unit = f" (in {kind.unit})" if isinstance(kind, QuantityType) else ""
    accepted = f'give a number{unit}, or one of "< 5", "<= 5", "> 5", ">= 5", "5..8", "> 5 and < 8"'
    if isinstance(written, int | float | Decimal | Fraction) and not isinstance(written, bool):
        try:
            return Interval.point(Fraction(repr(written) if isinstance(written, float) else written))
        except (ValueError, OverflowError):  # a float or a Decimal that is infinite or not a number
            raise ValueError(f"`{_shown(written)}` is not a finite number; {accepted}") from None
    text = written.strip() if isinstance(written, str) else ""
    if match := _POINT.fullmatch(text):
        return Interval.point(Fraction(match[1]))
    if match := _ONE_SIDED.fullmatch(text):
        side = Interval.below if match[1][0] == "<" else Interval.above
        return side(Fraction(match[2]), open_end=match[1] in "<>")
    try:
        if match := _RANGE.fullmatch(text):
            return Interval(Fraction(match[1]), Fraction(match[2]))
        if match := _OPEN_RANGE.fullmatch(text):
            return Interval(Fraction(match[2]), Fraction(match[4]), match[1] == ">", match[3] == "<")
    except ValueError:
        raise ValueError(f"`{_shown(written)}` holds no number; the lower end comes first") from None
    raise ValueError(f"`{_shown(written)}` is not a number or an interval; {accepted}")


def _unknown(what: str, word: str, accepted: Collection[str], *, everything: bool = True) -> str:
    """`word` is not one of `accepted`: all of them, or the nearest where they are too many to read."""
    nearest = did_you_mean(word, accepted)
    listed = f"accepted are {_listed(accepted)}" if everything else "the accepted ones stand in the vocabulary"
    return f"`{word}` is not a {what}; " + (nearest if nearest else listed)


def _listed(words: Collection[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _shown(item: object) -> str:
    """What the author wrote, cut to a length that can be read."""
    text = {True: "true", False: "false", None: "null"}[item] if item is None or isinstance(item, bool) else str(item)
    return text if len(text) <= 60 else f"{text[:57]}..."
