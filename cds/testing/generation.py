"""How a case is made up, given somebody who chooses: Hypothesis (`strategies`) or a seeded generator (`sampling`).

The same steps serve both, so that what the slow search can find the fast one can meet too. A choice of `False`, or of
the first of several, is the simplest one: Hypothesis shrinks towards it.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, Protocol, TypeVar

from cds.case import (
    AbsenceReason,
    Absent,
    Case,
    Conflicting,
    Fact,
    Known,
    Lesion,
    ReportedLesion,
    ReportedStructure,
    Value,
    assemble,
    narrowed,
    structures_at_risk,
)
from cds.case.case import silent
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import DateSpan, Interval
from cds.vocabulary import FactDefinition, FactKind, Level, StructureDefinition, Vocabulary

T = TypeVar("T")
Constants = Mapping[str, Sequence[Fraction | Decimal | int]]
"""Numbers worth trying for a fact, by its path, in its unit: the thresholds of the rules that read it."""

NO_CONSTANTS: Final[Constants] = {}
AS_OF: Final = dt.date(2026, 11, 22)
"""The date of generated cases where none is given; any fixed day would do."""
_PLENTY: Final = 200  # the largest number tried for a fact that has no plausible bounds
_TEN_YEARS: Final = 3650


class Choices(Protocol):
    """Whoever decides. Both answers must be possible for every chance between 0 and 1."""

    def chance(self, probability: float) -> bool:
        """Whether a thing of this probability happens."""

    def below(self, count: int) -> int:
        """One of 0 to `count` - 1."""


def pick(choices: Choices, options: Sequence[T]) -> T:
    """One of the options."""
    return options[choices.below(len(options))]


# --- values --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Grid:
    """The numbers a fact may have, as whole multiples of a step: `low * step` to `high * step`."""

    low: int
    high: int
    step: Fraction

    def point(self, index: int) -> Fraction:
        """The number at a place of the grid."""
        return index * self.step


def grid_of(definition: FactDefinition, constants: Sequence[Fraction | Decimal | int] = ()) -> Grid:
    """The plausible numbers of a fact of type Integer, Decimal or Quantity.

    >>> from cds.testing import sample_vocabulary
    >>> grid_of(sample_vocabulary().fact(Level.PATIENT, "ratio"))
    Grid(low=-100, high=2000, step=Fraction(1, 100))
    """
    if not isinstance(definition.type, NumberType | QuantityType):
        raise TypeError(f"{definition.path} is a {definition.type} and has no grid")
    bounds = definition.plausible
    if bounds is not None and bounds.high is not None:
        return _grid(definition.type.decimals, bounds, bounds.high)
    return _grid(definition.type.decimals, bounds, max([Fraction(_PLENTY), *(2 * Fraction(c) for c in constants)]))


@lru_cache(maxsize=1024)  # asked for anew for every number of every case
def _grid(decimals: int, bounds: Interval | None, high: Fraction) -> Grid:
    scale = 10**decimals
    low = bounds.low if bounds is not None and bounds.low is not None else Fraction(0)
    first, last = math.ceil(low * scale), math.floor(high * scale)
    first += bounds is not None and not bounds.contains(Fraction(first, scale))
    last -= bounds is not None and not bounds.contains(Fraction(last, scale))
    return Grid(first, max(first, last), Fraction(1, scale))


def any_value(
    choices: Choices, definition: FactDefinition, as_of: dt.date, constants: Sequence[Fraction | Decimal | int] = ()
) -> Value:
    """A legal value; numbers fall on or beside one of the constants seven times in ten."""
    match definition.type:
        case BooleanType():
            return choices.chance(0.5)
        case CodeType(codes):
            return pick(choices, codes)
        case DateType():
            return _date(choices, as_of)
        case NumberType() | QuantityType():
            return _interval(choices, grid_of(definition, constants), constants)


def _index(choices: Choices, grid: Grid, constants: Sequence[Fraction | Decimal | int]) -> int:
    """A place on the grid."""
    if constants and not choices.chance(0.3):
        near = math.floor(Fraction(pick(choices, constants)) / grid.step) + pick(choices, (0, 1, -1))
        return min(max(near, grid.low), grid.high)
    return grid.low + choices.below(grid.high - grid.low + 1)


def _interval(choices: Choices, grid: Grid, constants: Sequence[Fraction | Decimal | int]) -> Interval:
    """A point, a value known from one side, or a range with closed ends: what FHIR can say."""
    index = _index(choices, grid, constants)
    if not choices.chance(0.3):
        return Interval.point(grid.point(index))
    form = pick(choices, ("<", "<=", ">", ">=", "to"))
    if form in ("<", "<=") and index > grid.low:
        return Interval.below(grid.point(index), open_end=form == "<")
    if form in (">", ">=") and index < grid.high:
        return Interval.above(grid.point(index), open_end=form == ">")
    other = _index(choices, grid, constants)
    return Interval(grid.point(min(index, other)), grid.point(max(index, other)))


def _date(choices: Choices, as_of: dt.date) -> DateSpan:
    """A day, a month, a year or another run of days, over by `as_of`."""
    day = as_of - dt.timedelta(days=choices.below(_TEN_YEARS))
    form = pick(choices, ("day", "day", "day", "month", "year", "period"))
    month_end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    if form == "month" and month_end <= as_of:
        return DateSpan(day.replace(day=1), month_end)
    if form == "year" and dt.date(day.year, 12, 31) <= as_of:
        return DateSpan(dt.date(day.year, 1, 1), dt.date(day.year, 12, 31))
    if form == "period":
        return DateSpan(day, min(as_of, day + dt.timedelta(days=choices.below(_TEN_YEARS))))
    return DateSpan(day, day)


# --- facts ---------------------------------------------------------------------------------------------------------


def any_fact(
    choices: Choices,
    definition: FactDefinition,
    *,
    as_of: dt.date,
    known: float,
    constants: Sequence[Fraction | Decimal | int] = (),
) -> Fact:
    """A fact in any state that a record can leave it in; not reported at all, it is what silence makes of it."""
    stated = _stated(choices, definition, as_of, known, constants)
    return stated if stated is not None else silent(definition, {"any": ()})


def _stated(
    choices: Choices,
    definition: FactDefinition,
    as_of: dt.date,
    known: float,
    constants: Sequence[Fraction | Decimal | int],
) -> Fact | None:
    """What the record says of a fact, or `None` where it says nothing."""
    if choices.chance(known):
        return Fact(Known(any_value(choices, definition, as_of, constants)))
    how = choices.below(10)
    if how < 6:
        return None
    conflict = _conflict(choices, definition, as_of, constants) if how == 9 else None
    return Fact(conflict if conflict is not None else Absent(pick(choices, tuple(AbsenceReason))))


def _conflict(
    choices: Choices, definition: FactDefinition, as_of: dt.date, constants: Sequence[Fraction | Decimal | int]
) -> Conflicting | None:
    """Two values that cannot both hold, or `None` for a fact that has but one."""
    match definition.type:
        case BooleanType():
            return Conflicting((True, False))
        case CodeType(codes):
            if len(codes) < 2:
                return None
            first = choices.below(len(codes))
            second = (first + 1 + choices.below(len(codes) - 1)) % len(codes)
            return Conflicting((codes[first], codes[second]))
        case DateType():
            day = as_of - dt.timedelta(days=choices.below(_TEN_YEARS))
            earlier = day - dt.timedelta(days=1 + choices.below(_TEN_YEARS))
            return Conflicting((DateSpan(day, day), DateSpan(earlier, earlier)))
        case NumberType() | QuantityType():
            grid = grid_of(definition, constants)
            one, other = _index(choices, grid, constants), _index(choices, grid, constants)
            if one == other:
                other = one + 1 if one < grid.high else one - 1
            if other < grid.low:
                return None
            return Conflicting((Interval.point(grid.point(one)), Interval.point(grid.point(other))))


# --- cases ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """What a record says of a patient, before silence, closing statements and sites make a case of it."""

    as_of: dt.date
    patient: Mapping[str, Fact]
    lesions: tuple[ReportedLesion, ...]

    def case(self, vocabulary: Vocabulary) -> Case:
        """The case that it is read as."""
        return assemble(vocabulary, as_of=self.as_of, patient=self.patient, lesions=self.lesions)


def any_case(
    choices: Choices,
    vocabulary: Vocabulary,
    *,
    as_of: dt.date = AS_OF,
    lesions: tuple[int, int] = (1, 2),
    structures: int | None = None,
    known: float = 0.5,
    constants: Constants = NO_CONSTANTS,
) -> Case:
    """A case that a record could be read as.

    `known` is the chance of each fact to have a value; `structures` bounds how many structures of a lesion are reported
    on (all that are enumerated are in the case, as always).
    """

    def reported(definitions: Iterable[FactDefinition], chance: float) -> dict[str, Fact]:
        found: dict[str, Fact] = {}
        for definition in definitions:
            near = constants.get(definition.path, ()) if constants else ()
            fact = _stated(choices, definition, as_of, chance, near)
            if fact is not None:
                found[definition.name] = fact
        return found

    count = lesions[0] + choices.below(lesions[1] - lesions[0] + 1)
    patient = reported(vocabulary.of(Level.PATIENT), known)
    made = []
    for number in range(1, count + 1):
        facts = reported(vocabulary.of(Level.LESION), known)
        found = []
        for name, side in _reported_on(choices, vocabulary, facts, structures):
            of_structure = reported(definitions_of(choices, vocabulary, vocabulary.structures[name]), known)
            if of_structure:
                found.append(ReportedStructure(name, side, of_structure))
        made.append(ReportedLesion(f"T{number}", f"lesion {number}", facts, tuple(found)))
    return Report(as_of, patient, tuple(made)).case(vocabulary)


def _reported_on(
    choices: Choices, vocabulary: Vocabulary, lesion: Mapping[str, Fact], most: int | None
) -> list[tuple[str, str]]:
    """The structures that the record speaks of: most of those enumerated, seldom one that the site does not list."""
    complete = {d.name: lesion.get(d.name, silent(d, {"any": ()})) for d in vocabulary.of(Level.LESION)}
    keys = [key for key in structures_at_risk(vocabulary, complete) if choices.chance(0.7)]
    if choices.chance(0.1) and vocabulary.structures:
        other = pick(choices, tuple(vocabulary.structures.values()))
        keys.append((other.name, pick(choices, ("left", "right")) if other.sided else "none"))
    return list(dict.fromkeys(keys))[:most]


def definitions_of(
    choices: Choices, vocabulary: Vocabulary, structure: StructureDefinition
) -> Iterator[FactDefinition]:
    """The facts that may be reported of a structure: plans name its own measures, seldom another one."""
    planned = {m.planned for m in (*vocabulary.measures.values(), *vocabulary.monitoring.values())}
    own = {vocabulary.measures[m].planned for m in structure.measures}
    own |= {vocabulary.monitoring[m].planned for m in structure.monitoring}
    if planned and choices.chance(0.1):
        own.add(pick(choices, sorted(planned)))
    for definition in vocabulary.of(Level.STRUCTURE):
        if definition.kind is not FactKind.GIVEN and (definition.name not in planned or definition.name in own):
            yield definition


# --- learning more -------------------------------------------------------------------------------------------------


def any_narrowing(
    choices: Choices, case: Case, vocabulary: Vocabulary, *, constants: Constants = NO_CONSTANTS, most: int = 12
) -> Case:
    """A case that knows the same and more: up to `most` unknown facts filled or intervals narrowed; seldom all of them.

    Lesions, structures and `as_of` stay. The closing statement is learned before the distances, so that a distance it
    bounds is only ever narrowed within that bound.
    """
    everything = choices.chance(0.1)
    places = list(_learnable(case, vocabulary))
    if not everything and places:
        chosen = sorted({choices.below(len(places)) for _ in range(choices.below(most + 1))})
        places = [places[index] for index in chosen]
    for subject, definition in places:
        fact = _facts_of(case, subject)[definition.name]
        learned = _learned(choices, definition, fact, case.as_of, constants.get(definition.path, ()))
        if learned is not None:
            case = _with(case, vocabulary, subject, definition, learned)
    return case


Subject = tuple[int | None, int | None]
"""The place of a lesion in the case and of a structure in the lesion; `None` twice is the patient."""


def _learnable(case: Case, vocabulary: Vocabulary) -> Iterator[tuple[Subject, FactDefinition]]:
    """Every fact that more can be learned about: first the patient's, then each lesion's, then its structures'."""
    subjects: list[tuple[Level, Subject]] = [(Level.PATIENT, (None, None))]
    subjects += [(Level.LESION, (n, None)) for n in range(len(case.lesions))]
    for number, lesion in enumerate(case.lesions):
        subjects += [(Level.STRUCTURE, (number, place)) for place in range(len(lesion.structures))]
    for level, subject in subjects:
        facts = _facts_of(case, subject)
        for definition in vocabulary.of(level):
            if not _settled(facts[definition.name].value):
                yield subject, definition


