"""A request to evaluate: its body within the cap, its media type, and the day, phase and lesion that it names."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import anyio
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request

from cds.errors import Issue, UnusableInput
from cds.intake.document import Limits, parse_document
from cds.service.entered import Beside
from cds.service.held import Held, Share
from cds.service.outcomes import FHIR_JSON, Refused

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
JSON_TYPES: Final = ("application/json", FHIR_JSON)
NAMES: Final = ("as_of", "phase", "lesion")
# A Bundle has no member of these names: a body whose first member is one of them is the long form.
_LONG_FORM: Final = re.compile(rb'\s*\{\s*"(?:bundle|as_of|phase|lesion)"\s*:')


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: the bundle (its bytes as they came, or parsed), and the rest where it was named.

    `server` is the base address of the FHIR server whose patient it is, where a listed one is known; `beside` what was
    entered here about the patient.
    """

    bundle: bytes | Mapping[str, object]
    as_of: dt.date
    phase: str = "decision"
    lesion: str | None = None
    server: str | None = None
    beside: Beside | None = None


async def body_of(request: Request, media_types: tuple[str, ...], largest: int, seconds: float = 30.0) -> bytes:
    """The bytes of a request, refused before they are read where their type or their announced length says enough.

    Raises `Refused`: 413 too long, 415 another type, 408 not sent within `seconds`, 503 where there is no room for it.
    """
    check_headers(request.headers, media_types)
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > largest:
        raise _too_large(largest)
    try:
        with anyio.fail_after(seconds):
            return await _read(request, largest)
    except TimeoutError:
        raise Refused(408, "timed-out", f"the body was not sent within {seconds:g} s; send it again") from None


async def _read(request: Request, largest: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    share = share_of(request)
    async for chunk in request.stream():
        size += len(chunk)
        if size > largest:
            raise _too_large(largest)
        if not share.hold(size):
            raise crowded()
        chunks.append(chunk)
    return b"".join(chunks)


def share_of(request: Request) -> Share:
    """How much a request may hold; without bounds where nobody counts (an application without its `Guard`)."""
    share = getattr(request.state, "share", None)
    return share if isinstance(share, Share) else Held(most=sys.maxsize, small=0).share()


def crowded() -> Refused:
    """The refusal of a body for which there is no room now."""
    told = "as many large bodies are held as there is room for; send this one again in a moment"
    return Refused(503, "busy", told, {"Retry-After": "5"})


def check_headers(headers: Headers, media_types: tuple[str, ...]) -> None:
    """Raise `Refused` (415) unless a body is of one of these types, in UTF-8, and not compressed."""
    media_type, *parameters = (part.strip().lower() for part in headers.get("content-type", "").split(";"))
    accepted = " or ".join(media_types)
    if media_type not in media_types:
        given = f"`{media_type[:60]}` is not read here" if media_type else "no content type was given"
        raise Refused(415, "media-type", f"Content-Type: {given}; send {accepted}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            raise Refused(415, "media-type", f"Content-Type: `{parameter[:60]}` is not read here; send UTF-8")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Refused(415, "content-encoding", f"Content-Encoding: `{encoding[:60]}` is not read here; send it plain")


def _too_large(largest: int) -> Refused:
    return Refused(413, "too-large", f"the body is longer than {largest} bytes, more than is read; send less")


def asked(body: bytes, query: QueryParams, limits: Limits) -> Asked:
    """What a request asks for. A body is a Bundle, or `{"bundle": …, "as_of": …, "phase": …, "lesion": …}`.

    The same may be said in the query; said in both places, it has to be the same. Without a day, today is stamped here,
    once, and stands in the answer. Raises `UnusableInput` with every problem of the request.
    """
    if _LONG_FORM.match(body):
        return asked_of_members(parse_document(body, limits), query)
    issues: list[Issue] = []
    named = _named(query, issues)
    return _asked(body, named, issues)


def asked_of_members(members: Mapping[str, object], query: QueryParams) -> Asked:
    """What the members of a long form ask for, and the query beside them. Raises `UnusableInput`."""
    issues: list[Issue] = []
    named = _named(query, issues)
    bundle = _bundle(members, issues)
    for name in NAMES:
        value = members.get(name)
        if value is not None and not isinstance(value, str):
            issues.append(Issue("error", "unknown-member", "", f"`{name}` is no text; write it in quotation marks"))
        elif value is not None and named.setdefault(name, value) != value:
            told = f"`{name}` is `{value[:60]}` in the body and `{named[name][:60]}` in the address; say it once"
            issues.append(Issue("error", "contradictory-parameter", "", told))
    return _asked(bundle, named, issues)


def _asked(bundle: bytes | Mapping[str, object], named: Mapping[str, str], issues: list[Issue]) -> Asked:
    as_of = _day(named.get("as_of"), issues)
    if issues:
        raise UnusableInput(issues)
    return Asked(bundle, as_of, named.get("phase", "decision"), named.get("lesion"))


def _named(query: QueryParams, issues: list[Issue]) -> dict[str, str]:
    named: dict[str, str] = {}
    for name, value in query.multi_items():
        if name not in NAMES:
            # A misspelt `as_of` that was passed over would give the answer of another day.
            told = f"`{name[:60]}` is not read here; accepted are {', '.join(NAMES)}"
            issues.append(Issue("error", "unknown-parameter", "", told))
        elif named.setdefault(name, value) != value:
            issues.append(Issue("error", "contradictory-parameter", "", f"`{name}` stands twice; say it once"))
    return named


def _bundle(members: Mapping[str, object], issues: list[Issue]) -> Mapping[str, object]:
    for name in members:
        if name not in ("bundle", *NAMES):
            told = f"`{name[:60]}` is not read here; accepted are bundle, {', '.join(NAMES)}"
            issues.append(Issue("error", "unknown-member", "", told))
    bundle = members.get("bundle")
    if isinstance(bundle, Mapping):
        return bundle
    issues.append(Issue("error", "unknown-member", "", "`bundle` holds no JSON object; put the FHIR Bundle there"))
    return {}


def _day(text: str | None, issues: list[Issue]) -> dt.date:
    if text is None:
        return today()
    try:
        # A week date (2026-W47-7) is ISO 8601, too, and no date of FHIR.
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    told = f"as_of: `{text[:60]}` is not a day; write it as 2026-11-22"
    issues.append(Issue("error", "unreadable-day", "", told))
    return dt.date.min


def today() -> dt.date:
    """The day at this machine; read where a request comes in, and nowhere else."""
    return dt.datetime.now(dt.UTC).astimezone().date()
