"""What the truths of an option's criteria come to: the set of verdicts still possible, and its standing.

The meaning of an answer is these few functions. Unknown criteria are varied independently: a listed verdict may be one
that nobody reaches, a verdict that is not listed is impossible.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from cds.ruleset.model import Effect
from cds.truth import Truth, any_of


class Verdict(enum.Enum):
    """The verdict on one option for one lesion."""

    ELIGIBLE = "eligible"
    CONDITIONAL = "conditional"
    INELIGIBLE = "ineligible"
    NOT_ASSESSED = "not-assessed"
    UNDETERMINED = "undetermined"
    """More than one of the others is still possible."""


class Standing(enum.Enum):
    """What a board asks first: is the option excluded?"""

    EXCLUDED = "excluded"
    NOT_EXCLUDED = "not-excluded"
    UNKNOWN = "unknown"


ORDER_OF_VERDICTS = (Verdict.ELIGIBLE, Verdict.CONDITIONAL, Verdict.INELIGIBLE, Verdict.NOT_ASSESSED)
"""The order in which possible verdicts are listed: from the least to the most that stands against the option."""


@dataclass(frozen=True, slots=True)
class Objection:
    """What one criterion does to an option: whether it `excludes` it or makes it conditional, and whether it holds."""

    excludes: bool
    holds: Truth


def objection(effect: Effect, truth: Truth, *, has_remedy: bool) -> Objection | None:
    """The objection that a criterion of a rule raises, or `None` for effects that never move a verdict.

    | effect               | objects when the criterion is | and then the option is |
    |----------------------|-------------------------------|------------------------|
    | excludes             | true                          | ineligible             |
    | requires             | false                         | ineligible             |
    | requires with remedy | false                         | conditional            |
    | against              | true                          | conditional            |

    >>> objection("requires", Truth.FALSE, has_remedy=True)
    Objection(excludes=False, holds=<Truth.TRUE: 'true'>)
    """
    match effect:
        case "excludes":
            return Objection(True, truth)
        case "requires":
            return Objection(not has_remedy, ~truth)
        case "against":
            return Objection(False, truth)
        case _:
            return None


def possible_verdicts(objections: Iterable[Objection], scope: Truth) -> frozenset[Verdict]:
    """The verdicts that the objections and the scope leave possible.

    >>> sorted(v.value for v in possible_verdicts([Objection(True, Truth.UNKNOWN)], Truth.TRUE))
    ['eligible', 'ineligible']
    """
    if scope is Truth.FALSE:
        return frozenset({Verdict.NOT_ASSESSED})
    raised = list(objections)
    excluded = any_of(o.holds for o in raised if o.excludes)
    held_back = any_of(o.holds for o in raised if not o.excludes)
    possible: set[Verdict] = set()
    if excluded is not Truth.FALSE:
        possible.add(Verdict.INELIGIBLE)
    if excluded is not Truth.TRUE:
        if held_back is not Truth.FALSE:
            possible.add(Verdict.CONDITIONAL)
        if held_back is not Truth.TRUE:
            possible.add(Verdict.ELIGIBLE)
    if scope is Truth.UNKNOWN:
        possible.add(Verdict.NOT_ASSESSED)
    return frozenset(possible)


def verdict_of(possible: frozenset[Verdict]) -> Verdict:
    """The verdict, once one is left.

    >>> verdict_of(frozenset({Verdict.ELIGIBLE, Verdict.INELIGIBLE})).value
    'undetermined'
    """
    return next(iter(possible)) if len(possible) == 1 else Verdict.UNDETERMINED


def standing_of(objections: Iterable[Objection], scope: Truth = Truth.TRUE) -> Standing:
    """Whether the option is excluded, by exclusions and unremedied requirements alone.

    Unknown while the patient is not known to be in scope: rules that may not be about a patient exclude nothing there.

    >>> standing_of([Objection(True, Truth.FALSE), Objection(False, Truth.TRUE)]).value
    'not-excluded'
    >>> standing_of([Objection(True, Truth.TRUE)], scope=Truth.FALSE).value
    'unknown'
    """
    if scope is not Truth.TRUE:
        return Standing.UNKNOWN
    excluded = any_of(o.holds for o in objections if o.excludes)
    return {Truth.TRUE: Standing.EXCLUDED, Truth.FALSE: Standing.NOT_EXCLUDED, Truth.UNKNOWN: Standing.UNKNOWN}[
        excluded
    ]


def listed(possible: frozenset[Verdict]) -> tuple[Verdict, ...]:
    """The possible verdicts in their fixed order.

    >>> [verdict.value for verdict in listed(frozenset({Verdict.INELIGIBLE, Verdict.ELIGIBLE}))]
    ['eligible', 'ineligible']
    """
    return tuple(verdict for verdict in ORDER_OF_VERDICTS if verdict in possible)
