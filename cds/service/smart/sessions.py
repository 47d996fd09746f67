"""The session of a launch: a sealed cookie that says who opened which patient, and opens the board's pages alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.responses import Response

from cds.service.hooks.settings import HooksSettings
from cds.service.runtime import Caller
from cds.service.settings import Settings
from cds.service.smart.seals import Seal


class _Opened(BaseModel):
    """What the cookie holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str
    server: str
    patient: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions of one service. `key` is what all of its workers seal with, `secure` whether its address is https.

    >>> sessions = Sessions(Seal(b"k" * 32, "session", seconds=60), b"k" * 32, secure=True)
    >>> response = Response()
    >>> sessions.begin(response, Caller("Practitioner/1", "https://ehr.example/fhir", "Patient/p"))
    >>> response.headers["set-cookie"].partition("=")[0]
    '__Host-cds-session'
    """

    seal: Seal
    key: bytes
    secure: bool

    @classmethod
    def of(cls, settings: Settings) -> Sessions | None:
        """As the settings of a service say; `None` where nobody may launch."""
        if not settings.smart_apps:
            return None
        key = settings.session_key.get_secret_value().encode() if settings.session_key else secrets.token_bytes(32)
        seal = Seal(key, "session", seconds=60 * settings.session_minutes)
        return cls(seal, key, HooksSettings.of(settings).base.startswith("https:"))

    @property
    def name(self) -> str:
        """The cookie's name; `__Host-` keeps other hosts of the same domain from setting it."""
        return named("cds-session", secure=self.secure)

    def begin(self, response: Response, caller: Caller) -> None:
        """Give a response the cookie of a session. It goes with the browser, or when its time is over."""
        opened = _Opened(name=caller.name, server=caller.issuer or "", patient=caller.patient or "")
        value = self.seal.sealed(opened.model_dump_json().encode())
        response.set_cookie(self.name, value, path="/", secure=self.secure, httponly=True, samesite="lax")

    def drop(self, response: Response, cookie: str) -> None:
        """Take a cookie of this service back."""
        response.delete_cookie(cookie, path="/", secure=self.secure, httponly=True, samesite="lax")

    def caller(self, cookies: Mapping[str, str]) -> Caller | None:
        """Whose session the cookies carry; `None` where they carry none that counts."""
        content = self.seal.opened(cookies.get(self.name, ""))
        if content is None:
            return None
        try:
            opened = _Opened.model_validate_json(content)
        except ValidationError:
            return None  # sealed by another version of this service
        return Caller(opened.name, opened.server, opened.patient)


def named(name: str, *, secure: bool) -> str:
    """The name of a cookie for the whole host.

    >>> named("cds-session", secure=True), named("cds-session", secure=False)
    ('__Host-cds-session', 'cds-session')
    """
    return f"__Host-{name}" if secure else name
