"""What a Condition's status elements make of it: whether the diagnosis holds, and whether it is a recurrence."""

from __future__ import annotations

import enum
from typing import Final

from cds.intake.bundle import Entry
from cds.intake.coding import coding, concept, extension
from cds.intake.document import child, children, string
from cds.intake.remarks import Remarks, shown
from cds.ruleset.mapping import MappingTables

CLINICAL_STATUS: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFICATION_STATUS: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
CONDITION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
_LISTED: Final = frozenset({"problem-list-item", "encounter-diagnosis"})
_PAST: Final = frozenset({"inactive", "remission", "resolved"})
_CERTAIN: Final = "certain"
_EXCLUDED: Final = "excluded"
_STATE_AFTER: Final = "state-after"
_NOT_SAID: Final = ""
_NOW: Final = frozenset({"active", "recurrence", "relapse"})
ABATEMENT: Final = (
    "abatementDateTime",
    "abatementAge",
    "abatementPeriod",
    "abatementRange",
    "abatementString",
)
"""The elements by which a Condition says that it is over."""


class Standing(enum.Enum):
    """What a Condition's status elements make of it."""

    PRESENT = "present"
    PAST = "past"
    UNCONFIRMED = "unconfirmed"
    WITHDRAWN = "withdrawn"
    """Refuted, or entered in error."""


def standing(entry: Entry, tables: MappingTables) -> tuple[Standing, str]:
    """What a Condition's status elements make of it, and the element that decides.

    A missing verification counts as confirmed only on a problem list or as an encounter's diagnosis, a missing clinical
    status as present. A status without a code of FHIR's own system, or with codes that contradict each other, confirms
    nothing. An abatement beside an active status, and a certainty of the code beside a verification that it
    contradicts, leave the diagnosis unconfirmed.
    """
    how, element = _by_status(entry, tables)
    certainty = _certainty(entry, tables)
    if how is Standing.WITHDRAWN or not certainty - {_CERTAIN}:
        return how, element
    if certainty == {_EXCLUDED} and "verificationStatus" not in entry.resource:
        return Standing.WITHDRAWN, "code"
    if certainty == {_STATE_AFTER} and "verificationStatus" not in entry.resource and how is not Standing.UNCONFIRMED:
        return Standing.PAST, "code"
    return Standing.UNCONFIRMED, "code"


def _certainty(entry: Entry, tables: MappingTables) -> frozenset[str]:
    """What the codes of a diagnosis say of its certainty, in the tables' words; empty where they say nothing.

    In Germany a code stands with a letter: certain, suspected, excluded, or a state after it.
    """
    code = child(entry.resource, "code")
    said = [
        concept_of
        for holder in (code, *children(code, "coding"))
        for _, item in extension(holder, tables.extensions.certainty)
        for concept_of in (coding(item.get("valueCoding"), tables),)
    ]
    words = tables.code_map(tables.lesions.certainty)
    return frozenset(word for one in said for word in one.mapped(words) or (_NOT_SAID,))


def _by_status(entry: Entry, tables: MappingTables) -> tuple[Standing, str]:
    verification = concept(entry.resource.get("verificationStatus"), tables).local(VERIFICATION_STATUS)
    if is_subsetted(entry) and not {"verificationStatus", "clinicalStatus"} <= set(entry.resource):
        withheld = "clinicalStatus" if "verificationStatus" in entry.resource else "verificationStatus"
        if not {"refuted", "entered-in-error"} & set(verification):
            return Standing.UNCONFIRMED, withheld
    if "entered-in-error" in verification or ("refuted" in verification and "confirmed" not in verification):
        return Standing.WITHDRAWN, "verificationStatus"
    if set(verification) != {"confirmed"} and ("verificationStatus" in entry.resource or not _is_listed(entry, tables)):
        return Standing.UNCONFIRMED, "verificationStatus"
    clinical = concept(entry.resource.get("clinicalStatus"), tables).local(CLINICAL_STATUS)
    if clinical and _PAST.issuperset(clinical):
        return Standing.PAST, "clinicalStatus"
    if "clinicalStatus" in entry.resource and not (clinical and _NOW.issuperset(clinical)):
        return Standing.UNCONFIRMED, "clinicalStatus"
    over = next((element for element in ABATEMENT if element in entry.resource), None)
    if over is not None:
        return Standing.UNCONFIRMED if "clinicalStatus" in entry.resource else Standing.PAST, over
    return Standing.PRESENT, "clinicalStatus"


def is_subsetted(entry: Entry) -> bool:
    """Whether the sender says that elements of the resource were left out: what it lacks is not known to be missing."""
    return any(string(tag, "code") == "SUBSETTED" for tag in children(entry.resource.get("meta"), "tag"))


def _is_listed(entry: Entry, tables: MappingTables) -> bool:
    categories = (concept(category, tables) for category in children(entry.resource, "category"))
    return any(code in _LISTED for category in categories for code in category.local(CONDITION_CATEGORY))


def note_assumption(entry: Entry, remarks: Remarks) -> None:
    """Report that a listed Condition without verification was taken as confirmed."""
    if "verificationStatus" not in entry.resource:
        remarks.inform(
            "assumed-confirmed",
            entry.path,
            f"`{shown(entry.key)}` says no verificationStatus; being listed as a diagnosis, it was taken as confirmed",
        )


def recurrence_element(condition: Entry, tables: MappingTables) -> str | None:
    """The element by which a Condition says that it is a recurrence."""
    code = concept(condition.resource.get("code"), tables)
    recurrent = tables.value_set(tables.lesions.recurrent)
    if code.any_in(recurrent):
        return "code"
    urls = tables.extensions.recurrence
    if extension(condition.resource, urls):
        return "extension"
    if extension(child(condition.resource, "clinicalStatus"), urls):
        return "clinicalStatus"
    for _, item in extension(condition.resource, tables.extensions.histology):
        if concept(item.get("valueCodeableConcept"), tables).any_in(recurrent):
            return "extension"
    clinical = concept(condition.resource.get("clinicalStatus"), tables).local(CLINICAL_STATUS)
    return "clinicalStatus" if {"recurrence", "relapse"} & set(clinical) else None
