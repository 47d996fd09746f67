"""Asking an EHR's servers for JSON: no redirect, bounded in size and time, and nothing of an answer in a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus

import anyio
import httpx2

from cds.errors import UnusableInput
from cds.intake.document import Json, Limits, parse_document, string
from cds.service.outcomes import Refused
from cds.service.settings import SmartApp

LARGEST: Final = 256_000
SECONDS: Final = 8.0
_ERRORS: Final = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
     "invalid_scope", "access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable",
     "interaction_required", "login_required", "consent_required", "invalid_target"}
)  # fmt: skip


def failed(what: str, reason: str) -> Refused:
    """The refusal of a launch in which an EHR's server did not do its part.

    >>> failed("the token", "it was not answered").status
    502
    """
    return Refused(502, "launch-failed", f"{what}: {reason}; tell those who run the EHR's connection")


def error_code(given: object) -> str:
    """The code of an OAuth2 error, if it is one; whatever else stands there is not repeated.

    >>> error_code("access_denied"), error_code("<b>call this number</b>")
    ('access_denied', 'no known code')
    """
    return given if isinstance(given, str) and given in _ERRORS else "no known code"


async def fetched(client: httpx2.AsyncClient, address: str, what: str) -> bytes:
    """The bytes behind an address. Raises `Refused` (502)."""
    status, body = await _asked(client, "GET", address, what)
    if status != 200:
        raise failed(what, f"the EHR's server answered {status}")
    return body


def read_json(body: bytes, what: str) -> Json:
    """The JSON object of an answer. Raises `Refused` (502)."""
    try:
        return parse_document(body, Limits(size=LARGEST))
    except UnusableInput as error:
        raise failed(what, f"the EHR's server sent no usable JSON ({error.issues[0].code})") from None


async def exchanged(client: httpx2.AsyncClient, address: str, app: SmartApp, form: Mapping[str, str]) -> Json:
    """What a token endpoint answers to a form of this app. Raises `Refused` (502)."""
    what = "the token"
    if app.client_secret is None:
        status, body = await _asked(client, "POST", address, what, form={**form, "client_id": app.client_id})
    else:  # RFC 6749, 2.3.1: both are encoded before they are joined
        secret = quote_plus(app.client_secret.get_secret_value())
        known = httpx2.BasicAuth(quote_plus(app.client_id), secret)
        status, body = await _asked(client, "POST", address, what, form=form, auth=known)
    if status == 200:
        return read_json(body, what)
    try:
        code = error_code(string(parse_document(body, Limits(size=LARGEST)), "error"))
    except UnusableInput:
        code = error_code(None)
    raise failed(what, f"the EHR's server answered {status} ({code})")


async def _asked(
    client: httpx2.AsyncClient,
    method: str,
    address: str,
    what: str,
    *,
    form: Mapping[str, str] | None = None,
    auth: httpx2.BasicAuth | None = None,
) -> tuple[int, bytes]:
    """The status and the bytes of an answer."""
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    body = bytearray()
    try:
        with anyio.fail_after(SECONDS):
            async with client.stream(method, address, data=form, auth=auth, headers=headers) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > LARGEST:
                        raise failed(what, f"the EHR's server sent more than {LARGEST} bytes")
            return response.status_code, bytes(body)
    except (TimeoutError, httpx2.TimeoutException):
        raise failed(what, "the EHR's server did not answer in time") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
        raise failed(what, "the EHR's server could not be reached") from None
