"""Who launched: the id_token of an EHR (OpenID Connect), checked."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import jwt

from cds.service.security.keys import Keys
from cds.service.security.outbound import NotFetched
from cds.service.settings import SmartApp
from cds.service.smart.authorization import Launch
from cds.service.smart.discovery import Configuration
from cds.service.smart.servers import failed, fetched

ALGORITHMS: Final = ("RS256", "ES256", "RS384", "ES384")
"""RS256 is what every SMART server signs its id_tokens with."""
UNNAMED: Final = "a user whom the EHR did not name"
LEEWAY: Final = 60
WHAT: Final = "who launches"


async def user_of(
    client: httpx2.AsyncClient, token: str, launch: Launch, configuration: Configuration, app: SmartApp
) -> str:
    """The user whom an id_token names: `Practitioner/1` of the EHR's own server, else an address or the subject.

    Raises `Refused` (502) where the token is not shown to be this server's, for this app and this launch.
    """
    if configuration.jwks_uri is None or configuration.issuer is None:
        raise failed(WHAT, "an id_token came that nobody asked for")
    keys = await fetched(client, configuration.jwks_uri, WHAT)
    claims = _claims(token, keys, configuration, app)
    if claims.get("nonce") != launch.nonce:
        raise failed(WHAT, "the id_token is not that of this launch")
    if "azp" in claims and claims["azp"] != app.client_id:
        raise failed(WHAT, "the id_token is another app's")
    user = claims.get("fhirUser", claims.get("profile"))
    named = user if isinstance(user, str) and user else claims["sub"]
    return str(named).removeprefix(f"{launch.server}/")[:200]


def _claims(token: str, keys: bytes, configuration: Configuration, app: SmartApp) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS or not isinstance(kid, str) or "crit" in header:
            raise failed(WHAT, f"the id_token names no key, or is not signed by {' or '.join(ALGORITHMS)}")
        key = Keys(lambda _: keys).key(configuration.jwks_uri or "", kid, algorithm)
        if key is None:
            raise failed(WHAT, "the id_token names a key that the EHR's server does not have, or not for this")
        return jwt.decode(
            token, key, algorithms=[algorithm], audience=app.client_id, issuer=configuration.issuer, leeway=LEEWAY,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )  # fmt: skip
    except (jwt.InvalidTokenError, NotFetched):
        raise failed(WHAT, "the id_token's signature or a claim is not valid") from None
