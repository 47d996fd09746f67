"""Errors as FHIR's OperationOutcome: every problem at once, each with its FHIRPath, and the status that it means."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from starlette.responses import Response

from cds.errors import CdsError, Issue, NoAdvice

FHIR_JSON: Final = "application/fhir+json"
MOST_ISSUES: Final = 500
"""Issues of one answer; what was left out beyond is counted in the last one."""

_FORM: Final = frozenset(
    {
        "empty-input",
        "byte-order-mark",
        "not-utf-8",
        "not-json",
        "not-an-object",
        "duplicate-key",
        "not-a-number",
        "number-out-of-range",
        "lone-surrogate",
        "too-deep",
        "unknown-parameter",
        "contradictory-parameter",
        "unknown-member",
        "unreadable-day",
        "unknown-phase",
        "unreadable-form",
    }
)
"""The codes of what is wrong with a request before anything of a record was read: status 400."""
_ISSUE_TYPES: Final = {
    "too-large": "too-long",
    "too-deep": "too-costly",
    "unknown-phase": "value",
    "unreadable-day": "value",
    "unknown-parameter": "not-supported",
    "unknown-member": "not-supported",
    "media-type": "not-supported",
    "content-encoding": "not-supported",
    "not-found": "not-found",
    "method-not-allowed": "not-supported",
    "busy": "throttled",
    "incident": "exception",
}
"""FHIR's issue types (R4 value set `issue-type`) for our codes; what is not listed here is `structure` or `invalid`."""


class Refused(CdsError):
    """A request that gets an OperationOutcome with this status instead of an answer.

    >>> refused = Refused(415, "media-type", "`text/plain` is not read")
    >>> refused.status, refused.issues[0].code
    (415, 'media-type')
    """

    code: ClassVar[str] = "refused"

    def __init__(self, status: int, code: str, details: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.issues = (Issue("error", code, "", details),)
        self.headers = dict(headers or {})
        super().__init__(details)


def status_of(issues: Iterable[Issue]) -> int:
    """The HTTP status for an input that cannot be used: 413 too large, 400 no such request, 422 no such record.

    >>> status_of([Issue("error", "not-json", "", "…")]), status_of([Issue("error", "no-patient", "Bundle", "…")])
    (400, 422)
    """
    codes = {issue.code for issue in issues if issue.severity == "error"}
    if "too-large" in codes:
        return 413
    return 400 if codes & _FORM else 422


def operation_outcome(issues: Iterable[Issue]) -> dict[str, object]:
    """The OperationOutcome that carries issues, errors first.

    >>> operation_outcome([Issue("error", "not-json", "", "the input is not JSON")])["issue"][0]["code"]
    'structure'
    """
    ordered = sorted(issues, key=lambda issue: ("error", "warning", "information").index(issue.severity))
    told = [_issue(issue) for issue in ordered[:MOST_ISSUES]]
    if len(ordered) > MOST_ISSUES:
        more = f"{len(ordered) - MOST_ISSUES} more issues are not listed; mend these first"
        told.append(_issue(Issue("information", "more-issues", "", more)))
    return {"resourceType": "OperationOutcome", "issue": told}


def _issue(issue: Issue) -> dict[str, object]:
    usual = "informational" if issue.severity == "information" else "structure" if issue.code in _FORM else "invalid"
    kind = "exception" if issue.code in _NO_ADVICE else _ISSUE_TYPES.get(issue.code, usual)
    return {
        "severity": issue.severity,
        "code": kind,
        "details": {"coding": [{"code": issue.code}], "text": issue.details},
        **({"expression": [issue.expression]} if issue.expression else {}),
    }


def _no_advice_codes(error: type[NoAdvice]) -> set[str]:
    return {error.code}.union(*(_no_advice_codes(each) for each in error.__subclasses__()))


_NO_ADVICE: Final = frozenset({*_no_advice_codes(NoAdvice), "durable-rules-unavailable"})


def no_advice(error: NoAdvice) -> tuple[Issue, ...]:
    """What the caller is told where the engines gave no common answer: the code alone, for the rest is an incident."""
    details = f"no advice can be given ({error.code}); this is a failure of the system, not a finding about the patient"
    return (Issue("error", error.code, "", details),)


def outcome_response(status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None) -> Response:
    """The response that carries an OperationOutcome."""
    content = json.dumps(operation_outcome(issues), ensure_ascii=False).encode()
    return Response(content, status_code=status, media_type=FHIR_JSON, headers=dict(headers or {}))
