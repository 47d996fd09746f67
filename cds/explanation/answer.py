"""The answer as a page: the verdicts, what is asked, what is missing and decisive, then reasons, protection, evidence.

Folded, a page shows every verdict and everything that holds an option back; one line says how many other criteria there
are and of which kind. Unfolded, it writes out every criterion that was considered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cds.explanation import words
from cds.explanation.lesion import folded_criteria, lesion_sections
from cds.explanation.page import UNFOLD, Entry, Page, Section
from cds.explanation.telling import Telling, why_unknown
from cds.recommendation.model import FactPart, OutcomePart, Recommendation
from cds.ruleset.model import VERDICT_EFFECTS

MOST_ISSUES: Final = 3
NO_DIRECTIVE: Final = "options with their reasons, and no directive: the board decides"
COMMAND: Final = "cds evaluate --unfold"
"""What writes out all of a folded page."""


def page(recommendation: Recommendation, *, unfold: bool = False) -> Page:
    """The whole answer as a page."""
    telling = Telling(recommendation, unfold)
    sections = [_head(telling), *_issues(telling), *_scope(telling)]
    for lesion in recommendation.lesions:
        sections += lesion_sections(telling, lesion)
    sections += [*_outcomes(telling), *_alternatives(telling), *_facts(telling), *_not_used(telling)]
    sections += [*_folded(telling), *telling.citations.section(recommendation, unfold=unfold)]
    sections.append(Section(3, "Read this as", NO_DIRECTIVE))
    return Page(tuple(sections), dense=not unfold)


# --- the head --------------------------------------------------------------------------------------------------------


def _head(telling: Telling) -> Section:
    answer = telling.answer
    rules = answer.rule_set
    approved = f"approved on {rules.approved}" if rules.approved else "nobody has approved them"
    entries: list[Entry] = []
    remarks = sum(issue.severity == "information" for issue in answer.issues)
    if remarks == len(answer.issues) > 0 and not telling.unfold:
        entries.append(Entry(f"About the input: {words.counted(remarks, 'remark')} ({UNFOLD})."))
    if rules.overrides:
        entries.append(Entry(f"Set by the institution: {', '.join(map(words.spoken, rules.overrides))}."))
    entries += _borderline(telling)
    if answer.valid_until is not None:
        until = answer.valid_until
        entries.append(Entry(f"Holds until {until.last_day}: {' '.join(until.because)}"))
    if telling.unfold:
        engines = answer.engines
        entries.append(Entry(f"Rules {rules.id} {rules.version}, {rules.digest}."))
        entries.append(
            Entry(f"Decided twice and alike: reference {engines.reference}, durable-rules {engines.durable_rules}.")
        )
    lesions = words.counted(len(answer.lesions), "lesion")
    detail = f"as of {answer.as_of} · {answer.phase} · {lesions} · rules {rules.version}: {approved}"
    return Section(1, rules.title or rules.id, detail, tuple(entries))


def _borderline(telling: Telling) -> Iterator[Entry]:
    """The values that cannot be told from a threshold; unless unfolded, those on which a verdict turns."""
    for each in telling.answer.borderline:
        rules = list(dict.fromkeys(rule for threshold in each.thresholds for rule in threshold.rules))
        if telling.unfold or _turns_on(telling.answer, rules):
            of = f" of {each.subject}" if len(telling.answer.lesions) > 1 and each.subject != "patient" else ""
            stated = any(threshold.by == "stated-interval" for threshold in each.thresholds)
            limits = words.joined([threshold.value for threshold in each.thresholds], "and")
            text = f"Borderline: {each.label}{of} {each.display}, limit {limits}"
            yield Entry(f"{text} ({'in the range recorded' if stated else 'within rounding'}).", ", ".join(rules))


def _turns_on(answer: Recommendation, rules: Iterable[str]) -> bool:
    """Whether one of the rules can move a verdict of the answer."""
    moving = {
        reason.rule
        for lesion in answer.lesions
        for option in lesion.options
        for reason in option.reasons
        if reason.effect in VERDICT_EFFECTS
    }
    return not moving.isdisjoint(rules)


def _issues(telling: Telling) -> Iterator[Section]:
    """What was wrong with the input; of many warnings, folded, how many."""
    issues = telling.answer.issues
    errors, warnings, remarks = (
        [issue for issue in issues if issue.severity == severity] for severity in ("error", "warning", "information")
    )
    if not issues or (not telling.unfold and len(remarks) == len(issues)):
        return
    kinds = (("error", errors), ("warning", warnings), ("remark", remarks))
    told = [words.counted(len(found), kind) for kind, found in kinds if found]
    urgent = [*errors, *warnings]
    listed = list(issues) if telling.unfold else urgent if len(urgent) <= MOST_ISSUES else errors
    folded = f" ({UNFOLD})" if len(listed) < len(issues) else ""
    entries = tuple(
        Entry(f"{issue.expression}: {issue.details}" if issue.expression else issue.details,
              f"{issue.severity}; {issue.code}")
        for issue in listed
    )  # fmt: skip
    yield Section(3, "About the input", f"{words.joined(told, 'and')}{folded}", entries)


def _scope(telling: Telling) -> Iterator[Section]:
    """Why nothing was assessed, or what every verdict depends on; nothing where a lesion is in scope."""
    scope, lesions = telling.answer.scope, telling.answer.lesions
    if scope.truth == "true" and lesions:
        return
    if not lesions:
        detail = "nothing was assessed"
        text = "No target lesion was found in the record. This is no statement about the patient, and no all-clear."
    elif scope.truth == "false":
        detail = "out of scope, nothing was assessed"
        text = "These rules are not about this patient. This speaks neither for nor against any option."
    else:
        detail = "not known; every verdict below holds only if the patient is in scope"
        text = "It is not known whether these rules are about this patient."
    why = [reason.says or reason.code.replace("-", " ") for reason in scope.reasons]
    unset = [each for reason in scope.reasons for each in reason.parameters if each.status == "unset"]
    why += [f"For want of a value for the {words.spoken(each.name)} ({each.note or 'not set'})." for each in unset]
    sources = "; ".join(dict.fromkeys(reason.rule or reason.code for reason in scope.reasons))
    entries = [Entry(text, sources), *(Entry(each) for each in dict.fromkeys(why) if each != text)]
    yield Section(3, "Scope", detail, tuple(entries))


# --- the foot --------------------------------------------------------------------------------------------------------


def _outcomes(telling: Telling) -> Iterator[Section]:
    """What was seen in studies. The same stand behind every lesion: said once, unless a lesion has others."""
    shown = [lesion for lesion in telling.answer.lesions if lesion.scope.truth != "false" or telling.unfold]
    outcomes: Sequence[OutcomePart] = list(dict.fromkeys(outcome for lesion in shown for outcome in lesion.outcomes))
    if not outcomes:
        return
    cites = list(dict.fromkeys(outcome.cite for outcome in outcomes))
    telling.citations.cite_names(cites)
    told = [f"{outcome.says} ({outcome.per}s) {outcome.display.replace('95 % CI ', '')}" for outcome in outcomes]
    where = f"seen in {words.joined(cites, 'and')}, exact 95 % CI"
    if telling.unfold:
        entries = tuple(Entry(each, outcome.cite) for each, outcome in zip(told, outcomes, strict=True))
        yield Section(3, "Outcomes", where, entries)
    else:
        sources = [f" [{outcome.cite}]" if len(cites) > 1 else "" for outcome in outcomes]
        listed = "; ".join(f"{each}{source}" for each, source in zip(told, sources, strict=True))
        yield Section(3, "Outcomes", f"{where}: {listed}")


def _alternatives(telling: Telling) -> Iterator[Section]:
    alternatives = telling.answer.alternatives
    # Beside no options an alternative would look like advice about a patient of whom nothing was assessed.
    if not alternatives or (not telling.answer.lesions and not telling.unfold):
        return
    for each in alternatives:
        telling.citations.cite_in_background(each.evidence)
    if telling.unfold:
        cites = [", ".join(dict.fromkeys(evidence.cite for evidence in each.evidence)) or "no published source"
                 for each in alternatives]  # fmt: skip
        entries = tuple(Entry(each.says, f"{each.id}; {each.strength}; {cite}")
                        for each, cite in zip(alternatives, cites, strict=True))  # fmt: skip
        yield Section(3, "Also possible", entries=entries)
    else:
        told = [each.says if each.evidence else f"{each.says} [no published source]" for each in alternatives]
        yield Section(3, "Also possible", " ".join(told))


def _facts(telling: Telling) -> Iterator[Section]:
    """Contradictions, always; every fact, when unfolded."""
    facts = telling.answer.facts
    conflicting = [fact for fact in facts if fact.status == "conflicting"]
    if conflicting:
        entries = tuple(_stated(telling, each, f"{words.fact_label(each)} of {each.subject}: {each.display}")
                        for each in conflicting)  # fmt: skip
        yield Section(3, "Contradictions", "the record says both, so neither counts", entries)
    if telling.unfold:
        entries = tuple(_stated(telling, each, f"{each.name} of {each.subject}: {_state(each)}") for each in facts)
        yield Section(3, "Facts", words.counted(len(entries), "fact"), entries)


def _stated(telling: Telling, fact: FactPart, text: str) -> Entry:
    """A fact with the elements of the record that it rests on."""
    return Entry(text, words.elements(fact.sources, unfold=telling.unfold))


def _state(fact: FactPart) -> str:
    if fact.status == "known":
        return fact.display
    return f"not known ({why_unknown(fact)}{f'; {fact.note}' if fact.note else ''})"


def _not_used(telling: Telling) -> Iterator[Section]:
    excluded = telling.answer.excluded
    if not excluded or not telling.unfold:
        return
    resources = dict.fromkeys(each.resource for each in excluded)
    number = words.counted(len(resources), "resource")
    entries = tuple(Entry(f"{each.resource}: {each.path}", each.entry or "") for each in excluded)
    yield Section(3, "Not used", f"{number} of the record", entries)


def _folded(telling: Telling) -> Iterator[Section]:
    """What is not written out: how many criteria, of which kind, and the command that writes them out."""
    if telling.unfold:
        return
    answer = telling.answer
    several = len(answer.lesions) > 1
    told = [f"{lesion.id}: {counts}" if several else counts
            for lesion in answer.lesions if (counts := folded_criteria(telling, lesion))]  # fmt: skip
    resources = dict.fromkeys(each.resource for each in answer.excluded)
    told += [f"{words.counted(len(resources), 'resource')} unused"] if resources else []
    borderline = len(answer.borderline) - len(list(_borderline(telling)))
    told += [f"{borderline} borderline"] if borderline else []
    if told:
        yield Section(3, "Folded", f"{'; '.join(told)}: {COMMAND}")
