"""The authorisation request of a launch (code flow with PKCE), and what the token response grants."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from cds.intake.document import Json
from cds.service.outcomes import Refused
from cds.service.settings import SmartApp
from cds.service.smart.discovery import PKCE, Configuration
from cds.service.smart.servers import failed

Extent = Literal["whole", "part", "none"]
"""How much of a resource type was granted: all, some of it by a query, nothing."""
_SCOPE: Final = re.compile(r"(?:patient|user|system)/(\*|[A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(\?.*)?")
_LETTERS: Final[Mapping[str, str]] = {"read": "rs", "write": "cud", "*": "cruds"}


class Launch(BaseModel):
    """One launch that was begun here, as the browser that began it carries it, sealed.

    `server` is the server's base address, `needed` the capability for this kind of launch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    server: str
    needed: Literal["launch-ehr", "launch-standalone"]
    state: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = Field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """The S256 challenge of the verifier (RFC 7636).

        >>> verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        >>> Launch(server="https://ehr.example/fhir", needed="launch-ehr", verifier=verifier).challenge
        'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
        """
        digest = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def sealed_launch(content: bytes) -> Launch | None:
    """The launch that a cookie held; `None` for one that another version of this service sealed."""
    try:
        return Launch.model_validate_json(content)
    except ValidationError:
        return None


def scopes(types: Iterable[str], *, launched: bool, names_users: bool) -> str:
    """What is asked for: the context of the launch, who the user is, and to read and search what intake reads.

    >>> scopes(["Patient", "Condition"], launched=True, names_users=True)
    'launch openid fhirUser patient/Condition.rs patient/Patient.rs'
    """
    who = ("openid", "fhirUser") if names_users else ()
    context = "launch" if launched else "launch/patient"
    return " ".join((context, *who, *(f"patient/{each}.rs" for each in sorted(set(types)))))


def request_address(
    launch: Launch,
    configuration: Configuration,
    app: SmartApp,
    *,
    redirect_uri: str,
    audience: str,
    scope: str,
    token: str | None,
) -> str:
    """The address to which the browser is sent. `token` is the EHR's launch parameter."""
    parts = urlsplit(configuration.authorization_endpoint)
    asked = {
        "response_type": "code", "client_id": app.client_id, "redirect_uri": redirect_uri, "scope": scope,
        "state": launch.state, "aud": audience, "code_challenge": launch.challenge, "code_challenge_method": PKCE,
        **({"nonce": launch.nonce} if configuration.names_users else {}),
        **({"launch": token} if token is not None else {}),
    }  # fmt: skip
    kept = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key not in asked]
    return urlunsplit(parts._replace(query=urlencode([*kept, *asked.items()])))


class Grant(BaseModel):
    """A token response. What it does not say is not granted. `appContext` is what the card of CDS Hooks carried."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    access_token: SecretStr
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    scope: str
    patient: Annotated[str, Field(pattern=r"^[A-Za-z0-9\-.]{1,64}$")] | None = None
    id_token: SecretStr | None = None
    appContext: object = None

    @field_validator("access_token")
    @classmethod
    def _is_sent_in_a_header(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\x21-\x7e]{1,16384}", token.get_secret_value()):
            raise ValueError("it is no token that a header can carry")
        return token

    def extent(self, type_: str, acts: str) -> Extent:
        """How much of a resource type may be read (`r`) or searched (`s`).

        >>> grant = Grant(access_token="x", token_type="Bearer", scope="patient/Patient.r patient/Condition.rs?code=1")
        >>> [grant.extent(*each) for each in (("Patient", "r"), ("Patient", "s"), ("Condition", "s"))]
        ['whole', 'none', 'part']
        """
        found: Extent = "none"
        for each in self.scope.split():
            match = _SCOPE.fullmatch(each)
            if match is None or match[1] not in ("*", type_) or not set(acts) <= set(_LETTERS.get(match[2], match[2])):
                continue
            if not match[3]:
                return "whole"
            found = "part"
        return found


def read_grant(document: Json) -> tuple[Grant, str]:
    """The grant of a token response, and the id of its patient.

    Raises `Refused`: 502 for one that cannot be used, 400 without a patient.
    """
    try:
        grant = Grant.model_validate(document)
    except ValidationError as error:
        names = sorted({str(each["loc"][0]) for each in error.errors(include_input=False, include_context=False)})
        raise failed("the token", f"{', '.join(names)}: missing, or not as SMART App Launch 2 has it") from None
    if grant.patient is None:
        told = "the EHR named no patient with this launch; open the board from a patient's chart, or choose a patient"
        raise Refused(400, "launch-without-patient", told)
    return grant, grant.patient
