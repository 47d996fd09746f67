"""What an answer says on a card: verdict, why, what is missing, what is owed, and the citations, in under a screen.

A card is about one lesion of a patient who is in scope. `review` speaks of every option, `order` of the one that was
ordered, and only where there is something to say. `not_checked` says what could not be checked, and gives no verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cds.explanation import words
from cds.explanation.answer import NO_DIRECTIVE
from cds.explanation.layout import printable
from cds.explanation.markdown import escaped
from cds.explanation.reasons import grouped, holds_back, is_asked, may_hold_back, missing_facts, rank, rule_list
from cds.explanation.references import reference
from cds.recommendation.model import (
    EvidencePart,
    LesionPart,
    ObligationPart,
    OptionPart,
    ReasonPart,
    Recommendation,
    SettlingFact,
)
from cds.service.hooks.cards import LONGEST_SUMMARY, Indicator
from cds.service.hooks.orders import Order
from cds.service.hooks.unchecked import Unchecked

MOST_REASONS: Final = 3
MOST_MISSING: Final = 3
MOST_NAMES: Final = 4
MOST_DUTIES: Final = 4
MOST_CITED: Final = 4
MOST_WARNINGS: Final = 2
LONGEST_LABEL: Final = 60
REVIEW_DUTIES: Final = ("decision",)
ORDER_DUTIES: Final = ("decision", "procedure")
_TOLD: Final = frozenset({"search-failed", "further-page"})
"""Warnings that the list of what was not obtained says already."""
_ADDRESS: Final = re.compile(r"(?i)(https?|ftp|mailto|xmpp)(:)|(www)(\.)|(@)")


@dataclass(frozen=True, slots=True)
class Advice:
    """One card's content. `rules` are those that a person can override, `cited` the works with their addresses."""

    lesion: str
    option: str
    summary: str
    indicator: Indicator
    detail: str
    rules: tuple[str, ...]
    duties: tuple[ObligationPart, ...]
    cited: tuple[tuple[str, str], ...] = field(default=())


def markdown(text: str) -> str:
    r"""Text as GitHub's Markdown shows it, whatever it holds: no markup, no HTML, and no address that becomes a link.

    >>> markdown("<b> *x* see www.evil.example or https://evil.example")
    '\\<b\\> \\*x\\* see www\\.evil.example or https\\://evil.example'
    """
    return _ADDRESS.sub(lambda m: "".join(f"\\{g}" if g in ":.@" else g for g in m.groups() if g), escaped(text))


def in_scope(answer: Recommendation) -> tuple[LesionPart, ...]:
    """The lesions that advice may be about: scope unknown or false is no ground for it."""
    if answer.scope.truth == "false":
        return ()
    return tuple(lesion for lesion in answer.lesions if lesion.scope.truth == "true")


def review(answer: Recommendation, lesion: LesionPart, not_whole: Sequence[str]) -> Advice:
    """Where every option stands for a lesion."""
    text = _Text(answer, not_whole)
    open_ = tuple(option.option for option in lesion.options if option.standing != "excluded")
    duties = _due(lesion, REVIEW_DUTIES, open_)
    for option in lesion.options:
        text.option(option, lesion)
    text.duties(duties)
    text.missing(lesion.options)
    told = [f"{option.label.lower()} {words.verdict(option, 'true').partition(' (')[0]}" for option in lesion.options]
    contradictory = any(fact.status == "conflicting" for fact in answer.facts)
    return Advice(
        lesion.id, "", summary(lesion.label, "; ".join(told)),
        "warning" if contradictory or not_whole else "info",
        text.finished(), rules_of(lesion.options, duties), duties, text.links(),
    )  # fmt: skip


