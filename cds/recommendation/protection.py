"""Thermoprotection in the answer: what each structure at risk needs, and all threatened ones together."""

from __future__ import annotations

from cds.case import Facts
from cds.reasoning.decision import LesionDecision, StructureDecision
from cds.reasoning.thermoprotection import beside, said_of
from cds.recommendation.model import (
    CombinationPart,
    MeasurePart,
    MonitoringPart,
    ParameterPart,
    ProtectionPlanPart,
    SufficientSet,
    ThermoprotectionPart,
    TruthWord,
)
from cds.recommendation.parts import Parts, support_of, word
from cds.recommendation.reasons import planner_part
from cds.recommendation.words import NOT_KNOWN, fact_text, spoken
from cds.ruleset.model import Evidence, Phase
from cds.truth import Truth
from cds.vocabulary import Level, Vocabulary


def structure_part(parts: Parts, decided: StructureDecision, phase: Phase) -> ThermoprotectionPart:
    """One structure at risk: its distance, its measures with their reasons, and whether the plan covers it."""
    facts = decided.context.facts["structure"]
    vocabulary = parts.rules.vocabulary
    name, side = str(facts["name"].value), str(facts["side"].value)
    structure = vocabulary.structures[name]
    rules = {rule.id: rule for rule in (*parts.rules.planner.measures, *parts.rules.planner.monitoring)}
    return ThermoprotectionPart(
        structure=name,
        side=None if side == "none" else side,
        label=parts.labels[decided.context.id],
        distance=_distance(facts, parts.rules.vocabulary, phase),
        verdict=decided.protection.need.value,
        measures=tuple(
            MeasurePart(
                measure=answer.measure,
                label=vocabulary.measures[answer.measure].label,
                status=answer.standing.value,
                planned=_planned(facts, vocabulary.measures[answer.measure].planned),
                reasons=tuple(planner_part(parts, rules[rule], decided) for rule in answer.rules),
            )
            for answer in decided.protection.measures
        ),
        monitoring=tuple(
            MonitoringPart(
                monitoring=monitoring,
                label=vocabulary.monitoring[monitoring].label,
                planned=_planned(facts, vocabulary.monitoring[monitoring].planned),
            )
            for monitoring in structure.monitoring
        ),
        advice=tuple(planner_part(parts, rules[rule], decided) for rule in decided.protection.advice),
        covered_by_plan=word(decided.covered),
        reasons=tuple(planner_part(parts, need, decided) for need in parts.rules.planner.need),
        evidence=parts.evidence(Evidence(cite=cite) for cite in structure.evidence),
    )


def _distance(facts: Facts, vocabulary: Vocabulary, phase: Phase) -> str:
    """The distance from the tumour; in planning with where it starts, beside that from the planned ice."""
    known = {
        definition.starts_at: fact_text(facts[definition.name], definition)
        for definition in vocabulary.of(Level.STRUCTURE)
        if definition.starts_at is not None and facts[definition.name].is_known
    }
    if phase != "planning":
        return known.get("tumour", NOT_KNOWN)
    told = [f"{known[start]} from the {start}" for start in ("ice", "tumour") if start in known]
    return ", ".join(told) or NOT_KNOWN


def _planned(facts: Facts, name: str) -> TruthWord:
    value = facts[name].value
    return word(Truth.of(value)) if isinstance(value, bool) else "unknown"


def plan_part(parts: Parts, lesion: LesionDecision) -> ProtectionPlanPart | None:
    """All threatened structures together; none where nothing is planned (follow-up)."""
    if not lesion.structures:
        return None
    plan, combinations = lesion.plan, parts.rules.planner.combinations
    return ProtectionPlanPart(
        required=plan.required,
        undetermined=plan.undetermined,
        not_required=len(lesion.structures) - len(plan.required) - len(plan.undetermined),
        protectable=tuple(each for each in plan.required if each not in plan.without_measure),
        without_measure=plan.without_measure,
        sufficient_sets=tuple(
            SufficientSet(measures=chosen, with_=beside(chosen, combinations)) for chosen in plan.sufficient
        ),
        combinations=tuple(
            CombinationPart(
                rule=c.id,
                kind="together" if c.together else "excludes",
                members=c.members,
                says=c.says,
                strength=c.strength,
                basis=c.basis,
                support=support_of(parts.rules.references[each.cite] for each in c.evidence),
                evidence=parts.evidence(c.evidence),
            )
            for c in said_of(plan, combinations)
        ),
        covered_by_plan=word(plan.covered),
        uncovered=plan.uncovered,
        says=_distances_say(parts, lesion),
        distances=_distances(parts),
    )


def _distances(parts: Parts) -> tuple[ParameterPart, ...]:
    """The distances by which structures are said to be threatened."""
    read = parts.parameters(*(need.id for need in parts.rules.planner.need))
    return tuple(part for part in read if parts.rules.parameters[part.name].measured_from is not None)


def _distances_say(parts: Parts, lesion: LesionDecision) -> str:
    """How many structures the distances flag, that nobody proved them safe, and what the institution has to set."""
    plan, distances = lesion.plan, _distances(parts)
    flagged = f"{len(plan.required)} of {len(lesion.structures)}"
    if plan.undetermined:
        flagged += f" ({len(plan.undetermined)} more undetermined)"
    told = []
    for part in sorted(distances, key=lambda each: each.overridden or each.status == "institution-default"):
        remark = ""
        if part.overridden:
            remark = " (set by the institution)"
        elif part.status == "unset":
            remark = f" ({part.note or f'the institution sets {part.name}'})"
        elif part.status == "institution-default":
            remark = f" (institution default: set {part.name})"
        told.append(f"{spoken(part.name)} {part.value}{remark}")
    return f"Distances, not proven safe, flag {flagged}: {', '.join(told)}."
