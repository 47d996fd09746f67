"""Override rates: how often clinicians set aside what a rule said, and the reasons they gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cds.records.entries import Entry, OverrideRate


def override_rates(cards: Iterable[Entry], feedback: Iterable[Entry]) -> tuple[OverrideRate, ...]:
    """The rate of each rule that any card spoke for, by the rule's id.

    Feedback about unknown cards is not counted, nor that of another issuer than the card was shown to.
    """
    reports: dict[str | None, list[Entry]] = {}
    for each in feedback:
        reports.setdefault(each.about, []).append(each)
    shown: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    overridden: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for card in cards:
        own = [each for each in reports.get(card.id, ()) if _is_from_whom_it_was_shown(each, card)]
        told = own[-1] if own else None  # in the order of the chain: the last one holds
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


def _is_from_whom_it_was_shown(report: Entry, card: Entry) -> bool:
    """Whether a report is of the issuer that the card was shown to; true of cards of which that was not yet kept."""
    return "author" not in card.body or _issuer(report) == _issuer(card)


def _issuer(entry: Entry) -> str | None:
    issuer: str | None = (entry.body.get("author") or {}).get("issuer")
    return issuer
