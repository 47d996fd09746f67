"""The key with which the board proves which app it is (`private_key_jwt`): an assertion of its own each time."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds.service.security.keys import SMALLEST_RSA

ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME: Final = 240
"""Seconds for which an assertion is valid; SMART allows 300."""
_REQUIRED: Final = ("crv", "e", "kty", "n", "x", "y")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A private key, the algorithm that goes with it, and its public part as the EHR gets to know it (JWK)."""

    private: EllipticCurvePrivateKey | RSAPrivateKey
    algorithm: str
    public: dict[str, Any]

    @classmethod
    def read(cls, file: Path) -> ClientKey:
        """The key of a PEM file, P-384 or RSA. Raises `ValueError`, which names the file and nothing of its content."""
        told = f"`{file.name}`: no private key can be read from it; give a PEM file, P-384 or RSA of 2048 bits or more"
        try:
            private = load_pem_private_key(file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            raise ValueError(told) from None
        if isinstance(private, EllipticCurvePrivateKey) and private.curve.name == "secp384r1":
            algorithm = "ES384"
        elif isinstance(private, RSAPrivateKey) and private.key_size >= SMALLEST_RSA:
            algorithm = "RS384"
        else:
            raise ValueError(told)
        made = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
        public: dict[str, Any] = {name: made[name] for name in _REQUIRED if name in made}
        # RFC 7638: the key's own thumbprint is its id, so that it need not be told twice.
        thumbprint = hashlib.sha256(json.dumps(public, separators=(",", ":"), sort_keys=True).encode()).digest()
        kid = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode("ascii")
        return cls(private, algorithm, {**public, "kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["verify"]})

    def assertion(self, client_id: str, audience: str) -> dict[str, str]:
        """The members of a form that prove to a token endpoint which app sends it, once."""
        now = int(time.time())
        claims = {
            "iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + LIFETIME,
            "jti": str(uuid.uuid4()),
        }  # fmt: skip
        headers = {"kid": self.public["kid"], "typ": "JWT"}
        signed = jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)
        return {"client_assertion_type": ASSERTION, "client_assertion": signed}
