"""Which structures at risk need protection, and which measures are open for each."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cds.ruleset.conditions import applies
from cds.ruleset.model import MeasureRule, MeasureStatus, PlannerFile
from cds.truth import Truth, any_of
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


def need_of(truths: Iterable[Truth]) -> Need:
    """Required if any reason holds, not required if none does, undetermined otherwise.

    >>> need_of([Truth.FALSE, Truth.UNKNOWN])
    <Need.UNDETERMINED: 'undetermined'>
    """
    return {Truth.TRUE: Need.REQUIRED, Truth.FALSE: Need.NOT_REQUIRED, Truth.UNKNOWN: Need.UNDETERMINED}[any_of(truths)]


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
