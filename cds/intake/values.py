"""One element with a value to a value of a fact, on the fact's grid and in its unit; or the reason why not.

Nothing is coerced: a text that looks like a number, a number without unit, an unknown code are unread, and say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

from cds.case import AbsenceReason, Absent, Known
from cds.errors import UnitError
from cds.intake.coding import DATA_ABSENT_REASON, Concept, coding, concept
from cds.intake.document import Json, child, children, number, string
from cds.intake.moments import span_of
from cds.intake.remarks import shown
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval, convert, parse_unit
from cds.ruleset.mapping import ABSENT, Coded, MappingTables
from cds.vocabulary import FactDefinition, Level

UCUM: Final = "http://unitsofmeasure.org"
_UCUM_SPELLINGS: Final = frozenset({UCUM, "https://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PURE: Final = re.compile(r"1|(\{[^{}]*\})+")
_INTEGER_TEXT: Final = re.compile(r"[+-]?\d{1,15}")


@cache
def kebab(name: str) -> str:
    """A fact's name as its code in a bundle.

    >>> kebab("carotidEncasement"), kebab("t4bFeature"), kebab("initialStageIV")
    ('carotid-encasement', 't4b-feature', 'initial-stage-iv')
    """
    return _WORD.sub("-", name).lower()


@dataclass(frozen=True, slots=True)
class Read:
    """What an element says of a fact: states (several where its codings contradict each other), the element's name, and
    where it could not be read, the issue's code and text. `others` are further elements that say it too.
    """

    states: tuple[Known | Absent, ...]
    element: str
    problem: tuple[str, str] | None = None
    others: tuple[str, ...] = ()


class _Unread(Exception):
    """Why an element has no value: the reason of the absence, an issue's code, and its text."""

    def __init__(self, reason: AbsenceReason, code: str, details: str) -> None:
        super().__init__(details)
        self.reason, self.code, self.details = reason, code, details


_REASONS: Final[Mapping[str, AbsenceReason]] = {reason.value: reason for reason in AbsenceReason}
"""The codes of the local code system of reasons, which has a word for each; FHIR's own has not."""

VALUE_ELEMENTS: Final = (
    "valueQuantity",
    "valueRange",
    "valueBoolean",
    "valueInteger",
    "valueDecimal",
    "valueCodeableConcept",
    "valueCoding",
    "valueDateTime",
    "valueDate",
    "valueString",
    "valuePeriod",
    "valueRatio",
    "valueSampledData",
    "valueTime",
    "valueReference",
    "valueAttachment",
    "valueUri",
)


_DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def _absent_primitive(node: Json, element: str, tables: MappingTables) -> tuple[AbsenceReason, str] | None:
    """The reason that `_value[x]` gives for having no value (FHIR's data-absent-reason extension on a primitive).

    Beside a value it says that the value is none: the reason counts.
    """
    beside = node.get(f"_{element}")
    extensions = beside.get("extension") if isinstance(beside, Mapping) else None
    for extension in extensions if isinstance(extensions, list) else ():
        if isinstance(extension, Mapping) and extension.get("url") == _DATA_ABSENT:
            code = {"coding": [{"system": DATA_ABSENT_REASON, "code": extension.get("valueCode")}]}
            return concept(code, tables).absence() or (AbsenceReason.INDETERMINATE, "")
    return None


def read_value(
    node: Json, definition: FactDefinition, tables: MappingTables, *, map_name: str | None = None, answer: bool = False
) -> Read | None:
    """Read `value[x]` or `dataAbsentReason` of an Observation, a component or (`answer`) a form's answer.

    `None` where there is neither. `map_name` names the code map for coded values of a published system; a lesion's
    site, side and histology have their own, whoever states them.
    """
    if map_name is None and definition.level is Level.LESION and definition.name in ("site", "side", "histology"):
        map_name = str(getattr(tables.lesions, definition.name))
    present = [element for element in VALUE_ELEMENTS if element in node]
    reason_given = concept(node.get("dataAbsentReason"), tables)
    absent = reason_given.absence()
    for code in reason_given.local(f"{tables.local.value_prefix}absence"):
        absent = (_REASONS[code], code) if code in _REASONS else absent
    if "dataAbsentReason" in node and not present:
        reason, note = absent or (AbsenceReason.INDETERMINATE, "")
        return Read((Absent(reason, note if note != reason.value else ""),), "dataAbsentReason")
    for element in VALUE_ELEMENTS:
        given = _absent_primitive(node, element, tables)
        if given is not None:
            reason, note = given
            return Read((Absent(reason, note if note != reason.value else ""),), element)
    if not present:
        return None
    element = present[0]
    if len(present) > 1 or "dataAbsentReason" in node:
        other = present[1] if len(present) > 1 else "dataAbsentReason"
        details = f"`{element}` and `{other}` exclude each other; send one"
        absent_value = Absent(AbsenceReason.UNREADABLE_VALUE, details)
        return Read((absent_value,), element, ("contradictory-value", details), (other,))
    try:
        states = _states(node, element, definition, tables, map_name, answer)
    except _Unread as problem:
        return _unread(element, problem.reason, problem.code, problem.details)
    return Read(states, element)


