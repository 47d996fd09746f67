"""What `/openapi.json` says of the plain door: its bodies, its answers, its errors, each with an example."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from cds.errors import Issue
from cds.recommendation.model import Recommendation
from cds.service.batch import ACCEPTED, NDJSON
from cds.service.evaluation import PROBE
from cds.service.outcomes import FHIR_JSON, PROBLEM_JSON, operation_outcome, problem_details
from cds.service.requests import JSON_TYPES

DESCRIPTION: Final = (
    "Options for a recurrent head and neck cancer, each with its reasons, the facts they rest on and the evidence. "
    "It lists options; it issues no directive. Not a medical device; not signed off for clinical use."
)
RECORD: Final = "CDS-Record"
"""The header that names the decision record of an answer; `none` where it has none."""

_NAMED: Final[dict[str, Any]] = {
    "as_of": {"type": "string", "format": "date", "description": "the day of the answer (default: today)"},
    "phase": {"type": "string", "enum": ["decision", "planning", "follow-up"], "default": "decision"},
    "lesion": {"type": "string", "description": "this target lesion only"},
}
_BUNDLE: Final = {
    "type": "object", "title": "Bundle", "description": "a FHIR R4 or R4B Bundle about one patient",
    "required": ["resourceType"], "properties": {"resourceType": {"const": "Bundle"}},
}  # fmt: skip
_LONG_FORM: Final = {
    "type": "object", "title": "Request", "required": ["bundle"], "properties": {"bundle": _BUNDLE, **_NAMED},
    "additionalProperties": False,
    "description": "the bundle with the day, phase and lesion; one of these four members comes first",
}  # fmt: skip
_EXAMPLE: Final = {"bundle": PROBE, "as_of": "2026-11-22", "phase": "decision"}
_ISSUE: Final = {
    "type": "object", "required": ["severity", "code"],
    "properties": {
        "severity": {"enum": ["fatal", "error", "warning", "information"]}, "code": {"type": "string"},
        "details": {"type": "object"}, "expression": {"type": "array", "items": {"type": "string"}},
    },
}  # fmt: skip
OUTCOME: Final = {
    "type": "object", "title": "OperationOutcome", "required": ["resourceType", "issue"],
    "properties": {
        "resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1, "items": _ISSUE},
    },
}  # fmt: skip
PROBLEM: Final = {
    "type": "object", "title": "Problem details (RFC 9457)", "required": ["type", "title", "status", "issues"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "issues": {"type": "array", "items": {"type": "object"}},
    },
}  # fmt: skip
_ERRORS: Final = {
    400: "The request is not readable (not JSON, an unknown parameter)",
    401: "No token that counts was sent",
    403: "The caller may not do this",
    406: "None of the types that are accepted is given here",
    408: "The body was not sent in time",
    413: "The body is larger than is read",
    415: "The body is of a type that is not read",
    422: "The bundle cannot be evaluated; every problem with its FHIRPath",
    429: "More requests than are allowed",
    500: "The service failed; an incident was recorded",
    503: "No advice: the engines did not answer alike, the answer cannot be recorded, or too many requests wait",
}
_EXAMPLES: Final = {
    status: Issue("error", code, expression, details)
    for status, code, expression, details in (
        (400, "unreadable-day", "", "as_of: `22.11.2026` is not a day; write it as 2026-11-22"),
        (401, "not-authentic", "", "no token was given; send Authorization: Bearer and a token"),
        (403, "not-allowed", "", "the token lacks the scope cds.evaluate; ask for it"),
        (406, "not-acceptable", "",
         f"Accept: only application/json or {FHIR_JSON} or {PROBLEM_JSON} is given here"),
        (408, "timed-out", "", "the body was not sent within 30 s; send it again"),
        (413, "too-large", "", "the body is longer than 20000000 bytes, more than is read; send less"),
        (415, "media-type", "", f"Content-Type: `text/plain` is not read here; send application/json or {FHIR_JSON}"),
        (422, "no-patient", "Bundle.entry", "the bundle holds no Patient; add the patient whom the record is about"),
        (429, "too-many-requests", "", "more requests than are allowed; wait, then ask again"),
        (500, "incident", "",
         "the service failed; this is no finding about the patient, and the incident was recorded"),
        (503, "records-unavailable", "",
         "the answer cannot be recorded now, and is not given out unrecorded; send this again later"),
    )
}  # fmt: skip
"""One error of each status, in the words in which it is told (`tests/service/test_schema.py` asks for them)."""
_OF_BATCHES: Final = {
    400: Issue(
        "error", "unknown-parameter", "", "a batch has no parameters; each line says its own day and phase"
    ),
    406: Issue(
        "error", "not-acceptable", "",
        f"Accept: only {NDJSON} or {' or '.join(ACCEPTED)} or application/json is given here",
    ),
    415: Issue(
        "error", "media-type", "", f"Content-Type: `text/plain` is not read here; send {' or '.join(ACCEPTED)}"
    ),
}  # fmt: skip


def error_responses(*statuses: int, examples: Mapping[int, Issue] | None = None) -> dict[int | str, dict[str, Any]]:
    """The errors of a door, as OperationOutcome or as problem details, each with an example."""
    told = {**_EXAMPLES, **(examples or {})}
    return {
        status: {
            "description": _ERRORS[status],
            "content": {
                FHIR_JSON: {"schema": OUTCOME, "example": operation_outcome([told[status]])},
                PROBLEM_JSON: {"schema": PROBLEM, "example": problem_details(status, [told[status]])},
            },
        }
        for status in statuses or _ERRORS
    }


def evaluate_operation() -> dict[str, Any]:
    """The body and the parameters of `POST /evaluate`."""
    content = {
        "schema": {"anyOf": [_BUNDLE, _LONG_FORM]},
        "examples": {
            "a bundle with its day": {"value": _EXAMPLE}, "a bundle alone": {"value": PROBE},
        },
    }  # fmt: skip
    return {
        "requestBody": {"required": True, "content": dict.fromkeys(JSON_TYPES, content)},
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in _NAMED.items()
        ],
    }


def evaluate_responses() -> dict[int | str, dict[str, Any]]:
    """The answers of `POST /evaluate`."""
    record = {"description": "the id of the decision record", "schema": {"type": "string"}}
    return {
        200: {
            "model": Recommendation, "description": "The recommendation: options with reasons, never a directive",
            "headers": {RECORD: record},
        },
        **error_responses(),
    }  # fmt: skip


def batch_operation() -> dict[str, Any]:
    """The body and the answers of `POST /evaluate/batch`."""
    line = json.dumps({"id": "patient-1", **_EXAMPLE}) + "\n"
    answered = '{"line": 1, "id": "patient-1", "status": 200, "record": "…", "answer": {…}}\n'
    told = {"type": "string", "description": "one JSON object a line: answer or outcome, with the line's number"}
    asked = {"type": "string", "description": "one JSON object a line: what POST /evaluate takes, with an id if wanted"}
    body = {"required": True, "content": {kind: {"schema": asked, "example": line} for kind in ACCEPTED}}
    return {
        "openapi_extra": {"requestBody": body},
        "responses": {
            200: {
                "description": "A line for each line, in order",
                "content": {NDJSON: {"schema": told, "example": answered}},
            },
            **error_responses(400, 401, 403, 406, 415, 429, 500, 503, examples=_OF_BATCHES),
        },
    }
