"""Which structures at risk need protection, and which measures are open for each."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from cds.ruleset.conditions import applies
from cds.ruleset.model import Combination, MeasureRule, MeasureStatus, PlannerFile
from cds.truth import Truth, all_of, any_of
from cds.vocabulary import StructureDefinition, Vocabulary


class Need(enum.Enum):
    """Whether a structure needs protection."""

    REQUIRED = "required"
    NOT_REQUIRED = "not-required"
    UNDETERMINED = "undetermined"


class MeasureStanding(enum.Enum):
    """Where a measure stands for one structure in one patient."""

    AVAILABLE = "available"
    ADVISED_AGAINST = "advised-against"
    CONTRAINDICATED = "contraindicated"
    UNDETERMINED = "undetermined"


_NEEDED: Final = {Need.REQUIRED: Truth.TRUE, Need.NOT_REQUIRED: Truth.FALSE, Need.UNDETERMINED: Truth.UNKNOWN}


@dataclass(frozen=True, slots=True)
class MeasureAnswer:
    """A measure of a structure's list, its standing, and the planner rules that speak of it."""

    measure: str
    standing: MeasureStanding
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Protection:
    """What one structure at risk needs: the need, its measures in the table's order, the monitoring rules that hold."""

    need: Need
    needs: tuple[str, ...]
    measures: tuple[MeasureAnswer, ...]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Threatened:
    """A structure at risk with its protection, and whether the plan covers it."""

    id: str
    protection: Protection
    covered: Truth


@dataclass(frozen=True, slots=True)
class ProtectionPlan:
    """The protection of all threatened structures of a lesion together, by their ids.

    `without_measure` are the threatened ones with no available measure; `sufficient` all smallest sets of measures that
    leave none of the others without one. `covered` says whether the plan covers every structure that needs it.
    """

    required: tuple[str, ...]
    undetermined: tuple[str, ...]
    without_measure: tuple[str, ...]
    sufficient: tuple[tuple[str, ...], ...]
    covered: Truth
    uncovered: tuple[str, ...]


def plan_of(structures: Sequence[Threatened], excluding: Iterable[Collection[str]] = ()) -> ProtectionPlan:
    """What the structures of a lesion come to together. No set names two measures of which one excludes the other."""
    required = [each for each in structures if each.protection.need is Need.REQUIRED]
    undetermined = [each for each in structures if each.protection.need is Need.UNDETERMINED]
    open_for = {
        each.id: frozenset(
            m.measure for m in each.protection.measures if m.standing is MeasureStanding.AVAILABLE
        )
        for each in required
    }
    protectable = [measures for measures in open_for.values() if measures]
    return ProtectionPlan(
        required=tuple(each.id for each in required),
        undetermined=tuple(each.id for each in undetermined),
        without_measure=tuple(name for name, measures in open_for.items() if not measures),
        sufficient=smallest_sets(protectable, excluding),
        covered=all_of(_NEEDED[each.protection.need].implies(each.covered) for each in structures),
        uncovered=tuple(each.id for each in required if each.covered is not Truth.TRUE),
    )


def smallest_sets(
    wanted: Sequence[Collection[str]], excluding: Iterable[Collection[str]] = ()
) -> tuple[tuple[str, ...], ...]:
    """All smallest sets with at least one member of each of `wanted`, and no two of any of `excluding`.

    None where nothing is wanted, and where what is wanted excludes itself.

    >>> smallest_sets([{"water", "gas"}, {"water"}, {"gloves"}])
    (('gloves', 'water'),)
    >>> smallest_sets([{"water"}, {"gas"}], excluding=[{"water", "gas"}])
    ()
    """
    if not wanted:
        return ()
    known = sorted({name for names in wanted for name in names})
    apart = [frozenset(names) for names in excluding]
    for size in range(1, len(known) + 1):
        found = tuple(
            chosen
            for chosen in combinations(known, size)
            if all(any(name in names for name in chosen) for names in wanted)
            and not any(len(names.intersection(chosen)) > 1 for names in apart)
        )
        if found:
            return found
    return ()


def said_of(plan: ProtectionPlan, combinations: Iterable[Combination]) -> tuple[Combination, ...]:
    """The combinations that are said beside a plan: what excludes each other always, what goes together where one of
    its members is named.
    """
    named = {measure for chosen in plan.sufficient for measure in chosen}
    return tuple(each for each in combinations if each.excludes or named.intersection(each.together))


def beside(chosen: Collection[str], combinations: Iterable[Combination]) -> tuple[str, ...]:
    """What goes together with one of the measures chosen, and is none of them."""
    together = [each.together for each in combinations if set(each.together).intersection(chosen)]
    return tuple(dict.fromkeys(name for names in together for name in names if name not in chosen))


def need_of(truths: Iterable[Truth]) -> Need:
    """Required if any reason holds, not required if none does, undetermined otherwise.

    >>> need_of([Truth.FALSE, Truth.UNKNOWN])
    <Need.UNDETERMINED: 'undetermined'>
    """
    needed = any_of(truths)
    return next(need for need, truth in _NEEDED.items() if truth is needed)


def measure_standing(against: Sequence[tuple[MeasureStatus, Truth]]) -> MeasureStanding:
    """The standing of a measure under what speaks against it: the gravest that holds, else undetermined while any may.

    >>> measure_standing([("advised-against", Truth.TRUE), ("contraindicated", Truth.UNKNOWN)]).value
    'undetermined'
    """
    contraindicated = any_of(truth for status, truth in against if status == "contraindicated")
    advised_against = any_of(truth for status, truth in against if status == "advised-against")
    if contraindicated is Truth.TRUE:
        return MeasureStanding.CONTRAINDICATED
    if contraindicated is Truth.UNKNOWN or advised_against is Truth.UNKNOWN:
        return MeasureStanding.UNDETERMINED
    return MeasureStanding.ADVISED_AGAINST if advised_against is Truth.TRUE else MeasureStanding.AVAILABLE


def protect(
    structure: StructureDefinition, planner: PlannerFile, vocabulary: Vocabulary, truths: Mapping[str, Truth]
) -> Protection:
    """What the planner's criteria, decided in one structure's context, come to."""
    measures = []
    for name in structure.measures:
        rules: list[MeasureRule] = [rule for rule in planner.measures if applies(rule, name, vocabulary)]
        standing = measure_standing([(rule.status, truths[rule.id]) for rule in rules])
        measures.append(MeasureAnswer(name, standing, tuple(rule.id for rule in rules)))
    return Protection(
        need=need_of(truths[need.id] for need in planner.need),
        needs=tuple(need.id for need in planner.need),
        measures=tuple(measures),
        advice=tuple(rule.id for rule in planner.monitoring if truths[rule.id] is not Truth.FALSE),
    )
