"""Nothing of a launch is in a log line, a metric or the text of a failure: no token, no code, no patient."""

from __future__ import annotations

import io
import json
from urllib.parse import parse_qs, urlsplit

import httpx2
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service.settings import SmartApp
from tests.service.smart.conftest import PUBLIC, Make, begun
from tests.service.smart.ehr import CLIENT, HOST, SERVER, TOKEN, Ehr

SECRET = "a-secret-that-nobody-may-log"


def secrets_of(client: TestClient, ehr: Ehr, back: str) -> set[str]:
    query = parse_qs(urlsplit(back).query)
    forms = [parse_qs(each.content.decode()) for each in ehr.asked if each.method == "POST"]
    told = {TOKEN, SECRET, ehr.patient, "chart-42", "Practitioner/7", *query["code"], *query["state"]}
    return told | {form["code_verifier"][0] for form in forms} | set(client.cookies.values())


def test_nothing_of_a_launch_is_logged(service: Make, ehr: Ehr, log: io.StringIO) -> None:
    ehr.secret = SECRET
    app = SmartApp(server=SERVER, client_id=CLIENT, client_secret=SecretStr(SECRET))
    client = service(smart_apps=(app,), authentication="development", public_url=PUBLIC)
    found: set[str] = set()
    texts: list[str] = []
    for broken in ({}, {f"{HOST}/auth/token": httpx2.Response(400, json={"error": SECRET, "error_description": TOKEN})},
                   {f"{SERVER}/Condition": httpx2.Response(500, text=TOKEN)},
                   {f"{SERVER}/Patient": httpx2.Response(200, text=f"{{{TOKEN}")},
                   {f"{HOST}/auth/jwks": httpx2.Response(200, text=f"{{{TOKEN}")}):  # fmt: skip
        ehr.broken = broken
        back = ehr.authorised(begun(client).headers["location"])
        found |= set(client.cookies.values())
        response = client.get(back)
        found |= secrets_of(client, ehr, back)
        if broken:
            assert response.status_code == 502
            texts.append(response.text)
    assert len(found) > 20
    lines = log.getvalue().splitlines()
    assert any('"recorded"' in line for line in lines)
    counted = client.get("/metrics").text.splitlines()
    told = [json.dumps({name: text for name, text in json.loads(line).items() if name != "time"}) for line in lines]
    assert {(secret, line) for secret in found for line in (*told, *counted, *texts) if secret in line} == set()
