"""The outline of an answer: as much of it as a worked case can expect, made from truths alone.

It has the parts of a `Recommendation` without words, facts and evidence, at a fraction of the cost: enough to see
whether the expectations of a worked case are still met when some criteria come out otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

from cds.case import Case
from cds.reasoning.conditions import Derivation, ReferenceEngine
from cds.reasoning.contexts import Contexts, contexts_of
from cds.reasoning.decision import Consideration, LesionDecision, StructureDecision, decided_lesions, scope_of
from cds.reasoning.thermoprotection import beside, said_of
from cds.recommendation.model import (
    AlternativePart,
    CombinationPart,
    LesionPart,
    MeasurePart,
    ObligationPart,
    OptionPart,
    OrderEntry,
    OrderPart,
    PlannerReason,
    ProtectionPlanPart,
    ReasonPart,
    Recommendation,
    ScopePart,
    SettlingFact,
    SufficientSet,
    ThermoprotectionPart,
)
from cds.recommendation.parts import word, words
from cds.ruleset import RuleSet
from cds.ruleset.model import Phase
from cds.truth import Truth

_P = TypeVar("_P", bound=BaseModel)


def outline(
    case: Case, rules: RuleSet, lesions: Iterable[LesionDecision], settling: Iterable[str] | None = None
) -> Recommendation:
    """The outline of what was decided. `settling` names facts that every option is said to be settled by, for callers
    who leave open what really does; `None`: what was found.
    """
    decided = tuple(lesions)
    return _part(
        Recommendation,
        as_of=case.as_of,
        scope=_part(ScopePart, truth=word(scope_of(lesion.scope for lesion in decided))),
        lesions=tuple(_lesion(lesion, rules, settling) for lesion in decided),
        alternatives=tuple(_part(AlternativePart, id=each.id) for each in rules.alternatives),
    )


def outlined(
    case: Case, rules: RuleSet, phase: Phase, contexts: Contexts | None = None, *, settling: bool = False
) -> Recommendation:
    """The outline of the answer to a case, under the parameters of its day; what would settle it only if asked for."""
    rules = rules.on(case.as_of)
    contexts = contexts or contexts_of(case)
    derived = ReferenceEngine().derivations(rules.programs[phase], contexts)
    if not settling:  # which is found in what a derivation is made of, at some cost
        derived = {key: Derivation(found.expression, found.truth) for key, found in derived.items()}
    return outline(case, rules, decided_lesions(case, rules, phase, contexts, derived))


def _part(model: type[_P], **said: Any) -> _P:
    """A part of an answer of which only this is said."""
    return model.model_construct(**said)


def _lesion(decided: LesionDecision, rules: RuleSet, settling: Iterable[str] | None) -> LesionPart:
    assessed = decided.scope is not Truth.FALSE
    return _part(
        LesionPart,
        id=decided.lesion.id,
        options=tuple(
            _part(
                OptionPart,
                option=option.option,
                verdict=option.verdict.value,
                possible=words(option.possible),
                standing=option.standing.value,
                declined=word(option.declined),
                reasons=tuple(_reason(each) for each in option.considerations),
                settling_facts=tuple(
                    _part(SettlingFact, name=name)
                    for name in (settling or (each.definition.path for each in option.settling))
                ),
            )
            for option in decided.options
        ),
        order=_part(
            OrderPart,
            possible=tuple(_part(OrderEntry, groups=order.groups) for order in decided.orders),
            withheld=tuple(_reason(each) for each in decided.order_requirements if each.truth is not Truth.TRUE),
            reasons=(
                *(_reason(each) for each in decided.order_requirements if each.truth is Truth.TRUE),
                *(
                    _part(ReasonPart, rule=name, subject=decided.lesion.id, truth=word(truth))
                    for name, truth in decided.preference_truths.items()
                ),
            ),
        ),
        thermoprotection=tuple(_structure(each, rules) for each in decided.structures) if assessed else (),
        protection_plan=_plan(decided, rules) if assessed and decided.structures else None,
        obligations=tuple(_obligations(decided)) if assessed else (),
    )


def _reason(considered: Consideration) -> ReasonPart:
    return _part(
        ReasonPart,
        rule=considered.rule.id,
        truth=word(considered.truth),
        subject=considered.context.id,
        addressed=word(considered.done.truth) if considered.done is not None else None,
    )


def _structure(decided: StructureDecision, rules: RuleSet) -> ThermoprotectionPart:
    def planner(names: Iterable[str]) -> tuple[PlannerReason, ...]:
        return tuple(_part(PlannerReason, rule=name, truth=word(decided.derivations[name].truth)) for name in names)

    facts = decided.context.facts["structure"]
    name, side = str(facts["name"].value), str(facts["side"].value)
    return _part(
        ThermoprotectionPart,
        structure=name,
        side=None if side == "none" else side,
        verdict=decided.protection.need.value,
        measures=tuple(
            _part(MeasurePart, measure=answer.measure, status=answer.standing.value, reasons=planner(answer.rules))
            for answer in decided.protection.measures
        ),
        advice=planner(decided.protection.advice),
        covered_by_plan=word(decided.covered),
        reasons=planner(need.id for need in rules.planner.need),
    )


def _plan(decided: LesionDecision, rules: RuleSet) -> ProtectionPlanPart:
    plan, combinations = decided.plan, rules.planner.combinations
    return _part(
        ProtectionPlanPart,
        without_measure=plan.without_measure,
        sufficient_sets=tuple(
            _part(SufficientSet, measures=chosen, with_=beside(chosen, combinations)) for chosen in plan.sufficient
        ),
        combinations=tuple(
            _part(CombinationPart, rule=each.id, kind="together" if each.together else "excludes")
            for each in said_of(plan, combinations)
        ),
        covered_by_plan=word(plan.covered),
    )


def _obligations(decided: LesionDecision) -> Iterable[ObligationPart]:
    seen: set[tuple[str, str]] = set()
    for option in decided.options:
        for each in option.considerations:
            rule, key = each.rule, (each.rule.id, each.context.id)
            if rule.effect == "obliges" and key not in seen and rule.before is not None and rule.who is not None:
                seen.add(key)
                yield _part(ObligationPart, rule=rule.id, subject=each.context.id, due=word(each.due))


def told(answer: Recommendation) -> dict[str, str]:
    """Every expectation that a worked case can state of an answer, by its place among them.

    Each is the name of one thing (`options T1 knife reasons K-1`) with what it is (`true`).
    """
    found = {"scope": str(answer.scope.truth), "alternatives": ", ".join(each.id for each in answer.alternatives)}
    for lesion in answer.lesions:
        for option in lesion.options:
            of_option = f"options {lesion.id} {option.option}"
            found[f"{of_option} verdict"] = option.verdict
            found[f"{of_option} possible"] = ", ".join(option.possible)
            found[f"{of_option} standing"] = option.standing
            found[f"{of_option} declined"] = option.declined
            for reason in option.reasons:
                about = "" if reason.subject in ("patient", lesion.id) else f" {_beside(reason.subject, lesion.id)}"
                found[f"{of_option} reasons {reason.rule}{about}"] = reason.truth
                if reason.addressed is not None:
                    found[f"{of_option} addressed {reason.rule}{about}"] = reason.addressed
        found[f"order {lesion.id} possible"] = "; ".join(str(order.groups) for order in lesion.order.possible)
        for reason in (*lesion.order.withheld, *lesion.order.reasons):
            found[f"order {lesion.id} reasons {reason.rule}"] = reason.truth
        for part in lesion.thermoprotection:
            of_part = f"thermoprotection {lesion.id} {part.structure}/{part.side or 'none'}"
            found[f"{of_part} verdict"] = part.verdict
            found[f"{of_part} covered_by_plan"] = part.covered_by_plan
            for measure in part.measures:
                found[f"{of_part} measures {measure.measure}"] = measure.status
            reasons = (each for measure in part.measures for each in measure.reasons)
            for each in (*part.reasons, *reasons, *part.advice):
                found[f"{of_part} reasons {each.rule}"] = each.truth
        if lesion.protection_plan is not None:
            found |= _told_of_plan(f"plan {lesion.id}", lesion.protection_plan)
        for owed in lesion.obligations:
            about = "" if owed.subject in ("patient", lesion.id) else f" {_beside(owed.subject, lesion.id)}"
            found[f"obligations {lesion.id} {owed.rule}{about}"] = owed.due
    return found


def _told_of_plan(of_plan: str, plan: ProtectionPlanPart) -> dict[str, str]:
    sets = sorted(sorted(each.measures) for each in plan.sufficient_sets)
    found = {
        "sufficient": "; ".join(", ".join(each) for each in sets),
        "with": ", ".join(sorted({name for each in plan.sufficient_sets for name in each.with_})),
        "without_measure": ", ".join(plan.without_measure),
        "covered_by_plan": plan.covered_by_plan,
    }
    for kind in ("together", "excludes"):
        found[kind] = ", ".join(each.rule for each in plan.combinations if each.kind == kind)
    return {f"{of_plan} {name}": said for name, said in found.items()}


def _beside(subject: str, lesion: str) -> str:
    """A structure or the other lesion as a case names it among what is about a lesion."""
    return subject.removeprefix(f"{lesion}/").removeprefix(f"{lesion}+")
