"""What an EHR's server says of its authorisation: `{server}/.well-known/smart-configuration`."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cds.intake.document import Json
from cds.service.hooks.settings import HooksSettings
from cds.service.settings import SmartApp
from cds.service.smart.servers import failed, fetched, read_json

WHAT: Final = "the EHR's SMART configuration"
PKCE: Final = "S256"
NAMED_USER: Final = "sso-openid-connect"
_Address = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"^[\x21-\x7e]+$")]


class Configuration(BaseModel):
    """The members of the document that a launch needs; others are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    authorization_endpoint: _Address
    token_endpoint: _Address
    capabilities: tuple[str, ...]
    code_challenge_methods_supported: tuple[str, ...] = ()
    issuer: _Address | None = None
    jwks_uri: _Address | None = None

    @property
    def names_users(self) -> bool:
        """Whether it can say who launches."""
        return NAMED_USER in self.capabilities


async def configuration_of(
    client: httpx2.AsyncClient, app: SmartApp, settings: HooksSettings, needed: str
) -> Configuration:
    """The configuration of an app's server, with every capability that is needed.

    Raises `Refused` (502) with everything that is wrong with it.
    """
    address = f"{app.server.rstrip('/')}/.well-known/smart-configuration"
    return read_configuration(read_json(await fetched(client, address, WHAT), WHAT), app, settings, needed)


def read_configuration(document: Json, app: SmartApp, settings: HooksSettings, needed: str) -> Configuration:
    """The configuration that a document holds. Raises `Refused` (502) with everything that is wrong with it."""
    try:
        read = Configuration.model_validate(document)
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors(include_input=False, include_context=False)})
        raise failed(WHAT, f"{', '.join(names)}: missing, or not as SMART App Launch 2 has it") from None
    lacking = [each for each in (needed, "permission-v2") if each not in read.capabilities]
    problems = [f"it lacks the capability {each}" for each in lacking]
    if PKCE not in read.code_challenge_methods_supported:
        problems.append(f"it does not support the code challenge method {PKCE}")
    if read.names_users and (read.issuer is None or read.jwks_uri is None):
        problems.append(f"it says {NAMED_USER} and lacks issuer or jwks_uri")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        address = getattr(read, name)
        if address is not None and not is_trusted(address, app, settings):
            problems.append(f"{name} is no https address of the server's host or of one in authorization_hosts")
    if problems:
        raise failed(WHAT, "; ".join(problems))
    return read


def is_trusted(address: str, app: SmartApp, settings: HooksSettings) -> bool:
    """Whether an address that a server names may be asked: https, on its own host or one that the installation lists.

    >>> app = SmartApp(server="https://ehr.example/fhir", client_id="x", authorization_hosts=("login.example",))
    >>> [is_trusted(each, app, HooksSettings()) for each in
    ...  ("https://ehr.example/token", "https://login.example/token", "https://10.0.0.1/token", "http://ehr.example/t")]
    [True, True, False, False]
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.fragment or "@" in parts.netloc or "\\" in address:
        return False
    if parts.scheme != "https" and not settings.allows_http(parts.scheme, host):
        return False
    return host in (urlsplit(app.server).hostname, *app.authorization_hosts)
