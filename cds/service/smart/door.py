"""The addresses of a launch: `GET /smart/launch` (from the EHR), `/smart/standalone` (from here), `/smart/callback`."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import anyio.to_thread
import httpx2
from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

from cds.errors import UnusableInput
from cds.intake.document import Limits, parse_document, string
from cds.records import Records
from cds.service.board.cases import CasePages, Shown
from cds.service.board.shell import FAILURES, Shell, check_same_origin
from cds.service.hooks.bundle import compose
from cds.service.hooks.envelope import UUID
from cds.service.hooks.fhir_server import ClientFactory, new_client
from cds.service.hooks.problems import NotAnswered
from cds.service.hooks.services import templates
from cds.service.hooks.settings import HooksSettings
from cds.service.outcomes import Refused, status_of
from cds.service.requests import Asked, today
from cds.service.runtime import Caller, Runtime
from cds.service.security.client_key import ClientKey
from cds.service.security.gate import Page
from cds.service.settings import SmartApp
from cds.service.smart.authorization import Grant, Launch, read_grant, request_address, scopes, sealed_launch
from cds.service.smart.discovery import Configuration, configuration_of
from cds.service.smart.gathering import gathered, problems, type_of
from cds.service.smart.identity import UNNAMED, user_of
from cds.service.smart.seals import Seal
from cds.service.smart.servers import error_code, exchanged, failed
from cds.service.smart.sessions import Sessions, named

CALLBACK: Final = "/smart/callback"
DOOR: Final = f"GET {CALLBACK}"
KEPT: Final = 600
"""Seconds within which a launch that was begun has to come back."""
LONGEST: Final = 8000

FirstUse = Callable[[str], bool]
"""Whether the state of a launch was not used before, by any worker."""


def add_to(
    app: FastAPI,
    runtime: Runtime,
    sessions: Sessions | None,
    memory: Records | None,
    *,
    client: ClientFactory | None = None,
) -> Page | None:
    """Serve launches, and give what tells a reader why a page stays shut; nothing where no EHR may launch (`sessions`
    is `None`).

    `memory` remembers which launches have come back. `client` makes what asks the EHR's servers; tests replace it.
    Raises `ValueError` where an app's key cannot be read any more.
    """
    if sessions is None or memory is None:
        return None

    def first_use(state: str) -> bool:
        at = int(time.time())
        return memory.is_first_use("smart-launch", state, expires=at + 2 * KEPT, at=at)

    door = LaunchPages(Shell(runtime), sessions, first_use, client or new_client)
    for path, endpoint in (
        ("/smart/launch", door.launch), ("/smart/standalone", door.standalone), (CALLBACK, door.callback),
        ("/smart/jwks.json", door.keys),
    ):  # fmt: skip
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False, response_class=Response)
    app.add_api_route("/smart/end", door.end, methods=["POST"], include_in_schema=False, response_class=Response)
    return door.shut


class LaunchPages:
    """The launches of one service: from an EHR's request to the page of the case."""

    def __init__(self, shell: Shell, sessions: Sessions, first_use: FirstUse, client: ClientFactory) -> None:
        self._shell = shell
        self._cases = CasePages(shell, {})
        self._sessions = sessions
        self._first_use = first_use
        self._client = client
        self._runtime = shell.runtime
        self._settings = HooksSettings.of(shell.runtime.settings)
        self._seal = Seal(sessions.key, "launch", seconds=KEPT)
        apps = shell.runtime.settings.smart_apps
        self._keys = {app.server: ClientKey.read(app.client_key) for app in apps if app.client_key is not None}

    # ---------------------------------------------------------------------------------------------- the endpoints

    async def launch(self, request: Request) -> Response:
        """What an EHR opens: `iss` is its FHIR server, `launch` stands for its patient and user."""
        try:
            token = request.query_params.get("launch", "")
            if not token or len(token) > LONGEST:
                told = "the EHR sent no launch parameter that can be used; open the board from a patient's chart"
                raise Refused(400, "launch-failed", told)
            return await self._begun(request.query_params.get("iss", ""), token)
        except FAILURES as error:
            return await self._shell.failed(request, error)

    async def standalone(self, request: Request) -> Response:
        """What a person opens: `iss` names the EHR, which then asks for the patient. One EHR needs no naming."""
        servers = self._servers
        try:
            return await self._begun(request.query_params.get("iss", servers[0] if len(servers) == 1 else ""), None)
        except FAILURES as error:
            return await self._shell.failed(request, error)

    async def callback(self, request: Request) -> Response:
        """What the EHR's authorisation server sends the browser back to."""
        state = request.query_params.get("state", "")
        try:
            launch = await self._returned(request, state)
            response = await self._opened(request, launch)
        except FAILURES as error:
            response = await self._shell.failed(request, error)
        self._sessions.drop(response, self._cookie(state))
        return response

    async def keys(self) -> Response:
        """The public keys by which an EHR knows that it is this app that asks for a token."""
        public = {key.public["kid"]: key.public for key in self._keys.values()}
        return JSONResponse({"keys": list(public.values())})

    async def end(self, request: Request) -> Response:
        """The end of a session, asked for by a page of ours."""
        try:
            check_same_origin(request)
        except Refused as error:
            return await self._shell.failed(request, error)
        response = await self._shell.html(request, "session.html", servers=self._servers, ended=True)
        self._sessions.drop(response, self._sessions.name)
        return response

    async def shut(self, request: Request, refused: Refused) -> Response:
        """The page that says why another one stays shut, and to whom nobody is known, how to be."""
        if refused.status != 401:
            return await self._shell.failed(request, refused)
        return await self._shell.html(request, "session.html", status=401, servers=self._servers, ended=False)

    # ------------------------------------------------------------------------------------------------- the way out

    async def _begun(self, server: str, token: str | None) -> Response:
        app = self._app(server)
        if self._runtime.rules.mapping.hooks is None:
            raise Refused(404, "not-found", "the rule set in force names no searches, so nothing can be launched")
        launch = Launch(
            server=app.server.rstrip("/"), needed="launch-ehr" if token is not None else "launch-standalone"
        )
        async with self._client() as client:
            configuration = await configuration_of(client, app, self._settings, launch.needed)
        types = map(type_of, templates(self._runtime.rules).values())
        address = request_address(
            launch, configuration, app, redirect_uri=self._redirect_uri, audience=server, token=token,
            scope=scopes(types, launched=token is not None, names_users=configuration.names_users),
        )  # fmt: skip
        response = RedirectResponse(address, status_code=303)
        response.set_cookie(
            self._cookie(launch.state), self._seal.sealed(launch.model_dump_json().encode()), max_age=KEPT, path="/",
            secure=self._sessions.secure, httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    @property
    def _servers(self) -> tuple[str, ...]:
        return tuple(app.server for app in self._runtime.settings.smart_apps)

    def _app(self, server: str) -> SmartApp:
        """The app of a server that may launch."""
        for app in self._runtime.settings.smart_apps:
            if server.rstrip("/") == app.server.rstrip("/"):
                return app
        told = "iss: this is no FHIR server that may launch the board here; the setting smart_apps lists them"
        raise Refused(400, "unknown-server", told)

    @property
    def _redirect_uri(self) -> str:
        return f"{self._settings.base}{CALLBACK}"

    def _cookie(self, state: str) -> str:
        """One cookie for each launch: two of one browser do not hinder each other."""
        digest = hashlib.sha256(state.encode("utf-8", "surrogatepass")).hexdigest()
        return named(f"cds-launch-{digest[:16]}", secure=self._sessions.secure)

    # ------------------------------------------------------------------------------------------------ the way back

    async def _returned(self, request: Request, state: str) -> Launch:
        """The launch that comes back: begun by this browser, not long ago, and for the first time."""
        content = self._seal.opened(request.cookies.get(self._cookie(state), ""))
        launch = sealed_launch(content) if content is not None else None
        if launch is None or launch.state != state:
            told = f"no launch of this browser comes back with this, or it began more than {KEPT // 60} minutes ago"
            raise Refused(403, "foreign-launch", f"{told}; open the case from the EHR again")
        if not await anyio.to_thread.run_sync(self._first_use, state):
            raise Refused(403, "foreign-launch", "this launch came back before; open the case from the EHR again")
        return launch

    async def _opened(self, request: Request, launch: Launch) -> Response:
        """The case of the launch's patient, and the session in which it is read."""
        query = request.query_params
        if "error" in query:
            told = f"the EHR did not allow it ({error_code(query['error'])}); ask those who run it if it should have"
            raise Refused(403, "launch-denied", told)
        app = self._app(launch.server)
        async with self._client() as client:
            configuration = await configuration_of(client, app, self._settings, launch.needed)
            if configuration.issuer not in (None, query.get("iss", configuration.issuer)):  # RFC 9207
                raise Refused(403, "foreign-launch", "the answer is that of another server than the launch began with")
            grant, patient = await self._granted(client, launch, configuration, app, query.get("code", ""))
            name = UNNAMED
            if grant.id_token is not None:
                name = await user_of(client, grant.id_token.get_secret_value(), launch, configuration, app)
            searches = templates(self._runtime.rules)
            parts = await gathered(client, app, grant, searches, self._settings, patient)
        if issues := list(problems(parts, patient)):
            raise NotAnswered(502, issues)
        composed = compose(parts, patient)
        caller = Caller(name, launch.server, f"Patient/{patient}")
        try:
            asked = Asked(composed.bundle, today(), server=launch.server)
            decided = await self._runtime.decide(asked, door=DOOR, caller=caller)
        except UnusableInput as error:
            raise NotAnswered(status_of(error.issues), composed.placed(error.issues)) from error
        response: Response
        if decided.record is None:
            request.state.caller = caller
            shown = Shown("", decided.answer, composed.bundle, None, False, None)
            response = await self._cases.show(request, shown)
        else:
            card = card_of(grant.appContext)
            beside = f"?{urlencode({'card': card})}" if card is not None else ""
            response = RedirectResponse(f"/board/records/{decided.record}{beside}", status_code=303)
        self._sessions.begin(response, caller)
        return response

    async def _granted(
        self, client: httpx2.AsyncClient, launch: Launch, configuration: Configuration, app: SmartApp, code: str
    ) -> tuple[Grant, str]:
        if not 0 < len(code) <= LONGEST:
            raise failed("the authorisation", "the EHR's server sent no code")
        key = self._keys.get(app.server)
        form = {
            **(key.assertion(app.client_id, configuration.token_endpoint) if key is not None else {}),
            "grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri,
            "code_verifier": launch.verifier,
        }  # fmt: skip
        return read_grant(await exchanged(client, configuration.token_endpoint, app, form))


def card_of(context: object) -> str | None:
    """The record that a card's link named in its `appContext`; `None` where it names none.

    >>> card_of('{"record":"6f9b7f8e-3c57-4f0e-9a36-6b9bb1a3f5aa"}'), card_of("{}"), card_of(None)
    ('6f9b7f8e-3c57-4f0e-9a36-6b9bb1a3f5aa', None, None)
    """
    if isinstance(context, str):
        try:
            context = parse_document(context.encode("utf-8", "replace"), Limits(size=10_000))
        except UnusableInput:
            return None
    record = string(context, "record") if isinstance(context, Mapping) else None
    return record if record is not None and re.fullmatch(UUID, record) else None
