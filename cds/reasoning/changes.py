"""What would change the answer: the fewest modifiable facts that, were they otherwise, would leave other verdicts.

A *change* gives a known fact another value than the record states. To fill in what is unknown is no change but learning
(`cds.reasoning.settling`). Values are enumerated, never sampled: the other answer, every other code, and for a number
the regions between the constants that it is compared with. Lesions and their structures at risk stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from typing import Final, Literal

from cds.case import NEVER_RECORDED, Fact, Known, Value
from cds.case.supposing import Place
from cds.language.types import BooleanType, CodeType, DateType, NumberType, QuantityType
from cds.quantities import Interval
from cds.reasoning.decision import Decision, LesionDecision, OptionDecision
from cds.reasoning.settling import compared_with, regions
from cds.reasoning.supposing import Supposing
from cds.reasoning.verdict import ORDER_OF_VERDICTS, Verdict
from cds.vocabulary import FactDefinition, Vocabulary

MOST_FACTS: Final = 2
"""How many facts are changed at once, where nobody asks for more."""
MOST_TRIED: Final = 5000
"""How many combinations of values are tried for one option before larger sets are left out."""

_NAMED_BY_CASES: Final = ("site", "side")
"""The facts of a lesion by which a case lists its structures at risk (`cds.case.structures_at_risk`)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One known fact with all the other values that do the same: codes, an answer, or one region of numbers."""

    place: Place
    definition: FactDefinition
    fact: Fact
    values: tuple[Value, ...]

    @property
    def direction(self) -> Literal["lower", "higher"] | None:
        """Where a number has to go; `None` for what is no number."""
        now, then = self.fact.value, self.values[0]
        if not isinstance(now, Interval) or not isinstance(then, Interval):
            return None
        return "lower" if now.low is not None and then.high is not None and then.high <= now.low else "higher"

    @property
    def threshold(self) -> Fraction | None:
        """The end of the region that is nearest to the value as it is; `None` for what is no number."""
        then = self.values[0]
        if not isinstance(then, Interval):
            return None
        return then.high if self.direction == "lower" else then.low


@dataclass(frozen=True, slots=True)
class Way:
    """Changes that together leave these verdicts possible, and no part of which does."""

    changes: tuple[Change, ...]
    possible: frozenset[Verdict]


@dataclass(frozen=True, slots=True)
class NearestChanges:
    """For one option: for each other answer, every way to it that changes the fewest facts.

    Every combination of up to `searched` of the `changeable` facts was tried. Unless the list `is_complete`, other
    answers may be had by changing more at once.
    """

    lesion: str
    option: str
    possible: frozenset[Verdict]
    ways: tuple[Way, ...]
    changeable: tuple[Place, ...]
    searched: int
    is_complete: bool
    """Whether no number of changes leads to an answer that is not listed."""


def nearest_changes(
    decision: Decision, *, most_facts: int = MOST_FACTS, most_tried: int = MOST_TRIED
) -> tuple[NearestChanges, ...]:
    """The nearest changes for every lesion and option of a decision; none in phases that give no verdict."""
    if decision.phase != "decision":
        return ()
    return tuple(
        _nearest(decision, lesion, option, most_facts, most_tried)
        for lesion in decision.lesions
        for option in lesion.options
    )


def _nearest(
    decision: Decision, lesion: LesionDecision, option: OptionDecision, most_facts: int, most_tried: int
) -> NearestChanges:
    supposing = Supposing(decision, lesion, option)
    others = {place: _others(place, supposing) for place in supposing.read if is_changeable(place, supposing)}
    # With all of them unknown nothing is ruled out that a change could lead to: other answers are parts of this one.
    at_most = 2 ** len(supposing.possible(dict.fromkeys(others, NEVER_RECORDED))) - 1
    ways: list[Way] = []
    reached, searched = {option.possible}, 0
    for count in range(1, min(most_facts, len(others)) + 1):
        if len(reached) == at_most or _number_of_choices(others, count) > most_tried:
            break
        found = _ways(supposing, others, count, reached)
        ways += found
        reached |= {way.possible for way in found}
        searched = count
    return NearestChanges(
        lesion=lesion.lesion.id,
        option=option.option,
        possible=option.possible,
        ways=tuple(sorted(ways, key=lambda way: (len(way.changes), _place(way.possible)))),
        changeable=tuple(others),
        searched=searched,
        is_complete=len(reached) == at_most or searched == len(others),
    )


def _place(possible: frozenset[Verdict]) -> tuple[int, list[int]]:
    """Settled answers first, and what speaks least against the option."""
    return len(possible), sorted(map(ORDER_OF_VERDICTS.index, possible))


def is_changeable(place: Place, supposing: Supposing) -> bool:
    """Whether the record states the fact and somebody can make it otherwise.

    What decides which structures are at risk, or goes together with another fact (a closing statement, a distance that
    a code implies), is left as it is: another question would be asked than the one that was answered.
    """
    definition = supposing.definition(place)
    return (
        definition.modifiable
        and supposing.fact(place).is_known
        and not isinstance(definition.type, DateType)
        and not definition.implied_by
        and definition.name not in _shaping(supposing.vocabulary)
    )


def _shaping(vocabulary: Vocabulary) -> frozenset[str]:
    structures, definitions = vocabulary.structures.values(), vocabulary.facts.values()
    named = {name for each in structures for name in (each.only_if, each.listed_by) if name is not None}
    closing = {each.bounded_below_by for each in definitions if each.bounded_below_by is not None}
    implying = {name for each in definitions for name in each.implied_by}
    return frozenset({*_NAMED_BY_CASES, *named, *closing, *implying})


@dataclass(frozen=True, slots=True)
class _Other:
    """Another value of a fact. Numbers of one `run` lie side by side, in order; what is no number has none."""

    fact: Fact
    value: Value
    run: int | None = None


def _others(place: Place, supposing: Supposing) -> tuple[_Other, ...]:
    """Every other value that the fact can have, as far as the criteria that read it can tell them apart."""
    definition, now = supposing.definition(place), supposing.fact(place).value
    values: list[tuple[Value, int | None]] = []
    match definition.type:
        case BooleanType():
            values = [(answer, None) for answer in (True, False) if answer is not now]
        case CodeType(codes):
            values = [(code, None) for code in codes if code != now]
        case NumberType() | QuantityType() if isinstance(now, Interval):
            constants = sorted(
                {
                    constant
                    for considered, context in supposing.readers(place)
                    for constant in compared_with(
                        considered.derivation.expression, context, definition, supposing.program.derived
                    )
                }
            )
            plausible = [definition.plausible] if definition.plausible is not None else []
            for run, side in enumerate(_beside(now)):
                values += [(region, run) for region in regions(definition, constants, [*plausible, side])]
        case _:
            raise TypeError(f"{definition.path} is a {definition.type}, and no such fact is changed")
    return tuple(_Other(Fact(Known(value)), value, run) for value, run in values)


def _beside(now: Interval) -> Iterator[Interval]:
    """The numbers below what is known, and those above it."""
    if now.low is not None:
        yield Interval.below(now.low, open_end=not now.low_open)
    if now.high is not None:
        yield Interval.above(now.high, open_end=not now.high_open)


def _number_of_choices(others: Mapping[Place, Sequence[_Other]], count: int) -> int:
    return sum(math.prod(len(others[place]) for place in places) for places in combinations(others, count))


_Points = dict[frozenset[Verdict], set[tuple[int, ...]]]


def _ways(
    supposing: Supposing,
    others: Mapping[Place, tuple[_Other, ...]],
    count: int,
    reached: set[frozenset[Verdict]],
) -> list[Way]:
    """Every way of so many changes to an answer that fewer do not reach."""
    ways: list[Way] = []
    for places in combinations(others, count):
        points: _Points = {}
        for chosen in product(*(range(len(others[place])) for place in places)):
            supposed = {place: others[place][index].fact for place, index in zip(places, chosen, strict=True)}
            possible = supposing.possible(supposed)
            if possible not in reached:
                points.setdefault(possible, set()).add(chosen)
        axes = [others[place] for place in places]
        for possible, its in points.items():
            for box in _boxes(frozenset(its), axes):
                changes = (
                    Change(place, supposing.definition(place), supposing.fact(place), values)
                    for place, values in zip(places, box, strict=True)
                )
                ways.append(Way(tuple(changes), possible))
    return ways


def _boxes(
    points: frozenset[tuple[int, ...]], axes: Sequence[tuple[_Other, ...]]
) -> Iterator[tuple[tuple[Value, ...], ...]]:
    """The points said together: for each axis the values of a box; every point lies in exactly one."""
    if not axes:
        yield ()
        return
    rests: dict[int, set[tuple[int, ...]]] = {}
    for first, *rest in sorted(points):
        rests.setdefault(first, set()).add(tuple(rest))
    groups: list[tuple[list[int], set[tuple[int, ...]]]] = []
    for index, others in rests.items():
        same = [its for its, theirs in groups if theirs == others and _is_one_region(axes[0], its[-1], index)]
        if same:
            same[0].append(index)
        else:
            groups.append(([index], others))
    for indices, others in groups:
        values = _together([axes[0][index].value for index in indices])
        for box in _boxes(frozenset(others), axes[1:]):
            yield (values, *box)


def _is_one_region(axis: Sequence[_Other], last: int, index: int) -> bool:
    """Whether a value can be said in one with the last of some others: any code can, numbers only side by side."""
    return axis[index].run is None or (axis[index].run == axis[last].run and index == last + 1)


def _together(values: Sequence[Value]) -> tuple[Value, ...]:
    first, last = values[0], values[-1]
    if isinstance(first, Interval) and isinstance(last, Interval):
        return (Interval(first.low, last.high, first.low_open, last.high_open),)
    return tuple(values)
