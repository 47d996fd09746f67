"""Reasons sorted by what they do to an option, and a rule said once for all the structures that it is true of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cds.explanation import words
from cds.recommendation.model import LesionPart, ReasonPart
from cds.ruleset.model import VERDICT_EFFECTS

_STRENGTH: Final = {"strong": 0, "moderate": 1, "weak": 2}
_ASKS: Final = {"correct": 0, "plan": 1, "weigh": 2, None: 3}


def holds_back(reason: ReasonPart) -> bool:
    """Whether the truth of a reason keeps its option from being simply eligible: a requirement that is not met, an
    exclusion or an argument that is.
    """
    return reason.effect in VERDICT_EFFECTS and reason.truth == ("false" if reason.effect == "requires" else "true")


def may_hold_back(reason: ReasonPart) -> bool:
    """Whether a reason would move the verdict, and is undecided."""
    return reason.effect in VERDICT_EFFECTS and reason.truth == "unknown"


def holds_nothing_back(reason: ReasonPart) -> bool:
    """Whether a reason that could move the verdict was decided, and does not."""
    return reason.effect in VERDICT_EFFECTS and reason.truth == ("true" if reason.effect == "requires" else "false")


def is_asked(reason: ReasonPart) -> bool:
    """Whether a reason asks people for a correction or a plan that is not there yet (or not known to be)."""
    return holds_back(reason) and reason.asks in ("correct", "plan") and reason.addressed != "true"


def rank(reason: ReasonPart) -> tuple[bool, int, int]:
    """What excludes first, then what can be corrected, planned, weighed; the stronger before the weaker."""
    excludes = reason.effect == "excludes" or (reason.effect == "requires" and reason.remedy is None)
    return not excludes, _ASKS[reason.asks], _STRENGTH[reason.strength]


@dataclass(frozen=True, slots=True)
class Grouped:
    """One rule with every reason it gave of the same truth: one for each structure, as a rule."""

    first: ReasonPart
    others: tuple[ReasonPart, ...] = ()

    @property
    def all(self) -> tuple[ReasonPart, ...]:
        """Every reason of the group."""
        return (self.first, *self.others)


def grouped(reasons: Iterable[ReasonPart]) -> tuple[Grouped, ...]:
    """Reasons by rule and truth, in the order in which the rules first come."""
    groups: dict[tuple[str, str], list[ReasonPart]] = {}
    for reason in reasons:
        groups.setdefault((reason.rule, reason.truth), []).append(reason)
    return tuple(Grouped(first, tuple(others)) for first, *others in groups.values())


def subjects(lesion: LesionPart) -> Mapping[str, str]:
    """What the subjects of a lesion's reasons are called: `T1/vagus-nerve/left` is the left vagus nerve."""
    names = {f"{lesion.id}/{part.structure}/{part.side or 'none'}": part.label for part in lesion.thermoprotection}
    return {"patient": "the patient", lesion.id: lesion.label, **names}


def rule_list(reasons: Sequence[ReasonPart], most: int | None) -> str:
    """`SS-4, TP-1 (9 times) and 3 more`."""
    names = [
        f"{each.first.rule} ({len(each.all)} times)" if each.others else each.first.rule for each in grouped(reasons)
    ]
    if most is None or len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def missing_values(reasons: Iterable[ReasonPart]) -> list[str]:
    """The thresholds that have no value on the day, for want of which reasons are undecided."""
    unset = (each for reason in reasons for each in reason.parameters if each.status == "unset")
    return list(dict.fromkeys(f"a value for the {words.spoken(each.name)}" for each in unset))


def missing_facts(reasons: Iterable[ReasonPart]) -> list[str]:
    """The facts for want of which reasons are undecided, each once."""
    missing = (fact for reason in reasons for fact in reason.facts if fact.status != "known")
    return list(dict.fromkeys(map(words.fact_label, missing)))
