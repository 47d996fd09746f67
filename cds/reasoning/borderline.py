"""Measured values that a threshold runs through once the error that the record itself admits is granted.

Two sources of error are known, and no other is invented: the interval that the record states (a reading with its
uncertainty, a range), and the rounding to the fact's decimal grid, half a step either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from cds.case import CLOSING_STATEMENT, IMPLIED, Fact, Known
from cds.case.supposing import Place
from cds.language.syntax import (
    Between,
    Comparison,
    ComparisonOperator,
    Expression,
    Membership,
    NumberLiteral,
    QuantityLiteral,
)
from cds.language.types import NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.conditions import Derivation, compare
from cds.reasoning.decision import Decision, LesionDecision
from cds.truth import Truth
from cds.vocabulary import FactDefinition, level_of

ErrorSource = Literal["stated-interval", "rounding"]


@dataclass(frozen=True, slots=True)
class Crossed:
    """A threshold, in the fact's unit, that lies within the error; `criteria` are the ids of those that read it.

    `by` says what it takes: `stated-interval` where the value as recorded is on both sides of it already, `rounding`
    where it is once half a step of the grid is granted.
    """

    threshold: Fraction
    by: ErrorSource
    criteria: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Borderline:
    """A measured value, what it may be within its error (`widened`), and the thresholds that lie within that."""

    place: Place
    definition: FactDefinition
    fact: Fact
    widened: Interval
    crossed: tuple[Crossed, ...]


def borderline(decision: Decision) -> tuple[Borderline, ...]:
    """The borderline values of a decision, in the order in which its rules read them."""
    found: dict[Place, dict[tuple[Fraction, ErrorSource], dict[str, None]]] = {}
    measured: dict[Place, tuple[FactDefinition, Fact, Interval | None]] = {}
    for criterion, derivation in _considered(decision):
        for step in _steps(derivation):
            fact, reference = step.fact, step.reference
            if fact is None or reference is None or not isinstance(fact.value, Interval):
                continue
            place = (step.subject, reference.name)
            if place not in measured:
                definition = decision.rules.vocabulary.fact(level_of(reference.level), reference.name)
                measured[place] = (definition, fact, widened(fact, definition))
            definition, _, within = measured[place]
            if within is None:
                continue
            for operator, constant in _comparisons(step.expression, definition):
                if compare(Fact(Known(within)), operator, constant) is Truth.UNKNOWN:
                    stated = compare(fact, operator, constant) is Truth.UNKNOWN
                    key: tuple[Fraction, ErrorSource] = (constant.value, "stated-interval" if stated else "rounding")
                    found.setdefault(place, {}).setdefault(key, {})[criterion] = None
    return tuple(
        Borderline(place, definition, fact, within, tuple(Crossed(*key, tuple(ids)) for key, ids in crossed.items()))
        for place, crossed in found.items()
        for definition, fact, within in [measured[place]]
        if within is not None
    )


def widened(fact: Fact, definition: FactDefinition) -> Interval | None:
    """What a measured value may be: as recorded, and half a step of its grid beyond either end.

    `None` for what has no such error: a count or a class (an Integer), a value known from one side only (which says how
    little is known, not how it was measured), and what no one measured but another fact implies.

    >>> from cds.testing import sample_vocabulary
    >>> from cds.vocabulary import Level
    >>> diameter = sample_vocabulary().fact(Level.LESION, "diameter")  # in steps of 0.1 mm
    >>> str(widened(Fact(Known(Interval.point(Fraction(20)))), diameter))
    '19.95 to 20.05'
    """
    value, type_ = fact.value, definition.type
    counted = isinstance(type_, NumberType) and type_.decimals == 0
    implied = fact.note == CLOSING_STATEMENT or fact.note.startswith(IMPLIED)
    if not isinstance(type_, NumberType | QuantityType) or not isinstance(value, Interval) or counted or implied:
        return None
    if value.low is None or value.high is None:
        return None
    half = Fraction(1, 2 * 10**type_.decimals)
    within = Interval(value.low - half, value.high + half, value.low_open, value.high_open)
    return within if definition.plausible is None else within.intersection(definition.plausible)


def _considered(decision: Decision) -> Iterator[tuple[str, Derivation]]:
    """Every criterion that the answer shows, by the id of its rule."""
    for lesion in decision.lesions:
        yield from _of_lesion(lesion)


def _of_lesion(lesion: LesionDecision) -> Iterator[tuple[str, Derivation]]:
    considered = [each for option in lesion.options for each in option.considerations]
    for each in (*lesion.scope_considerations, *considered, *lesion.order_requirements):
        yield each.rule.id, each.derivation
        if each.done is not None:
            yield each.rule.id, each.done
        yield from each.exceptions.items()
    yield from lesion.preferences.items()
    if lesion.scope is not Truth.FALSE:  # else nothing is said of its structures
        for structure in lesion.structures:
            yield from structure.derivations.items()


def _steps(derivation: Derivation) -> Iterator[Derivation]:
    waiting = [derivation]
    while waiting:
        step = waiting.pop()
        yield step
        waiting.extend(reversed(step.operands))


def _comparisons(
    node: Expression, definition: FactDefinition
) -> Iterable[tuple[ComparisonOperator, NumberLiteral | QuantityLiteral]]:
    """The comparisons with a threshold that a step makes.

    An end of what is plausible at all is none: who asks for 0 mm asks whether two things touch.
    """
    sides: list[tuple[ComparisonOperator, Expression]] = []
    match node:
        case Comparison(operator, _, right):
            sides = [(operator, right)]
        case Between(_, low, high):
            sides = [(">=", low), ("<=", high)]
        case Membership(_, members):
            sides = [("=", member) for member in members]
        case _:
            pass
    ends = {definition.plausible.low, definition.plausible.high} if definition.plausible is not None else set()
    return [
        (operator, side)
        for operator, side in sides
        if isinstance(side, NumberLiteral | QuantityLiteral) and side.value not in ends
    ]
