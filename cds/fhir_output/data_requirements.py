"""The facts that a rule set reads, as FHIR's DataRequirement: which resource, with which code, would say one.

A fact can be said in several ways (its own Observation code, a published code, another resource): requirements with the
same fact and subject in their extension are alternatives, one of which is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cds.fhir_output.addresses import Addresses
from cds.fhir_output.datatypes import Json, coding, present
from cds.intake.rebuild import kebab
from cds.recommendation.model import FactPart, LesionPart, OptionPart, PlannerReason, ReasonPart, Recommendation
from cds.ruleset import RuleSet
from cds.vocabulary import FactDefinition, FactKind, Level

LESION: Final = "lesion"
"""What is missing where no target lesion was found."""


@dataclass(frozen=True, slots=True)
class MissingFact:
    """A fact that is not known: of whom, why, and whether it can settle a verdict (`decisive`)."""

    name: str
    subject: str
    label: str
    reason: str
    decisive: bool


def missing_facts(answer: Recommendation) -> tuple[MissingFact, ...]:
    """The facts for want of which an answer is incomplete, each once: first those that decide, then those that refine.

    What only concerns an option that is settled as impossible is not asked for.
    """
    found: dict[tuple[str, str], MissingFact] = {}

    def add(name: str, subject: str, label: str, reason: str, decisive: bool) -> None:
        found.setdefault((subject, name), MissingFact(name, subject, label or name, reason, decisive))

    if not answer.lesions:
        add(LESION, "patient", "target lesion", "never-recorded", True)
    scopes = [answer.scope, *(lesion.scope for lesion in answer.lesions)]
    open_scopes = [reason for scope in scopes if scope.truth == "unknown" for reason in scope.reasons]
    for fact in _unknown(fact for reason in open_scopes for fact in reason.facts):
        add(fact.name, fact.subject, fact.label, _why(fact), True)
    for lesion in answer.lesions:
        for option in lesion.options:
            for each in option.settling_facts if option.verdict == "undetermined" else ():
                add(each.name, each.subject, each.label, each.reason or each.status, True)
    for lesion in answer.lesions:
        for fact in _unknown(fact for reason in _undecided(lesion) for fact in reason.facts):
            add(fact.name, fact.subject, fact.label, _why(fact), False)
    return tuple(found.values())


def is_open(lesion: LesionPart, option: OptionPart) -> bool:
    """Whether an option can still come to something: nothing settled excludes it, and its lesion may be in scope."""
    return option.standing != "excluded" and lesion.scope.truth != "false"


def _undecided(lesion: LesionPart) -> Iterator[ReasonPart | PlannerReason]:
    """The undecided criteria of options that are open, and of the protection that such an option asks for."""
    options = [option for option in lesion.options if is_open(lesion, option)]
    considered: list[ReasonPart | PlannerReason] = [reason for option in options for reason in option.reasons]
    if any("/" in reason.subject for option in options for reason in option.reasons):
        for structure in lesion.thermoprotection:
            if structure.verdict != "not-required":
                considered += [*structure.reasons, *(each for m in structure.measures for each in m.reasons)]
    if options:
        considered += lesion.order.withheld
    yield from (reason for reason in considered if reason.truth == "unknown")


def _unknown(facts: Iterable[FactPart]) -> Iterator[FactPart]:
    return (fact for fact in facts if fact.status != "known")


def _why(fact: FactPart) -> str:
    return fact.reason or fact.status


def missing_requirements(missing: Iterable[MissingFact], rules: RuleSet) -> list[Json]:
    """What to send so that the missing facts become known; the extension of each names its fact."""
    url = Addresses.of(rules).missing_fact
    requirements: list[Json] = []
    for fact in missing:
        told = [
            {"url": "fact", "valueString": fact.name},
            {"url": "subject", "valueString": fact.subject},
            {"url": "label", "valueString": fact.label},
            {"url": "reason", "valueCode": fact.reason},
            {"url": "decisive", "valueBoolean": fact.decisive},
        ]
        structure = fact.subject.split("/")[1] if "/" in fact.subject else None
        requirements += [
            {"extension": [{"url": url, "extension": told}], **requirement}
            for requirement in fact_requirements(fact.name, rules, structure)
        ]
    return requirements


def every_requirement(rules: RuleSet) -> list[Json]:
    """What a rule set can read: every way to say every fact."""
    facts = [LESION, *(d.path for d in rules.vocabulary.facts.values() if d.kind is not FactKind.GIVEN)]
    return [requirement for name in facts for requirement in fact_requirements(name, rules, None)]


def fact_requirements(name: str, rules: RuleSet, structure: str | None) -> list[Json]:
    """The ways to say one fact, the most explicit first: an Observation, then what else the mapping tables read."""
    if name == LESION:
        return _lesion(rules)
    level, _, bare = name.partition(".")
    definition = rules.vocabulary.facts.get((Level(level), bare))
    if definition is None:
        return []
    return [_observation(definition, rules, structure), *_elsewhere(name, rules)]


def _lesion(rules: RuleSet) -> list[Json]:
    tables = rules.mapping.lesions
    body = present(type="BodyStructure", profile=list(tables.tumour_profiles), mustSupport=["morphology", "location"])
    condition = present(
        type="Condition",
        profile=list(tables.cancer_profiles),
        mustSupport=["code", "clinicalStatus", "verificationStatus", "bodySite"],
    )
    return [body, condition]


def _observation(definition: FactDefinition, rules: RuleSet, structure: str | None) -> Json:
    """The fact's own code, and every published one that the tables read for it."""
    local, readers = rules.mapping.local, rules.mapping.readers
    codes = [coding(local.observation, kebab(definition.name), definition.label)]
    for reader in readers.observations:
        if reader.fact == definition.path and reader.structure in (None, "bodySite", structure):
            codes += _codes(reader.codes, rules)
    filters: list[Json] = [{"path": "code", "code": codes}]
    supported = ["code", "status", "value", "effective"]
    if definition.level is not Level.PATIENT:
        supported.append("focus")
    if definition.level is Level.STRUCTURE:
        supported.append("bodySite")
    if structure is not None and definition.level is Level.STRUCTURE:
        filters.append({"path": "bodySite", "code": [coding(local.structure, structure)]})
    return {"type": "Observation", "mustSupport": supported, "codeFilter": filters}


