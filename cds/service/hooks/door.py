"""The addresses of CDS Hooks: discovery, the services, and feedback about their cards."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

from cds.errors import Issue, UnusableInput
from cds.intake.document import parse_document
from cds.recommendation.model import ObligationPart, Recommendation
from cds.records import Author, RecordsUnavailable
from cds.records import Card as RecordedCard
from cds.ruleset import RuleSet
from cds.service.hooks import advice
from cds.service.hooks.bundle import compose
from cds.service.hooks.cards import Action, Card, Coding, Link, Source, Suggestion, response
from cds.service.hooks.description import call_operation, discovery_operation, feedback_operation
from cds.service.hooks.envelope import (
    Call,
    OrderDispatchContext,
    OrderSelectContext,
    OrderSignContext,
    read_call,
)
from cds.service.hooks.feedback import read_report
from cds.service.hooks.fhir_server import ClientFactory, FhirServer, allowed_base, found_in, new_client
from cds.service.hooks.orders import ORDER_TYPE, Order, drafts, read_orders
from cds.service.hooks.prefetch import Found, Part, State, other_patients, receive
from cds.service.hooks.problems import MISSING, NO_SERVICE, NotAnswered, refusal
from cds.service.hooks.services import INDISPENSABLE, PATIENT, REVIEW, discovery, services_of, templates
from cds.service.hooks.settings import HooksSettings
from cds.service.hooks.unchecked import unchecked
from cds.service.outcomes import Refused, status_of
from cds.service.requests import JSON_TYPES, Asked, body_of, today
from cds.service.runtime import Caller, Runtime
from cds.service.settings import servers_of

LOG: Final = logging.getLogger("cds.service.hooks")
MOST_SUGGESTIONS: Final = 5
_KEPT: Final[dict[str, object]] = {}


@dataclass(frozen=True, slots=True)
class _Opened:
    """One call as it was sent, checked: what it holds, and nothing fetched yet."""

    call: Call
    warnings: tuple[str, ...]
    parts: Mapping[str, Part]
    orders: tuple[Order, ...]
    server: str | None


@dataclass(frozen=True, slots=True)
class _Case:
    """One call with everything that could be obtained for it."""

    call: Call
    service: str
    parts: Mapping[str, Part]
    orders: tuple[Order, ...]
    warnings: tuple[str, ...]

    @property
    def not_whole(self) -> tuple[str, ...]:
        """The keys of which something is missing. There always is a patient: that none was found is such a lack."""
        lacking = (part.key for part in self.parts.values() if not part.complete)
        return (*((PATIENT,) if self.parts[PATIENT].state is State.NONE else ()), *lacking)


def add_to(app: FastAPI, runtime: Runtime, *, client: ClientFactory = new_client) -> None:
    """Serve CDS Hooks: `GET /cds-services`, `POST /cds-services/{id}`, `POST /cds-services/{id}/feedback`.

    `client` makes what fetches from FHIR servers; tests replace it. Raises `ValidationError` where the settings name an
    address that may not be used.
    """
    door = Door(runtime, HooksSettings.of(runtime.settings), client)
    app.add_api_route(
        "/cds-services", door.discover, methods=["GET"], summary="The CDS services", response_class=Response,
        **discovery_operation(),
    )  # fmt: skip
    app.add_api_route(
        "/cds-services/{id}", door.serve, methods=["POST"], summary="Cards for one call of a CDS service",
        response_class=Response, **call_operation(),
    )  # fmt: skip
    app.add_api_route(
        "/cds-services/{id}/feedback", door.feedback, methods=["POST"], summary="What became of cards",
        response_class=Response, **feedback_operation(),
    )  # fmt: skip
    app.add_exception_handler(NotAnswered, _not_answered)


async def _not_answered(_: Request, error: Exception) -> Response:
    assert isinstance(error, NotAnswered)
    return refusal(error)


class Door:
    """CDS Hooks of one service."""

    def __init__(self, runtime: Runtime, settings: HooksSettings, client: ClientFactory) -> None:
        self._runtime = runtime
        self._settings = settings
        self._client = client

    # ---------------------------------------------------------------------------------------------- the endpoints

    async def discover(self) -> Response:
        """Every service, with the searches that it asks the client to prefetch."""
        return JSONResponse(discovery(self._runtime.rules))

    async def serve(self, request: Request) -> Response:
        """The cards of one call."""
        service = self._service(request)
        arrived = dt.datetime.now(dt.UTC)
        rules = self._runtime.rules
        content = await self._content(request)
        caller = _caller(request)
        opened = await self._runtime.evaluations.run(lambda: self._opened(content, service, rules, caller))
        case = await self._case(opened, service, rules)
        if service != REVIEW and not case.orders:
            return JSONResponse(response(()))
        patient = case.call.context.patientId
        composed = compose(case.parts, patient)
        asked = Asked(composed.bundle, today(), server=opened.server)
        door = f"POST /cds-services/{service}"
        try:
            decided = await self._runtime.decide(asked, door=door, caller=caller, size=len(content))
        except UnusableInput as error:
            raise NotAnswered(status_of(error.issues), composed.placed(error.issues)) from error
        told = tuple(self._advice(decided.answer, case, composed.bundle, rules))
        cards = tuple(self._card(each, decided.answer, decided.record, case, rules, arrived) for each in told)
        if decided.record is not None and cards:
            kept = [_recorded(card, each) for card, each in zip(cards, told, strict=True)]
            await self._keep(decided.record, kept, service, _author(caller))
        return JSONResponse(response(cards))

    async def _keep(self, record: str, cards: list[RecordedCard], service: str, author: Author | None) -> None:
        """Record which cards are shown. Raises `RecordsUnavailable` where they have to be recorded and cannot be."""
        records = self._runtime.records
        assert records is not None, "there is the record of a decision"
        try:
            await anyio.to_thread.run_sync(lambda: records.append_cards(record, cards, service=service, author=author))
        except RecordsUnavailable as error:
            LOG.error("cards not recorded: %s", error)
            if self._runtime.settings.recording == "required":
                raise

    async def feedback(self, request: Request) -> Response:
        """Keep what became of cards. A card that nobody knows here is accepted."""
        service = self._service(request)
        content = await self._content(request)
        caller = _caller(request)
        author = _author(caller)
        reports = await anyio.to_thread.run_sync(lambda: read_report(self._parsed(content), service, author))
        records = self._runtime.records
        if records is None:
            LOG.warning("feedback about %d cards was not kept: records are off", len(reports))
        else:
            try:
                await anyio.to_thread.run_sync(lambda: [records.append_feedback(each) for each in reports])
            except RecordsUnavailable as error:
                LOG.error("feedback not recorded: %s", error)
                details = "what became of the cards cannot be recorded now; send it again later"
                again = {"Retry-After": "5"}
                raise NotAnswered(503, [Issue("error", error.code, "", details)], again) from error
        return JSONResponse(_KEPT)

    def _service(self, request: Request) -> str:
        service = str(request.path_params["id"])
        if not any(each.id == service for each in services_of(self._runtime.rules)):
            details = "there is no such CDS service; GET /cds-services lists them"
            raise NotAnswered(404, [Issue("error", NO_SERVICE, "", details)])
        return service

    async def _content(self, request: Request) -> bytes:
        settings = self._runtime.settings
        try:
            return await body_of(request, JSON_TYPES, settings.largest_body, settings.body_seconds)
        except Refused as error:  # whatever the client accepts: CDS Hooks speaks of problems in FHIR's words
            raise NotAnswered(error.status, error.issues, error.headers) from error

    def _parsed(self, content: bytes) -> Mapping[str, object]:
        try:
            return parse_document(content, self._runtime.limits)
        except UnusableInput as error:
            raise NotAnswered(status_of(error.issues), error.issues) from error

    # ------------------------------------------------------------------------------------- what the call is about

    def _opened(self, content: bytes, service: str, rules: RuleSet, caller: Caller | None) -> _Opened:
        """The call, off the event loop: a large one takes its time. Raises `NotAnswered` with every problem."""
        call, warnings = read_call(self._parsed(content), service)
        issues: list[Issue] = []
        parts = receive(call.prefetch, templates(rules), issues)
        drafted = self._drafts(call, issues)
        issues += other_patients((*found_in(parts), *drafted), call.context.patientId)
        if issues:
            raise NotAnswered(400, issues)
        orders = tuple(read_orders(drafted, rules.mapping))
        return _Opened(call, warnings, parts, orders, self._server(call, caller))

    async def _case(self, opened: _Opened, service: str, rules: RuleSet) -> _Case:
        """The call with everything that could be fetched. Raises `NotAnswered` where that is not enough."""
        call, parts = opened.call, opened.parts
        patient, asked = call.context.patientId, templates(rules)
        missing: list[Issue] = []
        async with self._asking(call, opened.server) as (fhir, why):
            dispatched = await _dispatched(call, parts, fhir, why, missing)
            ordered = (*opened.orders, *read_orders(dispatched, rules.mapping))
            if service != REVIEW and not ordered and not missing:
                return _Case(call, service, parts, (), opened.warnings)  # nothing to check: nothing else is fetched
            if fhir is not None:
                parts = await fhir.complete(parts, asked, patient)
        if issues := list(other_patients((*found_in(parts), *dispatched), patient)):
            raise NotAnswered(400, issues)
        if missing := [*missing, *_indispensable(parts, asked, why)]:
            raise NotAnswered(412, missing)
        return _Case(call, service, parts, ordered, opened.warnings)

    def _drafts(self, call: Call, issues: list[Issue]) -> list[Found]:
        if not isinstance(call.context, OrderSignContext):
            return []
        found = drafts(call.context.draftOrders.entry, issues)
        if not isinstance(call.context, OrderSelectContext):
            return found
        selected = set(call.context.selections)
        return [each for each in found if f"{each.resource.get('resourceType')}/{each.resource.get('id')}" in selected]

    def _server(self, call: Call, caller: Caller | None) -> str | None:
        """The client's FHIR server, where it is one of the installation's list that the client may speak of."""
        if call.fhirServer is None:
            return None
        own = servers_of(self._runtime.settings, caller.issuer if caller is not None else None)
        return allowed_base(call.fhirServer, own)

    @asynccontextmanager
    async def _asking(self, call: Call, base: str | None) -> AsyncIterator[tuple[FhirServer | None, str]]:
        """The client's FHIR server, for the time of the call; or why it is not asked."""
        if call.fhirServer is None:
            yield None, "no fhirServer was sent to fetch it from"
        elif call.fhirAuthorization is None:
            yield None, "no fhirAuthorization was sent to fetch it with"
        elif base is None:
            yield None, "the fhirServer is not one that this installation fetches from for this client"
        else:
            async with self._client() as client:
                yield FhirServer(base, call.fhirAuthorization, self._settings, client), ""

    # ------------------------------------------------------------------------------------------------- the cards

    def _advice(
        self, answer: Recommendation, case: _Case, bundle: Mapping[str, object], rules: RuleSet
    ) -> list[advice.Advice]:
        told = self._checked(answer, case)
        left = unchecked(answer, bundle, case.orders, case.not_whole, rules)
        return [*told, advice.not_checked(answer, left, case.orders, case.not_whole)] if left is not None else told

    def _checked(self, answer: Recommendation, case: _Case) -> list[advice.Advice]:
        if case.service == REVIEW:
            return [advice.review(answer, lesion, case.not_whole) for lesion in advice.in_scope(answer)]
        told = []
        for option in dict.fromkeys(order.option for order in case.orders):
            same = [order for order in case.orders if order.option == option]
            for lesion, ordered in advice.lesions_of(answer, same):
                one = advice.order(answer, lesion, ordered, case.not_whole)
                told += [one] if one is not None else []
        return told

    def _card(
        self,
        told: advice.Advice,
        answer: Recommendation,
        record: str | None,
        case: _Case,
        rules: RuleSet,
        arrived: dt.datetime,
    ) -> Card:
        hooks = rules.mapping.hooks
        assert hooks is not None, "without the section there is no template, so no call comes this far"
        suggestions = tuple(_proposal(each, case, answer) for each in told.duties[:MOST_SUGGESTIONS])
        head = answer.rule_set
        moment = arrived.isoformat(timespec="seconds").replace("+00:00", "Z")
        address = self._case_page(record)
        trace: dict[str, Any] = {
            "derivation": address, "record": record, "evaluated": moment, "asOf": answer.as_of.isoformat(),
            "ruleSet": {"id": head.id, "version": head.version, "digest": head.digest}, "lesion": told.lesion,
            "option": told.option, "rules": list(told.rules),
            "orders": [order.reference for order in case.orders if told.option in ("", order.option)],
            "prefetch": {part.key: _state(part) for part in case.parts.values()}, "warnings": list(case.warnings),
        }  # fmt: skip
        return Card(
            uuid=str(uuid.uuid4()), summary=told.summary, indicator=told.indicator,
            source=Source(
                label=head.title or head.id, url=f"{self._settings.base}/",
                topic=Coding(system=hooks.topic.system, code=hooks.topic.code, display=hooks.topic.display),
            ),
            detail=f"{told.detail}\n\nEvaluated {advice.markdown(moment)}.",
            suggestions=suggestions, selectionBehavior="any" if suggestions else None,
            overrideReasons=tuple(
                Coding(system=group.system, code=code, display=display)
                for group in hooks.override_reasons for code, display in group.codes.items()
            ),
            links=self._links(address, record, told), extension={hooks.extension: trace},
        )  # fmt: skip

    def _case_page(self, record: str | None) -> str | None:
        """Where the whole answer with its derivation is read; `None` where it was not recorded."""
        return f"{self._settings.base}/board/records/{record}" if record is not None else None

    def _links(self, address: str | None, record: str | None, told: advice.Advice) -> tuple[Link, ...]:
        links = [Link(label="The case, with every reason", url=address)] if address is not None else []
        if self._settings.smart_launch is not None:
            context = f'{{"record":"{record}"}}' if record is not None else None
            launch = self._settings.smart_launch
            links.append(Link(label="The case in the board's app", url=launch, type="smart", appContext=context))
        return (*links, *(Link(label=cite, url=url) for cite, url in told.cited))


