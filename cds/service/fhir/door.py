"""The addresses of the FHIR door: what is offered, the artefacts made from the rules, and `$apply`."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import anyio.to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from cds.errors import CdsError, Issue, NoAdvice, UnusableInput
from cds.fhir_output import Addresses, Occasion, artefacts, bundle, care_plan
from cds.fhir_output.datatypes import Json
from cds.fhir_output.operations import OPERATIONS, operation_definitions
from cds.records import RecordsUnavailable
from cds.ruleset import RuleSet
from cds.service.fhir.conformance import SEARCHES, capability_statement
from cds.service.fhir.negotiation import Form, check_query, check_version, form_of, lenient_form
from cds.service.fhir.outcomes import fhir_outcome, fhir_status
from cds.service.fhir.parameters import Application, read_application
from cds.service.guard import log_incident, record_incident
from cds.service.hooks.services import REVIEW
from cds.service.outcomes import Refused, refusal_of
from cds.service.requests import JSON_TYPES, body_of
from cds.service.runtime import Caller, Decided, Runtime

ROOT: Final = "/fhir"
HOOKS: Final = "/cds-services"
RECORD: Final = "CDS-Record"
"""The header that names the decision record of an answer, as on every door."""
HOOKS_ENDPOINT: Final = "http://hl7.org/fhir/StructureDefinition/cqf-cdsHooksEndpoint"
_MAKES: Final[Mapping[str, Callable[..., Json]]] = {"apply": care_plan, "r5.apply": bundle}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The artefacts of one rule set by type and id."""

    rules: RuleSet
    held: Mapping[str, Mapping[str, Json]]

    @classmethod
    def of(cls, rules: RuleSet) -> Shelf:
        """Everything that is made from a rule set."""
        held: dict[str, dict[str, Json]] = {}
        for each in (*artefacts(rules), *operation_definitions(rules)):
            held.setdefault(each["resourceType"], {})[each["id"]] = each
        return cls(rules, held)


def add_to(app: FastAPI, runtime: Runtime) -> None:
    """Serve `/fhir/…`. Everything below it, errors included, is answered by FHIR resources."""
    door = Door(app, runtime, dt.datetime.now(dt.UTC))
    routes = [Route("/metadata", door.metadata, methods=["GET"])]
    for operation in OPERATIONS:
        for path in (f"/PlanDefinition/${operation.code}", f"/PlanDefinition/{{id}}/${operation.code}"):
            routes.append(Route(path, door.applying(operation.code), methods=["POST"]))
    routes += [Route("/{type}", door.search, methods=["GET"]), Route("/{type}/{id}", door.read, methods=["GET"])]
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        UnusableInput: door.refuse,
        Refused: door.refuse,
        NoAdvice: door.refuse,
        RecordsUnavailable: door.refuse,
        HTTPException: door.http,
        Exception: door.incident,
    }
    app.mount(ROOT, _Below(ExceptionMiddleware(Router(routes, redirect_slashes=False), handlers=handlers)))


@dataclass(frozen=True, slots=True)
class _Named:
    """A route as it is counted and logged."""

    path: str


