"""How an answer came about: every criterion with what it read, and the derivation of its truth step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds.case import Case
from cds.explanation import words
from cds.explanation.page import Entry, Page, Section
from cds.language import print_expression
from cds.language.syntax import And, AnyOf, Expression, Implies, Not, Or, Xor
from cds.reasoning.conditions import Derivation, ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.recommendation.model import FactPart, PlannerReason, ReasonPart, Recommendation
from cds.recommendation.words import fact_text
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.vocabulary import level_of


def criteria_ids(rules: RuleSet, phase: Phase) -> tuple[str, ...]:
    """The ids of all criteria of a phase, without those of what fulfils them."""
    return tuple(dict.fromkeys(criterion.id.removesuffix(".done") for criterion in rules.programs[phase].criteria))


def criteria_page(answer: Recommendation, *, name: str, rule: str | None = None) -> Page:
    """Every criterion of an answer, or one: condition, truth, facts with their elements, thresholds, evidence."""
    sections = [Section(1, "Criteria", f"{name} · as of {answer.as_of} · {answer.phase}")]
    seen: set[tuple[str, str]] = set()
    for what, subject, reason in _considered(answer):
        if (reason.rule, subject) in seen or (rule is not None and reason.rule != rule):
            continue
        seen.add((reason.rule, subject))
        sections.append(_criterion(what, subject, reason))
    for lesion in answer.lesions:
        for each in lesion.scope.reasons:
            if each.rule is not None and rule in (None, each.rule):
                detail = (
                    f"scope of {lesion.id}: {lesion.scope.truth}; `cds explain --rule {each.rule} --tree` shows how"
                )
                sections.append(Section(3, each.rule, detail, (Entry(each.says),)))
    if len(sections) == 1:
        sections.append(
            Section(3, "None", "no criterion was decided, for there is no target lesion; that is no all-clear")
        )
    return Page(tuple(sections))


def _considered(answer: Recommendation) -> Iterator[tuple[str, str, ReasonPart | PlannerReason]]:
    """Every reason of an answer with what it is for and whom it is about."""
    for lesion in answer.lesions:
        for option in lesion.options:
            yield from ((option.label, reason.subject, reason) for reason in option.reasons)
        order = (*lesion.order.withheld, *lesion.order.reasons)
        yield from (("order of the options", reason.subject, reason) for reason in order)
        for part in lesion.thermoprotection:
            subject = f"{lesion.id}/{part.structure}/{part.side or 'none'}"
            yield from (("need for protection", subject, reason) for reason in part.reasons)
            yield from (("monitoring", subject, reason) for reason in part.advice)
            for measure in part.measures:
                yield from ((measure.label, subject, reason) for reason in measure.reasons)


def _criterion(what: str, subject: str, reason: ReasonPart | PlannerReason) -> Section:
    entries = [Entry(reason.says), Entry(f"condition: {reason.condition}")]
    if isinstance(reason, ReasonPart):
        what = f"{reason.effect} {what}" if reason.effect != "informs" else f"informs about {what}"
        if reason.done:
            entries.append(Entry(f"fulfilled by: {reason.done} ({reason.addressed or 'unknown'})"))
        told = {each.rule: each for each in reason.exception_truths}
        entries += [Entry(f"exception: {each}") for each in reason.exceptions if each not in told]
        entries += [Entry(f"exception {each.rule}: {each.truth}: {each.condition} — {each.says}", words.sources(each))
                    for each in told.values()]  # fmt: skip
    entries += [_fact(fact) for fact in reason.facts]
    entries += [
        Entry(f"threshold {each.name} = {each.value} ({'set by the institution' if each.overridden else each.status}, "
              f"from {each.valid_from}{f'; {each.note}' if each.note else ''})", each.cite or "no published source")
        for each in reason.parameters
    ]  # fmt: skip
    entries += [
        Entry(f"evidence {each.cite}, {each.locator or 'no locator'}, supports the {each.supports}",
              f"{words.certainty(each)}; {each.tag}{f'; {each.url}' if each.url else ''}")
        for each in reason.evidence
    ]  # fmt: skip
    stated = [*(each.claim for each in reason.evidence), *(each.claim for each in reason.parameters)]
    claims = {each.id: each for each in stated if each is not None}
    entries += [Entry(f"claim {each.id}: {words.claim(each)}", each.locator) for each in claims.values()]
    if not reason.evidence:
        entries.append(Entry("evidence: no published source"))
    fidelity = f": {reason.fidelity.note}" if reason.fidelity.note else ""
    entries.append(
        Entry(f"{reason.strength}; basis {reason.basis}; {reason.fidelity.kind} rendering of its source{fidelity}")
    )
    return Section(3, reason.rule, f"{reason.truth} of {subject}; {what}", tuple(entries))


def _fact(fact: FactPart) -> Entry:
    note = f" ({fact.note})" if fact.note and fact.status == "known" else ""
    text = f"fact {fact.name} of {fact.subject}: {fact.display}{note}"
    return Entry(text, words.elements(fact.sources, unfold=False))


def tree_page(case: Case, rules: RuleSet, phase: Phase, *, name: str, rule: str | None = None) -> Page:
    """How the truth of every criterion, or of one, follows from the facts, by the reference evaluator."""
    program = rules.on(case.as_of).programs[phase]
    derivations = ReferenceEngine().derivations(program, contexts_of(case))
    sections = [Section(1, "Derivations", f"{name} · as of {case.as_of} · {phase}")]
    for (criterion, context), derivation in derivations.items():
        if rule is None or criterion.removesuffix(".done") == rule:
            entries = tuple(_steps(derivation, rules, 0))
            sections.append(Section(3, criterion, f"{derivation.truth.value} of {context}", entries))
    if len(sections) == 1:
        sections.append(Section(3, "None", "there is nothing in this record that the criterion could be decided about"))
    return Page(tuple(sections))


def _steps(derivation: Derivation, rules: RuleSet, depth: int) -> Iterable[Entry]:
    text = f"{derivation.truth.value}: {_operation(derivation)}"
    sources = ""
    if derivation.fact is not None and derivation.reference is not None:
        definition = rules.vocabulary.fact(level_of(derivation.reference.level), derivation.reference.name)
        text = f"{text} — {definition.label} of {derivation.subject} is {fact_text(derivation.fact, definition)}"
        sources = words.elements(derivation.fact.sources, unfold=False)
    yield Entry(text, sources, depth=depth)
    for operand in derivation.operands:
        yield from _steps(operand, rules, depth + 1)


def _operation(derivation: Derivation) -> str:
    """The operator of a step that has steps below it, else the expression itself."""
    expression: Expression = derivation.expression
    match expression:
        case And():
            return "both, and"
        case Or():
            return "one or both, or"
        case Xor():
            return "exactly one, xor"
        case Implies():
            return "the second if the first, implies"
        case Not():
            return "not"
        case AnyOf():
            return f"any {expression.over}"
        case _:
            return print_expression(expression)