def _caller(request: Request) -> Caller | None:
    caller = getattr(request.state, "caller", None)
    return caller if isinstance(caller, Caller) else None


def _author(caller: Caller | None) -> Author | None:
    return Author(caller.name, caller.issuer) if caller is not None else None


async def _dispatched(
    call: Call, parts: Mapping[str, Part], fhir: FhirServer | None, why: str, missing: list[Issue]
) -> tuple[Found, ...]:
    """The requests that are being dispatched. One that cannot be had is `missing`: nothing can be said about it."""
    if not isinstance(call.context, OrderDispatchContext):
        return ()
    there = {f"{f.resource.get('resourceType')}/{f.resource.get('id')}": f for f in found_in(parts)}
    found: list[Found] = []
    for index, reference in enumerate(call.context.dispatchedOrders):
        if not reference.startswith(f"{ORDER_TYPE}/"):
            continue
        place = f"context.dispatchedOrders[{index}]"
        if reference in there:
            found.append(there[reference])
            continue
        resource = await fhir.read(reference) if fhir is not None else why
        if isinstance(resource, str):
            details = f"`{reference}` could not be obtained: {resource}; send it in the prefetch `requests`"
            missing.append(Issue("error", MISSING, place, details))
        else:
            found.append(Found(place, resource))
    return tuple(found)


