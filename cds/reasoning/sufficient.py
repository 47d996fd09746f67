"""Why the answer is what it is, in as few facts as possible: known facts that alone leave the same verdicts possible.

All other facts of the patient could be unknown, or become known as anything at all: no verdict would be added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds.case import CLOSING_STATEMENT, NEVER_RECORDED, Fact
from cds.case.supposing import Place
from cds.reasoning.decision import Decision
from cds.reasoning.supposing import Supposing
from cds.reasoning.verdict import Verdict
from cds.vocabulary import FactDefinition


@dataclass(frozen=True, slots=True)
class RestsOn:
    """One fact that the answer rests on."""

    place: Place
    definition: FactDefinition
    fact: Fact


@dataclass(frozen=True, slots=True)
class SufficientReason:
    """Facts that alone leave these verdicts possible on one option; without any of them more would be possible.

    There may be other such sets: this is one of them, none is a part of another.
    """

    lesion: str
    option: str
    possible: frozenset[Verdict]
    facts: tuple[RestsOn, ...]


def sufficient_reasons(decision: Decision) -> tuple[SufficientReason, ...]:
    """One sufficient reason for every lesion and option; none in phases that give no verdict."""
    if decision.phase != "decision":
        return ()
    return tuple(
        SufficientReason(
            lesion.lesion.id, option.option, option.possible, sufficient(Supposing(decision, lesion, option))
        )
        for lesion in decision.lesions
        for option in lesion.options
    )


def sufficient(supposing: Supposing) -> tuple[RestsOn, ...]:
    """The facts of a sufficient reason, in the order in which the rules read them.

    Unknown facts never rule a verdict out (`meaning`, theorem 1), so a fact that cannot be spared beside some others
    cannot be spared beside fewer: each has to be tried once.
    """
    groups = _known(supposing)
    answer = supposing.possible({})
    spared: dict[Place, Fact] = {}

    def spare(stated: Sequence[Place]) -> None:
        """Take as unknown all of these that can be spared: at once where that goes, else half by half."""
        without = {**spared, **{place: NEVER_RECORDED for each in stated for place in groups[each]}}
        if supposing.possible(without) == answer:
            spared.update(without)
        elif len(stated) > 1:
            middle = len(stated) // 2
            spare(stated[:middle])
            spare(stated[middle:])

    # What the first rules read is tried last: a reader expects it to be kept.
    spare([*groups][::-1])
    kept = [stated for stated, places in groups.items() if not spared.keys() >= set(places)]
    return tuple(RestsOn(place, supposing.definition(place), supposing.fact(place)) for place in kept)


def _known(supposing: Supposing) -> Mapping[Place, tuple[Place, ...]]:
    """The known facts that bear on the verdict, each with the facts that are known by it.

    A distance that only the closing statement of the report bounds is known by that statement.
    """
    groups: dict[Place, tuple[Place, ...]] = {}
    for place in supposing.read:
        fact, bounded_by = supposing.fact(place), supposing.definition(place).bounded_below_by
        stated = place
        if fact.note == CLOSING_STATEMENT and bounded_by is not None:
            stated = (place[0].rsplit("/", 2)[0], bounded_by)
        if fact.is_known:
            groups[stated] = (*groups.get(stated, ()), place)
    return groups
