"""The public keys of those who sign tokens: fetched from configured addresses only, kept a while, renewed on
rotation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final

import jwt

from cds.service.security.outbound import NotFetched

KEPT: Final = 3600.0
"""Seconds for which a key set is used without asking again."""
APART: Final = 15.0
"""Seconds at least between two fetches: tokens with invented key ids must not make us ask for ever."""
SMALLEST_RSA: Final = 2048
_FORMS: Final[Mapping[str, tuple[str, str | None]]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
}


@dataclass(frozen=True, slots=True)
class _KeySet:
    keys: Mapping[str, Mapping[str, Any]]
    at: float


class Keys:
    """The key sets of every signer that is configured. Safe to use from several threads.

    `fetch` gives the bytes behind an https address; `clock` counts seconds.
    """

    def __init__(self, fetch: Callable[[str], bytes], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sets: dict[str, _KeySet] = {}
        self._failed: dict[str, float] = {}
        self._locks: dict[str, Lock] = {}  # one for each source: a signer that does not answer holds up no other
        self._making = Lock()

    def key(self, source: str, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key of an id, if it fits the algorithm; `None` where the signer has no such key, after asking once more.

        Raises `NotFetched` where the key set cannot be had.
        """
        with self._making:
            lock = self._locks.setdefault(source, Lock())
        with lock:
            known = self._sets.get(source)
            age = self._clock() - known.at if known is not None else None
            if known is None or age is None or age > KEPT or (kid not in known.keys and age > APART):
                known = self._sets[source] = self._renewed(source)
        found = known.keys.get(kid)
        return _fitting(found, algorithm) if found is not None else None

    def _renewed(self, source: str) -> _KeySet:
        failed = self._failed.get(source)
        if failed is not None and self._clock() - failed <= APART:
            raise NotFetched("the key set could not be had a moment ago; it is asked for again soon")
        try:
            renewed = _KeySet(_read(self._load(source), source), self._clock())
        except NotFetched:
            self._failed[source] = self._clock()
            raise
        self._failed.pop(source, None)
        return renewed

    def _load(self, source: str) -> bytes:
        if "://" in source:
            return self._fetch(source)
        try:
            return Path(source).read_bytes()
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise NotFetched(f"the key set `{Path(source).name}`: {reason}") from error


def _read(content: bytes, source: str) -> Mapping[str, Mapping[str, Any]]:
    try:
        document = json.loads(content)
        listed = document["keys"]
        return {key["kid"]: key for key in listed if isinstance(key, dict) and isinstance(key.get("kid"), str)}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotFetched(f"the key set of `{source[:100]}` is no JWKS") from error


def _fitting(key: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The key, where it is one of this algorithm's: a token never chooses what its key is used for."""
    kind, curve = _FORMS[algorithm]
    if key.get("kty") != kind or (curve is not None and key.get("crv") != curve):
        return None
    operations = key.get("key_ops", ["verify"])
    if key.get("alg", algorithm) != algorithm or key.get("use", "sig") != "sig" or "verify" not in operations:
        return None
    try:
        # Only the public part: a signer that publishes its private key has published too much already.
        public = {name: key[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in key}
        made = jwt.PyJWK.from_dict(public, algorithm=algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if kind == "RSA" and made.key.key_size < SMALLEST_RSA:
        return None
    return made
