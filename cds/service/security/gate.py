"""The gate: who asks is known, and may ask, before anything of a request is read.

`/cds-services` is for CDS clients, by their own tokens; every other door for bearers of a token with its scope. The
board's pages are for the session of a SMART launch, too, whose own addresses anybody may open. Whether the service is
up, which version it is, how its pages look and what its FHIR door serves anybody may ask: a FHIR client reads from
`/fhir/metadata` how to get a token. In development nobody is asked who they are, and the service listens on the
loopback interface only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cds.records import RecordsUnavailable
from cds.service.outcomes import Refused, error_response
from cds.service.runtime import Caller
from cds.service.security.outbound import NotFetched
from cds.service.security.rates import Rates
from cds.service.security.tokens import NotAllowed, NotAuthentic, Tokens
from cds.service.settings import is_loopback
from cds.service.smart.sessions import Sessions

LOG: Final = logging.getLogger("cds.service")
OPEN: Final = frozenset({"/health", "/health/ready", "/version", "/fhir/metadata", "/style.css", "/assets/what-if.js"})
HOOKS: Final = "/cds-services"
LAUNCH: Final = "/smart"
BOARD: Final = ("/", "/board", "/rulebook", "/rules", "/references", "/vocabulary")
BOARDS: Final = "cds.board"
SCOPES: Final = {"/metrics": "cds.metrics", **dict.fromkeys(BOARD, BOARDS)}
"""The scope of each door that has its own; `cds.evaluate` is that of all others."""
DEVELOPMENT: Final = Caller("development")
LAUNCHING: Final = Caller("launching")
"""Nobody yet: who it is, a launch finds out."""
Page = Callable[[Request, Refused], Awaitable[Response]]
"""Makes the page of a refusal."""


def scope_of(path: str) -> str:
    """The scope that opens a door.

    >>> scope_of("/board/x"), scope_of("/evaluate")
    ('cds.board', 'cds.evaluate')
    """
    return next((scope for door, scope in SCOPES.items() if _is_below(path, door)), "cds.evaluate")


def _is_below(path: str, door: str) -> bool:
    return path == door or path.startswith(f"{door}/")


class Gate:
    """Puts a `Caller` into the state of every request that may go on, and answers the others.

    `tokens` of `None` is development. `rates` of `None` sets no limit. `sessions` of `None` knows no launch.
    `page` tells a reader of the board's pages why one stays shut; without it everybody is told as programs are.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens | None,
        rates: Rates | None,
        public_url: str,
        sessions: Sessions | None = None,
        page: Page | None = None,
    ) -> None:
        self.app = app
        self._page = page
        self._tokens = tokens
        self._rates = rates
        self._sessions = sessions
        self._public_url = public_url.rstrip("/")
        self._checks = anyio.CapacityLimiter(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request on to its door, or answer it with 401, 403, 429 or 503."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        peer = f"address:{scope['client'][0] if scope.get('client') else '?'}"
        headers = Headers(scope=scope)
        admitted: Caller | Refused
        if self._tokens is None and not self._is_addressed_here(scope, headers):
            told = "nobody is asked who they are here, so only this machine's own address is answered"
            admitted = Refused(421, "misdirected", f"{told}; open http://127.0.0.1 or http://localhost")
        else:
            admitted = await self._admitted(scope["path"], headers, peer)
        if isinstance(admitted, Caller):
            scope.setdefault("state", {})["caller"] = admitted
            await self.app(scope, receive, send)
            return
        if self._page is not None and scope_of(scope["path"]) == BOARDS and "text/html" in headers.get("accept", ""):
            response = await self._page(Request(scope), admitted)
            response.headers.update(admitted.headers)
        else:
            response = error_response(headers.get("accept"), admitted.status, admitted.issues, admitted.headers)
        await response(scope, receive, send)

    def _is_addressed_here(self, scope: Scope, headers: Headers) -> bool:
        """Whether the host that is asked for is this machine. A page of another site can have its own name lead here
        (DNS rebinding), and would read what it asks for as its own.
        """
        try:
            asked = urlsplit(f"//{headers.get('host', '')}").hostname
        except ValueError:
            return False
        own = {(scope.get("server") or ("",))[0], urlsplit(self._public_url).hostname}
        return asked is None or asked in own or is_loopback(asked)

    async def _admitted(self, path: str, headers: Headers, peer: str) -> Caller | Refused:
        """The caller, or the answer that it gets instead."""
        try:
            caller = await self._caller(path, headers)
        except NotAuthentic as error:
            # Who sent no token is told of no error in it (RFC 6750, section 3.1).
            sent = any(each[:7].lower() == "bearer " for each in headers.getlist("authorization"))
            asking = 'Bearer realm="cds", error="invalid_token"' if sent else 'Bearer realm="cds"'
            return self._slowed(peer) or Refused(401, error.code, str(error), {"WWW-Authenticate": asking})
        except NotAllowed as error:
            short = {"WWW-Authenticate": 'Bearer realm="cds", error="insufficient_scope"'}
            return self._slowed(peer) or Refused(403, error.code, str(error), short)
        except (NotFetched, RecordsUnavailable) as error:
            LOG.error("who asks cannot be checked: %s", error)
            details = "who asks cannot be checked now; this is a failure of the system, try again later"
            return Refused(503, error.code, details, {"Retry-After": "5"})
        return self._slowed(f"{caller.issuer}|{caller.name}" if caller.issuer is not None else peer) or caller

    def _slowed(self, caller: str) -> Refused | None:
        wait = self._rates.wait(caller) if self._rates is not None else 0.0
        if wait == 0:
            return None
        details = "more requests than are allowed; wait, then ask again"
        return Refused(429, "too-many-requests", details, {"Retry-After": str(math.ceil(wait))})

    async def _caller(self, path: str, headers: Headers) -> Caller:
        given = headers.getlist("authorization")
        if self._sessions is not None and not given:
            if _is_below(path, LAUNCH):
                return LAUNCHING
            session = self._sessions.caller(cookie_parser(headers.get("cookie", "")))
            if session is not None and scope_of(path) == BOARDS:
                return session
        if self._tokens is None:
            return DEVELOPMENT
        if self._sessions is not None and not given and scope_of(path) == BOARDS:
            raise NotAuthentic("no session is open here, or its time is over; open the case from the EHR again")
        tokens = self._tokens
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token.strip():
            raise NotAuthentic("no token was given; send Authorization: Bearer and a token")
        if _is_below(path, HOOKS):
            endpoint = f"{self._public_url}{path}"
            return await self._checked(lambda: tokens.cds_client(token.strip(), endpoint))
        return await self._checked(lambda: tokens.bearer(token.strip(), scope_of(path)))

    async def _checked(self, check: Callable[[], Caller]) -> Caller:
        # Off the event loop: a check may fetch keys, and asks the database.
        return await anyio.to_thread.run_sync(check, limiter=self._checks)
