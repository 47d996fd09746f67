"""Calls from browsers of other origins: only those that are listed, and a refusal in the form of all others."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from cds.errors import Issue
from cds.service.outcomes import error_response


class Cors(CORSMiddleware):
    """The library's middleware, whose refusals are texts without a form."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Whether a browser may send what it asks about."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        said = bytes(response.body).decode("ascii", "replace").lower()
        details = f"{said}; CDS_CORS_ORIGINS names who may call, by GET and POST, with Authorization and Content-Type"
        kept = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
        issue = Issue("error", "not-allowed", "", details)
        return error_response(request_headers.get("accept"), response.status_code, [issue], kept)
