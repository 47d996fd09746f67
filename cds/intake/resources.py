"""Validation of the resources that a mapping can read, against FHIR R4B's published structure.

A resource that fails is quarantined: its content is unknown, not absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cds.intake.acceptance import accepts, problems
from cds.intake.bundle import Entry
from cds.intake.remarks import Remarks, shown

# The elements that FHIR requires of what is read here: without one of them the rest is quarantined with it.
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "BodyStructure": ("patient",),
    "Condition": ("subject",),
    "ImagingStudy": ("status", "subject"),
    "MedicationAdministration": (
        "status",
        "medicationCodeableConcept",
        "medicationReference",
        "subject",
        "effectiveDateTime",
        "effectivePeriod",
    ),
    "MedicationDispense": ("status", "medicationCodeableConcept", "medicationReference"),
    "MedicationRequest": ("status", "intent", "medicationCodeableConcept", "medicationReference", "subject"),
    "MedicationStatement": ("status", "medicationCodeableConcept", "medicationReference", "subject"),
    "Observation": ("status", "code"),
    "Procedure": ("status", "subject"),
    "QuestionnaireResponse": ("status",),
    "ServiceRequest": ("status", "intent", "subject"),
}
REQUIRED_WITHIN: Final[Mapping[str, str]] = {"component": "code", "item": "linkId"}
"""The same for an item of a list of these names: an Observation's component, an item of a form."""


def required_by(path: str) -> Iterator[str]:
    """The elements that FHIR requires of the items of lists through which a path leads.

    >>> list(required_by("QuestionnaireResponse.item[1].item[0].answer[0].valueString"))
    ['QuestionnaireResponse.item[1].linkId', 'QuestionnaireResponse.item[1].item[0].linkId']
    """
    if "[" not in path:
        return
    parts = path.split(".")
    for number, part in enumerate(parts):
        needed = REQUIRED_WITHIN.get(part.partition("[")[0]) if "[" in part else None
        if needed is not None:
            yield ".".join((*parts[: number + 1], needed))


def is_valid(entry: Entry, remarks: Remarks) -> bool:
    """Whether a resource is what FHIR says its type is; every fault is reported, with its place."""
    if accepts(entry.resource):
        return True
    found = dict.fromkeys(problems(entry.resource, entry.type))
    for path, details in found:
        remarks.warn(
            "invalid-resource",
            entry.at(path),
            f"`{shown(entry.key)}` is not used: {details}; what it would have said counts as unknown",
        )
    return not found
