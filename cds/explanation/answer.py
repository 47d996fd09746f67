"""The answer as a page: what is asked, what is missing and decisive, options with reasons, protection, evidence.

Folded, a page shows every verdict and everything that holds an option back, and counts the rest by rule; unfolded, it
writes out every criterion that was considered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds.explanation import words
from cds.explanation.page import Entry, Page, Section, Table
from cds.explanation.reasons import (
    Grouped,
    grouped,
    holds_back,
    holds_nothing_back,
    is_asked,
    may_hold_back,
    missing_facts,
    rank,
    rule_list,
    subjects,
)
from cds.recommendation.model import (
    EvidencePart,
    FactPart,
    LesionPart,
    ObligationPart,
    OptionPart,
    OrderPart,
    OutcomePart,
    ReasonPart,
    Recommendation,
    SettlingFact,
    ThermoprotectionPart,
)

MOST_SETTLING: Final = 6
MOST_NAMES: Final = 4
MOST_STRUCTURES: Final = 3
MOST_SUPPORTING: Final = 2
MOST_INFORMING: Final = 1
MOST_ISSUES: Final = 3
MOST_REFERENCES: Final = 3
DUE_NOW: Final = {"decision": ("decision",), "planning": ("decision", "procedure"), "follow-up": ("discharge",)}
NO_DIRECTIVE: Final = "options with their reasons, and no directive: the board decides"
UNFOLD: Final = "unfold to read"


def page(recommendation: Recommendation, *, unfold: bool = False) -> Page:
    """The whole answer as a page."""
    return _Answer(recommendation, unfold).page()


@dataclass
class _Answer:
    """One page in the making; it remembers what was cited, so that only that is referenced at the end."""

    answer: Recommendation
    unfold: bool

    def __post_init__(self) -> None:
        self._cited: dict[str, dict[str, None]] = {}
        """The citations made so far, each with what was said of its certainty."""
        self._background: tuple[EvidencePart, ...] = ()
        """What is cited whatever the case is; referenced last."""

    def page(self) -> Page:
        sections = [self._head(), *self._issues(), *self._no_lesion()]
        for lesion in self.answer.lesions:
            sections += self._lesion(lesion)
        # The same studies stand behind every lesion: said once, unless a lesion has others.
        shown = [lesion for lesion in self.answer.lesions if lesion.scope.truth != "false" or self.unfold]
        outcomes = list(dict.fromkeys(outcome for lesion in shown for outcome in lesion.outcomes))
        sections += [*self._outcomes(outcomes), *self._alternatives(), *self._facts(), *self._excluded()]
        return Page((*sections, *self._references(), Section(3, "Read this as", NO_DIRECTIVE)))

    def _most(self, number: int) -> int | None:
        return None if self.unfold else number

    def _cite(self, evidence: Iterable[EvidencePart]) -> None:
        for each in evidence:
            self._cited.setdefault(each.cite, {})[words.certainty(each)] = None

    def _cite_names(self, cites: Iterable[str]) -> None:
        for cite in cites:
            self._cited.setdefault(cite, {})

    def _sources(self, reason: ReasonPart) -> str:
        self._cite(reason.evidence)
        self._cite_names(each.cite for each in reason.parameters if each.cite)
        return words.sources(reason)

    # ------------------------------------------------------------------------------------------------ the head

    def _head(self) -> Section:
        rules = self.answer.rule_set
        approved = f"approved on {rules.approved}" if rules.approved else "nobody has approved this rule set"
        entries = [Entry(f"Rules {rules.id} {rules.version}: {approved}.")]
        remarks = sum(issue.severity == "information" for issue in self.answer.issues)
        if remarks == len(self.answer.issues) > 0 and not self.unfold:
            entries.append(Entry(f"About the input: {words.counted(remarks, 'remark')} ({UNFOLD})."))
        if rules.overrides:
            entries.append(Entry(f"Set by the institution: {', '.join(map(words.spoken, rules.overrides))}."))
        engines = self.answer.engines
        if self.unfold:
            entries.append(Entry(f"Rule set {rules.digest}."))
            entries.append(
                Entry(f"Decided twice and alike: reference {engines.reference}, durable-rules {engines.durable_rules}.")
            )
        lesions = words.counted(len(self.answer.lesions), "target lesion")
        heading = rules.title or rules.id
        return Section(1, heading, f"as of {self.answer.as_of} · {self.answer.phase} · {lesions}", tuple(entries))

    def _issues(self) -> Iterator[Section]:
        counts = {
            severity: [issue for issue in self.answer.issues if issue.severity == severity]
            for severity in ("error", "warning", "information")
        }
        told = [words.counted(len(issues), word) for word, issues in
                (("error", counts["error"]), ("warning", counts["warning"])) if issues]  # fmt: skip
        if counts["information"]:
            told.append(words.counted(len(counts["information"]), "remark"))
        if not told or (not self.unfold and len(counts["information"]) == len(self.answer.issues)):
            return
        urgent = [*counts["error"], *counts["warning"]]
        listed = list(self.answer.issues) if self.unfold else urgent if len(urgent) <= MOST_ISSUES else counts["error"]
        folded = f" ({UNFOLD})" if len(listed) < len(self.answer.issues) else ""
        detail = f"{words.joined(told, 'and')}{folded}"
        entries = tuple(
            Entry(f"{issue.expression}: {issue.details}" if issue.expression else issue.details,
                  f"{issue.severity}; {issue.code}")
            for issue in listed
        )  # fmt: skip
        yield Section(3, "About the input", detail, entries)

    def _no_lesion(self) -> Iterator[Section]:
        scope = self.answer.scope
        if scope.truth == "true" and self.answer.lesions:
            return
        why = [reason.says or f"{reason.code.replace('-', ' ')}" for reason in scope.reasons]
        sources = "; ".join(dict.fromkeys(reason.rule or reason.code for reason in scope.reasons))
        if not self.answer.lesions:
            detail = "nothing was assessed"
            text = "No target lesion was found in the record. This is no statement about the patient, and no all-clear."
        elif scope.truth == "false":
            detail = "out of scope, nothing was assessed"
            text = "These rules are not about this patient. This speaks neither for nor against any option."
        else:
            detail = "not known; every verdict below holds only if the patient is in scope"
            text = "It is not known whether these rules are about this patient."
        entries = [Entry(text, sources), *(Entry(each) for each in dict.fromkeys(why) if each != text)]
        yield Section(3, "Scope", detail, tuple(entries))

    # --------------------------------------------------------------------------------------------- one lesion

    def _lesion(self, lesion: LesionPart) -> Iterator[Section]:
        yield Section(2, lesion.id, lesion.label)
        if lesion.scope.truth != "true" and (
            lesion.scope.truth != self.answer.scope.truth or len(self.answer.lesions) > 1
        ):
            yield self._lesion_scope(lesion)
        if lesion.scope.truth != "false":
            yield from self._asked(lesion)
            yield from self._settling(lesion)
        for option in lesion.options:
            yield self._option(option, lesion)
        if lesion.scope.truth != "false":
            yield from self._order(lesion.order, lesion)
            yield from self._protection(lesion.thermoprotection)
            yield from self._obligations(lesion)
            yield from self._advisory(lesion)

    def _lesion_scope(self, lesion: LesionPart) -> Section:
        says = [Entry(reason.says or reason.code.replace("-", " "), reason.rule or reason.code)
                for reason in lesion.scope.reasons]  # fmt: skip
        if lesion.scope.truth == "false":
            return Section(3, "Scope", "out of scope: no option is assessed for this lesion", tuple(says))
        return Section(3, "Scope", "not known; every verdict below holds only if the lesion is in scope", tuple(says))

    def _asked(self, lesion: LesionPart) -> Iterator[Section]:
        """What somebody has to do now: obligations due, then corrections and plans that an option waits for.

        What only an excluded option would ask for is named last, in one line: nobody should do it first.
        """
        entries: list[Entry] = []
        names = subjects(lesion)
        idle = {o.option: o.label.lower() for o in lesion.options if o.standing == "excluded" and not self.unfold}
        owed = [each for each in lesion.obligations if each.before in DUE_NOW[self.answer.phase] and each.due == "true"]
        due = [each for each in owed if each.option not in idle]
        for rule in dict.fromkeys(each.rule for each in due):
            same = [each for each in due if each.rule == rule]
            times = f" ({len(same)} times)" if len(same) > 1 else ""
            entries.append(Entry(f"{same[0].says} ({same[0].who}, {words.BEFORE[same[0].before]}){times}", rule))
        for option in (option for option in lesion.options if option.option not in idle):
            for group in grouped(sorted(filter(is_asked, option.reasons), key=rank)):
                reason = group.first
                verb = "Correct" if reason.asks == "correct" else "Plan"
                remedy = f" {reason.remedy}" if reason.remedy else ""
                text = f"{verb} for {option.label.lower()}: {reason.says}{remedy}{self._likewise(group, names)}"
                entries.append(Entry(text, self._sources(reason)))
        for option in (option for option in lesion.options if option.option in idle):
            rules = [each.rule for each in owed if each.option == option.option]
            rules += [reason.rule for reason in option.reasons if is_asked(reason)]
            if rules:
                text = f"Only if {idle[option.option]}, which is excluded, came into question again"
                entries.append(Entry(text, ", ".join(dict.fromkeys(rules))))
        if entries:
            yield Section(3, "Asked now", entries=tuple(entries))

    def _likewise(self, group: Grouped, names: Any) -> str:
        """The other structures of which a rule is true: each has its own sentence only when unfolded."""
        if not group.others:
            return ""
        others = [names.get(each.subject, each.subject) for each in group.others]
        return f" Likewise: {words.some(others, self._most(MOST_NAMES))}."

    def _settling(self, lesion: LesionPart) -> Iterator[Section]:
        """The missing facts with a value that decides a verdict, one line each; the others by name."""
        by_fact: dict[tuple[str, str], list[tuple[OptionPart, SettlingFact]]] = {}
        for option in lesion.options:
            for fact in option.settling_facts:
                by_fact.setdefault((fact.name, fact.subject), []).append((option, fact))
        if not by_fact:
            return
        decisive = [pairs for pairs in by_fact.values() if self.unfold or any(map(_decides, pairs))]
        listed = decisive[: self._most(MOST_SETTLING)]
        entries = [self._settles(pairs) for pairs in listed]
        rest = [
            pairs[0][1].label or words.spoken(pairs[0][1].name) for pairs in by_fact.values() if pairs not in listed
        ]
        if rest:
            what = "may narrow it" if len(decisive) == len(listed) else "also decisive, or narrowing"
            entries.append(Entry(f"{what}: {words.some(rest, MOST_STRUCTURES)}"))
        yield Section(3, "Missing and decisive", entries=tuple(entries))

    def _settles(self, pairs: Sequence[tuple[OptionPart, SettlingFact]]) -> Entry:
        fact = pairs[0][1]
        effects: dict[str, list[str]] = {}
        for option, each in pairs:
            settled = [outcome for outcome in each.outcomes if set(outcome.possible) != set(option.possible)]
            outcomes = [
                f"{outcome.condition} → {words.joined(self._assessed(outcome.possible))}" for outcome in settled
            ]
            still = [outcome.condition for outcome in each.outcomes if outcome not in settled]
            if still and self.unfold:
                outcomes.append(f"{words.joined(still)} → still open")
            if each.open:
                outcomes.append("its values cannot be listed")
            if outcomes:
                effects.setdefault(" · ".join(outcomes), []).append(option.label)
        told = [f"{words.joined(labels, 'and')}: {outcomes}" for outcomes, labels in effects.items()]
        why = "contradictory" if fact.status == "conflicting" else (fact.reason or "unknown").replace("-", " ")
        return Entry(f"{fact.label or words.spoken(fact.name)}? {'; '.join(told)}", f"{why}; {fact.burden}")

    @staticmethod
    def _assessed(possible: Iterable[str]) -> list[str]:
        return [word for word in possible if word != "not-assessed"] or ["not assessed"]

    # -------------------------------------------------------------------------------------------- one option

    def _option(self, option: OptionPart, lesion: LesionPart) -> Section:
        names = subjects(lesion)
        verdict = words.verdict(option, lesion.scope.truth)
        if verdict == "not assessed":
            why = (
                "outside the scope of these rules"
                if self.answer.phase == "decision"
                else f"verdicts belong to the decision, not to {self.answer.phase}"
            )
            detail = f"{verdict}: {why}. This speaks neither for nor against it"
        else:
            detail = f"{verdict}; {words.STANDING[option.standing]}; {words.DECLINED[option.declined]}"
        entries = [*self._banner(option)] if lesion.scope.truth != "false" or self.unfold else []
        if verdict != "not assessed" or self.unfold:
            entries += [*self._why(option, names), *self._not_yet(option)]
        if lesion.scope.truth != "false" or self.unfold:
            entries += self._supporting(option, names)
        if verdict != "not assessed" or self.unfold:
            entries += self._decided_otherwise(option, names)
        return Section(3, option.label, detail, tuple(entries))

    def _banner(self, option: OptionPart) -> Iterator[Entry]:
        if option.banner is None:
            return
        self._background += option.banner.evidence
        cites = ", ".join(dict.fromkeys(each.cite for each in option.banner.evidence))
        inconsistencies = option.banner.known_inconsistencies
        folded = "" if self.unfold or not inconsistencies else (
            f" {words.counted(len(inconsistencies), 'known inconsistency', 'known inconsistencies')}."
        )  # fmt: skip
        yield Entry(f"{option.banner.says}{folded}", cites if self.unfold else "", "evidence")
        if self.unfold:
            yield from (Entry(each, cites, "caveat") for each in inconsistencies)

    def _why(self, option: OptionPart, names: Any) -> Iterator[Entry]:
        reasons = sorted(filter(holds_back, option.reasons), key=rank)
        if self.unfold:
            yield from (self._told(each, "why", names) for each in reasons)
            return
        asked = [reason for reason in reasons if is_asked(reason)]
        for group in grouped(reason for reason in reasons if not is_asked(reason)):
            addressed = " Addressed." if group.first.addressed == "true" else ""
            yield Entry(
                f"{group.first.says}{addressed}{self._likewise(group, names)}", self._sources(group.first), "why"
            )
        if asked:
            yield Entry(f"{rule_list(asked, None)}: asked above", label="why")

    def _not_yet(self, option: OptionPart) -> Iterator[Entry]:
        reasons = [reason for reason in option.reasons if may_hold_back(reason)]
        if self.unfold:
            yield from (self._undecided(each, "not yet") for each in reasons)
        elif reasons:
            facts = words.some(missing_facts(reasons), MOST_NAMES)
            number = words.counted(len(grouped(reasons)), "criterion", "criteria")
            yield Entry(f"{number} undecided, for want of {facts}", rule_list(reasons, MOST_NAMES), "not yet")

    def _supporting(self, option: OptionPart, names: Any) -> Iterator[Entry]:
        supports = [reason for reason in option.reasons if reason.effect == "for" and reason.truth == "true"]
        informs = [reason for reason in option.reasons if reason.effect == "informs" and reason.truth == "true"]
        if self.unfold:
            yield from (self._told(each, "for", names) for each in supports)
            yield from (self._told(each, each.topic or "also", names) for each in informs)
            return
        groups = grouped(supports)
        for group in groups[:MOST_SUPPORTING]:
            yield Entry(f"{group.first.says}{self._likewise(group, names)}", self._sources(group.first), "for")
        if len(groups) > MOST_SUPPORTING:
            rest = [each.first for each in groups[MOST_SUPPORTING:]]
            yield Entry(f"{len(rest)} more: {rule_list(rest, MOST_NAMES)}", label="for")
        told = grouped(informs)
        for group in told[:MOST_INFORMING]:
            yield Entry(f"{group.first.says}{self._likewise(group, names)}", self._sources(group.first), "also")
        if rest := [reason for group in told[MOST_INFORMING:] for reason in group.all]:
            topics = dict.fromkeys(reason.topic or "other" for reason in rest)
            by_topic = [
                f"{topic} ({rule_list([each for each in rest if (each.topic or 'other') == topic], MOST_NAMES)})"
                for topic in topics
            ]
            yield Entry(f"{len(told) - MOST_INFORMING} more: {', '.join(by_topic)}", label="also")

    def _decided_otherwise(self, option: OptionPart, names: Any) -> Iterator[Entry]:
        """What was considered and holds nothing back: an empty list never means that nothing was looked at."""
        clear = [reason for reason in option.reasons if holds_nothing_back(reason)]
        false = [reason for reason in option.reasons if reason.effect in ("for", "informs") and reason.truth == "false"]
        if self.unfold:
            yield from (self._told(each, "clear", names) for each in clear)
            yield from (self._told(each, "no", names) for each in false)
            return
        if clear:
            number = words.counted(len(grouped(clear)), "criterion", "criteria")
            yield Entry(f"{number} decided, holding nothing back", label="clear")
        if not option.reasons:
            yield Entry("no criterion was considered for this option", label="clear")

    def _told(self, reason: ReasonPart, label: str, names: Any) -> Entry:
        whose = names.get(reason.subject, reason.subject) if reason.subject.count("/") else ""
        says = f"{whose}: {reason.says}" if whose and whose not in reason.says else reason.says
        addressed = {"true": " Addressed.", "false": " Not addressed.", "unknown": " Not known to be addressed."}
        if holds_back(reason) and reason.addressed is not None:
            says += addressed[reason.addressed]
        if reason.remedy and holds_back(reason):
            says += f" {reason.remedy}"
        return Entry(says, self._sources(reason), label)

    def _undecided(self, reason: ReasonPart, label: str) -> Entry:
        facts = words.some((self._fact(each) for each in reason.facts if each.status != "known"), None)
        return Entry(f"{reason.condition}: undecided; {facts or 'no fact is missing'}", self._sources(reason), label)

    @staticmethod
    def _fact(fact: FactPart) -> str:
        why = "contradictory" if fact.status == "conflicting" else (fact.reason or "unknown").replace("-", " ")
        return f"{words.fact_label(fact)} of {fact.subject}: {why}"

    # ------------------------------------------------------------------------------- order, protection, duties

    def _order(self, order: OrderPart, lesion: LesionPart) -> Iterator[Section]:
        labels = {
            option.option: f"{option.label} ({option.verdict})" if option.verdict == "ineligible" else option.label
            for option in lesion.options
        }
        if order.withheld:
            entries = [Entry(f"{each.says}{f' {each.remedy}' if each.remedy else ''}", self._sources(each))
                       for each in order.withheld]  # fmt: skip
            yield Section(3, "Order", "withheld until this is met", tuple(entries))
            return
        because = {reason.rule: reason for reason in order.reasons}
        entries = []
        for possible in order.possible:
            groups = [" or ".join(labels.get(each, each) for each in group) for group in possible.groups]
            condition = f", {possible.condition}" if possible.condition else ""
            told = [because[rule] for rule in possible.because if rule in because]
            sources = [self._sources(each) for each in told] or list(possible.because)
            entries.append(Entry(f"{', then '.join(groups) or 'no order'}{condition}", " | ".join(sources)))
        if len(entries) == 1:
            yield Section(3, "Order", f"{entries[0].text} [{entries[0].sources}]")
        elif entries:
            yield Section(3, "Order", "more than one is still possible", tuple(entries))

    def _protection(self, parts: Sequence[ThermoprotectionPart]) -> Iterator[Section]:
        if not parts:
            return
        required = [part for part in parts if part.verdict == "required"]
        undetermined = [part for part in parts if part.verdict == "undetermined"]
        beyond = [part for part in parts if part.verdict == "not-required"]
        entries: list[Entry | Table] = []
        shown = parts if self.unfold else required
        if shown:
            rows = tuple(
                (part.label, part.distance, *((part.verdict.replace("-", " "),) if self.unfold else ()),
                 self._measures(part), words.PLANNED[part.covered_by_plan])
                for part in shown
            )  # fmt: skip
            columns = ("structure", "distance", *(("protection",) if self.unfold else ()), "measures", "in plan")
            entries.append(Table(columns, rows))
        defaults = dict.fromkeys(
            text
            for part in parts
            for reason in part.reasons
            for text in map(words.parameter_status, reason.parameters)
            if text
        )
        if undetermined and not self.unfold:
            told = [f"{part.label}, {part.distance}" for part in undetermined if part.distance != "not known"]
            told += [part.label for part in undetermined if part.distance == "not known"]
            entries.append(Entry(f"undetermined: {words.some(told, MOST_STRUCTURES, '; ')}"))
        if beyond and not self.unfold:
            told = [f"{part.label} {part.distance}" for part in beyond]
            entries.append(Entry(f"not required: {words.some(told, 2)}"))
        if self.unfold:
            entries += [entry for part in parts for entry in self._protection_reasons(part)]
        if defaults:
            caveat = ", not a proven safe distance" if beyond else ""
            entries.append(Entry(f"{'; '.join(defaults)}{caveat}"))
        counts = [f"required for {words.counted(len(required), 'structure') if required else 'none'}"]
        counts += [f"undetermined for {len(undetermined)}"] if undetermined else []
        counts += [f"not required for {len(beyond)}"] if beyond else []
        yield Section(3, "Thermoprotection", ", ".join(counts), tuple(entries))

    @staticmethod
    def _measures(part: ThermoprotectionPart) -> str:
        available = [measure.label for measure in part.measures if measure.status == "available"]
        told = [", ".join(available)] if available else []
        for status, word in words.MEASURE.items():
            if labels := [measure.label for measure in part.measures if measure.status == status]:
                told.append(f"{word}: {', '.join(labels)}")
        return "; ".join(told) or "none known"

    def _protection_reasons(self, part: ThermoprotectionPart) -> Iterator[Entry]:
        planned = [each.label for each in part.measures if each.planned == "true"]
        planned += [each.label for each in part.monitoring if each.planned == "true"]
        monitoring = ", ".join(each.label for each in part.monitoring) or "none listed"
        plan = f"planned: {', '.join(planned)}" if planned else "nothing planned"
        yield Entry(f"{part.label}: monitoring {monitoring}; {plan}")
        for reason in (*part.reasons, *part.advice, *(each for measure in part.measures for each in measure.reasons)):
            self._cite(reason.evidence)
            yield Entry(f"{part.label}: {reason.says} ({reason.condition} is {reason.truth})", words.sources(reason))

    def _obligations(self, lesion: LesionPart) -> Iterator[Section]:
        """What is owed later, by when; folded, with who owes it, and how much more may come to be due."""
        now = DUE_NOW[self.answer.phase]
        if self.unfold:
            state = {"true": "due", "unknown": "may be due", "false": "not due"}
            entries = tuple(
                Entry(f"{words.BEFORE[each.before]}, {state[each.due]}: {each.says} ({each.who}, {each.subject})",
                      f"{each.rule}; {each.strength}")
                for before in words.BEFORE for each in lesion.obligations if each.before == before
            )  # fmt: skip
            if entries:
                yield Section(3, "Duties", words.counted(len(entries), "duty", "duties"), entries)
            return
        told = []
        for before, when in words.BEFORE.items():
            due = [each for each in lesion.obligations if each.before == before and each.due == "true"]
            told += [f"{when}: {self._who(due)}"] if due and before not in now else []
        perhaps = [each for each in lesion.obligations if each.due == "unknown"]
        told += [f"perhaps: {', '.join(dict.fromkeys(each.rule for each in perhaps))}"] if perhaps else []
        if told:
            yield Section(3, "Duties", "; ".join(told))

    @staticmethod
    def _who(obligations: Iterable[ObligationPart]) -> str:
        by_who: dict[str, dict[str, None]] = {}
        for each in obligations:
            by_who.setdefault(each.who, {})[each.rule] = None
        return ", ".join(f"{who} {', '.join(rules)}" for who, rules in by_who.items())

    def _advisory(self, lesion: LesionPart) -> Iterator[Section]:
        reasons = [
            reason
            for option in lesion.options
            for reason in option.reasons
            if reason.effect in ("for", "informs") and reason.truth == "unknown"
        ]
        if not reasons:
            return
        number = words.counted(len(grouped(reasons)), "more criterion", "more criteria")
        detail = f"{number} undecided; none of them moves a verdict"
        if self.unfold:
            yield Section(3, "Also unknown", detail, tuple(self._undecided(each, "advisory") for each in reasons))
            return
        yield Section(3, "Also unknown", detail)

    def _outcomes(self, outcomes: Sequence[OutcomePart]) -> Iterator[Section]:
        if not outcomes:
            return
        cites = list(dict.fromkeys(outcome.cite for outcome in outcomes))
        self._cite_names(cites)
        told = [f"{outcome.says} ({outcome.per}s) {outcome.display}" for outcome in outcomes]
        sources = [f" [{outcome.cite}]" if len(cites) > 1 else "" for outcome in outcomes]
        where = f"seen in {words.joined(cites, 'and')}, exact intervals"
        if self.unfold:
            entries = tuple(Entry(each, outcome.cite) for each, outcome in zip(told, outcomes, strict=True))
            yield Section(3, "Outcomes", where, entries)
        else:
            listed = "; ".join(f"{each}{source}" for each, source in zip(told, sources, strict=True))
            yield Section(3, "Outcomes", f"{where}: {listed}")

    # ------------------------------------------------------------------------------------------------ the foot

    def _alternatives(self) -> Iterator[Section]:
        alternatives = self.answer.alternatives
        # Beside no options an alternative would look like advice about a patient of whom nothing was assessed.
        if not alternatives or (not self.answer.lesions and not self.unfold):
            return
        for each in alternatives:
            self._background += each.evidence
        cites = [", ".join(dict.fromkeys(evidence.cite for evidence in each.evidence)) or "no published source"
                 for each in alternatives]  # fmt: skip
        if self.unfold:
            entries = tuple(Entry(each.says, f"{each.id}; {each.strength}; {cite}")
                            for each, cite in zip(alternatives, cites, strict=True))  # fmt: skip
            yield Section(3, "Also possible", entries=entries)
        else:
            told = [f"{each.says} [{cite}]" for each, cite in zip(alternatives, cites, strict=True)]
            yield Section(3, "Also possible", " ".join(told))

    def _facts(self) -> Iterator[Section]:
        """Contradictions, always; every fact, when unfolded."""
        conflicting = [fact for fact in self.answer.facts if fact.status == "conflicting"]
        if conflicting:
            entries = tuple(self._stated(each, f"{words.fact_label(each)} of {each.subject}: {each.display}")
                            for each in conflicting)  # fmt: skip
            yield Section(3, "Contradictions", "the record says both, so neither counts", entries)
        if self.unfold:
            entries = tuple(self._stated(each, f"{each.name} of {each.subject}: {_state(each)}")
                            for each in self.answer.facts)  # fmt: skip
            yield Section(3, "Facts", words.counted(len(entries), "fact"), entries)

    def _stated(self, fact: FactPart, text: str) -> Entry:
        """A fact with the elements of the record that it rests on."""
        return Entry(text, words.elements(fact.sources, unfold=self.unfold))

    def _excluded(self) -> Iterator[Section]:
        excluded = self.answer.excluded
        if not excluded:
            return
        resources = dict.fromkeys(each.resource for each in excluded)
        number = words.counted(len(resources), "resource")
        if self.unfold:
            entries = tuple(Entry(f"{each.resource}: {each.path}", each.entry or "") for each in excluded)
            yield Section(3, "Not used", f"{number} of the record", entries)
        else:
            yield Section(3, "Not used", f"{number} of the record ({UNFOLD})")

    def _references(self) -> Iterator[Section]:
        """What was cited above; folded, the first of it, which carries what is asked and what holds back."""
        self._cite(self._background)
        if not self._cited:
            return
        listed = list(self._cited)[: self._most(MOST_REFERENCES)]
        told = [f"{cite}: {reference(self.answer.references.get(cite))}{self._graded(cite)}" for cite in listed]
        if rest := list(self._cited)[len(listed) :]:
            told.append(f"and {len(rest)} more: {', '.join(rest)}")
        yield Section(3, "References", "with the certainty of the evidence", tuple(map(Entry, told)))

    def _graded(self, cite: str) -> str:
        return "".join(f"; {each}" for each in self._cited[cite])


def _decides(pair: tuple[OptionPart, SettlingFact]) -> bool:
    """Whether one value of the fact would leave the option a single verdict."""
    option, fact = pair
    return any(len(outcome.possible) == 1 and outcome.possible != option.possible for outcome in fact.outcomes)


def reference(csl: dict[str, Any] | None) -> str:
    """A reference in a few words: first author, year, where to find it.

    >>> reference({"author": [{"family": "Yousem"}], "issued": {"date-parts": [[1995]]}, "DOI": "10.1/x"})
    'Yousem 1995, doi:10.1/x'
    """
    if csl is None:
        return "not among the references of this answer"
    authors = csl.get("author") or [{}]
    first = authors[0].get("family") or authors[0].get("literal") or csl.get("container-title") or ""
    dates = csl.get("issued", {}).get("date-parts") or [[]]
    year = str(dates[0][0]) if dates[0] else "no year"
    host = re.sub(r"^https?://(?:www\.)?([^/]*).*$", r"at \1", csl.get("URL", ""))
    place = f"doi:{csl['DOI']}" if csl.get("DOI") else f"PMID {csl['PMID']}" if csl.get("PMID") else host
    who = f"{first} et al." if len(authors) > 1 else first
    return ", ".join(part for part in (f"{who} {year}".strip(), place) if part)


def _state(fact: FactPart) -> str:
    if fact.status == "known":
        return fact.display
    why = "contradictory" if fact.status == "conflicting" else (fact.reason or "unknown").replace("-", " ")
    return f"not known ({why}{f'; {fact.note}' if fact.note else ''})"