def _indispensable(parts: Mapping[str, Part], asked: Mapping[str, str], why: str) -> Iterator[Issue]:
    for key in INDISPENSABLE:
        part = parts[key]
        if part.unanswered:
            reasons = "; ".join(each for each in (part.why, why) if each)
            details = f"`{key}` could not be obtained: {reasons}; send what `{asked[key]}` finds"
            yield Issue("error", MISSING, f"prefetch.{key}", details)


def _state(part: Part) -> str:
    notes = f" [{', '.join(part.notes)}]" if part.notes else ""
    return f"{part.state}{f': {part.why}' if part.why else ''}{notes}"


def _proposal(duty: ObligationPart, case: _Case, answer: Recommendation) -> Suggestion:
    """A draft task for what is owed: a proposal, and nothing until a person makes it one's own."""
    task = {
        "resourceType": "Task", "status": "draft", "intent": "proposal", "description": duty.says,
        "for": {"reference": f"Patient/{case.call.context.patientId}"},
        "performerType": [{"text": duty.who}],
        "reasonCode": {"text": f"{duty.rule} of {answer.rule_set.id} {answer.rule_set.version}"},
    }  # fmt: skip
    label = f"Propose a task for: {duty.who}"
    return Suggestion(
        label=f"{label} ({duty.rule})", uuid=str(uuid.uuid4()), actions=(Action(description=duty.says, resource=task),)
    )


def _recorded(card: Card, told: advice.Advice) -> RecordedCard:
    """What is kept of a card. The rule stands for the words of a suggestion, which may speak of the patient."""
    pairs = zip(card.suggestions, told.duties, strict=False)
    return RecordedCard(card.uuid, told.rules, {suggestion.uuid: duty.rule for suggestion, duty in pairs})
