"""What comes back to the callback counts only for the browser that began it, once, soon, and from the right server."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import jwt
import pytest
from starlette.testclient import TestClient

from cds.records import Records
from cds.service import Settings
from cds.service.smart.seals import Seal
from tests.service.smart.conftest import begun, launched
from tests.service.smart.ehr import HOST, SERVER, TOKEN, Ehr

Json = dict[str, Any]
FHIR = f"{SERVER}/"


def refused(response: httpx2.Response, status: int, code: str) -> str:
    """The text of a page that says why, checked to be one, and to have begun no session."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("text/html")
    assert f"; {code}]" in response.text
    assert "cds-session" not in response.headers.get("set-cookie", "")
    return response.text


def test_a_state_that_nobody_here_sent_is_refused(browser: TestClient, ehr: Ehr) -> None:
    begun(browser)
    ehr.asked.clear()
    for state in ("", "x", "invented" * 10, "\udcff", "../../x"):
        query = urlencode({"code": "c", "state": state}, errors="surrogatepass")
        refused(browser.get(f"/smart/callback?{query}"), 403, "foreign-launch")
    refused(browser.get("/smart/callback?code=c"), 403, "foreign-launch")
    assert ehr.asked == []


def test_another_browser_cannot_finish_a_launch(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.authorised(begun(browser).headers["location"])
    browser.cookies.clear()
    ehr.asked.clear()
    refused(browser.get(back), 403, "foreign-launch")
    assert ehr.asked == []


def test_the_cookie_of_one_launch_does_not_finish_another(browser: TestClient, ehr: Ehr) -> None:
    first = begun(browser)
    own = dict(browser.cookies)
    browser.cookies.clear()
    second = ehr.authorised(begun(browser).headers["location"])
    names = list(browser.cookies)
    browser.cookies.clear()
    browser.cookies.set(names[0], next(iter(own.values())))
    refused(browser.get(second), 403, "foreign-launch")
    assert first.status_code == 303


def test_two_launches_of_one_browser_do_not_hinder_each_other(browser: TestClient, ehr: Ehr) -> None:
    backs = [ehr.authorised(begun(browser).headers["location"]) for _ in range(2)]
    assert [browser.get(back).status_code for back in backs] == [303, 303]


def test_a_launch_comes_back_once_whatever_the_browser_keeps(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.authorised(begun(browser).headers["location"])
    kept = dict(browser.cookies)
    assert browser.get(back).status_code == 303
    assert not any("cds-launch" in name for name in browser.cookies), "the cookie was taken back"
    for name, value in kept.items():
        browser.cookies.set(name, value)
    assert "came back before" in refused(browser.get(back), 403, "foreign-launch")


def test_a_launch_that_began_too_long_ago_is_refused(browser: TestClient, ehr: Ehr, settings: Settings) -> None:
    back = ehr.authorised(begun(browser).headers["location"])
    ((name, value),) = browser.cookies.items()
    key = settings.session_key.get_secret_value().encode() if settings.session_key else b""
    content = Seal(key, "launch", seconds=600).opened(value)
    assert content is not None
    browser.cookies.clear()
    browser.cookies.set(name, Seal(key, "launch", seconds=600, clock=lambda: time.time() - 601).sealed(content))
    refused(browser.get(back), 403, "foreign-launch")
    browser.cookies.clear()
    browser.cookies.set(name, Seal(key, "launch", seconds=600, clock=lambda: time.time() - 590).sealed(content))
    assert browser.get(back).status_code == 303


def test_the_answer_of_another_server_is_refused(browser: TestClient, ehr: Ehr) -> None:
    for issuer, status in ((f"{HOST}/auth", 303), ("https://other.example.org/auth", 403)):
        back = ehr.authorised(begun(browser).headers["location"], iss=issuer)
        assert browser.get(back).status_code == status


def test_a_server_that_never_said_who_it_is_may_say_anything(browser: TestClient, ehr: Ehr) -> None:
    ehr.names_users = False
    ehr.configuration = {"issuer": None, "jwks_uri": None}
    back = ehr.authorised(begun(browser).headers["location"], iss="https://anything.example")
    assert browser.get(back).status_code == 303


def test_what_another_version_sealed_is_no_launch(browser: TestClient, ehr: Ehr, settings: Settings) -> None:
    back = ehr.authorised(begun(browser).headers["location"])
    ((name, _),) = browser.cookies.items()
    browser.cookies.clear()
    key = settings.session_key.get_secret_value().encode() if settings.session_key else b""
    browser.cookies.set(name, Seal(key, "launch", seconds=600).sealed(b'{"version": 2}'))
    refused(browser.get(back), 403, "foreign-launch")


@pytest.mark.parametrize(
    ("given", "told"), [("access_denied", "access_denied"), ("<script>call 555</script>", "no known code")]
)
def test_what_the_ehr_did_not_allow_is_said_by_its_code_alone(
    browser: TestClient, ehr: Ehr, given: str, told: str
) -> None:
    state = parse_qs(urlsplit(begun(browser).headers["location"]).query)["state"][0]
    ehr.asked.clear()
    query = {"error": given, "error_description": "call 555 now", "state": state}
    text = refused(browser.get(f"/smart/callback?{urlencode(query)}"), 403, "launch-denied")
    assert told in text
    assert "555" not in text
    assert ehr.asked == []


def test_an_ehr_whose_audience_is_another_gives_no_code(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.authorised(begun(browser).headers["location"], audience="https://other.example.org/fhir")
    assert "invalid_request" in refused(browser.get(back), 403, "launch-denied")


def test_a_code_of_another_launch_is_worth_nothing(browser: TestClient, ehr: Ehr) -> None:
    stolen = ehr.authorised(begun(browser).headers["location"])
    own = parse_qs(urlsplit(begun(browser).headers["location"]).query)["state"][0]
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    text = refused(browser.get(f"/smart/callback?{urlencode({'code': code, 'state': own})}"), 502, "launch-failed")
    assert "invalid_grant" in text, "the verifier is that of another launch"
    assert "secret words" not in text


@pytest.mark.parametrize(
    ("token", "status", "code"),
    [
        ({"patient": None}, 400, "launch-without-patient"),
        ({"patient": "../x"}, 502, "launch-failed"),
        ({"patient": 7}, 502, "launch-failed"),
        ({"token_type": "mac"}, 502, "launch-failed"),
        ({"access_token": None}, 502, "launch-failed"),
        ({"access_token": "two\r\nlines"}, 502, "launch-failed"),
        ({"scope": None}, 502, "launch-failed"),
        ({"id_token": "no.jwt.atall"}, 502, "launch-failed"),
        ({"appContext": "{no json"}, 303, ""),
        ({"appContext": {"record": 7}}, 303, ""),
        ({"token_type": "bearer"}, 303, ""),
    ],
)
def test_a_token_response_is_read_strictly(browser: TestClient, ehr: Ehr, token: Json, status: int, code: str) -> None:
    ehr.token = token
    response = launched(browser, ehr)
    if status == 303:
        assert response.status_code == 303
    else:
        refused(response, status, code)


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://other.example.org"}, {"aud": "another-app"}, {"nonce": "another"}, {"nonce": None}, {"exp": 1},
     {"exp": None}, {"sub": None}, {"azp": "another-app"}, {"iat": int(time.time()) + 4000}],
)  # fmt: skip
def test_an_id_token_that_is_not_of_this_launch_is_refused(browser: TestClient, ehr: Ehr, claims: Json) -> None:
    ehr.claims = claims
    refused(launched(browser, ehr), 502, "launch-failed")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_an_id_token_that_nobody_signed_is_refused(browser: TestClient, ehr: Ehr, algorithm: str) -> None:
    claims = {"iss": f"{HOST}/auth", "sub": "x", "aud": "the-board", "exp": time.time() + 60, "iat": time.time()}
    key = "k" * 64 if algorithm == "HS256" else None
    ehr.token = {"id_token": jwt.encode(claims, key, algorithm=algorithm, headers={"kid": "k"})}
    refused(launched(browser, ehr), 502, "launch-failed")


@pytest.mark.parametrize(
    ("user", "named"),
    [
        (f"{SERVER}/Practitioner/9", "Practitioner/9"),
        (None, "user-7"),
        ("https://other.example.org/Person/1", "https://other.example.org/Person/1"),
    ],
)
def test_the_user_is_named_as_the_ehr_names_him(
    browser: TestClient, ehr: Ehr, records: Records, user: str | None, named: str
) -> None:
    ehr.claims = {"fhirUser": user}
    record = launched(browser, ehr).headers["location"].rpartition("/")[2]
    assert records.entry(record).body["author"] == {"name": named, "issuer": SERVER}


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge_methods_supported": ["plain"]}, {"code_challenge_methods_supported": None},
        {"capabilities": ["launch-standalone", "permission-v2"]}, {"capabilities": ["launch-ehr", "permission-v1"]},
        {"capabilities": None}, {"token_endpoint": None}, {"authorization_endpoint": None}, {"issuer": None},
        {"token_endpoint": "https://evil.example/token"}, {"token_endpoint": f"http://{HOST[8:]}/auth/token"},
        {"token_endpoint": "https://169.254.169.254/latest"}, {"token_endpoint": "https://127.0.0.1/x"},
        {"token_endpoint": f"https://{HOST[8:]}@evil.example/"}, {"token_endpoint": f"{HOST}.evil.example/"},
        {"token_endpoint": "https://[::1"}, {"token_endpoint": "https://evil.example\\@" + HOST[8:]},
        {"authorization_endpoint": "https://evil.example/authorize"}, {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "https://evil.example/jwks"}, {"jwks_uri": "file:///etc/passwd"},
    ],
)  # fmt: skip
def test_a_server_that_lacks_what_is_needed_or_names_strangers_is_not_used(
    browser: TestClient, ehr: Ehr, changed: Json
) -> None:
    ehr.configuration = changed
    refused(begun(browser), 502, "launch-failed")
    assert [str(each.url) for each in ehr.asked] == [f"{SERVER}/.well-known/smart-configuration"]
    assert not browser.cookies