def _unread(element: str, reason: AbsenceReason, code: str, details: str) -> Read:
    return Read((Absent(reason, details),), element, (code, details))


def _states(
    node: Json, element: str, definition: FactDefinition, tables: MappingTables, map_name: str | None, answer: bool
) -> tuple[Known | Absent, ...]:
    kind, raw = definition.type, node[element]
    said = _concept(raw, element, answer, tables)
    if said is not None:
        why = said.absence()
        if why is not None:
            return (Absent(*why),)
    codes = tables.code_map(map_name) if map_name else {}
    if isinstance(kind, BooleanType):
        if element == "valueBoolean" and isinstance(raw, bool):
            return (Known(raw),)
        if said is not None:
            return _coded(said, definition, tables, {**tables.code_map("yes-no"), **codes}, answer)
    elif isinstance(kind, CodeType):
        if said is not None:
            return _coded(said, definition, tables, codes, answer)
    elif isinstance(kind, DateType):
        if element in ("valueDateTime", "valueDate"):
            span = span_of(raw)
            if span is not None:
                return (Known(span),)
        if element == "valuePeriod" and isinstance(raw, Mapping):
            # One of the days of the Period; where an end is missing, nothing bounds it.
            first, last = span_of(raw.get("start")), span_of(raw.get("end"))
            if first is not None and last is not None and first.first <= last.last:
                return (Known(DateSpan(first.first, last.last)),)
    elif isinstance(kind, NumberType | QuantityType):
        if said is not None and (codes or definition.absences):
            return _coded(said, definition, tables, codes, answer)
        interval = _interval(raw, element, kind, tables)
        if isinstance(kind, NumberType) and isinstance(raw, Mapping):
            _check_range_unit(node, raw, tables)
        if interval is not None:
            return (plausible(interval, definition),)
    accepted = {
        BooleanType: "valueBoolean",
        CodeType: "valueCodeableConcept",
        DateType: "valueDateTime",
        NumberType: "valueInteger or valueQuantity",
        QuantityType: "valueQuantity or valueRange",
    }[type(kind)]
    raise _Unread(
        AbsenceReason.UNREADABLE_VALUE,
        "unreadable-value",
        f"`{element}` does not hold a {kind} of `{definition.path}`; send {accepted}",
    )


def _concept(raw: object, element: str, answer: bool, tables: MappingTables) -> Concept | None:
    if element == "valueCodeableConcept":
        return concept(raw, tables)
    if element == "valueCoding":
        return coding(raw, tables)
    if element == "valueString" and answer and isinstance(raw, str):
        return Concept((), ((None, raw.strip()),), None, True)
    return None


# ------------------------------------------------------------------------------------------------------------- codes


def _coded(
    said: Concept, definition: FactDefinition, tables: MappingTables, codes: Mapping[Coded, str], answer: bool
) -> tuple[Known | Absent, ...]:
    """The values that a concept's codes mean; several where they contradict each other.

    A code without its system is a code of this rule set's own where a form asks for one, and nobody's elsewhere.
    """
    system = f"{tables.local.value_prefix}{kebab(definition.name)}"
    own = (system, None) if answer else (system,)
    words = [code for its, code in said.raw if its in own] + list(said.mapped(codes))
    states: dict[Known | Absent, None] = {}
    for word in words:
        state = _word(word, definition)
        if state is not None:
            states.setdefault(state)
    if states:
        return tuple(states)
    given = f"`{shown(', '.join(code for _, code in said.raw))}`" if said.raw else f"the text `{shown(said.text)}`"
    accepted = [*definition.type.values] if isinstance(definition.type, CodeType) else []
    accepted += list(definition.absences)
    told = f"accepted are {', '.join(accepted)} of {system}" if accepted else "send it as a value of its type"
    raise _Unread(
        AbsenceReason.UNREADABLE_CODE,
        "unreadable-code",
        f"{given} is no code of `{definition.path}` known here; {told}",
    )


