"""In which order the options may be listed: the orders still possible, from cited preferences only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds.ruleset.model import Preference
from cds.truth import Truth

Groups = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PossibleOrder:
    """One order that is still possible, when it holds (in words; empty where certain), and the rules behind it."""

    groups: Groups
    condition: str
    because: tuple[str, ...]


def effective(preferences: Sequence[Preference], truths: Mapping[str, Truth]) -> dict[str, Truth]:
    """Each preference's truth after its exceptions: an exception that holds silences what it overrides.

    >>> effective([], {})
    {}
    """
    result: dict[str, Truth] = {}

    def hold(preference: Preference) -> Truth:
        if preference.id not in result:
            truth = truths[preference.id]
            for exception in preferences:
                if exception.exception_to == preference.id:
                    truth = truth & ~hold(exception)
            result[preference.id] = truth
        return result[preference.id]

    for preference in preferences:
        hold(preference)
    return result


def possible_orders(
    preferences: Sequence[Preference], truths: Mapping[str, Truth], options: Sequence[str]
) -> tuple[PossibleOrder, ...]:
    """The orders that the preferences leave possible over the `options`.

    No preference that holds leaves the options side by side. Verdicts are not asked: an option that is ineligible keeps
    the place that a preference gives it, and its verdict stands beside it.
    """
    held = effective(preferences, truths)
    # A preference whose own condition is true is silenced only by an exception that holds: one of the two does.
    certain = any(truth is Truth.TRUE for truth in truths.values())
    found: dict[Groups, tuple[list[str], list[str]]] = {}
    for preference in preferences:
        truth = held[preference.id]
        if truth is Truth.FALSE:
            continue
        conditions, because = found.setdefault(preference.order, ([], []))
        because.append(preference.id)
        conditions.append("" if truth is Truth.TRUE else preference.condition or preference.says.rstrip("."))
    if not certain:
        conditions, because = found.setdefault((tuple(options),), ([], []))
        conditions.append("if none of these holds" if because or len(found) > 1 else "")
    return tuple(
        PossibleOrder(groups, "" if "" in conditions else "; or ".join(conditions), tuple(because))
        for groups, (conditions, because) in found.items()
    )