def test_a_server_that_changes_between_the_two_halves_is_asked_nothing(browser: TestClient, ehr: Ehr) -> None:
    back = ehr.authorised(begun(browser).headers["location"])
    ehr.configuration = {"token_endpoint": "https://evil.example/token"}
    refused(browser.get(back), 502, "launch-failed")
    assert all(each.method == "GET" for each in ehr.asked)


@pytest.mark.parametrize(
    "answer",
    [httpx2.Response(500), httpx2.Response(302, headers={"location": "https://evil.example/"}),
     httpx2.Response(200, content=b"[1]"), httpx2.Response(200, content=b"{" * 100),
     httpx2.Response(200, content=b'{"a": "' + b"x" * 300_000 + b'"}'), httpx2.Response(200, content=b"\xff\xfe")],
)  # fmt: skip
@pytest.mark.parametrize("place", [f"{SERVER}/.well-known", f"{HOST}/auth/token", f"{HOST}/auth/jwks"])
def test_a_server_that_answers_nonsense_is_told_as_a_failure(
    browser: TestClient, ehr: Ehr, answer: httpx2.Response, place: str
) -> None:
    ehr.broken = {place: answer}
    first = begun(browser)
    response = first if first.status_code != 303 else browser.get(ehr.authorised(first.headers["location"]))
    refused(response, 502, "launch-failed")


