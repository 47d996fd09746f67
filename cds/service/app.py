"""The service: `POST /evaluate` and its batch, the doors of CDS Hooks and FHIR, whether it is up, and pages for
people.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import anyio
import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from cds import __version__
from cds.api import answered
from cds.errors import CdsError, Issue, NoAdvice, UnusableInput
from cds.intake.document import Limits
from cds.records import Records, RecordsUnavailable, open_records
from cds.ruleset import RuleSet
from cds.service import fhir, hooks, smart
from cds.service.batch import ACCEPTED, NDJSON, Batch
from cds.service.board import add_board
from cds.service.description import (
    DESCRIPTION,
    RECORD,
    batch_operation,
    error_responses,
    evaluate_operation,
    evaluate_responses,
)
from cds.service.evaluation import Evaluate, Evaluations
from cds.service.examples import find_examples
from cds.service.guard import Guard, record_incident
from cds.service.held import Held
from cds.service.large import LargeBodies
from cds.service.large.messages import Start
from cds.service.metrics import MEDIA_TYPE, Metrics
from cds.service.outcomes import (
    FHIR_JSON,
    PROBLEM_JSON,
    Refused,
    check_acceptable,
    error_response,
    refusal_of,
)
from cds.service.recording import Making
from cds.service.reloading import renewing, rules_of
from cds.service.requests import JSON_TYPES, asked, body_of, check_headers
from cds.service.retention import erase_expired
from cds.service.runtime import Runtime
from cds.service.security.cors import Cors
from cds.service.security.gate import Gate
from cds.service.security.keys import Keys
from cds.service.security.outbound import fetch
from cds.service.security.rates import Rates
from cds.service.security.tokens import Tokens
from cds.service.settings import Settings
from cds.service.smart.sessions import Sessions

LOG: Final = logging.getLogger("cds.service")


def create_app(settings: Settings | None = None, *, evaluate: Evaluate | None = None) -> FastAPI:
    """The service as an ASGI application. Raises `RuleSetError` where the rule set does not load, and
    `RecordsUnavailable` where answers have to be recorded and the database cannot be opened.

    `evaluate` can be replaced in tests; large bodies are then evaluated by it, too.
    """
    chosen = settings if settings is not None else Settings()
    rules = rules_of(chosen)
    limits = Limits(
        size=chosen.largest_body, depth=chosen.deepest, entries=chosen.most_entries, text=chosen.longest_text
    )
    metrics = Metrics()
    records, memory = _databases(chosen)
    large = _large(chosen, rules, limits, records) if evaluate is None else None
    evaluations = Evaluations(
        evaluate or partial(answered, limits=limits),
        rules,
        concurrency=chosen.concurrency,
        queue=chosen.queue,
        seconds=chosen.answer_seconds,
        elsewhere=large,
    )
    runtime = Runtime(chosen, limits, evaluations, records, metrics, large)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with renewing(chosen, evaluations, metrics):
            async with anyio.create_task_group() as tasks:
                if records is not None and chosen.retention_days is not None:
                    tasks.start_soon(erase_expired, records, chosen.retention_days)
                yield
                tasks.cancel_scope.cancel()
        if large is not None:
            large.close()
        for each in {id(each): each for each in (records, memory) if each is not None}.values():
            each.close()

    app = FastAPI(
        title="Clinical decision support: recurrent head and neck cancer",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        lifespan=lifespan,
    )
    _add_plain_door(app, runtime)
    _add_operation(app, runtime, metrics)
    hooks.add_to(app, runtime)
    fhir.add_to(app, runtime)
    sessions = Sessions.of(chosen)
    shut = smart.add_to(app, runtime, sessions, memory)
    add_board(app, runtime, find_examples(chosen.examples))

    async def refuse(request: Request, error: CdsError) -> Response:
        if isinstance(error, NoAdvice):
            record_incident(error)
        status, issues = refusal_of(error)
        headers = error.headers if isinstance(error, Refused) else {"Retry-After": "5"} if status == 503 else {}
        return error_response(request.headers.get("accept"), status, issues, headers)

    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        UnusableInput: refuse, Refused: refuse, NoAdvice: refuse, RecordsUnavailable: refuse, HTTPException: _http,
    }  # fmt: skip
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)
    app.state.runtime = runtime
    public_url = chosen.public_url or ""
    app.add_middleware(
        Gate, tokens=_tokens(chosen, memory), rates=_rates(chosen), public_url=public_url, sessions=sessions,
        page=shut,
    )  # fmt: skip
    if chosen.cors_origins:
        app.add_middleware(
            Cors, allow_origins=list(chosen.cors_origins), allow_methods=["GET", "POST", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type"], allow_credentials=False,
        )  # fmt: skip
    held = Held(most=chosen.large_held, small=chosen.large_body)
    is_public = chosen.public_url is not None
    app.add_middleware(Guard, metrics=metrics, held=held, most=chosen.requests, is_public=is_public)
    return app


def _add_plain_door(app: FastAPI, runtime: Runtime) -> None:
    settings = runtime.settings

    async def evaluate(request: Request) -> Response:
        check_acceptable(request.headers.get("accept"), "application/json", FHIR_JSON, PROBLEM_JSON)
        body = await body_of(request, JSON_TYPES, settings.largest_body, settings.body_seconds)
        decided = await runtime.decide(
            partial(asked, body, request.query_params, runtime.limits),
            door="POST /evaluate",
            caller=getattr(request.state, "caller", None),
            size=len(body),
        )
        return Response(decided.content, media_type="application/json", headers={RECORD: decided.record or "none"})

    async def batch(request: Request) -> Response:
        check_acceptable(request.headers.get("accept"), NDJSON, *ACCEPTED, "application/json")
        check_headers(request.headers, ACCEPTED)
        if request.query_params:
            raise Refused(400, "unknown-parameter", "a batch has no parameters; each line says its own day and phase")
        return Batch(request, runtime, door="POST /evaluate/batch", caller=getattr(request.state, "caller", None))

    app.add_api_route(
        "/evaluate", evaluate, methods=["POST"], summary="The recommendation for a bundle",
        response_class=Response, responses=evaluate_responses(), openapi_extra=evaluate_operation(),
    )  # fmt: skip
    app.add_api_route(
        "/evaluate/batch", batch, methods=["POST"], summary="The recommendations for many bundles, a line each",
        response_class=Response, **batch_operation(),
    )  # fmt: skip


def _add_operation(app: FastAPI, runtime: Runtime, metrics: Metrics) -> None:
    probed_at = -_PROBE_KEPT

    async def live() -> Response:
        return JSONResponse({"status": "up"})

    async def ready() -> Response:
        nonlocal probed_at
        if time.monotonic() - probed_at >= _PROBE_KEPT:
            await runtime.evaluations.probe()
            if runtime.records is not None and runtime.settings.recording == "required":
                try:
                    await anyio.to_thread.run_sync(runtime.records.check_writable)
                except RecordsUnavailable as error:
                    LOG.error("not ready: %s", error)
                    told = "no answer could be recorded now, so none would be given out; the log says why"
                    raise Refused(503, error.code, told, {"Retry-After": "5"}) from error
            probed_at = time.monotonic()
        return JSONResponse({"status": "ready"})

    async def version() -> Response:
        rules = runtime.rules
        head = rules.head
        approved = head.approved.isoformat() if head.approved is not None else None
        rule_set = {"id": head.id, "version": head.version, "digest": rules.digest, "approved": approved}
        return JSONResponse({"version": __version__, "rule_set": {**rule_set, "overrides": list(rules.overrides)}})

    async def counted() -> Response:
        return Response(metrics.exposition(), media_type=MEDIA_TYPE)

    app.add_api_route("/health", live, methods=["GET"], summary="Whether the service is up")
    app.add_api_route(
        "/health/ready", ready, methods=["GET"], summary="Whether both engines answer alike, and answers are recorded",
        responses=error_responses(503),
    )  # fmt: skip
    app.add_api_route("/version", version, methods=["GET"], summary="The version of the program and of its rules")
    app.add_api_route("/metrics", counted, methods=["GET"], include_in_schema=False)


_PROBE_KEPT: Final = 2.0
"""Seconds for which a ready service is believed to be still ready: asking is open to everyone, and costs an
evaluation."""


def _databases(settings: Settings) -> tuple[Records | None, Records | None]:
    """The records, and the memory of tokens: one database; the first is `None` where nothing is recorded."""
    records: Records | None = None
    if settings.recording != "off" or settings.authentication == "required" or settings.smart_apps:
        key = settings.pseudonym_key.get_secret_value() if settings.pseudonym_key is not None else None
        records = open_records(settings.database.get_secret_value(), pseudonym_key=key)
    return (records if settings.recording != "off" else None), records


def _large(settings: Settings, rules: RuleSet, limits: Limits, records: Records | None) -> LargeBodies | None:
    if settings.large_processes == 0:
        return None
    start = Start(rules, limits, Making.of(records, settings), settings.log_level)
    return LargeBodies(
        start, processes=settings.large_processes, queue=settings.queue, seconds=settings.answer_seconds
    )


def _tokens(settings: Settings, memory: Records | None) -> Tokens | None:
    if settings.authentication == "development" or memory is None:
        return None
    keys = Keys(lambda url: fetch(url, private_hosts=settings.private_hosts))

    def first_use(issuer: str, token: str, expires: int) -> bool:
        return memory.is_first_use(issuer, token, expires=expires, at=int(time.time()))

    return Tokens(settings, keys, first_use)


def _rates(settings: Settings) -> Rates | None:
    return Rates(rate=settings.rate, burst=settings.burst) if settings.rate is not None else None


async def _http(request: Request, error: HTTPException) -> Response:
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
    details = f"{HTTPStatus(error.status_code).phrase.lower()}; /openapi.json lists what is served here"
    issue = Issue("error", code, "", details)
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":  # what GET answers, HEAD does (`Guard`)
        headers["Allow"] = "GET, HEAD"
    return error_response(request.headers.get("accept"), error.status_code, [issue], headers)
