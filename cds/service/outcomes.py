"""Errors as FHIR's OperationOutcome: every problem at once, each with its FHIRPath, and the status that it means.

Who asks for `application/problem+json` gets the same as problem details (RFC 9457).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import ClassVar, Final

from starlette.responses import Response

from cds.errors import CdsError, Issue, NoAdvice
from cds.records.errors import RecordsUnavailable

FHIR_JSON: Final = "application/fhir+json"
PROBLEM_JSON: Final = "application/problem+json"
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
        "malformed-request",
    }
)
"""The codes of what is wrong with a request before anything of a record was read: status 400."""
_ISSUE_TYPES: Final = {
    "too-large": "too-long",
    "too-deep": "too-costly",
    "too-many-entries": "too-long",
    "text-too-long": "too-long",
    "unknown-phase": "value",
    "unreadable-day": "value",
    "unknown-parameter": "not-supported",
    "unknown-member": "not-supported",
    "media-type": "not-supported",
    "content-encoding": "not-supported",
    "not-found": "not-found",
    "method-not-allowed": "not-supported",
    "busy": "throttled",
    "timed-out": "timeout",
    "too-many-requests": "throttled",
    "incident": "exception",
    "not-acceptable": "not-supported",
    "records-unavailable": "transient",
    "not-fetched": "transient",
    "not-authentic": "login",
    "not-allowed": "forbidden",
    "not-recorded": "incomplete",
    "entered-not-read": "incomplete",
    "entered-not-used": "suppressed",
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
    if codes & {"too-large", "too-many-entries", "text-too-long"}:
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


def refusal_of(error: CdsError) -> tuple[int, tuple[Issue, ...]]:
    """The status and the issues with which a door answers an error of one of the kinds that a decision may raise."""
    if isinstance(error, Refused):
        return error.status, error.issues
    if isinstance(error, NoAdvice):
        return 503, no_advice(error)
    if isinstance(error, RecordsUnavailable):
        details = "the answer cannot be recorded now, and is not given out unrecorded; send this again later"
        return 503, (Issue("error", error.code, "", details),)
    return status_of(error.issues), error.issues


def error_response(
    accept: str | None, status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None
) -> Response:
    """The response that carries issues in the form that the `Accept` header prefers."""
    if not prefers_problem(accept):
        return outcome_response(status, issues, headers)
    content = json.dumps(problem_details(status, list(issues)), ensure_ascii=False).encode()
    return Response(content, status_code=status, media_type=PROBLEM_JSON, headers=dict(headers or {}))


def problem_details(status: int, issues: list[Issue]) -> dict[str, object]:
    """The same as RFC 9457's problem details; `issues` is our extension and holds them all.

    >>> problem_details(400, [Issue("error", "not-json", "", "the input is not JSON")])["type"]
    'urn:cds:error:not-json'
    """
    ordered = sorted(issues, key=lambda issue: ("error", "warning", "information").index(issue.severity))
    return {
        "type": f"urn:cds:error:{ordered[0].code}" if ordered else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": ordered[0].details if ordered else "",
        "issues": [
            {"severity": i.severity, "code": i.code, "expression": i.expression, "details": i.details}
            for i in ordered[:MOST_ISSUES]
        ],
    }


def prefers_problem(accept: str | None) -> bool:
    """Whether problem details are named, and no less wanted than an OperationOutcome.

    >>> prefers_problem("application/problem+json"), prefers_problem("*/*"), prefers_problem(None)
    (True, False, False)
    """
    wanted = accepted_types(accept)
    problem = wanted.get(PROBLEM_JSON, 0.0)
    return problem > 0 and problem >= wanted.get(FHIR_JSON, 0.0)


def accepted_types(accept: str | None) -> dict[str, float]:
    """The media ranges of an `Accept` header with their weights; without one, anything.

    >>> accepted_types("application/json;q=0.5, text/xml")
    {'application/json': 0.5, 'text/xml': 1.0}
    """
    if accept is None or not accept.strip():
        return {"*/*": 1.0}
    wanted: dict[str, float] = {}
    for part in accept[:4000].split(","):
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = float(value) if _WEIGHT.fullmatch(value.strip()) else 0.0
        if media_range:
            wanted[media_range] = max(weight, wanted.get(media_range, 0.0))
    return wanted


def check_acceptable(accept: str | None, *given: str) -> None:
    """Raise `Refused` (406) unless one of the media types that are given here is accepted."""
    wanted = accepted_types(accept)
    for media_type in given:
        major = media_type.partition("/")[0]
        for media_range in (media_type, f"{major}/*", "*/*"):  # the most specific one decides
            if media_range in wanted:
                if wanted[media_range] > 0:
                    return
                break
    raise Refused(406, "not-acceptable", f"Accept: only {' or '.join(given)} is given here")


_WEIGHT: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