# ------------------------------------------------------------------------------------------------------ the data


def answer_of(records: Records, response: httpx2.Response) -> Json:
    assert response.status_code == 303, response.text
    return dict(records.content(urlsplit(response.headers["location"]).path.rpartition("/")[2])["answer"])


def unknown(answer: Json) -> int:
    return sum(fact["status"] == "absent" for fact in answer["facts"])


def silent(answer: Json) -> list[str]:
    """The facts that are known because nothing was found."""
    return [fact["name"] for fact in answer["facts"] if fact["status"] == "known" and not fact["sources"]]


@pytest.mark.parametrize(
    "scope",
    [
        "patient/Patient.rs patient/Condition.rs",
        "patient/Patient.read patient/Condition.*",
        "patient/*.rs?category=x patient/Patient.rs patient/Condition.s",
    ],
)
def test_what_was_not_granted_is_unknown_and_never_no(
    browser: TestClient, ehr: Ehr, records: Records, scope: str
) -> None:
    whole = answer_of(records, launched(browser, ehr))
    ehr.granted = f"openid fhirUser launch {scope}"
    ehr.asked.clear()
    part = answer_of(records, launched(browser, ehr))
    if "?" not in scope:
        types = {str(each.url).removeprefix(FHIR).partition("?")[0].partition("/")[0] for each in ehr.asked
                 if str(each.url).startswith(FHIR) and ".well-known" not in str(each.url)}  # fmt: skip
        assert types == {"Patient", "Condition"}, "what was not granted is not asked for"
    assert any(issue["code"] == "search-failed" for issue in part["issues"])
    assert unknown(part) > unknown(whole)
    assert silent(whole), "where everything was obtained, silence counts for some facts"
    assert silent(part) == [], "where something was not, it counts for none"
    before = {each["option"]: set(each["possible"]) for each in whole["lesions"][0]["options"]}
    for option in part["lesions"][0]["options"]:
        assert before[option["option"]] <= set(option["possible"])


@pytest.mark.parametrize("scope", ["openid", "patient/Patient.rs", "patient/Patient.rs patient/Condition.c",
                                   "patient/Patient.rs patient/Condition.r", "patient/Condition.rs", ""])  # fmt: skip
def test_without_the_patient_and_the_conditions_nothing_is_said(browser: TestClient, ehr: Ehr, scope: str) -> None:
    ehr.granted = scope
    refused(launched(browser, ehr), 502, "not-obtained")


def test_a_search_that_fails_leaves_its_facts_unknown(browser: TestClient, ehr: Ehr, records: Records) -> None:
    whole = answer_of(records, launched(browser, ehr))
    ehr.broken = {f"{SERVER}/Observation": httpx2.Response(500)}
    part = answer_of(records, launched(browser, ehr))
    assert unknown(part) > unknown(whole)
    ehr.broken = {f"{SERVER}/Condition": httpx2.Response(403)}
    refused(launched(browser, ehr), 502, "not-obtained")


def test_another_patients_data_stops_the_launch(browser: TestClient, ehr: Ehr) -> None:
    ehr.token = {"patient": "somebody-else"}
    stranger = {"resourceType": "Patient", "id": "another", "birthDate": "1957-04"}
    found = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    ehr.broken = {f"{SERVER}/Patient/": httpx2.Response(200, json=stranger)}
    ehr.broken |= {FHIR + letter: httpx2.Response(200, json=found) for letter in "BCIMOPQS"}
    text = refused(launched(browser, ehr), 502, "other-patient")
    assert "birthDate" not in text
    assert TOKEN not in text
