"""The tokens of CDS clients: items 54 to 61 of the conformance checklist, each by its number."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from cds.service.settings import Client
from tests.service.security.conftest import EHR, PUBLIC, Signer

Make = Callable[..., dict[str, Any]]


def discover(service: TestClient, token: str | None) -> httpx2.Response:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    return service.get("/cds-services", headers=headers)


def refused(response: httpx2.Response, says: str, status: int = 401) -> None:
    assert response.status_code == status, response.text
    issue = response.json()["issue"][0]
    assert says in issue["details"]["text"]
    assert issue["code"] == ("login" if status == 401 else "forbidden")
    assert response.headers["www-authenticate"].startswith("Bearer")


def test_54_every_call_needs_a_token_discovery_included(service: TestClient) -> None:
    refused(discover(service, None), "no token was given")
    for path in ("/cds-services/recurrent-head-and-neck-review", "/cds-services/x/feedback"):
        refused(service.post(path, json={}), "no token was given")
    for header in ("Basic x", "Bearer", "Bearer ", "token"):
        refused(service.get("/cds-services", headers={"authorization": header}), "no token was given")


def test_54_a_token_that_counts_opens_discovery(service: TestClient, ehr: Signer, claims: Make) -> None:
    response = discover(service, ehr.sign(claims(), "es"))
    assert response.status_code == 200, response.text
    assert "services" in response.json()


@pytest.mark.parametrize("claim", ["iss", "aud", "exp", "iat", "jti"])
def test_55_every_claim_that_is_required_is_missed(
    service: TestClient, ehr: Signer, claims: Make, claim: str
) -> None:
    refused(discover(service, ehr.sign(claims(**{claim: None}), "es")), "the token")


@pytest.mark.parametrize("header", [{"typ": "JOSE"}, {"typ": None}, {"kid": 7}, {"crit": ["exp"], "exp": 1}])
def test_55_a_header_of_another_form_is_refused(
    service: TestClient, ehr: Signer, claims: Make, header: dict[str, Any]
) -> None:
    algorithm, private = ehr.keys["es"]
    token = jwt.encode(claims(), private, algorithm=algorithm)
    sent = {"alg": algorithm, "kid": "es", "typ": "JWT", **header}
    encoded = base64.urlsafe_b64encode(json.dumps(sent).encode()).rstrip(b"=").decode()
    refused(discover(service, f"{encoded}.{token.split('.', 1)[1]}"), "the token")


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "e30.e30.", "x" * 20_000, "é"])
def test_55_what_is_no_signed_token_is_refused(service: TestClient, token: str) -> None:
    response = service.get("/cds-services", headers={"authorization": f"Bearer {token}".encode()})
    assert response.status_code == 401


def test_56_no_signature_is_no_token(service: TestClient, claims: Make) -> None:
    token = jwt.encode(claims(), None, algorithm="none", headers={"kid": "es"})
    refused(discover(service, token), "not signed by")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_56_a_symmetric_algorithm_is_refused_even_with_the_public_key_as_its_secret(
    service: TestClient, ehr: Signer, claims: Make, algorithm: str
) -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "rs", "typ": "JWT"}).encode()).rstrip(b"=")
    payload = base64.urlsafe_b64encode(json.dumps(claims()).encode()).rstrip(b"=")
    import hashlib
    import hmac

    mac = hmac.new(ehr.pem("rs"), header + b"." + payload, getattr(hashlib, f"sha{algorithm[2:]}")).digest()
    token = b".".join((header, payload, base64.urlsafe_b64encode(mac).rstrip(b"="))).decode()
    refused(discover(service, token), "not signed by")


def test_56_es384_and_rs384_are_accepted_and_others_only_where_they_are_set(
    service: TestClient, ehr: Signer, claims: Make, guarded: Settings
) -> None:
    assert discover(service, ehr.sign(claims(), "es")).status_code == 200
    assert discover(service, ehr.sign(claims(), "rs")).status_code == 200
    for kid in ("es256", "rs256"):
        refused(discover(service, ehr.sign(claims(), kid)), "not signed by ES384 or RS384")
    wider = guarded.model_copy(update={"algorithms": ("ES384", "ES256", "RS256")})
    with TestClient(create_app(wider)) as other:
        for kid in ("es", "es256", "rs256"):
            assert discover(other, ehr.sign(claims(), kid)).status_code == 200
        refused(discover(other, ehr.sign(claims(), "rs")), "not signed by")


def test_56_a_token_does_not_choose_what_its_key_is_used_for(service: TestClient, ehr: Signer, claims: Make) -> None:
    # RS384 is allowed; the key is one of ES384.
    token = jwt.encode(claims(), ehr.keys["rs"][1], algorithm="RS384", headers={"kid": "es", "typ": "JWT"})
    refused(discover(service, token), "names a key that its issuer does not have, or not for this")


@pytest.mark.parametrize(
    "audience",
    [
        f"{PUBLIC}/cds-services/", f"{PUBLIC}/cds-services/x", PUBLIC, "http://testserver/cds-services",
        [PUBLIC, f"{PUBLIC}/evaluate"], "https://other.example.org/cds-services",
    ],
)  # fmt: skip
def test_57_the_audience_is_exactly_the_public_address_that_is_called(
    service: TestClient, ehr: Signer, claims: Make, audience: object
) -> None:
    refused(discover(service, ehr.sign(claims(aud=audience), "es")), "for another address")


def test_57_one_of_several_audiences_is_enough_and_each_address_has_its_own(
    service: TestClient, ehr: Signer, claims: Make
) -> None:
    assert discover(service, ehr.sign(claims(aud=["x", f"{PUBLIC}/cds-services"]), "es")).status_code == 200
    path = "/cds-services/recurrent-head-and-neck-review/feedback"
    token = ehr.sign(claims(aud=f"{PUBLIC}{path}"), "es")
    response = service.post(path, json={"feedback": "x"}, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("moved", "says"),
    [
        ({"iat": -400, "exp": -120}, "too old"),
        ({"iat": 120, "exp": 200}, "from the future"),
        ({"iat": 0, "exp": 301}, "more than 300 s"),
        ({"iat": 0, "exp": 10**10}, "more than 300 s"),
    ],
)
def test_58_a_token_counts_for_five_minutes_at_most(
    service: TestClient, ehr: Signer, claims: Make, moved: dict[str, int], says: str
) -> None:
    now = int(time.time())
    refused(discover(service, ehr.sign(claims(**{k: now + v for k, v in moved.items()}), "es")), says)


def test_58_clocks_may_differ_by_a_minute(service: TestClient, ehr: Signer, claims: Make) -> None:
    now = int(time.time())
    for iat, exp in ((now - 200, now - 50), (now + 50, now + 200)):
        assert discover(service, ehr.sign(claims(iat=iat, exp=exp), "es")).status_code == 200


@pytest.mark.parametrize("moment", ["soon", True, [1]])
def test_58_a_time_is_a_number(service: TestClient, ehr: Signer, claims: Make, moment: object) -> None:
    algorithm, private = ehr.keys["es"]
    signed = jwt.api_jws.encode(
        json.dumps(claims(iat=moment)).encode(), private, algorithm=algorithm, headers={"kid": "es", "typ": "JWT"}
    )
    assert discover(service, signed).status_code == 401


def test_59_a_token_is_used_once_in_all_workers(
    service: TestClient, guarded: Settings, ehr: Signer, claims: Make
) -> None:
    token = ehr.sign(claims(), "es")
    assert discover(service, token).status_code == 200
    refused(discover(service, token), "used before")
    with TestClient(create_app(guarded)) as other_worker:
        refused(discover(other_worker, token), "used before")


@pytest.mark.parametrize("nonce", ["", "x" * 301, 7, "\ud800", "a\0b"])
def test_59_a_nonce_is_a_text(service: TestClient, ehr: Signer, claims: Make, nonce: object) -> None:
    algorithm, private = ehr.keys["es"]
    signed = jwt.api_jws.encode(
        json.dumps(claims(jti=nonce)).encode(), private, algorithm=algorithm, headers={"kid": "es", "typ": "JWT"}
    )
    assert discover(service, signed).status_code == 401


def test_60_an_issuer_that_is_not_registered_is_refused(service: TestClient, ehr: Signer, claims: Make) -> None:
    refused(discover(service, ehr.sign(claims(iss="https://other.example.org"), "es")), "not registered")
    refused(discover(service, ehr.sign(claims(iss=None), "es")), "not registered")


def test_60_a_jku_that_is_not_the_registered_one_is_never_fetched(
    service: TestClient, ehr: Signer, claims: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("cds.service.app.fetch", lambda url, **_: asked.append(url))
    for jku in ("https://evil.example.org/jwks.json", "http://169.254.169.254/", "file:///etc/passwd"):
        refused(discover(service, ehr.sign(claims(), "es", jku=jku)), "jku is not the address that is registered")
    assert asked == []


def test_60_keys_rotate_without_a_restart(guarded: Settings, claims: Make, tmp_path: Path) -> None:
    signer = Signer(tmp_path / "jwks.json")
    signer.make("first")
    asked: list[str] = []

    def fetched(url: str, **_: object) -> bytes:
        asked.append(url)
        return signer.file.read_bytes()

    address = f"{EHR}/jwks.json"
    settings = guarded.model_copy(update={"clients": (Client(issuer=EHR, keys=address),)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cds.service.app.fetch", fetched)
        patch.setattr("cds.service.security.keys.APART", 0.0)
        with TestClient(create_app(settings)) as service:
            assert discover(service, signer.sign(claims(), "first", jku=address)).status_code == 200
            assert discover(service, signer.sign(claims(), "first")).status_code == 200
            assert asked == [address]
            signer.make("second")
            assert discover(service, signer.sign(claims(), "second")).status_code == 200
            assert asked == [address] * 2


def test_60_a_key_set_that_cannot_be_had_is_a_503_and_no_refusal(
    guarded: Settings, ehr: Signer, claims: Make
) -> None:
    missing = guarded.model_copy(update={"clients": (Client(issuer=EHR, keys="/nonexistent/jwks.json"),)})
    with TestClient(create_app(missing)) as service:
        response = discover(service, ehr.sign(claims(), "es"))
    assert response.status_code == 503
    assert "nonexistent" not in response.text


def test_61_a_client_that_is_known_and_not_allowed_gets_403(service: TestClient, ehr: Signer, claims: Make) -> None:
    for tenant in ("t2", None):
        refused(discover(service, ehr.sign(claims(tenant=tenant), "es")), "tenant", status=403)


def test_61_a_signature_by_another_key_is_refused(
    service: TestClient, ehr: Signer, claims: Make, tmp_path: Path
) -> None:
    forger = Signer(tmp_path / "jwks.json")
    forger.make("es")
    refused(discover(service, forger.sign(claims(), "es")), "signature")
    head, _, signature = ehr.sign(claims(), "es").split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims(tenant="t2")).encode()).rstrip(b"=").decode()
    assert discover(service, f"{head}.{other}.{signature}").status_code == 401


def test_a_caller_of_hooks_is_recorded_by_issuer(guarded: Settings, ehr: Signer, claims: Make) -> None:
    assert guarded.database != SecretStr("")
    with TestClient(create_app(guarded)) as service:
        path = "/cds-services/recurrent-head-and-neck-review/feedback"
        token = ehr.sign(claims(aud=f"{PUBLIC}{path}"), "es")
        item = {
            "card": "0f6f7dd4-1c5e-4d5b-9a60-6f3b6f0f8c53", "outcome": "accepted",
            "outcomeTimestamp": "2026-11-22T10:00:00Z", "acceptedSuggestions": [{"id": "x"}],
        }  # fmt: skip
        told = service.post(path, json={"feedback": [item]}, headers={"authorization": f"Bearer {token}"})
        assert told.status_code == 200, told.text
    from cds.records import open_records

    records = open_records(guarded.database.get_secret_value())
    entry = records.entries("feedback")[-1]
    assert entry.body["author"]["issuer"] == EHR
    records.close()
