"""In which form a client wants its answer: FHIR R4 as JSON, on one line or indented; nothing else is written here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from cds.errors import Issue
from cds.fhir_output.datatypes import Json
from cds.service.fhir.outcomes import NOT_ACCEPTABLE
from cds.service.outcomes import FHIR_JSON, Refused

MEDIA_TYPE: Final = f"{FHIR_JSON};charset=utf-8"
FORM: Final = ("_format", "_pretty")
"""The query parameters that every address takes."""
_ACCEPTED: Final = frozenset({FHIR_JSON, "application/json", "application/*", "*/*"})
_FORMATS: Final = frozenset({"json", "application/json", FHIR_JSON, "text/json"})
_VERSIONS: Final = ("4.0", "4.0.1", "4.3", "4.3.0")
_ACCEPTS: Final = f"accepted is {FHIR_JSON} of FHIR 4.0"


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer is written."""

    pretty: bool = False

    def response(self, resource: Json, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """A resource as a response."""
        content = orjson.dumps(resource, option=orjson.OPT_INDENT_2 if self.pretty else None)
        return Response(content, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def form_of(request: Request) -> Form:
    """The form that a request asks for; `_format` wins over `Accept`. Raises `Refused`, 406 for what is not written."""
    asked = request.query_params.get("_format")
    if asked is not None:
        # A plus sign in an address is a space: `application/fhir json`.
        if _bare(asked.strip().replace(" ", "+")) not in _FORMATS or not _is_r4(asked):
            raise Refused(406, NOT_ACCEPTABLE, f"_format: `{asked[:60]}` is not written here; accepted is json")
    elif not _accepts(request.headers.getlist("accept")):
        given = ", ".join(request.headers.getlist("accept"))[:100]
        raise Refused(406, NOT_ACCEPTABLE, f"Accept: `{given}` is not written here; {_ACCEPTS}")
    return Form(_pretty(request))


def lenient_form(request: Request) -> Form:
    """The form of an answer that says what is wrong with a request, whatever it asked for."""
    return Form(request.query_params.get("_pretty") == "true")


def check_version(request: Request) -> None:
    """Refuse a body of another FHIR version. The media type itself is looked at where the body is read."""
    given = request.headers.get("content-type", "")
    if not _is_r4(given):
        raise Refused(415, "media-type", f"Content-Type: `{given[:100]}` is not read here; send FHIR 4.0 or 4.3")


def check_query(request: Request, accepted: tuple[str, ...] = ()) -> list[Issue]:
    """What is wrong with the query: a name that changes nothing would be passed over in silence."""
    return [
        Issue("error", "unknown-parameter", "", f"`{name[:60]}` is not read here; accepted are {_listed(accepted)}")
        for name in dict.fromkeys(request.query_params)
        if name not in (*FORM, *accepted)
    ]


def _listed(accepted: tuple[str, ...]) -> str:
    return ", ".join((*accepted, *FORM))


def _pretty(request: Request) -> bool:
    asked = request.query_params.get("_pretty", "false")
    if asked not in ("true", "false"):
        raise Refused(400, "unusable-parameter", f"_pretty: `{asked[:60]}` is neither true nor false")
    return asked == "true"


def _accepts(headers: list[str]) -> bool:
    ranges = [each.strip().lower() for header in headers for each in header.split(",") if each.strip()]
    return not ranges or any(_bare(each) in _ACCEPTED and _wanted(each) and _is_r4(each) for each in ranges)


def _bare(media_range: str) -> str:
    return media_range.partition(";")[0].strip().lower()


def _wanted(media_range: str) -> bool:
    """Whether a range is accepted at all: `q=0` says that it is not."""
    return re.search(r";\s*q=0(\.0*)?\s*(;|$)", media_range) is None


def _is_r4(media_range: str) -> bool:
    asked = re.search(r";\s*fhirversion=\"?([^\s;\",]*)", media_range.lower())
    return asked is None or asked[1] in _VERSIONS
