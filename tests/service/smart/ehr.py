"""An EHR as a launch meets it: its SMART configuration, its authorisation server, its FHIR server, in this process."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, unquote_plus, urlencode, urlsplit

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.service.hooks.calls import prefetch_of

Json = dict[str, Any]
HOST = "https://ehr.example.org"
SERVER = f"{HOST}/fhir"
CLIENT = "the-board"
TOKEN = "an-access-token-that-nobody-may-log"
_KEY = rsa.generate_private_key(65537, 2048)


@dataclass
class Ehr:
    """One EHR with one patient in its chart. Its members can be changed to make it an EHR that errs, or attacks."""

    bundle: Json
    templates: dict[str, str]
    server: str = SERVER
    host: str = HOST
    secret: str | None = None
    keys: Json | None = None
    """The key set with which the app was registered."""
    granted: str | None = None
    context: Json = field(default_factory=dict)
    configuration: Json = field(default_factory=dict)
    claims: Json = field(default_factory=dict)
    token: Json = field(default_factory=dict)
    broken: dict[str, httpx2.Response] = field(default_factory=dict)
    names_users: bool = True
    asked: list[httpx2.Request] = field(default_factory=list)
    codes: dict[str, Json] = field(default_factory=dict)

    @property
    def patient(self) -> str:
        entries = self.bundle["entry"]
        return next(str(e["resource"]["id"]) for e in entries if e["resource"]["resourceType"] == "Patient")

    def told(self) -> Json:
        """Its SMART configuration; a member of `configuration` that is `None` is left out."""
        capabilities = ["launch-ehr", "launch-standalone", "client-public", "context-ehr-patient",
                        "permission-patient", "permission-v2"]  # fmt: skip
        usual = {
            "issuer": f"{self.host}/auth", "jwks_uri": f"{self.host}/auth/jwks",
            "authorization_endpoint": f"{self.host}/auth/authorize?tenant=1",
            "token_endpoint": f"{self.host}/auth/token",
            "capabilities": [*capabilities, *(["sso-openid-connect"] if self.names_users else [])],
            "code_challenge_methods_supported": ["S256"], "expires_somewhere": 3.5,
        }  # fmt: skip
        return {name: value for name, value in {**usual, **self.configuration}.items() if value is not None}

    # ------------------------------------------------------------------------------------------ what a browser meets

    def authorised(self, address: str, *, audience: str | None = None, **changes: str) -> str:
        """Where the browser is sent back to after its user agreed. Refuses what an EHR has to refuse."""
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query))
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.host}/auth/authorize"
        assert asked["tenant"] == "1", "the endpoint's own query is kept"
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["state"]) >= 22
        back = {"state": asked["state"]}
        if asked["aud"].rstrip("/") != (audience or self.server):
            return f"{asked['redirect_uri']}?{urlencode({**back, 'error': 'invalid_request'})}"
        code = str(uuid.uuid4())
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({**back, 'code': code, **changes})}"

    # --------------------------------------------------------------------------------------- what the service asks

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to one request."""
        self.asked.append(request)
        address = str(request.url)
        for start, response in self.broken.items():
            if address.startswith(start):
                return response
        if address == f"{self.server}/.well-known/smart-configuration":
            return httpx2.Response(200, json=self.told())
        if address == f"{self.host}/auth/token":
            return self._token(request)
        if address == f"{self.host}/auth/jwks":
            return httpx2.Response(200, json={"keys": [_public()], "renewed": 1.5})
        if address.startswith(f"{self.server}/"):
            return self._found(request, address.removeprefix(f"{self.server}/"))
        raise AssertionError(f"nobody may be asked at {address}")

    def client(self) -> httpx2.AsyncClient:
        """What the service asks with."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer), follow_redirects=False)

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            asked is None or form["grant_type"] != "authorization_code" or asked["code_challenge"] != challenge
            or form["redirect_uri"] != asked["redirect_uri"] or not 43 <= len(form["code_verifier"]) <= 128
        ):  # fmt: skip
            return httpx2.Response(400, json={"error": "invalid_grant", "error_description": "<b>secret words</b>"})
        known = request.headers.get("authorization", "")
        if self.keys is not None:
            self._proven(form["client_assertion_type"], form["client_assertion"])
        elif self.secret is not None:
            id_, _, secret = base64.b64decode(known.removeprefix("Basic ")).decode().partition(":")
            assert (unquote_plus(id_), unquote_plus(secret)) == (CLIENT, self.secret)
        else:
            assert form["client_id"] == CLIENT
            assert not known
        told = {
            "access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "patient": self.patient,
            "scope": self.granted if self.granted is not None else asked["scope"],
            **({"id_token": self.id_token(asked)} if self.names_users else {}), **self.context, **self.token,
        }  # fmt: skip
        return httpx2.Response(200, json={name: value for name, value in told.items() if value is not None})

    def _proven(self, kind: str, assertion: str) -> None:
        """What a server checks of a client's assertion (SMART App Launch 2.2, "Asymmetric authentication")."""
        assert kind == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        header = jwt.get_unverified_header(assertion)
        assert header["typ"] == "JWT"
        assert header["alg"] in ("RS384", "ES384")
        (key,) = [each for each in (self.keys or {})["keys"] if each["kid"] == header["kid"]]
        claims = jwt.decode(
            assertion, jwt.PyJWK.from_dict(key), algorithms=[header["alg"]], audience=f"{self.host}/auth/token",
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )  # fmt: skip
        assert claims["iss"] == claims["sub"] == CLIENT
        assert claims["exp"] <= time.time() + 300

    def id_token(self, asked: Json) -> str:
        """The id_token of a launch; a claim of `claims` that is `None` is left out."""
        now = int(time.time())
        usual = {
            "iss": f"{self.host}/auth", "sub": "user-7", "aud": CLIENT, "exp": now + 300, "iat": now,
            "nonce": asked.get("nonce"), "fhirUser": f"{self.server}/Practitioner/7",
        }  # fmt: skip
        claims = {name: value for name, value in {**usual, **self.claims}.items() if value is not None}
        return jwt.encode(claims, _KEY, algorithm="RS256", headers={"kid": "k"})

    def _found(self, request: httpx2.Request, query: str) -> httpx2.Response:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        prefetch = prefetch_of(self.bundle)
        for key, template in self.templates.items():
            if unquote(query) == unquote(template.replace("{{context.patientId}}", self.patient)):
                nothing = {"resourceType": "Bundle", "type": "searchset", "total": 0}
                content = json.dumps(prefetch.get(key) or nothing)
                return httpx2.Response(200, content=content, headers={"content-type": "application/fhir+json"})
        raise AssertionError(f"nobody asks for {query}")


def _public() -> Json:
    made = jwt.get_algorithm_by_name("RS256").to_jwk(_KEY.public_key(), as_dict=True)
    return {**made, "kid": "k", "alg": "RS256", "use": "sig"}
