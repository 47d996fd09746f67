"""OperationOutcomes of the FHIR door: with the code system of our codes, and FHIR's types for its own problems."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cds.errors import Issue
from cds.fhir_output import Addresses
from cds.fhir_output.datatypes import Json
from cds.service.outcomes import operation_outcome, status_of

MISSING: Final = "missing-parameter"
UNUSABLE: Final = "unusable-parameter"
UNKNOWN: Final = "unknown-parameter"
TWICE: Final = "contradictory-parameter"
MISMATCH: Final = "subject-mismatch"
NO_PLAN: Final = "unknown-plan"
NOT_PARAMETERS: Final = "not-parameters"
NOT_ACCEPTABLE: Final = "not-acceptable"
UNUSED: Final = "unused-parameter"
_TYPES: Final = {
    MISSING: "required",
    UNUSABLE: "value",
    UNKNOWN: "not-supported",
    MISMATCH: "invariant",
    NO_PLAN: "not-found",
    NOT_PARAMETERS: "structure",
    NOT_ACCEPTABLE: "not-supported",
}
_OF_THE_REQUEST: Final = frozenset({MISSING, UNUSABLE, UNKNOWN, TWICE, NOT_PARAMETERS})


def fhir_status(issues: Iterable[Issue]) -> int:
    """The HTTP status: 404 for a plan that is not here, 400 for a request that cannot be read, 422 for such a record.

    >>> fhir_status([Issue("error", MISSING, "", "…")]), fhir_status([Issue("error", MISMATCH, "", "…")])
    (400, 422)
    """
    told = tuple(issues)
    codes = {issue.code for issue in told if issue.severity == "error"}
    if codes & _OF_THE_REQUEST:
        return 400
    return 404 if NO_PLAN in codes else status_of(told)


def fhir_outcome(issues: Iterable[Issue], addresses: Addresses) -> Json:
    """The OperationOutcome of issues."""
    outcome: dict[str, Any] = operation_outcome(issues)
    for issue in outcome["issue"]:
        code = issue["details"]["coding"][0]["code"]
        issue["details"]["coding"] = [{"system": addresses.system("issue"), "code": code}]
        issue["code"] = _TYPES.get(code, issue["code"])
    return outcome
