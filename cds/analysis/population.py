"""Many cases decided at once: the truth of a condition at every place of every case, as two rows of bits.

A leaf is decided by the reference evaluator, place by place, once; what joins leaves is three operations on whole rows.
So a condition that was changed in one place costs next to nothing to decide again for every case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cds.case import Case
from cds.language.syntax import (
    And,
    AnyOf,
    BooleanLiteral,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Not,
    Or,
    Xor,
)
from cds.reasoning.conditions import Derived, derive
from cds.reasoning.contexts import Context, Contexts, contexts_of
from cds.truth import Truth
from cds.vocabulary import Level


@dataclass(frozen=True, slots=True)
class Row:
    """The truth of something at many places: one bit per place that says *is true*, one that says *is false*."""

    true: int
    false: int

    def __invert__(self) -> Row:
        return Row(self.false, self.true)

    def __and__(self, other: Row) -> Row:
        return Row(self.true & other.true, self.false | other.false)

    def __or__(self, other: Row) -> Row:
        return Row(self.true | other.true, self.false & other.false)

    def __xor__(self, other: Row) -> Row:
        return Row(
            (self.true & other.false) | (self.false & other.true), (self.true & other.true) | (self.false & other.false)
        )

    def differing(self, other: Row) -> Iterator[int]:
        """The places at which two rows have another truth."""
        left = (self.true ^ other.true) | (self.false ^ other.false)
        while left:
            lowest = left & -left
            yield lowest.bit_length() - 1
            left ^= lowest

    def at(self, place: int) -> Truth:
        """The truth at one place.

        >>> Row(true=0b01, false=0b10).at(1)
        <Truth.FALSE: 'false'>
        """
        if self.true >> place & 1:
            return Truth.TRUE
        return Truth.FALSE if self.false >> place & 1 else Truth.UNKNOWN


@dataclass(frozen=True)
class Population:
    """Cases, and the places of each level in all of them, one after the other."""

    cases: Sequence[Case]

    @cached_property
    def contexts(self) -> tuple[Contexts, ...]:
        """Where criteria are decided, case by case."""
        return tuple(contexts_of(case) for case in self.cases)

    @cached_property
    def places(self) -> Mapping[Level, tuple[tuple[int, Context], ...]]:
        """Every place of a level, with the number of its case."""
        return {
            level: tuple((number, each) for number, contexts in enumerate(self.contexts) for each in contexts.at(level))
            for level in Level
        }

    def of_case(self, number: int, level: Level) -> tuple[tuple[int, Context], ...]:
        """The places of one case at a level, each with its bit."""
        return self._of_case[level][number]

    @cached_property
    def _of_case(self) -> Mapping[Level, tuple[tuple[tuple[int, Context], ...], ...]]:
        found: dict[Level, list[list[tuple[int, Context]]]] = {}
        for level, places in self.places.items():
            found[level] = [[] for _ in self.cases]
            for place, (number, context) in enumerate(places):
                found[level][number].append((place, context))
        return {level: tuple(map(tuple, cases)) for level, cases in found.items()}

    @cached_property
    def _members(self) -> Mapping[tuple[Level, str], tuple[int, ...]]:
        """For each place of a level, the structures that *any structure* ranges over there, as bits."""
        number_of = {id(context): number for number, (_, context) in enumerate(self.places[Level.STRUCTURE])}
        found: dict[tuple[Level, str], list[int]] = {}
        for level, places in self.places.items():
            for _, context in places:
                for over, members in context.members.items():
                    bits = sum(1 << number_of[id(member)] for member in members)
                    found.setdefault((level, over), []).append(bits)
        return {key: tuple(bits) for key, bits in found.items()}

    @cached_property
    def _named(self) -> Mapping[str, int]:
        """The places of each structure, by its name."""
        found: dict[str, int] = {}
        for number, (_, context) in enumerate(self.places[Level.STRUCTURE]):
            name = str(context.facts["structure"]["name"].value)
            found[name] = found.get(name, 0) | 1 << number
        return found

    @cached_property
    def _leaves(self) -> dict[tuple[Level, Expression], Row]:
        return {}

    def row(self, condition: Expression, level: Level, derived: Derived) -> Row:
        """The truth of a condition at every place of its level; `derived` is what the planner computes."""
        match condition:
            case Not():
                return ~self.row(condition.operand, level, derived)
            case And():
                return self.row(condition.left, level, derived) & self.row(condition.right, level, derived)
            case Or():
                return self.row(condition.left, level, derived) | self.row(condition.right, level, derived)
            case Xor():
                return self.row(condition.left, level, derived) ^ self.row(condition.right, level, derived)
            case Implies():
                return ~self.row(condition.left, level, derived) | self.row(condition.right, level, derived)
            case AnyOf():
                return self._any(condition, level, derived)
            case FactReference() if _is_planned(condition, derived):
                return self._planned(condition, derived)
            case Comparison(operator, FactReference() as fact, BooleanLiteral(value)) if _is_planned(fact, derived):
                planned = self._planned(fact, derived)
                return planned if (operator == "=") is value else ~planned
            case _:
                return self._leaf(condition, level)

    def _any(self, condition: AnyOf, level: Level, derived: Derived) -> Row:
        body = self.row(condition.body, Level.STRUCTURE, derived)
        true = false = 0
        for number, members in enumerate(self._members.get((level, condition.over), ())):
            true |= (members & body.true != 0) << number
            false |= (members & ~body.false == 0) << number
        return Row(true, false)

    def _planned(self, fact: FactReference, derived: Derived) -> Row:
        true = false = 0
        for name, there in self._named.items():
            row = self.row(derived[name, fact.name], Level.STRUCTURE, derived)
            true |= row.true & there
            false |= row.false & there
        return Row(true, false)

    def _leaf(self, leaf: Expression, level: Level) -> Row:
        found = self._leaves.get((level, leaf))
        if found is None:
            true = false = 0
            for number, (_, context) in enumerate(self.places[level]):
                truth = derive(leaf, context, {}).truth
                true |= (truth is Truth.TRUE) << number
                false |= (truth is Truth.FALSE) << number
            found = self._leaves[level, leaf] = Row(true, false)
        return found


def _is_planned(fact: FactReference, derived: Derived) -> bool:
    return fact.level == "structure" and any(name == fact.name for _, name in derived)
