"""What `/openapi.json` says of CDS Hooks: calls, cards, feedback, and the errors of these addresses."""

from __future__ import annotations

from typing import Any, Final

from cds.service.hooks.envelope import UUID
from cds.service.hooks.services import SERVICES
from cds.service.outcomes import FHIR_JSON
from cds.service.requests import JSON_TYPES

_ERRORS: Final = {
    400: "The call is not what its hook asks for, or holds another patient's data",
    401: "No token that counts was sent",
    403: "The client may not do this",
    404: "There is no such service",
    408: "The body was not sent in time",
    412: "Indispensable data could not be obtained; the issues name the prefetch keys",
    413: "The body is larger than is read",
    415: "The body is of a type that is not read",
    422: "The data cannot be evaluated; every problem with its place in the prefetch",
    429: "More calls than are allowed",
    500: "The service failed; an incident was recorded",
    503: "No advice: the engines did not answer alike, the answer cannot be recorded, or too many calls wait",
}
_ISSUE: Final = {
    "type": "object", "required": ["severity", "code", "details"],
    "properties": {
        "severity": {"enum": ["fatal", "error", "warning", "information"]}, "code": {"type": "string"},
        "details": {"type": "object"}, "diagnostics": {"type": "string"},
        "expression": {"type": "array", "items": {"type": "string"}},
    },
}  # fmt: skip
_OUTCOME: Final = {
    "type": "object", "title": "OperationOutcome", "required": ["resourceType", "issue"],
    "properties": {
        "resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1, "items": _ISSUE},
    },
}  # fmt: skip
_INSTANCE: Final = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
_CALL: Final = {
    "type": "object", "title": "Call", "required": ["hook", "hookInstance", "context"],
    "properties": {
        "hook": {"enum": [each.hook for each in SERVICES]}, "hookInstance": {"type": "string", "pattern": UUID},
        "fhirServer": {"type": "string", "format": "uri"}, "fhirAuthorization": {"type": "object"},
        "context": {"type": "object"}, "prefetch": {"type": "object"}, "extension": {"type": "object"},
    },
}  # fmt: skip
_CALLED: Final = {
    "hook": "patient-view", "hookInstance": _INSTANCE, "context": {"userId": "Practitioner/1", "patientId": "p"},
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"},
        # A null, which says the same, would not be kept in the description.
        "conditions": {"resourceType": "Bundle", "type": "searchset", "total": 0},
    },
}  # fmt: skip
_REPORT: Final = {
    "type": "object", "title": "Feedback", "required": ["feedback"],
    "properties": {"feedback": {"type": "array", "minItems": 1, "items": {
        "type": "object", "required": ["card", "outcome", "outcomeTimestamp"],
        "properties": {
            "card": {"type": "string", "pattern": UUID}, "outcome": {"enum": ["accepted", "overridden"]},
            "outcomeTimestamp": {"type": "string", "format": "date-time"},
            "acceptedSuggestions": {"type": "array", "items": {"type": "object"}},
            "overrideReason": {"type": "object"},
        },
    }}},
}  # fmt: skip
_REPORTED: Final = {
    "feedback": [{"card": _INSTANCE, "outcome": "overridden", "outcomeTimestamp": "2026-11-22T10:00:00Z"}]
}
_CARDS: Final = {
    "type": "object", "title": "Cards", "required": ["cards"], "additionalProperties": False,
    "properties": {"cards": {"type": "array", "items": {
        "type": "object", "required": ["uuid", "summary", "indicator", "source", "detail"],
        "properties": {
            "summary": {"type": "string", "maxLength": 139}, "indicator": {"enum": ["info", "warning", "critical"]},
        },
    }}},
}  # fmt: skip
_SERVICES: Final = {"type": "object", "required": ["services"], "properties": {"services": {"type": "array"}}}


def discovery_operation() -> dict[str, Any]:
    """`GET /cds-services`."""
    return {"responses": _responses("Every service with its prefetch", {"schema": _SERVICES}, 401, 403, 429, 500)}


def call_operation() -> dict[str, Any]:
    """`POST /cds-services/{id}`."""
    return {
        "responses": _responses("The cards, perhaps none", {"schema": _CARDS, "example": {"cards": []}}, *_ERRORS),
        "openapi_extra": _asked(_CALL, _CALLED),
    }


def feedback_operation() -> dict[str, Any]:
    """`POST /cds-services/{id}/feedback`."""
    errors = (status for status in _ERRORS if status not in (412, 422))
    told = _responses("It was taken", {"schema": {"type": "object"}, "example": {}}, *errors)
    return {"responses": told, "openapi_extra": _asked(_REPORT, _REPORTED)}


def _responses(says: str, told: dict[str, Any], *errors: int) -> dict[int | str, dict[str, Any]]:
    content = {FHIR_JSON: {"schema": _OUTCOME}}
    return {
        200: {"description": says, "content": {"application/json": told}},
        **{status: {"description": _ERRORS[status], "content": content} for status in errors},
    }


def _asked(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    services = list(dict.fromkeys(each.id for each in SERVICES))
    content = {"schema": schema, "example": example}
    return {
        "requestBody": {"required": True, "content": dict.fromkeys(JSON_TYPES, content)},
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"enum": services}}],
    }