@dataclass(frozen=True, slots=True)
class _Below:
    """What is mounted, with its routes named in full: an inner route knows only its own part of the address."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.pop("route", None)
        try:
            await self.app(scope, receive, send)
        finally:
            scope["route"] = _Named(f"{ROOT}{getattr(scope.get('route'), 'path', '/')}")


@dataclass
class Door:
    """The FHIR door of one service. `since` is when it was opened."""

    app: FastAPI
    runtime: Runtime
    since: dt.datetime
    _shelf: Shelf | None = field(default=None, init=False)

    # -------------------------------------------------------------------------------------------------- artefacts

    def shelf(self) -> Shelf:
        """The artefacts of the rule set in force: made once for each."""
        rules = self.runtime.rules
        if self._shelf is None or self._shelf.rules is not rules:
            self._shelf = Shelf.of(rules)
        return self._shelf

    def addresses(self) -> Addresses:
        """The names of the artefacts in force."""
        return Addresses.of(self.runtime.rules)

    def base(self, request: Request) -> str:
        """The address of this door as clients see it."""
        url = request.url
        public = self.runtime.settings.public_url or f"{url.scheme}://{url.netloc}"
        return f"{public.rstrip('/')}{ROOT}"

    async def metadata(self, request: Request) -> Response:
        """What is offered."""
        form = form_of(request)
        _refuse(check_query(request))
        shelf = self.shelf()
        types = tuple(sorted(shelf.held))
        settings = self.runtime.settings
        return form.response(capability_statement(shelf.rules, types, settings, self.base(request), self.since))

    async def read(self, request: Request) -> Response:
        """One artefact."""
        form = form_of(request)
        _refuse(check_query(request))
        kind, id_ = request.path_params["type"], request.path_params["id"]
        found = self._held(kind).get(id_)
        if found is None:
            raise Refused(404, "not-found", f"there is no {kind} `{id_[:64]}` here; {ROOT}/{kind} lists them")
        return form.response(self._served(found, request))

    async def search(self, request: Request) -> Response:
        """The artefacts of a type, all or by `_id` and `url`."""
        form = form_of(request)
        _refuse(check_query(request, tuple(SEARCHES)))
        kind = request.path_params["type"]
        found = list(self._held(kind).values())
        for name, member in (("_id", "id"), ("url", "url")):
            for value in request.query_params.getlist(name):
                wanted = value.split(",")
                found = [each for each in found if each[member] in wanted]
        base = self.base(request)
        query = [(name, value) for name, value in request.query_params.multi_items() if name in SEARCHES]
        entries = [
            {
                "fullUrl": f"{base}/{kind}/{each['id']}",
                "resource": self._served(each, request),
                "search": {"mode": "match"},
            }
            for each in found
        ]
        return form.response(
            {
                "resourceType": "Bundle",
                "type": "searchset",
                "total": len(found),
                "link": [{"relation": "self", "url": f"{base}/{kind}{'?' if query else ''}{urlencode(query)}"}],
                **({"entry": entries} if entries else {}),
            }
        )

    def _held(self, kind: str) -> Mapping[str, Json]:
        held = self.shelf().held
        if kind not in held:
            raise Refused(404, "not-found", f"`{kind[:64]}` is not served here; there are {', '.join(sorted(held))}")
        return held[kind]

    def _served(self, artefact: Json, request: Request) -> Json:
        """An artefact as this server hands it out: a plan says where its CDS service is, if there is one."""
        if artefact["resourceType"] != "PlanDefinition" or not any(
            getattr(route, "path", "") == HOOKS for route in self.app.routes
        ):
            return artefact
        endpoint = f"{self.base(request).removesuffix(ROOT)}{HOOKS}/{REVIEW}"
        return {**artefact, "extension": [{"url": HOOKS_ENDPOINT, "valueUri": endpoint}]}

    # ----------------------------------------------------------------------------------------------------- $apply

    def applying(self, code: str) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of one operation."""

        async def apply(request: Request) -> Response:
            form = form_of(request)
            check_version(request)
            _refuse(check_query(request))
            return await self._apply(request, form, code)

        return apply

    async def _apply(self, request: Request, form: Form, code: str) -> Response:
        runtime, rules = self.runtime, self.runtime.rules
        plan = request.path_params.get("id")
        body = await body_of(request, JSON_TYPES, runtime.settings.largest_body, runtime.settings.body_seconds)
        application = await runtime.evaluations.run(lambda: read_application(body, runtime.limits, rules, plan))
        door = f"POST {ROOT}/PlanDefinition/{'{id}/' if plan is not None else ''}${code}"
        try:
            decided = await runtime.decide(application.asked, door=door, caller=_caller(request), size=len(body))
        except UnusableInput as error:
            raise UnusableInput(application.record.placed(error.issues)) from error
        stamped = dt.datetime.now(dt.UTC)
        # The rule set may have been replaced in the meantime: the answer says by which of the two it was made.
        digest = decided.answer.rule_set.digest
        used = next((each for each in (rules, runtime.rules) if each.digest == digest), None)
        if used is None:
            raise Refused(503, "busy", "the rules were just replaced; send this one again", {"Retry-After": "1"})

        def made() -> Response:
            headers = {RECORD: decided.record or "none"}
            return form.response(_answered(code, decided, used, application, stamped), headers=headers)

        return await anyio.to_thread.run_sync(made)

    # ------------------------------------------------------------------------------------------------------ errors

    def _outcome(
        self, request: Request, status: int, issues: Iterable[Issue], more: Mapping[str, str] | None = None
    ) -> Response:
        return lenient_form(request).response(fhir_outcome(issues, self.addresses()), status, dict(more or {}))

    async def refuse(self, request: Request, error: CdsError) -> Response:
        """A request that cannot be read or served, a record that cannot be used, no common answer, none recorded."""
        if isinstance(error, NoAdvice):
            record_incident(error)
        status, issues = refusal_of(error)
        if isinstance(error, UnusableInput):
            status = fhir_status(issues)
        headers = error.headers if isinstance(error, Refused) else {"Retry-After": "5"} if status == 503 else {}
        return self._outcome(request, status, issues, headers)

    async def http(self, request: Request, error: HTTPException) -> Response:
        """An address or a method that is not served."""
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
        told = f"{HTTPStatus(error.status_code).phrase.lower()}; {ROOT}/metadata lists what is served here"
        return self._outcome(request, error.status_code, [Issue("error", code, "", told)], dict(error.headers or {}))

    async def incident(self, request: Request, error: Exception) -> Response:
        """Nothing leaves as a bare 500, and none with a trace. A client that left is no failure of ours."""
        if isinstance(error, ClientDisconnect):
            raise error
        log_incident(error)
        told = "the service failed; this is no finding about the patient, and the incident was recorded"
        return self._outcome(request, 500, [Issue("error", "incident", "", told)])


def _answered(code: str, decided: Decided, rules: RuleSet, application: Application, moment: dt.datetime) -> Json:
    occasion = Occasion(
        uuid.uuid4(),
        moment,
        application.subject,
        application.encounter,
        application.practitioner,
        application.organization,
        decided.record,
    )

    said = [Issue(each.severity, each.code, each.expression, each.details) for each in decided.answer.issues]
    remarks = (*application.record.placed(said), *application.notes)
    outcome = fhir_outcome(remarks, Addresses.of(rules)) if remarks else None
    return _MAKES[code](decided.answer, decided.content, rules, occasion, outcome)


def _refuse(issues: list[Issue]) -> None:
    if issues:
        raise UnusableInput(issues)


def _caller(request: Request) -> Caller | None:
    caller = getattr(request.state, "caller", None)
    return caller if isinstance(caller, Caller) else None