def order(
    answer: Recommendation, lesion: LesionPart, ordered: Sequence[Order], not_whole: Sequence[str]
) -> Advice | None:
    """What the answer says about an ordered option for a lesion; `None` where it has nothing to say."""
    option = next((each for each in lesion.options if each.option == ordered[0].option), None)
    if option is None:
        return None
    duties = _due(lesion, ORDER_DUTIES, (option.option,))
    held = any(map(holds_back, option.reasons))
    open_ = any(map(may_hold_back, option.reasons))
    if not (held or open_ or duties or option.declined == "true"):
        return None
    text = _Text(answer, not_whole)
    for note in dict.fromkeys(each.note for each in ordered if each.note):
        text.line(f"- {markdown(note)}")
    if not any(each.is_about(lesion) for each in ordered) and len(in_scope(answer)) > 1:
        text.line("- The order does not say which lesion it is for; this is about one of them.")
    text.option(option, lesion)
    text.duties(duties)
    text.missing((option,))
    told = f"{option.label.lower()} {words.verdict(option, 'true').partition(' (')[0]}"
    if option.declined == "true":
        told += ", declined by the patient"
    elif duties:
        told += f", {words.counted(len(duties), 'duty', 'duties')} open"
    return Advice(
        lesion.id, option.option, summary(f"Order for {lesion.label}", told),
        _urgency(option, held or open_, duties), text.finished(), rules_of((option,), duties), duties, text.links(),
    )  # fmt: skip


def not_checked(
    answer: Recommendation, case: Unchecked, ordered: Sequence[Order], not_whole: Sequence[str]
) -> Advice:
    """That a case could not be checked, and for want of what. It gives no verdict."""
    text = _Text(answer, not_whole)
    options = tuple(dict.fromkeys(each.option for each in ordered))
    text.not_checked(case.lesions, bool(ordered))
    label = case.lesions[0].label if len(case.lesions) == 1 else words.counted(len(case.lesions), "lesion")
    what = "the order" if ordered else "the case"
    return Advice(
        case.lesions[0].id if len(case.lesions) == 1 else "", options[0] if len(options) == 1 else "",
        summary(label if case.lesions else "Head and neck cancer", f"{what} could not be checked, no verdict"),
        "warning", text.finished(), (), (), text.links(),
    )  # fmt: skip


def _urgency(option: OptionPart, open_: bool, duties: Sequence[ObligationPart]) -> Indicator:
    """Critical: what was ordered is excluded, or the patient declined it. Warning: something speaks or may speak
    against it, or a duty before the decision is open. Info: a duty before the procedure is open.
    """
    if option.standing == "excluded" or option.verdict == "ineligible" or option.declined == "true":
        return "critical"
    return "warning" if open_ or any(duty.before == "decision" for duty in duties) else "info"


def rules_of(options: Iterable[OptionPart], duties: Iterable[ObligationPart]) -> tuple[str, ...]:
    """The rules that a person who overrides a card overrides: what holds an option back, or may, and what is owed."""
    told = [
        reason.rule
        for option in options
        for reason in option.reasons
        if holds_back(reason) or (may_hold_back(reason) and not _is_settled(option))
    ]
    return tuple(dict.fromkeys([*told, *(duty.rule for duty in duties)]))


def _is_settled(option: OptionPart) -> bool:
    """Whether one verdict is left: what is undecided beside it cannot change it."""
    return len(option.possible) == 1


def _due(lesion: LesionPart, before: Sequence[str], options: Sequence[str]) -> tuple[ObligationPart, ...]:
    due = [each for each in lesion.obligations if each.due == "true" and each.before in before]
    first: dict[str, ObligationPart] = {}
    for each in due:
        if each.option in (*options, "any"):
            first.setdefault(each.rule, each)
    return tuple(first.values())


def summary(label: str, told: str) -> str:
    """One sentence of less than 140 characters: the verdict is whole, the lesion's name gives way.

    >>> len(summary("x" * 200, "salvage surgery conditional"))
    89
    """
    name = printable(label)
    room = min(LONGEST_LABEL, LONGEST_SUMMARY - len(told) - 2)
    short = name if len(name) <= room else f"{name[: max(room - 1, 0)]}…"
    text = f"{short}: {printable(told)}" if room > 1 else printable(told)
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"


