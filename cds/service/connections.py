"""Connections, before there is a request: how many there may be, and how long one may take to say what it asks.

A connection that is open and asks nothing costs a descriptor, and needs no token. A request that has begun is bounded
elsewhere (`cds.service.requests`, `cds.service.places`).
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from cds.errors import Issue
from cds.service.guard import HEADERS
from cds.service.outcomes import outcome_response

SPARE: Final = 64
"""Descriptors that are left for files, the database and the engines."""


class Connection(H11Protocol):
    """One connection, by HTTP/1.1 as uvicorn speaks it.

    `most` are the connections of one worker; one more is closed at once. `seconds` is what a client may take, from the
    first byte or from connecting, until the headers of its request are complete.
    """

    def __init__(self, *args: Any, most: int, seconds: float, **named: Any) -> None:
        super().__init__(*args, **named)
        self._most = most
        self._seconds = seconds
        self._due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn takes no other
        """Take the connection, or close it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._most:
            transport.abort()
            return
        self._due = self.loop.call_later(self._seconds, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read on; the time for the headers ends once they are there, and begins anew with the next request."""
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn has none until the first request
        if cycle is not None and not cycle.response_complete:
            self._forget()
        elif self._due is None and not self.transport.is_closing():
            self._due = self.loop.call_later(self._seconds, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as every error is answered, with an OperationOutcome; the connection ends there.

        `msg` is uvicorn's own text, and is not told. An answer that has begun is broken off: nothing may follow it.
        """
        cycle: RequestResponseCycle | None = self.cycle
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            wrong = "the request is not HTTP/1.1, or its head is too long; mend the client, or the proxy before it"
            issue = Issue("error", "malformed-request", "", wrong)
            response = outcome_response(400, [issue], {**HEADERS, "Connection": "close"})
            head = h11.Response(status_code=400, headers=response.raw_headers, reason=b"Bad Request")
            # What came after a HEAD is no HTTP: its answer has no body all the same, and h11 refuses to send one.
            is_head = cycle is not None and not cycle.response_complete and cycle.scope["method"] == "HEAD"
            body = b"" if is_head else bytes(response.body)
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if cycle is not None:
            cycle.disconnected = True  # what is still being made of the request is for nobody any more
        self.transport.close()

    def on_response_complete(self) -> None:
        """The request is answered; how long the connection may rest then is uvicorn's own limit."""
        self._forget()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is due any more."""
        self._forget()
        super().connection_lost(exc)

    def _forget(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


def most_connections(wanted: int) -> int:
    """So many connections as are wanted, but no more than this process may open descriptors for."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if allowed == resource.RLIM_INFINITY else max(1, min(wanted, allowed - SPARE))
