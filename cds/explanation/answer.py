"""The answer as a page: the verdicts, what is asked, what is missing and decisive, then reasons, protection, evidence.

Folded, a page shows every verdict and everything that holds an option back; one line says how many other criteria there
are and of which kind. Unfolded, it writes out every criterion that was considered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    missing_values,
    rank,
    rule_list,
    subjects,
)
from cds.recommendation.model import (
    ClaimPart,
    EvidencePart,
    FactPart,
    LesionPart,
    ObligationPart,
    OptionPart,
    OrderPart,
    OutcomePart,
    ProtectionPlanPart,
    ReasonPart,
    Recommendation,
    SettlingFact,
    ThermoprotectionPart,
)

MOST_SETTLING: Final = 4
MOST_NAMES: Final = 4
MOST_STRUCTURES: Final = 3
MOST_SUPPORTING: Final = 2
MOST_ISSUES: Final = 3
MOST_SETS: Final = 2
MOST_LIKEWISE: Final = 2
MOST_CITES: Final = 2
SHOWN_TOPICS: Final = ("caution", "contradiction", "evidence", "prognosis")
"""Informing criteria of these topics are written out beside the verdicts; in phases that decide nothing, all are."""
DUE_NOW: Final = {"decision": ("decision",), "planning": ("decision", "procedure"), "follow-up": ("discharge",)}
NO_DIRECTIVE: Final = "options with their reasons, and no directive: the board decides"
UNFOLD: Final = "unfold to read"
COMMAND: Final = "cds evaluate --unfold"


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
        self._claims: dict[str, dict[str, ClaimPart]] = {}
        """What was cited of each reference, word for word."""
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
        sections += self._folded()
        sections += [*self._references(), Section(3, "Read this as", NO_DIRECTIVE)]
        return Page(tuple(sections), dense=not self.unfold)

    def _most(self, number: int) -> int | None:
        return None if self.unfold else number

    def _cite(self, evidence: Iterable[EvidencePart]) -> None:
        for each in evidence:
            self._cited.setdefault(each.cite, {})[words.certainty(each)] = None
            if each.claim is not None:
                self._claims.setdefault(each.cite, {})[each.claim.id] = each.claim

    def _cite_names(self, cites: Iterable[str]) -> None:
        for cite in cites:
            self._cited.setdefault(cite, {})

    def _sources(self, reason: ReasonPart) -> str:
        self._cite(reason.evidence)
        self._cite_names(each.cite for each in reason.parameters if each.cite)
        return words.sources(reason, () if self.unfold else self._distances, self._most(MOST_CITES))

    @property
    def _distances(self) -> frozenset[str]:
        """The distances of which the protection plan says what they are."""
        plans = (lesion.protection_plan for lesion in self.answer.lesions)
        return frozenset(each.name for plan in plans if plan is not None for each in plan.distances)

    # ------------------------------------------------------------------------------------------------ the head

    def _head(self) -> Section:
        rules = self.answer.rule_set
        approved = f"approved on {rules.approved}" if rules.approved else "nobody has approved them"
        entries: list[Entry] = []
        remarks = sum(issue.severity == "information" for issue in self.answer.issues)
        if remarks == len(self.answer.issues) > 0 and not self.unfold:
            entries.append(Entry(f"About the input: {words.counted(remarks, 'remark')} ({UNFOLD})."))
        if rules.overrides:
            entries.append(Entry(f"Set by the institution: {', '.join(map(words.spoken, rules.overrides))}."))
        entries += self._borderline()
        if self.answer.valid_until is not None:
            until = self.answer.valid_until
            entries.append(Entry(f"Holds until {until.last_day}: {' '.join(until.because)}"))
        engines = self.answer.engines
        if self.unfold:
            entries.append(Entry(f"Rules {rules.id} {rules.version}, {rules.digest}."))
            entries.append(
                Entry(f"Decided twice and alike: reference {engines.reference}, durable-rules {engines.durable_rules}.")
            )
        lesions = words.counted(len(self.answer.lesions), "lesion")
        detail = f"as of {self.answer.as_of} · {self.answer.phase} · {lesions} · rules {rules.version}: {approved}"
        return Section(1, rules.title or rules.id, detail, tuple(entries))

    def _borderline(self) -> Iterator[Entry]:
        """The values that cannot be told from a threshold; unless unfolded, those on which a verdict turns."""
        for each in self.answer.borderline:
            rules = list(dict.fromkeys(rule for threshold in each.thresholds for rule in threshold.rules))
            if self.unfold or self._turns_on(rules):
                of = f" of {each.subject}" if len(self.answer.lesions) > 1 and each.subject != "patient" else ""
                stated = any(threshold.by == "stated-interval" for threshold in each.thresholds)
                limits = words.joined([threshold.value for threshold in each.thresholds], "and")
                text = f"Borderline: {each.label}{of} {each.display}, limit {limits}"
                yield Entry(f"{text} ({'in the range recorded' if stated else 'within rounding'}).", ", ".join(rules))

    def _turns_on(self, rules: Iterable[str]) -> bool:
        moving = {
            reason.rule
            for lesion in self.answer.lesions
            for option in lesion.options
            for reason in option.reasons
            if reason.effect in ("requires", "excludes", "against")
        }
        return not moving.isdisjoint(rules)

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
        unset = [each for reason in scope.reasons for each in reason.parameters if each.status == "unset"]
        why += [f"For want of a value for the {words.spoken(each.name)} ({each.note or 'not set'})." for each in unset]
        entries = [Entry(text, sources), *(Entry(each) for each in dict.fromkeys(why) if each != text)]
        yield Section(3, "Scope", detail, tuple(entries))

    # --------------------------------------------------------------------------------------------- one lesion

    def _lesion(self, lesion: LesionPart) -> Iterator[Section]:
        yield Section(2, lesion.id, lesion.label)
        if lesion.scope.truth != "true" and (
            lesion.scope.truth != self.answer.scope.truth or len(self.answer.lesions) > 1
        ):
            yield self._lesion_scope(lesion)
        for option in lesion.options:
            yield Section(3, option.label, self._verdict(option, lesion))
        if lesion.scope.truth != "false":
            yield from self._order(lesion.order, lesion)
            yield from self._asked(lesion)
            yield from self._settling(lesion)
        for option in lesion.options:
            yield from self._option(option, lesion)
        if lesion.scope.truth != "false":
            yield from self._protection(lesion)
            yield from self._obligations(lesion)
        if self.unfold:
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
            when = "" if same[0].before == self.answer.phase else f", {words.BEFORE[same[0].before]}"
            entries.append(Entry(f"{same[0].says} ({same[0].who}{when}){times}", rule))
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
        return f" Likewise: {words.some(others, self._most(MOST_LIKEWISE))}."

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
            entries.append(Entry(f"{what}: {words.some(rest, self._most(MOST_STRUCTURES))}"))
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

    def _verdict(self, option: OptionPart, lesion: LesionPart) -> str:
        """The verdict with what a board asks first: whether the option is excluded, and whether it was declined."""
        verdict = words.verdict(option, lesion.scope.truth)
        if verdict != "not assessed":
            return f"{verdict}; {words.standing(option, lesion.scope.truth)}; {words.DECLINED[option.declined]}"
        why = "outside the scope of these rules"
        if self.answer.phase != "decision":
            why = f"verdicts belong to the decision, not to {self.answer.phase}"
        return f"{verdict}: {why}. This speaks neither for nor against it"

    def _option(self, option: OptionPart, lesion: LesionPart) -> Iterator[Section]:
        """What speaks of an option: nothing where there is nothing to say but the verdict."""
        names = subjects(lesion)
        verdict = words.verdict(option, lesion.scope.truth)
        entries = [*self._banner(option)] if lesion.scope.truth != "false" or self.unfold else []
        if verdict != "not assessed" or self.unfold:
            entries += [*self._why(option, names), *self._not_yet(option)]
        if lesion.scope.truth != "false" or self.unfold:
            entries += self._supporting(option, names)
        if verdict != "not assessed" or self.unfold:
            entries += self._decided_otherwise(option, names)
        if entries:
            yield Section(3, f"Why: {option.label}", "", tuple(entries))

    def _banner(self, option: OptionPart) -> Iterator[Entry]:
        if option.banner is None:
            return
        self._background += option.banner.evidence
        cites = ", ".join(dict.fromkeys(each.cite for each in option.banner.evidence))
        inconsistencies = option.banner.known_inconsistencies
        yield Entry(option.banner.says, cites if self.unfold else "", "evidence")
        if self.unfold:
            yield from (Entry(each, cites, "evidence") for each in option.banner.population)
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
        if asked and option.standing == "excluded":  # then what is asked stands above by rule only
            yield Entry(f"asked above: {rule_list(asked, None)}", label="why")

    def _not_yet(self, option: OptionPart) -> Iterator[Entry]:
        reasons = [reason for reason in option.reasons if may_hold_back(reason)]
        if self.unfold:
            yield from (self._undecided(each, "not yet") for each in reasons)
        elif reasons:
            facts = words.some([*missing_facts(reasons), *missing_values(reasons)], MOST_NAMES)
            number = words.counted(len(grouped(reasons)), "criterion", "criteria")
            yield Entry(f"{number} undecided, for want of {facts}", rule_list(reasons, None), "not yet")

    def _supporting(self, option: OptionPart, names: Any) -> Iterator[Entry]:
        supports = [reason for reason in option.reasons if reason.effect == "for" and reason.truth == "true"]
        informs = [reason for reason in option.reasons if reason.effect == "informs" and reason.truth == "true"]
        waived = [(each, exception) for each in option.reasons if not holds_back(each)
                  for exception in each.exception_truths if exception.truth == "true"]  # fmt: skip
        for reason, exception in waived:
            self._cite(exception.evidence)
            yield Entry(f"{exception.says} It keeps {reason.rule} from having its effect.",
                        words.sources(exception), "waived")  # fmt: skip
        if self.unfold:
            yield from (self._told(each, "for", names) for each in supports)
            yield from (self._told(each, each.topic or "also", names) for each in informs)
            return
        groups = grouped(supports)
        for group in groups[:MOST_SUPPORTING]:
            yield Entry(f"{group.first.says}{self._likewise(group, names)}", self._sources(group.first), "for")
        if len(groups) > MOST_SUPPORTING:
            rest = [each.first for each in groups[MOST_SUPPORTING:]]
            yield Entry(f"{len(rest)} more: {rule_list(rest, None)}", label="for")
        for group in grouped(filter(self._shown, informs)):
            text = f"{group.first.says}{self._likewise(group, names)}"
            yield Entry(text, self._sources(group.first), group.first.topic or "also")

    def _shown(self, reason: ReasonPart) -> bool:
        """Whether a criterion that only informs is written out in a folded page."""
        return self.answer.phase != "decision" or reason.topic in SHOWN_TOPICS

    def _decided_otherwise(self, option: OptionPart, names: Any) -> Iterator[Entry]:
        """What was considered and holds nothing back: an empty list never means that nothing was looked at."""
        clear = [reason for reason in option.reasons if holds_nothing_back(reason)]
        false = [reason for reason in option.reasons if reason.effect in ("for", "informs") and reason.truth == "false"]
        if self.unfold:
            yield from (self._told(each, "clear", names) for each in clear)
            yield from (self._told(each, "no", names) for each in false)
            return
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
        missing = [self._fact(each) for each in reason.facts if each.status != "known"]
        facts = words.some([*missing, *missing_values([reason])], None)
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

    def _protection(self, lesion: LesionPart) -> Iterator[Section]:
        parts, plan = lesion.thermoprotection, lesion.protection_plan
        if not parts:
            return
        required = [part for part in parts if part.verdict == "required"]
        undetermined = [part for part in parts if part.verdict == "undetermined"]
        beyond = [part for part in parts if part.verdict == "not-required"]
        entries: list[Entry | Table] = []
        if self.unfold:
            rows = tuple(
                (part.label, part.distance, part.verdict.replace("-", " "), self._measures(part),
                 words.PLANNED[part.covered_by_plan])
                for part in parts
            )  # fmt: skip
            entries.append(Table(("structure", "distance", "protection", "measures", "in plan"), rows))
        else:
            entries += [Entry(f"{part.label}, {self._distance(part)}: {self._measures(part)}") for part in required]
            if undetermined:
                told = [f"{part.label}, {part.distance}" for part in undetermined if part.distance != "not known"]
                told += [part.label for part in undetermined if part.distance == "not known"]
                entries.append(Entry(f"undetermined: {words.some(told, MOST_STRUCTURES, '; ')}"))
        if plan is not None:
            entries += self._plan(plan, parts)
        if self.unfold:
            entries += [entry for part in parts for entry in self._protection_reasons(part)]
        counts = [f"required for {words.counted(len(required), 'structure') if required else 'none'}"]
        counts += [f"undetermined for {len(undetermined)}"] if undetermined else []
        counts += [f"not for {len(beyond)}"] if beyond else []
        if plan is not None and plan.required:
            covered = len(plan.required) - len(plan.uncovered)
            counts.append(f"plan covers {'all' if covered == len(plan.required) else covered or 'none'}")
        yield Section(3, "Thermoprotection", ", ".join(counts), tuple(entries))

    def _with(self, partners: Sequence[str], labels: Mapping[str, str]) -> str:
        """What a combination says goes together with a set; folded, only that there is something."""
        if not partners:
            return ""
        return f" (with {', '.join(labels.get(each, each) for each in partners)})" if self.unfold else ""

    def _measures(self, part: ThermoprotectionPart) -> str:
        """The measures that are open for a structure; of the others, folded, how many there are of each kind."""
        if not part.measures:
            return "no measure is known"
        available = [measure.label for measure in part.measures if measure.status == "available"]
        others = []
        for status, word in words.MEASURE.items():
            if labels := [measure.label for measure in part.measures if measure.status == status]:
                others.append(f"{word}: {', '.join(labels)}" if self.unfold else f"{len(labels)} {word}")
        told = [", ".join(available) or "no measure is open", *([f"({', '.join(others)})"] if others else [])]
        return " ".join(told)

    @staticmethod
    def _distance(part: ThermoprotectionPart) -> str:
        return part.distance if part.distance != "not known" else "distance not known"

    def _plan(self, plan: ProtectionPlanPart, parts: Sequence[ThermoprotectionPart]) -> Iterator[Entry]:
        """All threatened structures together: what would be enough, what the plan leaves out, what flags them."""
        names = {_id(part): part.label for part in parts}
        labels = {m.measure: m.label for part in parts for m in part.measures}
        labels |= {m.monitoring: m.label for part in parts for m in part.monitoring}

        def listed(structures: Iterable[str]) -> str:
            called = [next((n for key, n in names.items() if each.endswith(f"/{key}")), each) for each in structures]
            return words.some(called, self._most(MOST_STRUCTURES))

        if plan.protectable and plan.sufficient_sets:
            sets = [" + ".join(labels.get(each, each) for each in chosen.measures) + self._with(chosen.with_, labels)
                    for chosen in plan.sufficient_sets]  # fmt: skip
            of = "them" if not plan.without_measure else f"{len(plan.protectable)} of them"
            either = words.some(sets, self._most(MOST_SETS), "; or ")
            yield Entry(f"fewest measures, beside monitoring, for {of}: {either}")
        elif plan.protectable:
            yield Entry("the measures that are open for these structures exclude each other: no set covers all of them")
        if plan.without_measure and self.unfold:
            yield Entry(f"no measure is open for {listed(plan.without_measure)}")
        if plan.uncovered and set(plan.uncovered) != set(plan.required):
            yield Entry(f"the plan does not cover {listed(plan.uncovered)}")
        planned = {measure.measure for part in parts for measure in part.measures if measure.planned == "true"}
        for each in plan.combinations:
            if each.kind == "excludes" and len(planned.intersection(each.members)) > 1:
                self._cite(each.evidence)
                yield Entry(f"the plan names measures that exclude each other: {each.says}",
                            f"{each.rule}; {each.strength}; {', '.join(words.grounds(each))}")  # fmt: skip
        for each in plan.combinations if self.unfold else ():
            self._cite(each.evidence)
            yield Entry(each.says, f"{each.rule}; {each.strength}; {', '.join(words.grounds(each))}")
        yield Entry(plan.says)
        for distance in plan.distances if self.unfold else ():
            what = f"{words.spoken(distance.name)} {distance.value} ({distance.status.replace('-', ' ')})"
            yield Entry(f"{what}: {distance.note}" if distance.note else what, depth=1)

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
        """The undecided criteria that move no verdict, written out."""
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
        yield Section(3, "Also unknown", detail, tuple(self._undecided(each, "advisory") for each in reasons))

    def _folded(self) -> Iterator[Section]:
        """What is not written out: how many criteria, of which kind, and the command that writes them out."""
        if self.unfold:
            return
        several = len(self.answer.lesions) > 1
        told = [f"{lesion.id}: {counts}" if several else counts
                for lesion in self.answer.lesions if (counts := self._counts(lesion))]  # fmt: skip
        resources = dict.fromkeys(each.resource for each in self.answer.excluded)
        told += [f"{words.counted(len(resources), 'resource')} unused"] if resources else []
        borderline = len(self.answer.borderline) - len(list(self._borderline()))
        told += [f"{borderline} borderline"] if borderline else []
        if told:
            yield Section(3, "Folded", f"{'; '.join(told)}: {COMMAND}")

    def _counts(self, lesion: LesionPart) -> str:
        """How many criteria of a lesion are folded, by kind; out of scope, no informing one is written out."""
        out_of_scope = lesion.scope.truth == "false"
        return _counts(lesion, lambda reason: not out_of_scope and self._shown(reason))

    def _outcomes(self, outcomes: Sequence[OutcomePart]) -> Iterator[Section]:
        if not outcomes:
            return
        cites = list(dict.fromkeys(outcome.cite for outcome in outcomes))
        self._cite_names(cites)
        told = [f"{outcome.says} ({outcome.per}s) {outcome.display.replace('95 % CI ', '')}" for outcome in outcomes]
        sources = [f" [{outcome.cite}]" if len(cites) > 1 else "" for outcome in outcomes]
        where = f"seen in {words.joined(cites, 'and')}, exact 95 % CI"
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
            told = [each.says if each.evidence else f"{each.says} [no published source]" for each in alternatives]
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
        if not excluded or not self.unfold:
            return
        resources = dict.fromkeys(each.resource for each in excluded)
        number = words.counted(len(resources), "resource")
        entries = tuple(Entry(f"{each.resource}: {each.path}", each.entry or "") for each in excluded)
        yield Section(3, "Not used", f"{number} of the record", entries)

    def _references(self) -> Iterator[Section]:
        """What was cited above; folded, by its certainty, without addresses."""
        if self.unfold:
            self._cite(self._background)
        background = dict.fromkeys(each.cite for each in self._background if each.cite not in self._cited)
        if not self._cited and not background:
            return
        if self.unfold:
            known = self.answer.references
            entries: list[Entry] = []
            for cite in self._cited:
                entries.append(Entry(f"{cite}: {reference(known.get(cite))}{self._graded(cite)}"))
                claims = self._claims.get(cite, {}).values()
                entries += [Entry(words.claim(each), each.locator, depth=1) for each in claims]
            yield Section(3, "References", "with the certainty of the evidence", tuple(entries))
            return
        by_certainty: dict[str, list[str]] = {}
        for cite, said in self._cited.items():
            by_certainty.setdefault(" / ".join(said) or self._certainty_of(cite), []).append(cite)
        graded = [f"{', '.join(cites)} ({certainty})" for certainty, cites in by_certainty.items()]
        behind = ["addresses", *self._inconsistencies(), *([f"{len(background)} more"] if background else [])]
        folded = f"unfold for {words.joined(behind, 'and')}" if graded else f"{len(background)} ({UNFOLD})"
        yield Section(3, "References", "; ".join([*graded, folded]))

    def _inconsistencies(self) -> Iterator[str]:
        """How many inconsistencies of the evidence are known, of the options that were assessed."""
        assessed = [lesion for lesion in self.answer.lesions if lesion.scope.truth != "false"]
        banners = {o.option: o.banner for lesion in assessed for o in lesion.options if o.banner is not None}
        if number := sum(len(banner.known_inconsistencies) for banner in banners.values()):
            yield words.counted(number, "known inconsistency", "known inconsistencies")

    def _certainty_of(self, cite: str) -> str:
        """The certainty of a reference that only a threshold names."""
        certainty = self.answer.references.get(cite, {}).get("x-certainty")
        return str(certainty).replace("-", " ") if certainty else "not graded"

    def _graded(self, cite: str) -> str:
        return "".join(f"; {each}" for each in self._cited[cite])


def _counts(lesion: LesionPart, shown: Callable[[ReasonPart], bool]) -> str:
    """How many criteria of a lesion are folded, by kind; a rule counts once, whatever it is asked of."""
    by_key = {(each.rule, each.subject): each for option in lesion.options for each in option.reasons}
    advisory = [each for each in by_key.values() if each.effect in ("for", "informs")]
    informing = [each for each in advisory if each.effect == "informs" and each.truth == "true" and not shown(each)]
    unassessed = {
        (each.rule, each.subject): each
        for option in lesion.options
        if words.verdict(option, lesion.scope.truth) == "not assessed"
        for each in option.reasons
    }.values()
    kinds = [
        ("that would hold an option back", [each for each in unassessed if holds_back(each)]),
        ("undecided that might", [each for each in unassessed if may_hold_back(each)]),
        ("holding nothing back", [each for each in by_key.values() if holds_nothing_back(each)]),
        ("undecided, advisory", [each for each in advisory if each.truth == "unknown"]),
        ("not applying", [each for each in advisory if each.truth == "false"]),
        (f"informing ({', '.join(dict.fromkeys(each.rule for each in informing))})", informing),
    ]
    told = [(len(grouped(reasons)), kind) for kind, reasons in kinds if reasons]
    if not told:
        return ""
    (number, kind), *others = told
    return "; ".join([f"{words.counted(number, 'criterion', 'criteria')} {kind}", *(f"{n} {k}" for n, k in others)])


def _id(part: ThermoprotectionPart) -> str:
    return f"{part.structure}/{part.side or 'none'}"


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
