"""Any patient, as variables of a solver: what may be known of each fact, and what cannot be otherwise.

A patient here has one lesion in question and, if asked for, one other. Its structures at risk are those that the
vocabulary knows; which of them are there depends on site and side just as in `cds.case.assemble`, and a record may
report more. Every case that `assemble` can make, with at most these lesions, is one of these patients.

Numbers lie on the fact's decimal grid, so whole numbers suffice. A place on the grid is an even number, the gap after
it the odd one: `low` and `high` are the first and the last place that a value may be at, and an open end is a gap.
`< 5` on a grid of 1 ends at 9, `<= 5` at 10, exactly 5 is 10 to 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

import z3

from cds.analysis.formulas import NO, YES, Formula, both, either, no
from cds.case import AbsenceReason, Absent, Fact, Known
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.vocabulary import FactDefinition, FactKind, Level, Vocabulary

PATIENT: Final = "patient"
LESION: Final = "T1"
OTHER: Final = "T2"
_NOT_TOLD: Final = Fact(Absent(AbsenceReason.ASKED_UNKNOWN))


@dataclass(frozen=True, slots=True)
class Variable:
    """One fact of one subject: whether it is known and, if so, its value (by the fact's type).

    A yes/no has `yes`; a code `code`, the place of the value in the vocabulary's list; a number `low` and `high`. A
    date has neither: no condition reads one.
    """

    subject: str
    definition: FactDefinition
    known: Formula
    yes: Formula | None = None
    code: z3.ArithRef | None = None
    low: z3.ArithRef | None = None
    high: z3.ArithRef | None = None

    @property
    def name(self) -> str:
        """`T1.carotidEncasement`: unique within a universe."""
        return f"{self.subject}.{self.definition.name}"

    @property
    def point(self) -> Formula:
        """Whether the value is fully known: any but a number is, once it is known at all."""
        if self.low is None or self.high is None:
            return self.known
        return both(self.known, self.low == self.high, self.low % 2 == 0)

    def bounds(self) -> Formula:
        """What holds of the value in every patient in whom it is known: it is one that the vocabulary allows."""
        if self.code is not None and isinstance(self.definition.type, CodeType):
            return both(self.code >= 0, self.code < len(self.definition.type.values))
        if self.low is None or self.high is None:
            return YES
        bounds = [self.low <= self.high]
        plausible = self.definition.plausible
        if plausible is not None and plausible.low is not None:
            bounds.append(self.high >= place(plausible.low, self.definition, after=plausible.low_open))
        if plausible is not None and plausible.high is not None:
            bounds.append(self.low <= place(plausible.high, self.definition, before=plausible.high_open))
        return both(*bounds)

    def is_value(self, fact: Fact) -> Formula:
        """Whether it is known to be just what a fact says: yes or no, one code, one number of the grid."""
        match fact.value:
            case bool(value) if self.yes is not None:
                return both(self.known, self.yes if value else no(self.yes))
            case str(value) if self.code is not None and isinstance(self.definition.type, CodeType):
                codes = self.definition.type.values
                return both(self.known, self.code == codes.index(value)) if value in codes else NO
            case Interval() as value if value.is_point and value.low is not None and self.low is not None:
                return both(self.point, self.low == place(value.low, self.definition))
            case _:
                return NO

    def same_as(self, other: Variable) -> Formula:
        """Whether two variables of the same fact say the same."""
        pairs = ((self.yes, other.yes), (self.code, other.code), (self.low, other.low), (self.high, other.high))
        equal = both(*(mine == its for mine, its in pairs if mine is not None and its is not None))
        return both(self.known == other.known, either(no(self.known), equal))

    def refines(self, other: Variable) -> Formula:
        """Whether this one says at least what the other says: learning fills the unknown and narrows intervals."""
        narrower = [
            mine == its for mine, its in ((self.yes, other.yes), (self.code, other.code)) if mine is not None
        ]
        if self.low is not None and self.high is not None and other.low is not None and other.high is not None:
            narrower += [self.low >= other.low, self.high <= other.high]
        return either(no(other.known), both(self.known, *narrower))

    def fact(self, model: z3.ModelRef) -> Fact:
        """What the solver's patient knows of it."""
        if not z3.is_true(model.eval(self.known, model_completion=True)):
            return _NOT_TOLD
        if self.yes is not None:
            return Fact(Known(z3.is_true(model.eval(self.yes, model_completion=True))))
        if self.code is not None and isinstance(self.definition.type, CodeType):
            return Fact(Known(self.definition.type.values[_integer(model, self.code)]))
        if self.low is not None and self.high is not None:
            low, high = _integer(model, self.low), _integer(model, self.high)
            return Fact(Known(interval(low, high, self.definition)))
        return _NOT_TOLD


def _integer(model: z3.ModelRef, term: z3.ArithRef) -> int:
    number = model.eval(term, model_completion=True)
    if not isinstance(number, z3.IntNumRef):
        raise TypeError(f"`{term}` has no number in the model")
    return int(number.as_long())


def scale(definition: FactDefinition) -> int:
    """How many places of the grid make 1."""
    if not isinstance(definition.type, NumberType | QuantityType):
        raise TypeError(f"{definition.path} is a {definition.type} and has no grid")
    return int(10**definition.type.decimals)


def place(number: Fraction, definition: FactDefinition, *, after: bool = False, before: bool = False) -> int:
    """The place of a number of the grid; the gap after it, or before it, for an open end."""
    scaled = number * scale(definition)
    if scaled.denominator != 1:
        raise ValueError(f"`{number}` does not lie on the grid of {definition.path}")
    return 2 * scaled.numerator + (1 if after else -1 if before else 0)


def interval(low: int, high: int, definition: FactDefinition) -> Interval:
    """The interval between two places.

    >>> from cds.testing import sample_vocabulary
    >>> str(interval(1, 99, sample_vocabulary().fact(Level.LESION, "diameter")))
    '> 0 and < 5'
    """
    step = Fraction(1, scale(definition))
    return Interval((low // 2) * step, ((high + 1) // 2) * step, low % 2 == 1, high % 2 == 1)


@dataclass(frozen=True, slots=True)
class Place:
    """A structure at risk of a lesion, whether it is there or not: `key` is `T1/carotid-artery/left`."""

    lesion: str
    name: str
    side: str
    present: Formula

    @property
    def key(self) -> str:
        """Its subject."""
        return f"{self.lesion}/{self.name}/{self.side}"


@dataclass(frozen=True)
class Universe:
    """Any patient of a vocabulary. `tag` keeps the variables of two patients apart; `other` adds a second lesion.

    >>> from cds.testing import sample_vocabulary
    >>> any_patient = Universe(sample_vocabulary())
    >>> any_patient["patient", "ratio"].name
    'patient.ratio'
    """

    vocabulary: Vocabulary
    tag: str = ""
    other: bool = False

    def __getitem__(self, key: tuple[str, str]) -> Variable:
        """The variable of a fact, by subject and name."""
        return self.variables[key]

    @property
    def lesions(self) -> tuple[str, ...]:
        """The lesions by id; the one in question comes first."""
        return (LESION, OTHER) if self.other else (LESION,)

    @cached_property
    def variables(self) -> Mapping[tuple[str, str], Variable]:
        """Every fact that a record can state, by subject and name."""
        found: dict[tuple[str, str], Variable] = {}
        for subject, level in self._subjects():
            for definition in self.vocabulary.of(level):
                if definition.kind is not FactKind.GIVEN:
                    found[subject, definition.name] = self._variable(subject, definition)
        return found

    def _subjects(self) -> Iterator[tuple[str, Level]]:
        yield PATIENT, Level.PATIENT
        for lesion in self.lesions:
            yield lesion, Level.LESION
            for name, side in self._keys():
                yield f"{lesion}/{name}/{side}", Level.STRUCTURE

    def _keys(self) -> Iterator[tuple[str, str]]:
        for structure in self.vocabulary.structures.values():
            for side in ("left", "right") if structure.sided else ("none",):
                yield structure.name, side

    def _variable(self, subject: str, definition: FactDefinition) -> Variable:
        name = f"{self.tag}{subject}.{definition.name}"
        known = z3.Bool(f"{name} known")
        match definition.type:
            case BooleanType():
                return Variable(subject, definition, known, yes=z3.Bool(name))
            case CodeType():
                return Variable(subject, definition, known, code=z3.Int(name))
            case NumberType() | QuantityType():
                return Variable(subject, definition, known, low=z3.Int(f"{name} low"), high=z3.Int(f"{name} high"))
            case DateType():
                return Variable(subject, definition, known)

    @cached_property
    def structures(self) -> Mapping[str, tuple[Place, ...]]:
        """The structures at risk of each lesion."""
        return {
            lesion: tuple(
                Place(lesion, name, side, z3.Bool(f"{self.tag}{lesion}/{name}/{side} present"))
                for name, side in self._keys()
            )
            for lesion in self.lesions
        }

    @cached_property
    def axioms(self) -> tuple[Formula, ...]:
        """What holds of every patient."""
        found = [either(no(variable.known), variable.bounds()) for variable in self.variables.values()]
        for places in self.structures.values():
            for each in places:
                found.append(either(no(self._enumerated(each)), each.present))
                found += self._implied(each)
        return tuple(formula for formula in found if not z3.is_true(formula))

    def _enumerated(self, each: Place) -> Formula:
        """Whether site and side of the lesion list the structure (`cds.case.structures_at_risk`)."""
        definition = self.vocabulary.structures[each.name]
        side = YES
        if definition.sided:
            opposite = "right" if each.side == "left" else "left"
            side = no(self._is_code(each.lesion, "side", (opposite,)))
        site = YES
        if definition.sites is not None:
            site = either(no(self[each.lesion, "site"].known),
                          self._is_code(each.lesion, "site", tuple(sorted(definition.sites))))  # fmt: skip
        there = YES
        if definition.only_if is not None:
            condition = self[each.lesion, definition.only_if]
            there = no(both(condition.known, no(condition.yes if condition.yes is not None else YES)))
        return both(site, side, there)

    def _is_code(self, subject: str, name: str, codes: tuple[str, ...]) -> Formula:
        variable = self[subject, name]
        if variable.code is None or not isinstance(variable.definition.type, CodeType):
            raise TypeError(f"{variable.name} is not a code")
        values = variable.definition.type.values
        return both(variable.known, either(*(variable.code == values.index(code) for code in codes if code in values)))

    def _implied(self, each: Place) -> Iterator[Formula]:
        """What is encased is 0 mm away: a distance that is known holds what its code implies."""
        for definition in self.vocabulary.of(Level.STRUCTURE):
            distance = self.variables.get((each.key, definition.name))
            for name, values in definition.implied_by.items():
                for code, number in values.items():
                    if distance is None or distance.low is None or distance.high is None:
                        continue
                    at = place(number, definition)
                    said = both(self._is_code(each.key, name, (code,)), distance.known)
                    yield either(no(said), both(distance.low <= at, distance.high >= at))

    def complete(self) -> Formula:
        """Whether nothing is left to learn: every fact that a condition can read is known, numbers exactly."""
        return both(*(v.point for v in self.variables.values() if not isinstance(v.definition.type, DateType)))
