"""The walk through a condition from its top: the values that its facts may have for it to be true, false or unknown.

Every comparison on the way narrows the values of its fact. No solver is needed, and none is as quick to say yes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from cds.case import NEVER_RECORDED, AbsenceReason, Absent, Fact, Known
from cds.case.case import silent
from cds.language.syntax import (
    And,
    AnyOf,
    Between,
    BooleanLiteral,
    Comparison,
    Expression,
    FactReference,
    Implies,
    Membership,
    Not,
    Or,
    Xor,
)
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.conditions import derive
from cds.reasoning.contexts import Context
from cds.ruleset.program import Program
from cds.testing.generation import AS_OF, Choices, T, any_value, grid_of
from cds.truth import Truth
from cds.vocabulary import FactDefinition, FactKind, level_of

Truths = frozenset[Truth]
Key = tuple[str, str]
"""A fact of a case: its subject (`patient`, `T1`, `T1/skin/none`) and its name."""
Domains = Mapping[Key, tuple[Fact, ...]]
"""The values that are left for each fact that a condition reads."""

NOT_TOLD: Final = Fact(Absent(AbsenceReason.ASKED_UNKNOWN))
"""What is said of a fact that silence would fill in, for it to be unknown."""
_ANY: Final[Truths] = frozenset(Truth)
_STEPS: Final = 20_000  # comparisons tried for one case, before it is given up


@dataclass(slots=True)
class Search:
    """One walk through one condition. Counts the comparisons that it tries, and gives up after many."""

    choices: Choices
    program: Program
    constants: Mapping[str, tuple[Fraction, ...]]
    tried: int = 0

    def ways(self, condition: Expression, wanted: Truths, context: Context, left: Domains) -> Iterator[Domains]:
        """What the facts may still be for the condition to have one of the truths, way by way."""
        if wanted == _ANY:
            yield left
            return
        planned = _planned(condition, context, self.program)
        if planned is not None:
            yield from self.ways(planned, wanted, context, left)
            return
        match condition:
            case BooleanLiteral(value):
                if Truth.of(value) in wanted:
                    yield left
            case Not(operand):
                yield from self.ways(operand, frozenset(~truth for truth in wanted), context, left)
            case And(one, other):
                yield from self._both(lambda a, b: a & b, one, other, wanted, context, left)
            case Or(one, other):
                yield from self._both(lambda a, b: a | b, one, other, wanted, context, left)
            case Xor(one, other):
                yield from self._both(lambda a, b: a ^ b, one, other, wanted, context, left)
            case Implies(one, other):
                yield from self._both(lambda a, b: a.implies(b), one, other, wanted, context, left)
            case AnyOf(over, body):
                members = turned(self.choices, context.members[over])
                yield from self._some(body, tuple(members), wanted, left)
            case Comparison(_, FactReference() as fact) | Between(FactReference() as fact):
                yield from self._atom(condition, fact, wanted, context, left)
            case Membership(FactReference() as fact) | (FactReference() as fact):
                yield from self._atom(condition, fact, wanted, context, left)
            case _:
                raise TypeError(f"`{type(condition).__name__}` is not a resolved condition")

    def _both(
        self,
        combined: Callable[[Truth, Truth], Truth],
        one: Expression,
        other: Expression,
        wanted: Truths,
        context: Context,
        left: Domains,
    ) -> Iterator[Domains]:
        for first, second in turned(self.choices, _boxes(combined, wanted)):
            for narrowed in self.ways(one, first, context, left):
                yield from self.ways(other, second, context, narrowed)

    def _some(
        self, body: Expression, members: tuple[Context, ...], wanted: Truths, left: Domains
    ) -> Iterator[Domains]:
        """*any structure where …*: an `or` over its members."""
        if not members:
            if Truth.FALSE in wanted:
                yield left
            return
        for first, rest in _boxes(lambda a, b: a | b, wanted):
            for narrowed in self.ways(body, first, members[0], left):
                if rest == _ANY:
                    yield narrowed
                else:
                    yield from self._some(body, members[1:], rest, narrowed)

    def _atom(
        self, condition: Expression, fact: FactReference, wanted: Truths, context: Context, left: Domains
    ) -> Iterator[Domains]:
        self.tried += 1
        if self.tried > _STEPS:
            return
        key = (context.subject(fact), fact.name)
        values = left[key] if key in left else self._values(fact, context)
        fitting = tuple(value for value in values if _truth(condition, fact, value, context) in wanted)
        if fitting:
            yield {**left, key: fitting}

    def _values(self, fact: FactReference, context: Context) -> tuple[Fact, ...]:
        """The values worth trying, the one that it has first: so no more of the record changes than has to."""
        definition = self.program.vocabulary.fact(level_of(fact.level), fact.name)
        now = context.fact(fact)
        if definition.kind is FactKind.GIVEN:
            return (now,)
        constants = self.constants.get(definition.path, ())
        options = turned(self.choices, telling(definition, constants))
        if constants and self.choices.chance(0.5):  # far from a threshold, too
            options = (Fact(Known(any_value(self.choices, definition, AS_OF))), *options)
        return (now, *options)


def _boxes(combined: Callable[[Truth, Truth], Truth], wanted: Truths) -> list[tuple[Truths, Truths]]:
    """The pairs of truths that come to a wanted one, as few pairs of sets: for an `or` to be true, one side is.

    >>> for one, other in _boxes(lambda a, b: a | b, frozenset({Truth.TRUE})):
    ...     print(sorted(truth.value for truth in one), sorted(truth.value for truth in other))
    ['true'] ['false', 'true', 'unknown']
    ['false', 'unknown'] ['true']
    """
    by_rest: dict[Truths, set[Truth]] = {}
    for one in Truth:
        rest = frozenset(other for other in Truth if combined(one, other) in wanted)
        if rest:
            by_rest.setdefault(rest, set()).add(one)
    return [(frozenset(ones), rest) for rest, ones in by_rest.items()]


def _planned(condition: Expression, context: Context, program: Program) -> Expression | None:
    """What stands behind a fact that the planner computes, or its comparison with `true` or `false`."""
    match condition:
        case FactReference("structure", name):
            return program.derived.get((context.structure_name, name))
        case Comparison(operator, FactReference() as fact, BooleanLiteral(value)):
            behind = _planned(fact, context, program)
            return behind if behind is None or (operator == "=") == value else Not(behind)
        case _:
            return None


def _truth(condition: Expression, fact: FactReference, value: Fact, context: Context) -> Truth:
    """The truth of a comparison if its fact were this one."""
    facts = {**context.facts, fact.level: {**context.facts[fact.level], fact.name: value}}
    return derive(condition, replace(context, facts=facts), {}).truth


def telling(definition: FactDefinition, constants: Sequence[Fraction]) -> tuple[Fact, ...]:
    """The values of a fact between which conditions tell: on, below and above each constant; each code; unknown.

    >>> from cds.testing import sample_vocabulary
    >>> from cds.vocabulary import Level
    >>> diameter = sample_vocabulary().fact(Level.LESION, "diameter")
    >>> [str(fact.value) for fact in telling(diameter, (Fraction(30),))]
    ['30', '29.9', '30.1', '< 30', '> 30', 'None']
    """
    unknown = NOT_TOLD if filled_in(definition) else NEVER_RECORDED
    match definition.type:
        case BooleanType():
            return (Fact(Known(True)), Fact(Known(False)), unknown)
        case CodeType(codes):
            return (*(Fact(Known(code)) for code in codes), unknown)
        case DateType():
            return (unknown,)
        case NumberType() | QuantityType():
            grid = grid_of(definition, constants)
            found: dict[Interval, None] = {}
            for constant in constants or (grid.point(grid.low),):
                on = math.floor(constant / grid.step)
                for index in (on, on - 1, on + 1):
                    if grid.low <= index <= grid.high:
                        found[Interval.point(grid.point(index))] = None
                if grid.low < on < grid.high:
                    found[Interval.below(grid.point(on), open_end=True)] = None
                    found[Interval.above(grid.point(on), open_end=True)] = None
            return (*(Fact(Known(value)) for value in found), unknown)


def turned(choices: Choices, options: Sequence[T]) -> tuple[T, ...]:
    """The options, beginning with a chosen one."""
    if not options:
        return ()
    first = choices.below(len(options))
    return (*options[first:], *options[:first])


def filled_in(definition: FactDefinition) -> bool:
    """Whether something may be known of the fact although nobody spoke of it."""
    return bool(
        silent(definition, {"any": ()}).is_known or definition.bounded_below_by is not None or definition.implied_by
    )