def _elsewhere(name: str, rules: RuleSet) -> Iterator[Json]:
    """What else gives the fact: other resources that a reader of the mapping tables names."""
    readers = rules.mapping.readers
    for age in readers.age:
        if age.fact == name:
            yield {"type": "Patient", "mustSupport": ["birthDate"]}
    for condition in readers.conditions:
        if condition.fact == name and not condition.unclear:
            supported = ["code", "clinicalStatus", "verificationStatus"]
            yield from _coded("Condition", supported, "code", condition.codes, rules)
    for medication in readers.medications:
        if medication.fact == name:
            for kind in ("MedicationStatement", "MedicationRequest"):
                yield from _coded(kind, ["medication", "status"], "medication", medication.codes, rules)
    for done in readers.done:
        if done.fact == name:
            yield from _coded("Procedure", ["code", "status", "performed"], "code", done.codes, rules)
    for treatment in readers.treatments:
        if name in (*treatment.here, treatment.since, treatment.date):
            supported = ["code", "status", "performed", "bodySite"]
            yield from _coded("Procedure", supported, "code", treatment.codes, rules)
    for refusal in readers.refusals:
        if refusal.fact == name:
            yield from _coded("ServiceRequest", ["code", "status"], "code", refusal.codes, rules)


def _coded(kind: str, supported: list[str], path: str, value_set: str, rules: RuleSet) -> Iterator[Json]:
    codes = _codes(value_set, rules)
    if codes:
        yield {"type": kind, "mustSupport": supported, "codeFilter": [{"path": path, "code": codes}]}


def _codes(value_set: str, rules: RuleSet) -> list[Json]:
    tables = rules.mapping
    return [coding(tables.systems[system].uri, code) for system, code in sorted(tables.value_set(value_set).codes)]
