"""What surrounds every response: headers that keep a patient's data where it is, and no failure without its outcome.

An incident is logged by its code and place in the program, never with a text that may come from a record.
"""

from __future__ import annotations

import logging
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cds.errors import Issue, NoAdvice
from cds.service.outcomes import outcome_response

LOG: Final = logging.getLogger("cds.service")
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Guard:
    """The outermost layer of the service."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; answer with an OperationOutcome whatever is raised."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, guarded)
        except Exception as error:  # noqa: BLE001 - the last line: nothing may leave as a bare 500 or with a traceback
            log_incident(error)
            if started:
                raise ConnectionError("the response broke off") from None
            details = "the service failed; this is no finding about the patient, and the incident was recorded"
            response = outcome_response(500, [Issue("error", "incident", "", details)])
            await response(scope, receive, guarded)


def log_incident(error: Exception) -> None:
    """Record what kind of error it was and where, without its words."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace is not None else "?"
    LOG.error("incident: %s at %s", type(error).__name__, place)


def record_incident(error: NoAdvice) -> None:
    """Log what a person needs who must act: which criteria differ, or how the engine failed. It names no fact.

    The message of a `NoAdvice` speaks of criteria, truths and processes alone (`cds.reasoning.agreement`).
    """
    LOG.error("no advice: %s: %s", error.code, error)