def _word(word: str, definition: FactDefinition) -> Known | Absent | None:
    """A code of the vocabulary, hyphens and underscores alike; for a number or a yes/no, as a code map writes it."""
    if word.startswith(ABSENT):
        return Absent(AbsenceReason(word.removeprefix(ABSENT)))
    alike = {_plain(code): code for code in definition.absences}
    if _plain(word) in alike:
        return Absent(AbsenceReason(definition.absences[alike[_plain(word)]]))
    kind = definition.type
    if isinstance(kind, CodeType):
        values = {_plain(code): code for code in kind.values}
        return Known(values[_plain(word)]) if _plain(word) in values else None
    if isinstance(kind, BooleanType):
        return {"true": Known(True), "false": Known(False)}.get(word)
    if isinstance(kind, NumberType) and _INTEGER_TEXT.fullmatch(word):
        return plausible(Interval.point(Fraction(int(word))), definition)
    return None


def _plain(code: str) -> str:
    return code.replace("_", "-").lower()


# ----------------------------------------------------------------------------------------------------------- numbers


def _interval(raw: object, element: str, kind: NumberType | QuantityType, tables: MappingTables) -> Interval | None:
    if element == "valueQuantity" and isinstance(raw, Mapping):
        return _quantity(raw, kind, tables)
    if element == "valueRange" and isinstance(raw, Mapping):
        return _range(raw, kind, tables)
    if element in ("valueInteger", "valueDecimal") and isinstance(kind, NumberType):
        value = number(raw)
        if value is not None and (element == "valueDecimal" or isinstance(raw, int)):
            return _point(Fraction(value), kind)
    return None


def _quantity(raw: Json, kind: NumberType | QuantityType, tables: MappingTables) -> Interval:
    value = _amount(raw, kind, tables)
    comparator = raw.get("comparator")
    if comparator is None:
        return _point(value, kind)
    match comparator.strip() if isinstance(comparator, str) else comparator:
        case "<":
            return Interval.below(value, open_end=True).on_grid(kind.decimals)
        case "<=":
            return Interval.below(value, open_end=False).on_grid(kind.decimals)
        case ">":
            return Interval.above(value, open_end=True).on_grid(kind.decimals)
        case ">=":
            return Interval.above(value, open_end=False).on_grid(kind.decimals)
        case other:
            raise _Unread(
                AbsenceReason.UNREADABLE_VALUE,
                "unreadable-value",
                f"`{shown(other)}` is no comparator; accepted are <, <=, >= and >",
            )


def _point(value: Fraction, kind: NumberType | QuantityType) -> Interval:
    """One number. A grade between two grades is none: rounding it, or taking it for both, would be a guess."""
    if isinstance(kind, NumberType) and kind.decimals == 0 and value.denominator != 1:
        given = Interval.point(value)
        raise _Unread(AbsenceReason.UNREADABLE_VALUE, "unreadable-value", f"`{given}` is no whole number; send one")
    return Interval.point(value).on_grid(kind.decimals)


def _range(raw: Json, kind: NumberType | QuantityType, tables: MappingTables) -> Interval:
    low, high = (
        _amount(end, kind, tables) if isinstance(end, Mapping) else None for end in (raw.get("low"), raw.get("high"))
    )
    if (low is None and high is None) or (low is not None and high is not None and low > high):
        raise _Unread(
            AbsenceReason.UNREADABLE_VALUE, "unreadable-value", "the range holds no number; send `low` and `high`"
        )
    return Interval(low, high, low is None, high is None).on_grid(kind.decimals)


def _amount(raw: Json, kind: NumberType | QuantityType, tables: MappingTables) -> Fraction:
    value = number(raw.get("value"))
    withheld = _absent_primitive(raw, "value", tables)
    if withheld is not None:
        reason, note = withheld
        raise _Unread(reason, "unreadable-value", f"the quantity's value is said to be absent ({note or reason.value})")
    if value is None:
        given = raw.get("value")
        said = "is missing" if given is None else f"`{shown(given)}` is no JSON number"
        raise _Unread(AbsenceReason.UNREADABLE_VALUE, "unreadable-value", f"the quantity's value {said}; send a number")
    unit = _unit(raw, tables, pure=isinstance(kind, NumberType))
    _check_shown_unit(raw, unit, tables)
    if isinstance(kind, NumberType):
        # A per cent is no pure number here: 110 % of a Quick test is no INR of 1.1.
        if not _PURE.fullmatch(unit):
            raise _unit_problem(unit, "`1` or an annotation such as `{INR}`")
        return Fraction(value)
    try:
        return convert(Fraction(value), unit, kind.unit)
    except UnitError as error:
        raise _unit_problem(unit, f"a UCUM unit comparable with `{kind.unit}`") from error


