"""Override rates: how often clinicians set aside what a rule said, and the reasons they gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cds.records.entries import Entry, OverrideRate


def override_rates(cards: Iterable[Entry], feedback: Iterable[Entry]) -> tuple[OverrideRate, ...]:
    """The rate of each rule that any card spoke for, by the rule's id. Feedback about unknown cards is not counted."""
    last = {each.about: each for each in feedback}  # in the order of the chain: the last one holds
    shown: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    overridden: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for card in cards:
        told = last.get(card.id)
        for rule in dict.fromkeys(card.body["rules"]):
            shown[rule] += 1
            if told is None:
                continue
            if told.body["outcome"] == "accepted":
                accepted[rule] += 1
                continue
            overridden[rule] += 1
            given = (told.body["reason"] or {}).get("code", "none given")
            reasons.setdefault(rule, Counter())[given] += 1
    return tuple(
        OverrideRate(rule, count, accepted[rule], overridden[rule], dict(reasons.get(rule, ())))
        for rule, count in sorted(shown.items())
    )