class _Text:
    """The lines of one card's detail; it remembers what was cited."""

    def __init__(self, answer: Recommendation, not_whole: Sequence[str]) -> None:
        self._answer = answer
        self._cited: dict[str, str | None] = {}
        self._lines: list[str] = [self._head(), ""]
        if not_whole:
            named = ", ".join(map(markdown, not_whole))
            self._lines += [f"**Not obtained in full: {named}.** What they may say is unknown.", ""]
        warnings = [each for each in answer.issues if each.severity == "warning" and each.code not in _TOLD]
        # That it stands in no record is said first: of many warnings only some are listed.
        self._warn([each.details for each in sorted(warnings, key=lambda each: each.code != "not-recorded")])

    def _head(self) -> str:
        rules = self._answer.rule_set
        approved = f"approved on {rules.approved}" if rules.approved else "nobody has approved them"
        dates = [source.date for fact in self._answer.facts for source in fact.sources if source.date]
        newest = f"; newest element of the record {max(dates)[:10]}" if dates else ""
        return markdown(f"As of {self._answer.as_of}{newest}. Rules {rules.id} {rules.version}: {approved}.")

    def _warn(self, warnings: Sequence[str]) -> None:
        if warnings:
            more = f" and {len(warnings) - MOST_WARNINGS} more" if len(warnings) > MOST_WARNINGS else ""
            self._lines += [f"**Warning:** {markdown('; '.join(warnings[:MOST_WARNINGS]) + more)}.", ""]

    def line(self, text: str) -> None:
        """Add a line of Markdown."""
        self._lines.append(text)

    def option(self, option: OptionPart, lesion: LesionPart) -> None:
        """An option's verdict, what holds it back, and what is undecided."""
        stands = f"{words.verdict(option, lesion.scope.truth)}; {words.STANDING[option.standing]}"
        self._heading(f"{option.label}: {stands}; {words.DECLINED[option.declined]}")
        if option.banner is not None:
            self._item(f"Evidence: {option.banner.says}", ", ".join(self._cite(option.banner.evidence[:1])))
        reasons = grouped(sorted(filter(holds_back, option.reasons), key=rank))
        for group in reasons[:MOST_REASONS]:
            reason = group.first
            more = f" ({len(group.all)} times)" if group.others else ""
            remedy = f" {reason.remedy}" if reason.remedy and is_asked(reason) else ""
            self._item(f"{reason.says}{remedy}{more}", self._basis(reason))
        if reasons[MOST_REASONS:]:
            self._item(f"and also {rule_list([each.first for each in reasons[MOST_REASONS:]], None)}")
        open_ = [reason for reason in option.reasons if may_hold_back(reason)]
        number = words.counted(len(grouped(open_)), "criterion", "criteria")
        if open_ and _is_settled(option):
            self._item(f"{number} undecided; none of them can change this verdict")
        elif open_:
            facts = words.some(missing_facts(open_), MOST_NAMES)
            self._item(f"{number} undecided, for want of {facts}", rule_list(open_, MOST_NAMES))
        if not reasons and not open_:
            self._item("No criterion that was considered holds it back.")
        self.line("")

    def not_checked(self, lesions: Sequence[LesionPart], is_order: bool) -> None:
        """For which lesions nothing is said, and what would have to be known first."""
        self._heading("Could not be checked: no verdict")
        for lesion in lesions[:MOST_MISSING]:
            facts = (fact for reason in lesion.scope.reasons for fact in reason.facts if fact.status != "known")
            wanted = words.some(map(words.fact_label, facts), MOST_NAMES)
            why = f", for want of {wanted}" if wanted else ""
            self._item(f"{lesion.label}: not known whether these rules apply{why}")
        if lesions[MOST_MISSING:]:
            self._item(f"and also {words.counted(len(lesions[MOST_MISSING:]), 'lesion')}")
        if not lesions:
            self._item("No tumour of head and neck could be read; what was not obtained or not read may name one.")
        if is_order:
            self._item("Nothing is said for or against the order. Check it by hand, or send what is missing.")
        else:
            self._item("Nothing is said about any option. Look at the case by hand, or send what is missing.")
        self.line("")

    def duties(self, duties: Sequence[ObligationPart]) -> None:
        """What somebody owes now."""
        if not duties:
            return
        self._heading("Owed now")
        for each in duties[:MOST_DUTIES]:
            self._item(f"{each.says} ({each.who}, {words.BEFORE[each.before]})", each.rule)
        if duties[MOST_DUTIES:]:
            self._item(f"and also {', '.join(each.rule for each in duties[MOST_DUTIES:])}")
        self.line("")

    def missing(self, options: Sequence[OptionPart]) -> None:
        """The missing facts that would settle a verdict."""
        named: dict[str, None] = {}
        listed: list[tuple[str, str]] = []
        for option in options:
            for fact in option.settling_facts:
                name = fact.label or words.spoken(fact.name)
                named.setdefault(name)
                if told := _settles(option, fact):
                    whose = f" for {option.label.lower()}" if len(options) > 1 else ""
                    listed.append((name, f"{name}? {told}{whose}"))
        if not named:
            return
        self._heading("Missing and decisive")
        for _, text in listed[:MOST_MISSING]:
            self._item(text)
        told_of = {name for name, _ in listed[:MOST_MISSING]}
        if rest := [name for name in named if name not in told_of]:
            self._item(f"and also {words.some(rest, MOST_NAMES)}")
        self.line("")

    def finished(self) -> str:
        """The whole text."""
        if self._cited:
            self._heading("References")
            for cite in list(self._cited)[:MOST_CITED]:
                self._item(f"{cite}: {reference(self._answer.references.get(cite))}")
            if rest := list(self._cited)[MOST_CITED:]:
                self._item(f"and also {', '.join(rest)}")
            self.line("")
        return "\n".join([*self._lines, f"*{markdown(NO_DIRECTIVE)}*"])

    def links(self) -> tuple[tuple[str, str], ...]:
        """The works cited that have an address, each as the list of references has it."""
        told = {cite: f"{cite}: {reference(self._answer.references.get(cite))}" for cite in self._cited}
        named = ((told[cite], url) for cite, url in self._cited.items() if url and url.startswith("https://"))
        return tuple(named)[:MOST_CITED]

    def _heading(self, text: str) -> None:
        self._lines += [f"**{markdown(text)}**", ""]

    def _item(self, text: str, basis: str = "") -> None:
        self.line(f"- {markdown(f'{text} [{basis}]' if basis else text)}")

    def _basis(self, reason: ReasonPart) -> str:
        grounds = self._cite(reason.evidence) or [words.BASIS.get(reason.basis, "no published source")]
        return "; ".join([reason.rule, *grounds])

    def _cite(self, evidence: Iterable[EvidencePart]) -> list[str]:
        names: dict[str, None] = {}
        for each in evidence:
            self._cited.setdefault(each.cite, each.url)
            names[each.cite] = None
        return list(names)


def _settles(option: OptionPart, fact: SettlingFact) -> str:
    """The values of a missing fact that narrow what is possible, each with what is then left; empty where none does."""
    return " · ".join(
        f"{each.condition} → {words.joined(word for word in each.possible if word != 'not-assessed') or 'not assessed'}"
        for each in fact.outcomes
        if set(each.possible) != set(option.possible)
    )


def lesions_of(answer: Recommendation, ordered: Sequence[Order]) -> Iterator[tuple[LesionPart, tuple[Order, ...]]]:
    """For each lesion the orders that may be for it: those that name it, or that name none of the lesions."""
    lesions = in_scope(answer)
    unbound = [each for each in ordered if not any(map(each.is_about, answer.lesions))]
    for lesion in lesions:
        orders = tuple(each for each in ordered if each.is_about(lesion) or each in unbound)
        if orders:
            yield lesion, orders
