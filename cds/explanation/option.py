"""One option for a lesion: its verdict, and what speaks of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cds.explanation import words
from cds.explanation.page import Entry, Section
from cds.explanation.reasons import (
    grouped,
    holds_back,
    holds_nothing_back,
    is_asked,
    may_hold_back,
    missing_facts,
    missing_values,
    rank,
    rule_list,
    subjects,
)
from cds.explanation.telling import Names, Telling
from cds.recommendation.model import LesionPart, OptionPart

MOST_NAMES: Final = 4
MOST_SUPPORTING: Final = 2


def verdict_section(telling: Telling, option: OptionPart, lesion: LesionPart) -> Section:
    """The verdict with what a board asks first: whether the option is excluded, and whether it was declined."""
    verdict = words.verdict(option, lesion.scope.truth)
    if verdict != "not assessed":
        standing = words.standing(option, lesion.scope.truth)
        return Section(3, option.label, f"{verdict}; {standing}; {words.DECLINED[option.declined]}")
    why = "outside the scope of these rules"
    if telling.answer.phase != "decision":
        why = f"verdicts belong to the decision, not to {telling.answer.phase}"
    return Section(3, option.label, f"{verdict}: {why}. This speaks neither for nor against it")


def why(telling: Telling, option: OptionPart, lesion: LesionPart) -> Iterator[Section]:
    """What speaks of an option: nothing where there is nothing to say but the verdict."""
    names = subjects(lesion)
    in_scope = lesion.scope.truth != "false" or telling.unfold
    assessed = words.verdict(option, lesion.scope.truth) != "not assessed" or telling.unfold
    entries = [*_banner(telling, option)] if in_scope else []
    if assessed:
        entries += [*_against(telling, option, names), *_not_yet(telling, option)]
    if in_scope:
        entries += _supporting(telling, option, names)
    if assessed:
        entries += _decided_otherwise(telling, option, names)
    if entries:
        yield Section(3, f"Why: {option.label}", "", tuple(entries))


def _banner(telling: Telling, option: OptionPart) -> Iterator[Entry]:
    """What is said of the evidence for the option as a whole."""
    if option.banner is None:
        return
    telling.citations.cite_in_background(option.banner.evidence)
    cites = ", ".join(dict.fromkeys(each.cite for each in option.banner.evidence))
    yield Entry(option.banner.says, cites if telling.unfold else "", "evidence")
    if telling.unfold:
        yield from (Entry(each, cites, "evidence") for each in option.banner.population)
        yield from (Entry(each, cites, "caveat") for each in option.banner.known_inconsistencies)


def _against(telling: Telling, option: OptionPart, names: Names) -> Iterator[Entry]:
    """What holds the option back; folded, without what is asked about above."""
    reasons = sorted(filter(holds_back, option.reasons), key=rank)
    if telling.unfold:
        yield from (telling.told(each, "why", names) for each in reasons)
        return
    for group in grouped(reason for reason in reasons if not is_asked(reason)):
        addressed = " Addressed." if group.first.addressed == "true" else ""
        yield telling.said_once(group, "why", names, addressed)
    asked = [reason for reason in reasons if is_asked(reason)]
    if asked and option.standing == "excluded":  # then what is asked stands above by rule only
        yield Entry(f"asked above: {rule_list(asked, None)}", label="why")


def _not_yet(telling: Telling, option: OptionPart) -> Iterator[Entry]:
    """What would hold the option back, and is undecided."""
    reasons = [reason for reason in option.reasons if may_hold_back(reason)]
    if telling.unfold:
        yield from (telling.undecided(each, "not yet") for each in reasons)
    elif reasons:
        facts = words.some([*missing_facts(reasons), *missing_values(reasons)], MOST_NAMES)
        number = words.counted(len(grouped(reasons)), "criterion", "criteria")
        yield Entry(f"{number} undecided, for want of {facts}", rule_list(reasons, None), "not yet")


def _supporting(telling: Telling, option: OptionPart, names: Names) -> Iterator[Entry]:
    """What an exception waives, what speaks for the option, and what informs about it."""
    supports = [reason for reason in option.reasons if reason.effect == "for" and reason.truth == "true"]
    informs = [reason for reason in option.reasons if reason.effect == "informs" and reason.truth == "true"]
    waived = [(each, exception) for each in option.reasons if not holds_back(each)
              for exception in each.exception_truths if exception.truth == "true"]  # fmt: skip
    for reason, exception in waived:
        telling.citations.cite(exception.evidence)
        says = f"{exception.says} It keeps {reason.rule} from having its effect."
        yield Entry(says, words.sources(exception), "waived")
    if telling.unfold:
        yield from (telling.told(each, "for", names) for each in supports)
        yield from (telling.told(each, each.topic or "also", names) for each in informs)
        return
    groups = grouped(supports)
    for group in groups[:MOST_SUPPORTING]:
        yield telling.said_once(group, "for", names)
    if len(groups) > MOST_SUPPORTING:
        rest = [each.first for each in groups[MOST_SUPPORTING:]]
        yield Entry(f"{len(rest)} more: {rule_list(rest, None)}", label="for")
    for group in grouped(filter(telling.shows, informs)):
        yield telling.said_once(group, group.first.topic or "also", names)


def _decided_otherwise(telling: Telling, option: OptionPart, names: Names) -> Iterator[Entry]:
    """What was considered and holds nothing back: an empty list never means that nothing was looked at."""
    if telling.unfold:
        clear = [reason for reason in option.reasons if holds_nothing_back(reason)]
        false = [reason for reason in option.reasons if reason.effect in ("for", "informs") and reason.truth == "false"]
        yield from (telling.told(each, "clear", names) for each in clear)
        yield from (telling.told(each, "no", names) for each in false)
    elif not option.reasons:
        yield Entry("no criterion was considered for this option", label="clear")
