"""The service: `POST /evaluate`, its description, whether it is up, and pages for people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from cds import __version__
from cds.api import evaluate as evaluate_bundle
from cds.errors import Issue, NoAdvice, UnusableInput
from cds.intake.document import Limits
from cds.recommendation.model import Recommendation
from cds.ruleset import load_rules
from cds.service.evaluation import PROBE, Evaluate, Evaluations
from cds.service.examples import find_examples
from cds.service.guard import Guard, record_incident
from cds.service.outcomes import FHIR_JSON, Refused, no_advice, outcome_response, status_of
from cds.service.pages import Pages
from cds.service.requests import JSON_TYPES, asked, body_of
from cds.service.settings import Settings

DESCRIPTION: Final = (
    "Options for a recurrent head and neck cancer, each with its reasons, the facts they rest on and the evidence. "
    "It lists options; it issues no directive. Not a medical device; not signed off for clinical use."
)


def create_app(settings: Settings | None = None, *, evaluate: Evaluate = evaluate_bundle) -> FastAPI:
    """The service as an ASGI application. Raises `RuleSetError` where the rule set does not load.

    `evaluate` can be replaced in tests.
    """
    chosen = settings if settings is not None else Settings()
    rules = load_rules(chosen.rules, overlay=chosen.overlay)
    evaluations = Evaluations(evaluate, rules, concurrency=chosen.concurrency, queue=chosen.queue)
    limits = Limits(size=chosen.largest_body)
    app = FastAPI(
        title="Clinical decision support: recurrent head and neck cancer",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )

    async def evaluate_(request: Request) -> Response:
        body = await body_of(request, JSON_TYPES, chosen.largest_body)
        content = await evaluations.answer(lambda: asked(body, request.query_params, limits))
        return Response(content, media_type="application/json")

    async def live() -> Response:
        return JSONResponse({"status": "up"})

    async def ready() -> Response:
        await evaluations.probe()
        return JSONResponse({"status": "ready"})

    async def version() -> Response:
        head = rules.head
        approved = head.approved.isoformat() if head.approved is not None else None
        rule_set = {"id": head.id, "version": head.version, "digest": rules.digest, "approved": approved}
        return JSONResponse({"version": __version__, "rule_set": {**rule_set, "overrides": list(rules.overrides)}})

    app.add_api_route(
        "/evaluate", evaluate_, methods=["POST"], summary="The recommendation for a bundle",
        response_class=Response, responses=_responses(), openapi_extra=_request(),
    )  # fmt: skip
    app.add_api_route("/health", live, methods=["GET"], summary="Whether the service is up")
    app.add_api_route("/health/ready", ready, methods=["GET"], summary="Whether both engines answer, and alike")
    app.add_api_route("/version", version, methods=["GET"], summary="The version of the program and of its rules")
    Pages(rules, evaluations, find_examples(chosen.examples), chosen.largest_body, limits).add_to(app)

    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        UnusableInput: _unusable, Refused: _refused, NoAdvice: _no_advice, HTTPException: _http,
    }  # fmt: skip
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)
    app.add_middleware(Guard)
    return app


async def _unusable(_: Request, error: UnusableInput) -> Response:
    return outcome_response(status_of(error.issues), error.issues)


async def _refused(_: Request, error: Refused) -> Response:
    return outcome_response(error.status, error.issues, error.headers)


async def _no_advice(_: Request, error: NoAdvice) -> Response:
    record_incident(error)
    return outcome_response(503, no_advice(error))


async def _http(_: Request, error: HTTPException) -> Response:
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    details = f"{HTTPStatus(error.status_code).phrase.lower()}; /openapi.json lists what is served here"
    return outcome_response(error.status_code, [Issue("error", code, "", details)], error.headers)


def _responses() -> dict[int | str, dict[str, Any]]:
    outcome = {"content": {FHIR_JSON: {"schema": _OUTCOME_SCHEMA}}}
    return {
        200: {"model": Recommendation, "description": "The recommendation: options with reasons, never a directive"},
        400: {"description": "The request is not readable (not JSON, an unknown parameter)", **outcome},
        413: {"description": "The body is larger than is read", **outcome},
        415: {"description": "The body is of a type that is not read", **outcome},
        422: {"description": "The bundle cannot be evaluated; every problem with its FHIRPath", **outcome},
        503: {"description": "No advice: the two engines did not answer alike, or too many requests wait", **outcome},
    }


def _request() -> dict[str, Any]:
    bundle = {"type": "object", "title": "Bundle", "description": "a FHIR R4 or R4B Bundle about one patient"}
    named = {
        "as_of": {"type": "string", "format": "date", "description": "the day of the answer (default: today)"},
        "phase": {"type": "string", "enum": ["decision", "planning", "follow-up"], "default": "decision"},
        "lesion": {"type": "string", "description": "this target lesion only"},
    }
    long_form = {
        "type": "object", "title": "Request", "required": ["bundle"], "properties": {"bundle": bundle, **named},
        "additionalProperties": False,
        "description": "the bundle with the day, phase and lesion; one of these four members comes first",
    }  # fmt: skip
    example = {"bundle": PROBE, "as_of": "2026-11-22", "phase": "decision"}
    content = {"schema": {"anyOf": [bundle, long_form]}, "example": example}
    return {
        "requestBody": {"required": True, "content": dict.fromkeys(JSON_TYPES, content)},
        "parameters": [
            {"name": name, "in": "query", "required": False, "schema": schema} for name, schema in named.items()
        ],
    }


_OUTCOME_SCHEMA: Final = {
    "type": "object",
    "title": "OperationOutcome",
    "required": ["resourceType", "issue"],
    "properties": {
        "resourceType": {"const": "OperationOutcome"},
        "issue": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["severity", "code"],
                "properties": {
                    "severity": {"enum": ["fatal", "error", "warning", "information"]},
                    "code": {"type": "string"},
                    "details": {"type": "object"},
                    "expression": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    },
}
