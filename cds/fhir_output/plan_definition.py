"""A rule set as FHIR artefacts, made from the loaded rules: a PlanDefinition, its Library, and what both refer to.

One action for every statement: its id is the statement's, its condition the statement's criterion in CQL. What a true,
false or unknown criterion does is said by the code of the statement's kind, not by FHIR's own reading of `condition`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from cds.evidence import capped
from cds.explanation.references import reference as reference_text
from cds.fhir_output import citations
from cds.fhir_output.addresses import Addresses
from cds.fhir_output.code_systems import code_systems
from cds.fhir_output.data_requirements import every_requirement
from cds.fhir_output.datatypes import TERMINOLOGY, Json, concept, present
from cds.fhir_output.questionnaire import questionnaire
from cds.language import parse, to_cql
from cds.language.syntax import AnyOf, Expression
from cds.recommendation.words import parameter_text
from cds.ruleset import RuleSet
from cds.ruleset.model import Grounded, Parameter, Rule

HOOKS: Final = ("patient-view", "order-select", "order-sign", "order-dispatch")
"""The events on which the options are looked at: the hooks of CDS Hooks."""
_PLACE: Final = re.compile(r"\{parameters\.([A-Za-z][A-Za-z0-9_]*)\}")
_TYPES: Final = {"Quantity": "Quantity", "Integer": "integer", "Decimal": "decimal"}


def artefacts(rules: RuleSet) -> tuple[Json, ...]:
    """Every artefact that a rule set publishes. Another one is another entry here; nothing else has to know of it."""
    form = (questionnaire(rules),) if rules.mapping.local.questionnaire else ()
    extension = missing_fact_extension(rules)
    return (plan_definition(rules), library(rules), extension, *form, *code_systems(rules, status(rules)))


def status(rules: RuleSet) -> str:
    """`active` once somebody has signed the rule set off, `draft` before."""
    return "active" if rules.head.approved else "draft"


def plan_definition(rules: RuleSet) -> Json:
    """The rule set as a PlanDefinition: scope, options as alternatives, order, protection, and what stands beside."""
    addresses = Addresses.of(rules)
    return {
        **_head("PlanDefinition", rules.head.id, addresses.plan, rules),
        "type": concept(f"{TERMINOLOGY}plan-definition-type", "eca-rule"),
        "subjectCodeableConcept": concept("http://hl7.org/fhir/resource-types", "Patient"),
        **present(usage=" ".join(rules.head.not_for.split())),
        "relatedArtifact": _references(rules),
        "library": [addresses.versioned(addresses.library)],
        "action": _Plan(rules, addresses).groups(),
    }


def library(rules: RuleSet) -> Json:
    """What the rules read: their thresholds as parameters, and every way to say each fact."""
    return {
        **_head("Library", rules.head.id, Addresses.of(rules).library, rules),
        "type": concept(f"{TERMINOLOGY}library-type", "logic-library"),
        "subjectCodeableConcept": concept("http://hl7.org/fhir/resource-types", "Patient"),
        "relatedArtifact": _references(rules),
        "parameter": [_threshold(name, each) for name, each in sorted(rules.parameters.items())],
        "dataRequirement": every_requirement(rules),
    }


def missing_fact_extension(rules: RuleSet) -> Json:
    """The extension on a DataRequirement that says which fact of whom is missing, why, and whether it decides."""
    url = Addresses.of(rules).missing_fact
    parts = {"fact": "string", "subject": "string", "label": "string", "reason": "code", "decisive": "boolean"}
    elements: list[Json] = [
        {"id": "Extension", "path": "Extension", "short": "The fact that is missing", "min": 0, "max": "1"}
    ]
    for name, kind in parts.items():
        root = f"Extension.extension:{name}"
        elements += [
            {"id": root, "path": "Extension.extension", "sliceName": name, "min": 1, "max": "1"},
            {"id": f"{root}.url", "path": "Extension.extension.url", "fixedUri": name},
            {
                "id": f"{root}.value[x]",
                "path": "Extension.extension.value[x]",
                "min": 1,
                "type": [{"code": kind}],
            },
        ]
    elements.append({"id": "Extension.url", "path": "Extension.url", "fixedUri": url})
    return {
        "resourceType": "StructureDefinition",
        "id": "cds-missing-fact",
        "url": url,
        "version": rules.head.version,
        "name": "CdsMissingFact",
        "title": "The fact that a data requirement is for",
        "status": status(rules),
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": "DataRequirement"}],
        "type": "Extension",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Extension",
        "derivation": "constraint",
        "differential": {"element": elements},
    }


def _head(resource_type: str, id_: str, url: str, rules: RuleSet) -> Json:
    head = rules.head
    return {
        "resourceType": resource_type,
        "id": id_,
        "url": url,
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:{rules.digest}"}],
        "version": head.version,
        "name": "".join(part.capitalize() for part in re.split(r"[^A-Za-z0-9]+", head.id)),
        "title": head.title,
        "status": status(rules),
        "experimental": head.approved is None,
        **present(
            description=" ".join(head.intended_use.split()),
            approvalDate=head.approved.isoformat() if head.approved else None,
        ),
    }


def _references(rules: RuleSet) -> list[Json]:
    return [
        present(
            type="citation",
            label=name,
            display=reference_text(reference.csl()),
            citation=citations.citation_text(reference.csl()),
            url=reference.url,
        )
        for name, reference in sorted(rules.references.items())
    ]


def _threshold(name: str, parameter: Parameter) -> Json:
    """A threshold as a parameter; its value and how far it is backed in words, for FHIR has no place for them."""
    said = f"{parameter.label or name}: {parameter_text(parameter)} ({parameter.status.replace('-', ' ')})"
    return {"name": name, "use": "in", "min": 0, "max": "1", "documentation": said, "type": _TYPES[parameter.type]}


class _Plan:
    """The actions of one PlanDefinition in the making."""

    def __init__(self, rules: RuleSet, addresses: Addresses) -> None:
        self.rules = rules
        self.addresses = addresses

    def groups(self) -> list[Json]:
        rules, planner = self.rules, self.rules.planner
        combinations = [
            self._action(each.id, "combination", each, each.says, conditions=()) for each in planner.combinations
        ]
        protection = [
            *(self._action(need.id, "need", need, need.says) for need in planner.need),
            *(self._action(each.id, each.status, each, each.says) for each in planner.measures),
            *(self._action(each.id, "monitoring", each, each.says) for each in planner.monitoring),
            *combinations,
        ]
        preferences = [self._action(each.id, "preference", each, each.says) for each in rules.preferences]
        alternatives = [
            present(
                id=each.id,
                prefix=each.id,
                description=each.says,
                code=[self._kind("alternative")],
                documentation=citations.cited(
                    [citations.evidence_part(e, rules.references) for e in each.evidence],
                    {e.cite: rules.references[e.cite].csl() for e in each.evidence},
                    each.strength,
                ),
            )
            for each in rules.alternatives
        ]
        return [
            self._group("scope", "Scope: whom these rules are about", self._of("scope")),
            {
                **self._group("options", "Options", [self._option(name) for name in rules.options]),
                "trigger": [{"type": "named-event", "name": hook} for hook in HOOKS],
                "groupingBehavior": "logical-group",
                "selectionBehavior": "at-most-one",
            },
            *self._filled_group("any-option", "What holds for every option", self._of("any")),
            *self._filled_group("order", "The order of the options", [*self._of("order"), *preferences]),
            *self._filled_group("thermoprotection", "Protection of the structures at risk", protection),
            *self._filled_group("alternatives", "Always listed beside the options", alternatives),
            *self._filled_group("definitions", "Notions that criteria name", self._definitions()),
        ]

    def _definitions(self) -> list[Json]:
        """What a criterion means by a name that is no fact: in every phase, or in each."""
        made = []
        for name, definition in sorted(self.rules.definitions.items()):
            told: list[tuple[str, Expression]] = [
                (f"{name}.{phase}", parse(text)) for phase, text in definition.phases.items()
            ]
            if definition.when is not None:
                told = [(name, parse(definition.when))]
            elif definition.any is not None and definition.where is not None:
                told = [(name, AnyOf(definition.any, parse(definition.where)))]
            conditions = [
                {
                    "kind": "applicability",
                    "expression": {"name": id_, "language": "text/cql", "expression": to_cql(tree)},
                }
                for id_, tree in told
            ]
            made.append(
                present(
                    id=name,
                    prefix=name,
                    description=definition.says,
                    code=[self._kind("definition")],
                    condition=conditions,
                )
            )
        return made

    @staticmethod
    def _group(id_: str, title: str, actions: Sequence[Json]) -> Json:
        return present(id=id_, title=title, action=list(actions))

    def _filled_group(self, id_: str, title: str, actions: Sequence[Json]) -> list[Json]:
        return [self._group(id_, title, actions)] if actions else []

    def _option(self, name: str) -> Json:
        option, references = self.rules.options[name], self.rules.references
        banner = option.banner
        evidence = [citations.evidence_part(each, references) for each in banner.evidence] if banner else []
        return present(
            id=name,
            title=option.label,
            description=banner.says if banner else None,
            code=[concept(self.addresses.system("option"), name, option.label)],
            documentation=citations.cited(evidence, {e.cite: references[e.cite].csl() for e in evidence}),
            action=self._of(name),
        )

    def _of(self, option: str) -> list[Json]:
        return [self._rule(rule) for rule in self.rules.rules if rule.option == option]

    def _rule(self, rule: Rule) -> Json:
        exceptions = [
            {
                **self._action(each.id, "exception", each, each.says),
                "reason": [{"text": f"exception to {each.exception_to}"}],
            }
            for each in self.rules.exceptions
            if each.exception_to == rule.id
        ]
        cited = [self.rules.references[each.cite] for each in rule.evidence]
        shown = rule.model_copy(update={"strength": capped(rule.strength, rule.effect, cited)})
        return {
            **self._action(rule.id, rule.effect, shown, rule.says, (rule.id, f"{rule.id}.done")),
            "code": [
                self._kind(rule.effect),
                concept(self.addresses.system("phase"), rule.phase),
                concept(self.addresses.system("level"), rule.for_each),
            ],
            **present(
                textEquivalent=self._said(rule.otherwise) if rule.otherwise else None,
                title=rule.topic,
                action=exceptions,
            ),
        }

    def _action(
        self, id_: str, kind: str, grounds: Grounded, says: str, conditions: Iterable[str] | None = None
    ) -> Json:
        criteria = (id_,) if conditions is None else conditions
        return present(
            id=id_,
            prefix=id_,
            description=self._said(says),
            code=[self._kind(kind)],
            documentation=citations.of_rule(grounds, self.rules),
            condition=[self._condition(name, id_) for name in criteria if name in self.rules.conditions],
        )

    def _condition(self, name: str, id_: str) -> Json:
        """The criterion; what makes an obligation fulfilled, or a plan sufficient, is a condition to stop."""
        condition = self.rules.conditions[name]
        expression = {"name": name, "language": "text/cql", "expression": to_cql(condition.tree)}
        return {"kind": "applicability" if name == id_ else "stop", "expression": expression}

    def _kind(self, kind: str) -> Json:
        return concept(self.addresses.system("statement"), kind)

    def _said(self, template: str) -> str:
        """A rule's sentence with its thresholds; the places of a patient's facts stay as they are."""
        return _PLACE.sub(lambda match: parameter_text(self.rules.parameters[match[1]]), template)
