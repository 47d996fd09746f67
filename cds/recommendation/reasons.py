"""Reasons: a criterion with its truth and its sentence, the facts it read, its thresholds, its evidence."""

from __future__ import annotations

from typing import Final

from cds.evidence import capped
from cds.language import print_expression
from cds.reasoning.decision import Consideration, LesionDecision, StructureDecision
from cds.recommendation.model import ExceptionPart, FidelityPart, PlannerReason, ReasonPart
from cds.recommendation.parts import Parts, support_of, word
from cds.ruleset.model import Grounded, Need, Preference, Rule
from cds.truth import Truth

_PREFIX: Final = {Truth.TRUE: "", Truth.FALSE: "Does not apply: ", Truth.UNKNOWN: "Not known whether this holds: "}


def reason_part(parts: Parts, considered: Consideration) -> ReasonPart:
    """A rule considered in one context."""
    rule = considered.rule
    objection = considered.objection if rule.moves_a_verdict else None
    cited = [parts.rules.references[evidence.cite] for evidence in rule.evidence]
    return ReasonPart(
        rule=rule.id,
        effect=rule.effect,
        truth=word(considered.truth),
        subject=considered.context.id,
        says=sentence(parts, rule, considered),
        strength=capped(rule.strength, rule.effect, cited),
        stated_strength=rule.strength,
        basis=rule.basis,
        support=support_of(cited),
        asks=rule.asks if rule.moves_a_verdict else None,
        addressed=word(considered.done.truth) if considered.done is not None else None,
        moves_verdict=objection is not None and objection.holds is not Truth.FALSE,
        topic=rule.topic,
        ground=rule.ground,
        remedy=parts.filled(rule.remedy, considered.context) if rule.remedy else None,
        condition=parts.rules.conditions[rule.id].text,
        done=parts.rules.conditions[f"{rule.id}.done"].text if rule.done is not None else None,
        exceptions=tuple(considered.exceptions),
        exception_truths=tuple(_exception(parts, name, considered) for name in considered.exceptions),
        facts=parts.read(considered.derivation, considered.done),
        parameters=parts.parameters(rule.id, f"{rule.id}.done"),
        evidence=parts.evidence(rule.evidence),
        fidelity=_fidelity(rule),
        approved=rule.review.approved if rule.review else None,
        owner=rule.review.owner if rule.review else None,
    )


def _exception(parts: Parts, name: str, considered: Consideration) -> ExceptionPart:
    exception = next(each for each in parts.rules.exceptions if each.id == name)
    derivation = considered.exceptions[name]
    return ExceptionPart(
        rule=name,
        truth=word(derivation.truth),
        says=_PREFIX[derivation.truth] + parts.filled(exception.says, considered.context),
        condition=parts.rules.conditions[name].text,
        strength=exception.strength,
        basis=exception.basis,
        support=support_of(parts.rules.references[each.cite] for each in exception.evidence),
        facts=parts.read(derivation),
        parameters=parts.parameters(name),
        evidence=parts.evidence(exception.evidence),
        fidelity=_fidelity(exception),
    )


def _fidelity(statement: Grounded) -> FidelityPart:
    return FidelityPart(kind=statement.fidelity.kind, note=statement.fidelity.note)


def sentence(parts: Parts, rule: Rule, considered: Consideration) -> str:
    """The rule's own sentence where it holds, what holds otherwise where it does not, and neither where unknown."""
    match considered.truth:
        case Truth.TRUE:
            return parts.filled(rule.says, considered.context)
        case Truth.FALSE if rule.otherwise is not None:
            return parts.filled(rule.otherwise, considered.context)
        case Truth.FALSE:
            return _PREFIX[Truth.FALSE] + parts.filled(rule.says, considered.context)
        case Truth.UNKNOWN:
            verb = "applies" if rule.effect in ("obliges", "informs") else "holds"
            return f"Not known whether this {verb}: {parts.filled(rule.says, considered.context)}"


def preference_part(parts: Parts, preference: Preference, lesion: LesionDecision) -> ReasonPart:
    """A preference for one lesion, its exceptions applied."""
    derivation = lesion.preferences[preference.id]
    truth = lesion.preference_truths[preference.id]
    cited = [parts.rules.references[evidence.cite] for evidence in preference.evidence]
    return ReasonPart(
        rule=preference.id,
        effect="for",
        truth=word(truth),
        subject=lesion.lesion.id,
        says=_PREFIX[truth] + preference.says,
        strength=capped(preference.strength, "for", cited),
        stated_strength=preference.strength,
        basis=preference.basis,
        support=support_of(cited),
        condition=parts.rules.conditions[preference.id].text,
        exceptions=tuple(p.id for p in parts.rules.preferences if p.exception_to == preference.id),
        facts=parts.read(derivation),
        parameters=parts.parameters(preference.id),
        evidence=parts.evidence(preference.evidence),
        fidelity=_fidelity(preference),
        approved=preference.review.approved if preference.review else None,
        owner=preference.review.owner if preference.review else None,
    )


def planner_part(parts: Parts, rule: Need, decided: StructureDecision) -> PlannerReason:
    """A criterion of the thermoprotection planner at one structure."""
    derivation = decided.derivations[rule.id]
    return PlannerReason(
        rule=rule.id,
        truth=word(derivation.truth),
        says=_PREFIX[derivation.truth] + parts.filled(rule.says, decided.context),
        strength=rule.strength,
        basis=rule.basis,
        support=support_of(parts.rules.references[each.cite] for each in rule.evidence),
        condition=print_expression(parts.rules.conditions[rule.id].tree),
        facts=parts.read(derivation),
        parameters=parts.parameters(rule.id),
        evidence=parts.evidence(rule.evidence),
        fidelity=_fidelity(rule),
        approved=rule.review.approved if rule.review else None,
        owner=rule.review.owner if rule.review else None,
    )
