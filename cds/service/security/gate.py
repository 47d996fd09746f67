"""The gate: who asks is known, and may ask, before anything of a request is read.

`/cds-services` is for CDS clients, by their own tokens; every other door for bearers of a token with its scope.
Whether the service is up, which version it is and what its FHIR door serves anybody may ask: a FHIR client reads from
`/fhir/metadata` how to get a token. In development nobody is asked who they are, and
the service listens on the loopback interface only.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Final

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from cds.records import RecordsUnavailable
from cds.service.outcomes import Refused, error_response
from cds.service.runtime import Caller
from cds.service.security.outbound import NotFetched
from cds.service.security.rates import Rates
from cds.service.security.tokens import NotAllowed, NotAuthentic, Tokens

LOG: Final = logging.getLogger("cds.service")
OPEN: Final = frozenset({"/health", "/health/ready", "/version", "/fhir/metadata"})
HOOKS: Final = "/cds-services"
BOARD: Final = ("/", "/style.css", "/board", "/rules", "/references", "/vocabulary")
SCOPES: Final = {"/metrics": "cds.metrics", **dict.fromkeys(BOARD, "cds.board")}
"""The scope of each door that has its own; `cds.evaluate` is that of all others."""
DEVELOPMENT: Final = Caller("development")


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

    `tokens` of `None` is development. `rates` of `None` sets no limit.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens | None, rates: Rates | None, public_url: str) -> None:
        self.app = app
        self._tokens = tokens
        self._rates = rates
        self._public_url = public_url.rstrip("/")
        self._checks = anyio.CapacityLimiter(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request on to its door, or answer it with 401, 403, 429 or 503."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self.app(scope, receive, send)
            return
        peer = f"address:{scope['client'][0] if scope.get('client') else '?'}"
        headers = Headers(scope=scope)
        admitted = await self._admitted(scope["path"], headers, peer)
        if isinstance(admitted, Caller):
            scope.setdefault("state", {})["caller"] = admitted
            await self.app(scope, receive, send)
            return
        response = error_response(headers.get("accept"), admitted.status, admitted.issues, admitted.headers)
        await response(scope, receive, send)

    async def _admitted(self, path: str, headers: Headers, peer: str) -> Caller | Refused:
        """The caller, or the answer that it gets instead."""
        try:
            caller = await self._caller(path, headers)
        except NotAuthentic as error:
            invalid = {"WWW-Authenticate": 'Bearer realm="cds", error="invalid_token"'}
            return self._slowed(peer) or Refused(401, error.code, str(error), invalid)
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
        if self._tokens is None:
            return DEVELOPMENT
        tokens = self._tokens
        given = headers.getlist("authorization")
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