def _unit_problem(unit: str, accepted: str) -> _Unread:
    return _Unread(
        AbsenceReason.UNREADABLE_UNIT,
        "unreadable-unit",
        f"the unit `{shown(unit)}` cannot be read here; send {accepted}",
    )


def _unit(raw: Json, tables: MappingTables, *, pure: bool) -> str:
    """The UCUM code: of system and code, else by the alias table. A missing unit is a unit for a pure number only."""
    system, code, unit = string(raw, "system"), string(raw, "code"), string(raw, "unit")
    if system is not None and system.rstrip("/") in _UCUM_SPELLINGS and code:
        alias = tables.units.get(code)
        return alias if alias is not None and not _is_ucum(code) else code
    for given in (code, unit):
        if given and given in tables.units:
            return tables.units[given]
    if not code and not unit:
        if pure:
            return "1"
        raise _Unread(AbsenceReason.UNREADABLE_UNIT, "unreadable-unit", "the quantity has no unit; send its UCUM code")
    raise _unit_problem(code or unit or "", f"its UCUM code with the system {UCUM}")


def _check_shown_unit(raw: Json, unit: str, tables: MappingTables) -> None:
    """Believe no quantity whose unit for people is another size of the same kind than its code (15 "mm", code `cm`)."""
    shown_unit = string(raw, "unit")
    if shown_unit is None or shown_unit == unit:
        return
    try:
        factor: Fraction | None = convert(Fraction(1), tables.units.get(shown_unit, shown_unit), unit)
    except UnitError:
        # Words for people say nothing against the code; the name of another kind of unit does (12 "s", code `1`).
        named = shown_unit in tables.units or (_PURE.fullmatch(unit) and _is_ucum(shown_unit))
        factor = None if named else Fraction(1)
    if factor != 1:
        raise _Unread(
            AbsenceReason.UNREADABLE_UNIT,
            "unreadable-unit",
            f"the unit `{shown(shown_unit)}` is another than its code `{shown(unit)}`; send one unit in both",
        )


def _check_range_unit(node: Json, raw: Json, tables: MappingTables) -> None:
    """Believe no pure number without unit whose range of reference has one (12 beside 9.4 to 12.5 "s")."""
    if string(raw, "code") or string(raw, "unit"):
        return
    for given in children(node, "referenceRange"):
        for end in (child(given, "low"), child(given, "high")):
            said = string(end, "code") or string(end, "unit")
            if said and not _PURE.fullmatch(tables.units.get(said, said)):
                raise _Unread(
                    AbsenceReason.UNREADABLE_UNIT,
                    "unreadable-unit",
                    f"the quantity has no unit, and its range of reference is in `{shown(said)}`; send its UCUM code",
                )


def _is_ucum(code: str) -> bool:
    try:
        parse_unit(code)
    except UnitError:
        return False
    return True


def plausible(interval: Interval, definition: FactDefinition) -> Known | Absent:
    """The value, or its absence where it lies outside what is possible (a slip of unit or digit)."""
    bounds = definition.plausible
    if bounds is None or interval.intersection(bounds) is not None:
        return Known(interval)
    raise _Unread(
        AbsenceReason.IMPLAUSIBLE,
        "implausible-value",
        f"`{interval}` is outside what is possible for `{definition.path}` ({bounds}); check value and unit",
    )


def measured(value: Interval, unit: str, definition: FactDefinition) -> Known | Absent:
    """A number that intake worked out itself (an age, a time since), in the fact's unit and on its grid."""
    kind = definition.type
    assert isinstance(kind, NumberType | QuantityType), "the mapping tables were checked to name a number"
    if isinstance(kind, QuantityType):
        low = None if value.low is None else convert(value.low, unit, kind.unit)
        high = None if value.high is None else convert(value.high, unit, kind.unit)
        value = Interval(low, high, value.low_open, value.high_open)
    try:
        return plausible(value.on_grid(kind.decimals), definition)
    except _Unread as problem:
        return Absent(problem.reason, problem.details)
