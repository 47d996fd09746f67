"""Assertions that compare reasons, not verdicts alone: two answers with one verdict may rest on different criteria.

What fails says who the patient is, what was decided there and why, line by line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cds.case import Case
from cds.case.text import fact_text, patient_text
from cds.language import print_expression
from cds.reasoning.conditions import Derivation, ReferenceEngine
from cds.reasoning.contexts import contexts_of
from cds.recommendation import Recommendation
from cds.recommendation.model import FactPart, LesionPart, PlannerReason, ReasonPart
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.testing.directed import Target
from cds.truth import Truth


def truths(case: Case, rules: RuleSet, criterion: str, *, phase: Phase | None = None) -> dict[str, Truth]:
    """The truth of a criterion in each place of a case: by `patient`, `T1`, `T1/skin/none`, `T1+T2`.

    Decided by the reference evaluator alone. Raises `UnknownCriterion`.
    """
    return {place: derivation.truth for place, derivation in _derivations(case, rules, criterion, phase).items()}


def assert_truth(
    case: Case, rules: RuleSet, criterion: str, truth: Truth, *, at: str | None = None, phase: Phase | None = None
) -> None:
    """Fail unless the criterion has this truth: at a place (`T1/skin/none`), or wherever the case has a place for it.

    The message shows how each place was decided, fact by fact, and the patient.
    """
    decided = _derivations(case, rules, criterion, phase)
    if at is not None and at not in decided:
        raise AssertionError(f"`{criterion}` is not decided at `{at}`; places are {', '.join(decided) or 'none'}")
    if not decided:
        raise AssertionError(f"`{criterion}` is decided nowhere in this case: no place of its level")
    told = [
        f"`{criterion}` is {derivation.truth.value} at {place}; expected was {truth.value}\n{_steps(derivation)}"
        for place, derivation in decided.items()
        if at in (None, place) and derivation.truth is not truth
    ]
    if told:
        raise AssertionError("\n".join([*told, patient_text(case)]))


def reasons(answer: Recommendation) -> tuple[str, ...]:
    """An answer as lines to compare: scope, verdicts, and every criterion with its truth and the facts it read."""
    return (
        f"scope: {answer.scope.truth}",
        *(f"scope, {each.code}: {each.rule or 'no rule'}" for each in answer.scope.reasons),
        *(line for lesion in answer.lesions for line in _of_lesion(lesion)),
    )


def assert_same_reasons(actual: Recommendation, expected: Recommendation) -> None:
    """Fail unless two answers say the same for the same reasons; sources, words and evidence do not count.

    The message holds only the lines that differ: `-` was expected, `+` came out.
    """
    wanted, found = reasons(expected), reasons(actual)
    if wanted != found:
        lines = [line for line in difflib.ndiff(wanted, found) if line[:1] in "-+"]
        raise AssertionError("\n".join(["the answers differ (- expected, + actual):", *lines]))


def assert_reasons(
    answer: Recommendation,
    option: str,
    expected: Mapping[str, str],
    *,
    verdict: str | None = None,
    lesion: str | None = None,
) -> None:
    """Fail unless an option has these criteria with these truths (`{"SS-2": "true"}`), and this verdict if it is named.

    `lesion` is its id; it may be left out where the answer has one. The message shows all reasons of the option.
    """
    found = [each for each in answer.lesions if lesion in (None, each.id)]
    if len(found) != 1:
        known = ", ".join(each.id for each in answer.lesions) or "none"
        raise AssertionError(f"name one lesion; the answer has {known}")
    options = {each.option: each for each in found[0].options}
    if option not in options:
        raise AssertionError(f"no option `{option}`; the answer has {', '.join(options)}")
    part = options[option]
    by_rule: dict[str, set[str]] = {}
    for reason in part.reasons:
        by_rule.setdefault(reason.rule, set()).add(reason.truth)
    wrong = [
        f"{rule}: {' and '.join(sorted(by_rule.get(rule, ()))) or 'not considered'}; expected was {truth}"
        for rule, truth in expected.items()
        if by_rule.get(rule) != {truth}
    ]
    if verdict is not None and part.verdict != verdict:
        wrong.insert(0, f"the verdict is {part.verdict}; expected was {verdict}")
    if wrong:
        considered = [f"  {_reason(reason)}" for reason in part.reasons]
        raise AssertionError("\n".join([f"{found[0].id}, {option}:", *wrong, "considered were:", *considered]))


def _derivations(case: Case, rules: RuleSet, criterion: str, phase: Phase | None) -> dict[str, Derivation]:
    target = Target.of(rules, criterion, phase=phase, as_of=case.as_of)
    program = replace(target.program, criteria=(target.criterion,))
    decided = ReferenceEngine().derivations(program, contexts_of(case))
    return {place: derivation for (_, place), derivation in decided.items()}


def _steps(derivation: Derivation, depth: int = 1) -> str:
    """How a truth came about, one step a line, each with the fact that it read."""
    read = ""
    if derivation.fact is not None and derivation.reference is not None:
        read = f"; {derivation.subject}.{derivation.reference.name} is {fact_text(derivation.fact)}"
    line = f"{'  ' * depth}{print_expression(derivation.expression)}: {derivation.truth.value}{read}"
    return "\n".join([line, *(_steps(operand, depth + 1) for operand in derivation.operands)])


def _of_lesion(lesion: LesionPart) -> Iterator[str]:
    yield f"{lesion.id}, scope: {lesion.scope.truth}"
    for option in lesion.options:
        of = f"{lesion.id}, {option.option}"
        yield f"{of}: {option.verdict} (possible: {', '.join(option.possible)}; {option.standing})"
        yield from (f"{of}: {_reason(reason)}" for reason in option.reasons)
    for entry in lesion.order.possible:
        yield f"{lesion.id}, order: {' > '.join(' = '.join(group) for group in entry.groups)}"
    for part in lesion.thermoprotection:
        of = f"{lesion.id}, {part.structure}/{part.side or 'none'}"
        yield f"{of}: {part.verdict}; covered by the plan: {part.covered_by_plan}"
        yield from (f"{of}: {_planned(reason)}" for reason in (*part.reasons, *part.advice))
        for measure in part.measures:
            yield f"{of}, {measure.measure}: {measure.status}"
            yield from (f"{of}, {measure.measure}: {_planned(reason)}" for reason in measure.reasons)
    for duty in lesion.obligations:
        yield f"{lesion.id}, obligation {duty.rule} ({duty.subject}): due {duty.due}"


def _reason(reason: ReasonPart) -> str:
    addressed = f", addressed {reason.addressed}" if reason.addressed is not None else ""
    return f"{reason.rule} {reason.effect} at {reason.subject}: {reason.truth}{addressed}{_read(reason.facts)}"


def _planned(reason: PlannerReason) -> str:
    return f"{reason.rule}: {reason.truth}{_read(reason.facts)}"


def _read(facts: tuple[FactPart, ...]) -> str:
    return f" [{'; '.join(f'{fact.name} {fact.display}' for fact in facts)}]" if facts else ""
