"""Signers with keys of their own, their key sets in files, and a service that asks who calls."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from cds.service.settings import Client

PUBLIC = "https://cds.example.org"
EHR = "https://ehr.example.org"
IDP = "https://idp.example.org"
Claims = dict[str, Any]


@dataclass
class Signer:
    """One who signs: private keys by their ids, and the file in which the public ones are told."""

    file: Path
    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def make(self, kid: str, algorithm: str = "ES384") -> None:
        private: Any = {
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
        }.get(algorithm, lambda: rsa.generate_private_key(65537, 2048))()
        self.keys[kid] = (algorithm, private)
        self.publish()

    def publish(self) -> None:
        told = []
        for kid, (algorithm, private) in self.keys.items():
            made = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)
            told.append({**made, "kid": kid, "alg": algorithm, "use": "sig"})
        self.file.write_text(json.dumps({"keys": told}))

    def pem(self, kid: str) -> bytes:
        """The public key as text: what an attacker would offer as a shared secret."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return bytes(self.keys[kid][1].public_key().public_bytes(serialization.Encoding.PEM, form))

    def sign(self, claims: Claims, kid: str, **header: Any) -> str:
        algorithm, private = self.keys[kid]
        return jwt.encode(claims, private, algorithm=algorithm, headers={"kid": kid, "typ": "JWT", **header})


@pytest.fixture(scope="session")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    signer = Signer(tmp_path_factory.mktemp("ehr") / "jwks.json")
    for kid, algorithm in (("es", "ES384"), ("rs", "RS384"), ("es256", "ES256"), ("rs256", "RS256")):
        signer.make(kid, algorithm)
    return signer


@pytest.fixture(scope="session")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    signer = Signer(tmp_path_factory.mktemp("idp") / "jwks.json")
    signer.make("idp", "RS384")
    return signer


@pytest.fixture(scope="session")
def guarded(ehr: Signer, idp: Signer, rules: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of an installation that asks who calls."""
    return Settings(
        rules=rules,
        database=SecretStr(f"sqlite:///{tmp_path_factory.mktemp('guarded') / 'records.sqlite3'}"),
        authentication="required",
        public_url=PUBLIC,
        clients=(Client(issuer=EHR, keys=str(ehr.file), tenants=("t1",)),),
        token_issuer=IDP,
        token_keys=str(idp.file),
        cors_origins=("https://app.example.org",),
    )


@pytest.fixture(scope="session")
def service(guarded: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(guarded), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def claims() -> Callable[..., Claims]:
    """The claims of a CDS client's token that counts at discovery; others replace them, `None` takes one out."""

    def made(**named: Any) -> Claims:
        now = int(time.time())
        usual = {
            "iss": EHR, "aud": f"{PUBLIC}/cds-services", "iat": now, "exp": now + 200, "jti": str(uuid.uuid4()),
            "tenant": "t1",
        }  # fmt: skip
        return {name: value for name, value in {**usual, **named}.items() if value is not None}

    return made


@pytest.fixture
def access() -> Callable[..., Claims]:
    """The claims of an access token that opens `/evaluate`."""

    def made(**named: Any) -> Claims:
        now = int(time.time())
        usual = {"iss": IDP, "aud": PUBLIC, "iat": now, "exp": now + 600, "sub": "ehr-app", "scope": "cds.evaluate"}
        return {name: value for name, value in {**usual, **named}.items() if value is not None}

    return made
