"""The operations of the FHIR door, as OperationDefinitions. What is read from a request is what stands here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cds.fhir_output.addresses import Addresses
from cds.fhir_output.datatypes import Json, present
from cds.fhir_output.plan_definition import status
from cds.ruleset import RuleSet

TYPE_LEVEL: Final = "type"


@dataclass(frozen=True, slots=True)
class InParameter:
    """One parameter of a request: its name, FHIR type, how often it may stand, and what it says.

    `level` is the only level at which it may stand, where there is one; `parts` are those of a parameter without value.
    """

    name: str
    type: str
    says: str
    least: int = 0
    most: str = "1"
    level: str | None = None
    parts: tuple[InParameter, ...] = ()


PARAMETERS: Final = (
    InParameter("url", "uri", "The PlanDefinition to apply, by its canonical address.", level=TYPE_LEVEL),
    InParameter("canonical", "uri", "The same as `url`; a version may follow after `|`.", level=TYPE_LEVEL),
    InParameter("version", "string", "The version of the plan; with `url` or `canonical`.", level=TYPE_LEVEL),
    InParameter(
        "subject",
        "string",
        "The patient: `Patient/id`, or the absolute address under which the data names the patient. One patient.",
        least=1,
    ),
    InParameter(
        "data",
        "Bundle",
        "The patient's record: one Bundle, of any type but a subscription's. Nothing is fetched: what is not in it is "
        "not known. Either this or `prefetchData`.",
    ),
    InParameter(
        "prefetchData",
        "",
        "The patient's record as a CDS client has it in parts; they are read together, in this order.",
        most="*",
        parts=(
            InParameter("key", "string", "What the client calls this part."),
            InParameter(
                "data",
                "Resource",
                "A resource, or a Bundle of the type `searchset` or `collection`.",
                least=1,
            ),
        ),
    ),
    InParameter("encounter", "string", "Where this is asked: a reference, copied to the answer."),
    InParameter("practitioner", "string", "Who asks: a reference, copied to the answer."),
    InParameter("organization", "string", "For whom this is asked: a reference, copied to the answer."),
    InParameter("as_of", "date", "The day of the answer; without it, the day of the request."),
    InParameter("phase", "code", "decision (without it), planning or follow-up."),
    InParameter("lesion", "string", "This target lesion only, by the id that the answer gives it."),
)
"""What a request may hold and what changes the answer. No other parameter is passed over in silence."""

REFUSED: Final = {
    "planDefinition": "a plan sent along is not applied, only the one of this server; name it by `url`",
    "parameters": "thresholds are not set by a request but by the institution's overlay",
    "useServerData": "this server holds no patient's data; send the record in `data`",
    "dataEndpoint": "nothing is fetched from other servers; send the record in `data`",
    "contentEndpoint": "nothing is fetched from other servers",
    "terminologyEndpoint": "nothing is fetched from other servers",
}
"""Parameters that other servers know, and why they are refused here."""
UNUSED: Final = ("userType", "userLanguage", "userTaskContext", "setting", "settingContext")
"""Parameters of the base operation that change nothing here: accepted, and the answer says so."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of PlanDefinition."""

    code: str
    id: str
    name: str
    title: str
    base: str
    description: str
    returns: str
    says: str


OPERATIONS: Final = (
    Operation(
        "apply",
        "cds-apply",
        "CdsApply",
        "Apply the plan to a patient",
        "http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply",
        "The options for each target lesion of the patient, with their reasons, as proposals; what is missing; what is "
        "at issue. Nothing is stored, nothing is ordered.",
        "CarePlan",
        "A CarePlan that contains the RequestGroup, the GuidanceResponse and everything that they refer to.",
    ),
    Operation(
        "r5.apply",
        "cds-r5-apply",
        "CdsR5Apply",
        "Apply the plan to a patient, with the result of FHIR R5",
        "http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply",
        "The same as apply, in the form that FHIR R5 gives the result: a Bundle, here of R4 resources.",
        "Bundle",
        "A Bundle of the type collection whose first entry is the RequestGroup.",
    ),
)


def operation_definitions(rules: RuleSet) -> list[Json]:
    """The OperationDefinitions of this door."""
    return [_definition(operation, rules) for operation in OPERATIONS]


def _definition(operation: Operation, rules: RuleSet) -> Json:
    addresses = Addresses.of(rules)
    unused = [InParameter(name, "CodeableConcept", "Accepted, and not used: the answer says so.") for name in UNUSED]
    returned = {"name": "return", "use": "out", "min": 1, "max": "1", "documentation": operation.says}
    return {
        "resourceType": "OperationDefinition",
        "id": operation.id,
        "url": addresses.canonical("OperationDefinition", operation.id),
        "version": rules.head.version,
        "name": operation.name,
        "title": operation.title,
        "status": status(rules),
        "kind": "operation",
        "description": operation.description,
        "affectsState": False,
        "code": operation.code,
        "base": operation.base,
        "resource": ["PlanDefinition"],
        "system": False,
        "type": True,
        "instance": True,
        "parameter": [
            *(_in_parameter(each) for each in (*PARAMETERS, *unused)),
            {**returned, "type": operation.returns},
        ],
    }


def _in_parameter(each: InParameter) -> Json:
    where = f" At the {each.level} level only." if each.level else ""
    return {
        "name": each.name,
        "use": "in",
        "min": each.least,
        "max": each.most,
        "documentation": each.says + where,
        **present(type=each.type, part=[_in_parameter(part) for part in each.parts]),
    }
