"""From checked parts to the programs that the engines run: exceptions applied, planner facts put together."""

from __future__ import annotations

from collections.abc import Mapping

from cds.language import facts_of
from cds.language.syntax import And, Expression, Not, Or
from cds.ruleset.conditions import Conditions, planner_expressions
from cds.ruleset.files import Parts, Placed
from cds.ruleset.model import MeasureRule, Phase, Rule, When
from cds.ruleset.program import Criterion, Program
from cds.ruleset.rule_set import Condition, considered
from cds.ruleset.vocabulary_file import PLANNER_FACTS
from cds.vocabulary import Level

ARGUING = ("requires", "excludes", "against", "for")
"""The effects whose criteria may not read documents."""


def condition_texts(parts: Parts, conditions: Conditions) -> dict[str, Condition]:
    """Every criterion's condition as its author wrote it, by id."""
    texts: dict[str, Condition] = {}
    for item in parts.grounded:
        texts[item.item.id] = conditions.condition(item.item.when, item.document, (*item.path, "when"))
        done: When | None = getattr(item.item, "done", None)
        if done is not None:
            texts[f"{item.item.id}.done"] = conditions.condition(done, item.document, (*item.path, "done"))
    return texts


def check_conditions(parts: Parts, conditions: Conditions) -> None:
    """What is wrong with conditions whatever the phase: definitions that nobody uses, distances of mixed origin."""
    conditions.check_definitions()
    for item in parts.grounded:
        tree = conditions.condition(item.item.when, item.document, (*item.path, "when")).tree
        waived = item.item.fidelity.kind in ("interpretation", "stricter")
        conditions.check_origins(tree, item.position("when"), waived=waived)
        conditions.check_literals(item.item.when, item.document, (*item.path, "when"))


def compile_program(parts: Parts, conditions: Conditions, phase: Phase) -> Program:
    """The program of one phase; what is wrong is noted in `conditions.findings`."""
    criteria = [criterion for item in parts.rules for criterion in _rule(item, parts, conditions, phase)]
    if phase == "follow-up":  # which neither orders options nor plans protection
        return Program(phase, tuple(criteria), {}, conditions.vocabulary)
    for item in parts.preferences:
        condition = _resolved(item, conditions, Level.LESION, phase)
        conditions.check_verdict_reads(condition, item.position("when"), f"`{item.item.id}`")
        criteria.append(Criterion(item.item.id, Level.LESION, condition))
    measure_rules: list[tuple[MeasureRule, Expression]] = []
    for item in parts.planner_entries:
        condition = _resolved(item, conditions, Level.STRUCTURE, phase)
        if any(reference.name in PLANNER_FACTS for reference in facts_of(condition)):
            message = f"`{item.item.id}` reads what the planner computes from it; drop that"
            conditions.report("planner-cycle", item.position("when"), message)
            continue
        conditions.check_verdict_reads(condition, item.position("when"), f"`{item.item.id}`")
        criteria.append(Criterion(item.item.id, Level.STRUCTURE, condition))
        if isinstance(item.item, MeasureRule):
            measure_rules.append((item.item, condition))
    return Program(phase, tuple(criteria), _derived(conditions, measure_rules), conditions.vocabulary)


def _rule(item: Placed, parts: Parts, conditions: Conditions, phase: Phase) -> list[Criterion]:
    """The criteria of a rule: its exceptions, itself with them applied, and what fulfils it."""
    rule: Rule = item.item
    if not considered(rule, phase):
        return []
    level = Level(rule.for_each)
    argues = rule.effect in ARGUING
    condition = _resolved(item, conditions, level, phase)
    if argues:
        conditions.check_verdict_reads(condition, item.position("when"), f"`{rule.id}`")
    if rule.effect == "excludes" or (rule.moves_a_verdict and rule.effect == "requires" and rule.remedy is None):
        conditions.check_ground(condition, item.position("when"), f"`{rule.id}`")
    criteria: list[Criterion] = []
    for waiver in (waiver for waiver in parts.exceptions if waiver.item.exception_to == rule.id):
        exception = _resolved(waiver, conditions, level, phase)
        if argues:
            conditions.check_verdict_reads(exception, waiver.position("when"), f"`{waiver.item.id}`")
        criteria.append(Criterion(waiver.item.id, level, exception))
        condition = excepted(rule, condition, exception)
    criteria.append(Criterion(rule.id, level, condition))
    if rule.done is not None:
        criteria.append(Criterion(f"{rule.id}.done", level, _resolved(item, conditions, level, phase, "done")))
    return criteria


def _resolved(item: Placed, conditions: Conditions, level: Level, phase: Phase, key: str = "when") -> Expression:
    when: When = getattr(item.item, key)
    condition = conditions.resolve(when, item.document, (*item.path, key), level, phase)
    conditions.check_any(condition, level, item.position(key))
    return condition


def _derived(
    conditions: Conditions, measure_rules: list[tuple[MeasureRule, Expression]]
) -> Mapping[tuple[str, str], Expression]:
    return {
        (structure.name, fact): expression
        for structure in conditions.vocabulary.structures.values()
        for fact, expression in planner_expressions(structure, conditions.vocabulary, measure_rules).items()
    }


def excepted(rule: Rule, condition: Expression, exception: Expression) -> Expression:
    """A rule's condition with one exception: *when or exception* for a requirement, *when and not exception* else.

    An exception thus never has an effect of its own; it can only keep its rule from having one.
    """
    return Or(condition, exception) if rule.effect == "requires" else And(condition, Not(exception))
