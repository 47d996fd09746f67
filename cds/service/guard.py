"""What surrounds every response: headers that keep a patient's data where it is, and no failure without its outcome.

Every request gets an id, is counted and is logged by its route and status, never with a text that may come from a
record.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds.errors import Issue, NoAdvice
from cds.service.held import Held
from cds.service.logs import REQUEST, place_of
from cds.service.metrics import Metrics, method_of
from cds.service.outcomes import error_response

LOG: Final = logging.getLogger("cds.service")
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
TRANSPORT: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
"""What is said besides where the public address is https."""
# Another form might carry a patient's number into the logs.
_REQUEST_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Guard:
    """The outermost layer of the service."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, held: Held, most: int = 128, is_public: bool = False
    ) -> None:
        self.app = app
        self._held = held
        self._most = most
        self._present = 0
        self._metrics = metrics
        self._headers = {**HEADERS, **(TRANSPORT if is_public else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer with an OperationOutcome whatever is raised.

        HEAD is answered as GET is, without the body (RFC 9110, section 9.3.2).
        """
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        offered = given.get("x-request-id", "").lower()
        request = offered if _REQUEST_ID.fullmatch(offered) else str(uuid.uuid4())
        # Read to another length by a proxy in front, such a body hides a request (RFC 9112, section 6.1).
        is_ambiguous = "transfer-encoding" in given and "content-length" in given
        token = REQUEST.set(request)
        self._present += 1
        share = self._held.share()
        scope.setdefault("state", {})["share"] = share
        start, status = time.perf_counter(), 0
        is_head = scope["method"] == "HEAD"
        asked: Scope = {**scope, "method": "GET"} if is_head else scope

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request
                if is_ambiguous:
                    headers["Connection"] = "close"
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        try:
            if self._present > self._most and scope["path"] != "/health":
                busy = Issue("error", "busy", "", f"{self._most} requests are being answered; send this one again soon")
                response = error_response(given.get("accept"), 503, [busy], {"Retry-After": "1"})
                await response(asked, receive, guarded)
                return
            await self.app(asked, receive, guarded)
        except ClientDisconnect:
            LOG.info("the client left")
        except Exception as error:  # noqa: BLE001 - the last line: nothing may leave as a bare 500 or with a traceback
            log_incident(error)
            if status:
                raise ConnectionError("the response broke off") from None
            details = "the service failed; this is no finding about the patient, and the incident was recorded"
            response = error_response(given.get("accept"), 500, [Issue("error", "incident", "", details)])
            await response(asked, receive, guarded)
        finally:
            self._present -= 1
            share.hold(0)
            seconds = time.perf_counter() - start
            route = getattr(asked.get("route"), "path", "-")
            self._metrics.answered(scope["method"], route, status, seconds)
            method = method_of(scope["method"])
            told = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
            LOG.info("answered", extra={"told": told})
            REQUEST.reset(token)


def log_incident(error: Exception) -> None:
    """Record what kind of error it was and where, without its words."""
    LOG.error("incident: %s at %s", type(error).__name__, place_of(error))


def record_incident(error: NoAdvice) -> None:
    """Log what a person needs who must act: which criteria differ, or how the engine failed. It names no fact.

    The message of a `NoAdvice` speaks of criteria, truths and processes alone (`cds.reasoning.agreement`).
    """
    LOG.error("no advice: %s: %s", error.code, error)
