"""Tokens: the JWT of a CDS client (CDS Hooks 2.0.1, "Trusting CDS Clients"), and the access token of an OAuth2 server.

Only signatures by the asymmetric algorithms of the installation's list count. Keys come from where the installation
says, never from where a token says. What is wrong with a token is told by a fixed text; nothing of the token is
repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import jwt

from cds.errors import CdsError
from cds.service.runtime import Caller
from cds.service.security.keys import Keys
from cds.service.settings import Client, Settings

LEEWAY: Final = 60
"""Seconds by which clocks may differ."""
LIFETIME: Final = 300
"""Seconds for which a CDS client's token may be valid, from `iat` to `exp`."""
LONGEST: Final = 16_384

FirstUse = Callable[[str, str, int], bool]
"""Whether the `jti` of an issuer was not seen before: `(issuer, jti, expires) -> bool`."""


class NotAuthentic(CdsError):
    """A token that proves nothing (401).

    >>> raise NotAuthentic("the token is too old; send a new one")
    Traceback (most recent call last):
    cds.service.security.tokens.NotAuthentic: the token is too old; send a new one
    """

    code: ClassVar[str] = "not-authentic"


class NotAllowed(CdsError):
    """A caller who is known and may not do this (403).

    >>> raise NotAllowed("the token lacks the scope cds.evaluate; ask for it")
    Traceback (most recent call last):
    cds.service.security.tokens.NotAllowed: the token lacks the scope cds.evaluate; ask for it
    """

    code: ClassVar[str] = "not-allowed"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one installation makes of tokens."""

    settings: Settings
    keys: Keys
    first_use: FirstUse

    def cds_client(self, token: str, endpoint: str) -> Caller:
        """The CDS client that signed a token for exactly this endpoint.

        Raises `NotAuthentic`, `NotAllowed` (a tenant it may not speak for) and `NotFetched`.
        """
        header = self._header(token, ("JWT",))
        client = self._client(_unverified(token).get("iss"))
        if "jku" in header and header["jku"] != client.keys:
            raise NotAuthentic("the token's jku is not the address that is registered for its issuer")
        claims = self._claims(token, header, client.keys, endpoint, ("iss", "aud", "exp", "iat", "jti"))
        if claims["exp"] - claims["iat"] > LIFETIME:
            raise NotAuthentic(f"the token is valid for more than {LIFETIME} s; make one that is short-lived")
        nonce = claims["jti"]
        # A database keeps neither half a character nor, everywhere, a control character.
        if not isinstance(nonce, str) or not 0 < len(nonce) <= 300 or not nonce.isprintable():
            raise NotAuthentic("the token's jti is no printable text of 1 to 300 characters")
        if client.tenants and claims.get("tenant") not in client.tenants:
            raise NotAllowed("the client may not speak for this tenant")
        if not self.first_use(client.issuer, nonce, int(claims["exp"]) + LEEWAY):
            raise NotAuthentic("the token was used before; make a new one for each call")
        return Caller(str(claims.get("sub", client.issuer))[:200], client.issuer)

    def bearer(self, token: str, scope: str) -> Caller:
        """The caller whom the configured OAuth2 server names in an access token that holds a scope.

        Raises `NotAuthentic`, `NotAllowed` (the scope is missing) and `NotFetched`.
        """
        settings = self.settings
        if settings.token_issuer is None or settings.token_keys is None:
            raise NotAuthentic("no issuer of tokens is configured for this door")
        header = self._header(token, ("JWT", "at+jwt", "application/at+jwt", None))
        audience = settings.token_audience or settings.public_url or ""
        claims = self._claims(token, header, settings.token_keys, audience, ("iss", "aud", "exp", "sub"))
        if claims["iss"] != settings.token_issuer:
            raise NotAuthentic("the token is of another issuer")
        if scope not in _scopes(claims):
            raise NotAllowed(f"the token lacks the scope {scope}; ask for it")
        return Caller(str(claims["sub"])[:200], settings.token_issuer)

    def _client(self, issuer: object) -> Client:
        for client in self.settings.clients:
            if client.issuer == issuer:
                return client
        raise NotAuthentic("the token is of an issuer that is not registered here")

    def _header(self, token: str, types: tuple[str | None, ...]) -> Mapping[str, Any]:
        if len(token) > LONGEST:
            raise NotAuthentic("the token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as error:
            raise NotAuthentic("the token is no signed JWT") from error
        if header.get("alg") not in self.settings.algorithms:
            raise NotAuthentic(f"the token is not signed by {' or '.join(self.settings.algorithms)}")
        if not isinstance(header.get("kid"), str):
            raise NotAuthentic("the token names no key (kid)")
        if header.get("typ") not in types or "crit" in header:
            raise NotAuthentic("the token is not of a type that is read here")
        return header

    def _claims(
        self, token: str, header: Mapping[str, Any], keys: str, audience: str, required: tuple[str, ...]
    ) -> dict[str, Any]:
        algorithm = str(header["alg"])
        key = self.keys.key(keys, str(header["kid"]), algorithm)
        if key is None:
            raise NotAuthentic("the token names a key that its issuer does not have, or not for this")
        try:
            claims = jwt.decode(
                token, key, algorithms=[algorithm], audience=audience, leeway=LEEWAY,
                options={"require": list(required)},
            )  # fmt: skip
        except jwt.ExpiredSignatureError as error:
            raise NotAuthentic("the token is too old; send a new one") from error
        except jwt.InvalidAudienceError as error:
            raise NotAuthentic("the token is for another address; its aud is the address that is called") from error
        except jwt.ImmatureSignatureError as error:
            raise NotAuthentic("the token is from the future; set the clock") from error
        except jwt.MissingRequiredClaimError as error:
            raise NotAuthentic(f"the token lacks a claim; {', '.join(required)} are needed") from error
        except jwt.InvalidTokenError as error:
            raise NotAuthentic("the token's signature or a claim is not valid") from error
        if not all(_is_moment(claims[name]) for name in ("exp", "iat") if name in claims):
            raise NotAuthentic("the token's times are no numbers")
        return claims


def _unverified(token: str) -> Mapping[str, Any]:
    """The claims before anything vouches for them: only to find out whose keys to ask for."""
    try:
        return jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise NotAuthentic("the token is no signed JWT") from error


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    granted = claims.get("scope", claims.get("scp", ""))
    listed = granted.split() if isinstance(granted, str) else granted if isinstance(granted, list) else ()
    return frozenset(each for each in listed if isinstance(each, str))
