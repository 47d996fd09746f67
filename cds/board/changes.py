"""What would change the answer: for every option the other answers that can be had, and the fewest changes to each.

Of the facts that somebody can make otherwise; what is unknown is learned, not changed, and stands in `missing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from cds.case import Case, Value
from cds.case.supposing import Place
from cds.reasoning import changes as nearest
from cds.reasoning.conditions import ReferenceEngine
from cds.reasoning.decision import Decision, reason
from cds.reasoning.sufficient import RestsOn, SufficientReason, sufficient_reasons
from cds.reasoning.verdict import Verdict, listed, verdict_of
from cds.recommendation.words import change_text, fact_text
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.vocabulary import FactDefinition


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """One fact that would have to be otherwise: `INR`, now `2.1`, to `at most 1.8` (`lower`).

    `value` is one of the values that it may be changed to, as a worked case writes it (`<= 1.8`, `true`, a code).
    """

    name: str
    subject: str
    label: str
    now: str
    to: str
    value: str
    direction: Literal["lower", "higher"] | None
    burden: str


@dataclass(frozen=True, slots=True)
class Way:
    """Changes that are needed together."""

    changes: tuple[ChangeLine, ...]


@dataclass(frozen=True, slots=True)
class OutcomeChanges:
    """Another answer, and every way to it that changes the fewest facts (`facts` of them at once)."""

    possible: tuple[str, ...]
    verdict: str
    facts: int
    ways: tuple[Way, ...]


@dataclass(frozen=True, slots=True)
class RestsOnLine:
    """A known fact that the answer rests on; `modifiable` where somebody could make it otherwise."""

    name: str
    subject: str
    label: str
    now: str
    modifiable: bool


@dataclass(frozen=True, slots=True)
class OptionChanges:
    """One option: what its answer rests on, and what would change it.

    `searched` facts at once is the most that was tried; `complete` says that changing more leads to no other answer.
    """

    option: str
    label: str
    verdict: str
    possible: tuple[str, ...]
    outcomes: tuple[OutcomeChanges, ...]
    rests_on: tuple[RestsOnLine, ...]
    searched: int
    complete: bool


@dataclass(frozen=True, slots=True)
class LesionChanges:
    """One lesion, with its options in the order of the answer."""

    lesion: str
    label: str
    options: tuple[OptionChanges, ...]


def changes_view(case: Case, rules: RuleSet, phase: Phase = "decision") -> tuple[LesionChanges, ...]:
    """What would change the answer for every lesion of a case; empty in phases that give no verdict.

    Reasoned by the reference evaluator alone: it is about answers that both engines have given already.
    """
    return changes_of(reason(case, rules, phase, ReferenceEngine()))


def changes_of(decision: Decision) -> tuple[LesionChanges, ...]:
    """What would change the answer of a decision."""
    found = zip(nearest.nearest_changes(decision), sufficient_reasons(decision), strict=True)
    views = [(changes.lesion, _option(changes, because, decision)) for changes, because in found]
    labels = {lesion.id: lesion.label for lesion in decision.case.lesions}
    return tuple(
        LesionChanges(lesion, labels[lesion], tuple(option for _, option in its))
        for lesion, its in groupby(views, key=lambda view: view[0])
    )


def outcomes_of(ways: Iterable[nearest.Way], decision: Decision, lesion: str) -> tuple[OutcomeChanges, ...]:
    """Ways to other answers on an option for one lesion, the same answers together, in the order in which they come."""
    named = _labels(decision, lesion)
    return tuple(_outcome(possible, list(its), named) for possible, its in groupby(ways, lambda way: way.possible))


def _option(changes: nearest.NearestChanges, because: SufficientReason, decision: Decision) -> OptionChanges:
    named = _labels(decision, changes.lesion)
    return OptionChanges(
        option=changes.option,
        label=decision.rules.options[changes.option].label,
        verdict=verdict_of(changes.possible).value,
        possible=tuple(verdict.value for verdict in listed(changes.possible)),
        outcomes=outcomes_of(changes.ways, decision, changes.lesion),
        rests_on=tuple(_rests_on(fact, named) for fact in because.facts),
        searched=changes.searched,
        complete=changes.is_complete,
    )


_Labels = Callable[[Place, FactDefinition], str]


def _labels(decision: Decision, about: str) -> _Labels:
    """What facts are called where one lesion is spoken of; those of structures and other lesions say whose they are."""
    structures = {
        f"{lesion.id}/{structure.key}": structure.label if lesion.id == about else f"{structure.label} ({lesion.id})"
        for lesion in decision.case.lesions
        for structure in lesion.structures
    }
    whose = {lesion.id: lesion.id for lesion in decision.case.lesions if lesion.id != about} | structures

    def label(place: Place, definition: FactDefinition) -> str:
        of = whose.get(place[0])
        return f"{definition.label}, {of}" if of is not None else definition.label

    return label


def _outcome(possible: frozenset[Verdict], ways: Sequence[nearest.Way], named: _Labels) -> OutcomeChanges:
    return OutcomeChanges(
        possible=tuple(verdict.value for verdict in listed(possible)),
        verdict=verdict_of(possible).value,
        facts=len(ways[0].changes),
        ways=tuple(Way(tuple(_line(change, named) for change in way.changes)) for way in ways),
    )


def _line(change: nearest.Change, named: _Labels) -> ChangeLine:
    return ChangeLine(
        name=change.definition.path,
        subject=change.place[0],
        label=named(change.place, change.definition),
        now=fact_text(change.fact, change.definition),
        to=change_text(change),
        value=_written(change.values[0]),
        direction=change.direction,
        burden=change.definition.burden.value,
    )


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rests_on(kept: RestsOn, named: _Labels) -> RestsOnLine:
    return RestsOnLine(
        name=kept.definition.path,
        subject=kept.place[0],
        label=named(kept.place, kept.definition),
        now=fact_text(kept.fact, kept.definition),
        modifiable=kept.definition.modifiable,
    )
