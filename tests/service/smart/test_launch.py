"""A launch from the EHR, and one from here: the case of the EHR's patient, with the EHR's data, for its user."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from cds.records import Records
from cds.service.settings import SmartApp
from tests.service.hooks.calls import prefetch_of
from tests.service.smart.conftest import PUBLIC, Make, begun, launched
from tests.service.smart.ehr import CLIENT, SERVER, TOKEN, Ehr

Json = dict[str, Any]


def test_a_launch_ends_on_the_record_of_the_patients_case(browser: TestClient, ehr: Ehr, records: Records) -> None:
    response = launched(browser, ehr)
    assert response.status_code == 303
    record = response.headers["location"].removeprefix("/board/records/")
    entry = records.entry(record)
    assert entry.body["door"] == "GET /smart/callback"
    assert entry.body["author"] == {"name": "Practitioner/7", "issuer": SERVER}
    assert entry.body["server"] == SERVER
    page = browser.get(response.headers["location"])
    assert page.status_code == 200
    assert "Practitioner/7" in page.text


def test_the_authorisation_request_asks_for_the_context_the_user_and_what_intake_reads(
    browser: TestClient, ehr: Ehr
) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun(browser).headers["location"]).query).items()}
    assert asked["launch"] == "chart-42"
    assert asked["aud"] == SERVER
    assert asked["client_id"] == CLIENT
    assert asked["redirect_uri"] == f"{PUBLIC}/smart/callback"
    scopes = asked["scope"].split()
    assert {"launch", "openid", "fhirUser", "patient/Patient.rs", "patient/Condition.rs"} <= set(scopes)
    assert all(re.fullmatch(r"launch|openid|fhirUser|patient/[A-Za-z]+\.rs", each) for each in scopes)
    assert "offline_access" not in scopes


def test_a_launch_from_here_asks_the_ehr_for_a_patient(browser: TestClient, ehr: Ehr) -> None:
    for address in ("/smart/standalone", f"/smart/standalone?iss={SERVER}"):
        first = browser.get(address)
        asked = parse_qs(urlsplit(first.headers["location"]).query)
        assert "launch" not in asked
        assert "launch/patient" in asked["scope"][0].split()
        assert browser.get(ehr.authorised(first.headers["location"])).status_code == 303


def test_a_confidential_app_proves_itself_with_its_secret(service: Make, ehr: Ehr) -> None:
    ehr.secret = "p:a ss%/wörd"
    app = SmartApp(server=SERVER, client_id=CLIENT, client_secret=SecretStr(ehr.secret))
    assert launched(service(smart_apps=(app,)), ehr).status_code == 303


@pytest.mark.parametrize("kind", ["ES384", "RS384"])
def test_an_app_with_a_key_proves_itself_with_an_assertion(
    service: Make, ehr: Ehr, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(pem(ec.generate_private_key(ec.SECP384R1()) if kind == "ES384" else _RSA))
    client = service(smart_apps=(SmartApp(server=SERVER, client_id=CLIENT, client_key=file),))
    ehr.keys = client.get("/smart/jwks.json").json()
    assert [each["alg"] for each in ehr.keys["keys"]] == [kind]
    assert not {"d", "p", "q"} & set(ehr.keys["keys"][0]), "the private part is told to nobody"
    assert launched(client, ehr).status_code == 303


def test_a_key_that_cannot_sign_is_refused_at_the_start(tmp_path: Path) -> None:
    for name, content in (("gone", None), ("text", b"no key"), ("small", pem(ec.generate_private_key(ec.SECP256R1())))):
        file = tmp_path / name
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(ValidationError, match=f"`{name}`: no private key can be read from it"):
            SmartApp(server=SERVER, client_id=CLIENT, client_key=file)
    file.write_bytes(pem(_RSA))
    with pytest.raises(ValidationError, match="exclude each other"):
        SmartApp(server=SERVER, client_id=CLIENT, client_key=file, client_secret=SecretStr("x"))


_RSA = rsa.generate_private_key(65537, 2048)


def pem(key: Any) -> bytes:
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, form, none))


def test_an_ehr_that_names_no_user_says_so_in_the_record(browser: TestClient, ehr: Ehr, records: Records) -> None:
    ehr.names_users = False
    first = begun(browser)
    assert "openid" not in first.headers["location"]
    response = browser.get(ehr.authorised(first.headers["location"]))
    record = response.headers["location"].removeprefix("/board/records/")
    assert records.entry(record).body["author"]["name"] == "a user whom the EHR did not name"


def test_the_case_of_a_cards_link_gives_the_answer_of_the_hook(
    service: Make, ehr: Ehr, bundle: Callable[[str], Json]
) -> None:
    client = service(authentication="development", public_url=PUBLIC)
    call = {
        "hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "fhirServer": SERVER,
        "context": {"userId": "Practitioner/7", "patientId": ehr.patient}, "prefetch": prefetch_of(ehr.bundle),
    }  # fmt: skip
    card = client.post("/cds-services/recurrent-head-and-neck-review", json=call).json()["cards"][0]
    link = next(each for each in card["links"] if each["type"] == "smart")
    assert link["url"] == f"{PUBLIC}/smart/launch"
    ehr.context = {"appContext": link["appContext"]}
    response = launched(client, ehr)
    on_card = card["extension"]["org.example.hnc-cds.trace"]["record"]
    assert response.headers["location"].endswith(f"?card={on_card}")
    opened = urlsplit(response.headers["location"]).path.rpartition("/")[2]
    records = client.app.state.runtime.records  # type: ignore[attr-defined]
    hook, launch = records.content(on_card)["answer"], records.content(opened)["answer"]
    assert launch["lesions"] == hook["lesions"]
    assert launch == hook
    page = client.get(response.headers["location"]).text
    assert f"/board/compare?before={on_card}&amp;after={opened}" in page
    assert "Compare with the answer on the card" in page
    assert client.get(f"/board/compare?before={on_card}&after={opened}").status_code == 200


def test_where_nothing_is_recorded_the_page_itself_is_the_answer(service: Make, ehr: Ehr) -> None:
    response = launched(service(recording="off"), ehr)
    assert response.status_code == 200
    assert "ineligible" in response.text
    assert "set-cookie" in response.headers


def test_no_token_code_or_verifier_is_in_an_address_or_a_page_of_ours(browser: TestClient, ehr: Ehr) -> None:
    first = begun(browser)
    back = ehr.authorised(first.headers["location"])
    code = parse_qs(urlsplit(back).query)["code"][0]
    response = browser.get(back)
    page = browser.get(response.headers["location"])
    form = next(parse_qs(each.content.decode()) for each in ehr.asked if each.method == "POST")
    for secret in (code, TOKEN, form["code_verifier"][0]):
        assert secret not in first.headers["location"]
        assert secret not in str(response.headers)
        assert secret not in page.text


@pytest.mark.parametrize("iss", ["", "https://evil.example/fhir", "https://ehr.example.org", "https://ehr.example.org/fhir/../x",
                                 "http://ehr.example.org/fhir", "https://ehr.example.org.evil/fhir", "file:///etc/passwd",
                                 "http://169.254.169.254/latest", "https://ehr.example.org@evil.example/fhir",
                                 "https://other.example.org/fhir"])  # fmt: skip
@pytest.mark.parametrize("path", ["launch", "standalone"])
def test_no_server_is_asked_that_may_not_launch(browser: TestClient, ehr: Ehr, path: str, iss: str) -> None:
    response = browser.get(f"/smart/{path}", params={"iss": iss, "launch": "x"})
    assert response.status_code == 400
    assert "unknown-server" in response.text
    assert ehr.asked == []
    assert "set-cookie" not in response.headers


def test_a_launch_names_its_server_and_says_it_as_it_was_sent(browser: TestClient, ehr: Ehr) -> None:
    assert browser.get("/smart/launch?launch=x").status_code == 400
    assert ehr.asked == []
    first = browser.get("/smart/launch", params={"launch": "x", "iss": f"{SERVER}/"})
    assert parse_qs(urlsplit(first.headers["location"]).query)["aud"] == [f"{SERVER}/"]
    assert browser.get(ehr.authorised(first.headers["location"])).status_code == 303


def test_an_ehr_that_sends_no_launch_parameter_is_told_so(browser: TestClient, ehr: Ehr) -> None:
    response = browser.get("/smart/launch", params={"iss": SERVER})
    assert response.status_code == 400
    assert ehr.asked == []