def _settled(value: Value | None) -> bool:
    match value:
        case None:
            return False
        case Interval():
            return value.is_point
        case DateSpan():
            return value.is_day
        case _:
            return True


def _facts_of(case: Case, subject: Subject) -> Mapping[str, Fact]:
    lesion, structure = subject
    if lesion is None:
        return case.patient
    its = case.lesions[lesion]
    return its.facts if structure is None else its.structures[structure].facts


def _with(case: Case, vocabulary: Vocabulary, subject: Subject, definition: FactDefinition, fact: Fact) -> Case:
    """The case with one fact replaced; only a closing statement reaches further than its own fact."""
    number, place = subject
    name = definition.name
    if number is None:
        return replace(case, patient={**case.patient, name: fact})
    lesion = case.lesions[number]
    if place is None:
        if any(d.bounded_below_by == name for d in vocabulary.of(Level.STRUCTURE)):
            return narrowed(case, vocabulary, lesion.id, name, fact)
        changed: Lesion = replace(lesion, facts={**lesion.facts, name: fact})
    else:
        structure = replace(lesion.structures[place], facts={**lesion.structures[place].facts, name: fact})
        changed = replace(lesion, structures=(*lesion.structures[:place], structure, *lesion.structures[place + 1 :]))
    return replace(case, lesions=(*case.lesions[:number], changed, *case.lesions[number + 1 :]))


