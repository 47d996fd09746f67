"""Cookies that this service alone can make and read: encrypted, authenticated, for one purpose, of a bounded age."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")


class Seal:
    """Seals of one purpose under one key. What was sealed for another purpose, or longer ago than `seconds`, is no
    seal. `clock` counts seconds since 1970.

    >>> seal = Seal(b"k" * 32, "session", seconds=60)
    >>> seal.opened(seal.sealed(b"{}")), Seal(b"k" * 32, "launch", seconds=60).opened(seal.sealed(b"{}"))
    (b'{}', None)
    """

    def __init__(
        self, key: bytes, purpose: str, *, seconds: int, clock: Callable[[], float] = time.time
    ) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=f"cds {purpose}".encode()).derive(key)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))
        self._clock = clock
        self.seconds = seconds

    def sealed(self, content: bytes) -> str:
        """The content as a cookie's value: letters, digits, `-` and `_`, so that nothing has to be quoted."""
        return self._fernet.encrypt_at_time(content, int(self._clock())).decode("ascii").rstrip("=")

    def opened(self, value: str) -> bytes | None:
        """What was sealed; `None` for anything else, whatever is wrong with it."""
        if not _PLAIN.fullmatch(value):
            return None
        padded = value + "=" * (-len(value) % 4)
        try:
            return self._fernet.decrypt_at_time(padded, self.seconds, int(self._clock()))
        except InvalidToken:
            return None
