"""Many patients in one request: a line in, a line out (NDJSON), in order, as a stream of bounded memory.

Each line is what `POST /evaluate` takes, with an `id` if wanted. Each line out has the number of its line, its `id`,
the status it would have had alone, and the `answer` with its `record`, or the `outcome`. What is wrong with one line
keeps no other from its answer. The answer to a line is on its way before the last line has come: read while you send.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import anyio
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cds.errors import Issue, NoAdvice, UnusableInput
from cds.intake.document import parse_document
from cds.records import RecordsUnavailable
from cds.service.guard import log_incident, record_incident
from cds.service.outcomes import Refused, operation_outcome, refusal_of
from cds.service.requests import Asked, asked_of_members, crowded, share_of
from cds.service.runtime import Caller, Runtime

NDJSON: Final = "application/x-ndjson"
ACCEPTED: Final = (NDJSON, "application/fhir+ndjson")
_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it came. `content` is `None` where it is longer than is read, or there was no room for it."""

    number: int
    content: bytes | None
    is_crowded: bool = False


async def lines_of(
    chunks: AsyncIterator[bytes], longest: int, has_room: Callable[[int], bool] = lambda size: True
) -> AsyncIterator[Line]:
    """The lines of a stream that are not blank, numbered from 1. No more than one line and one chunk is held.

    `has_room` is asked whether so many bytes may be held, and told so.
    """
    number = 1
    held: list[bytes] = []
    size = 0
    is_crowded = False
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            size += len(part)
            is_crowded = is_crowded or not has_room(min(size, longest))
            content = b"".join([*held, part]) if size <= longest and not is_crowded else None
            if content is None or content.strip():
                yield Line(number, content, is_crowded and size <= longest)
            number, held, size, is_crowded = number + 1, [], 0, False
            has_room(0)
        size += len(rest)
        is_crowded = is_crowded or not has_room(min(size, longest))
        held = [*held, rest] if size <= longest and not is_crowded else []
        if not held:
            has_room(0)
    content = b"".join(held) if size <= longest and not is_crowded else None
    if content is None or content.strip():
        yield Line(number, content, is_crowded and size <= longest)


class Batch(Response):
    """The answer to a batch: a response that reads the request while it writes."""

    def __init__(self, request: Request, runtime: Runtime, *, door: str, caller: Caller | None) -> None:
        super().__init__(media_type=NDJSON)
        self._request = request
        self._runtime = runtime
        self._door = door
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one line for each line. Who stops reading, or sending, is left after a while: the answer breaks off."""
        seconds = self._runtime.settings.body_seconds
        headers = [(b"content-type", NDJSON.encode()), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            room = share_of(self._request).hold
            async for line in lines_of(self._chunks(seconds), self._runtime.settings.largest_body, room):
                told = await self._told(line)
                with anyio.fail_after(seconds):
                    await send({"type": "http.response.body", "body": told, "more_body": True})
        except TimeoutError:
            raise ClientDisconnect from None
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self, seconds: float) -> AsyncIterator[bytes]:
        stream = self._request.stream().__aiter__()
        while True:
            try:
                with anyio.fail_after(seconds):
                    chunk = await stream.__anext__()
            except StopAsyncIteration:
                return
            yield chunk

    async def _told(self, line: Line) -> bytes:
        named: dict[str, object] = {"line": line.number}
        try:
            if line.is_crowded:
                raise crowded()
            if line.content is None:
                longest = self._runtime.settings.largest_body
                raise Refused(413, "too-large", f"the line is longer than {longest} bytes, more than is read")
            content = line.content
            ask = partial(self._asked, content, named)
            # Read here even where it is evaluated elsewhere: every refusal names the id that stands in the line.
            asked = await self._runtime.evaluations.run(ask) if self._runtime.is_large(len(content)) else ask
            decided = await self._runtime.decide(asked, door=self._door, caller=self._caller, size=len(content))
        except (UnusableInput, Refused, NoAdvice, RecordsUnavailable) as error:
            if isinstance(error, NoAdvice):
                record_incident(error)
            return _outcome(named, *refusal_of(error))
        except Exception as error:  # noqa: BLE001 - the stream goes on: one line's defect is no other line's
            log_incident(error)
            details = "the service failed; this is no finding about the patient, and the incident was recorded"
            return _outcome(named, 500, (Issue("error", "incident", "", details),))
        head = json.dumps({**named, "status": 200, "record": decided.record})[:-1].encode()
        return b"%b, \"answer\": %b}\n" % (head, decided.content)

    def _asked(self, content: bytes, named: dict[str, object]) -> Asked:
        """What a line asks; its `id` is noted as soon as it is read, so that a refusal can name it."""
        members = parse_document(content, self._runtime.limits)
        if members.get("resourceType") == "Bundle":
            if isinstance(members.get("id"), str):
                named["id"] = str(members["id"])[:_LONGEST_ID]
            return replace(asked_of_members({"bundle": members}, QueryParams()), bundle=content)
        identifier = members.pop("id", None)
        if isinstance(identifier, str | int) and not isinstance(identifier, bool):
            named["id"] = str(identifier)[:_LONGEST_ID]
        return asked_of_members(members, QueryParams())


def _outcome(named: Mapping[str, object], status: int, issues: tuple[Issue, ...]) -> bytes:
    told = {**named, "status": status, "outcome": operation_outcome(issues)}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