def _learned(
    choices: Choices,
    definition: FactDefinition,
    fact: Fact,
    as_of: dt.date,
    constants: Sequence[Fraction | Decimal | int],
) -> Fact | None:
    """A fact that says the same and more, or `None` where there is no more to say."""
    match fact.value:
        case None:
            return Fact(Known(any_value(choices, definition, as_of, constants)))
        case Interval() as interval:
            inside = _inside(choices, interval, grid_of(definition, constants), constants)
            return Fact(Known(inside)) if inside is not None else None
        case DateSpan() as span if not span.is_day:
            day = span.first + dt.timedelta(days=choices.below((span.last - span.first).days + 1))
            return Fact(Known(DateSpan(day, day)))
        case _:
            return None


def _inside(
    choices: Choices, interval: Interval, grid: Grid, constants: Sequence[Fraction | Decimal | int]
) -> Interval | None:
    """An interval within another, or `None` where the plausible part of the other holds no number of the grid."""
    low = grid.low if interval.low is None else max(grid.low, math.ceil(interval.low / grid.step))
    high = grid.high if interval.high is None else min(grid.high, math.floor(interval.high / grid.step))
    low += not interval.contains(grid.point(low))
    high -= not interval.contains(grid.point(high))
    if low > high:
        return None
    part = Grid(low, high, grid.step)
    index = _index(choices, part, constants)
    if not choices.chance(0.4):
        return Interval.point(part.point(index))
    if interval.low is None and choices.chance(0.5):
        return Interval.below(part.point(index), open_end=False)
    if interval.high is None and choices.chance(0.5):
        return Interval.above(part.point(index), open_end=False)
    other = _index(choices, part, constants)
    return Interval(part.point(min(index, other)), part.point(max(index, other)))
