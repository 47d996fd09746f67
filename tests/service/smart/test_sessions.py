"""The session of a launch opens the board's pages for one patient of one EHR, for a while, and nothing else."""

from __future__ import annotations

import base64
import datetime as dt
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import SecretStr
from starlette.responses import Response
from starlette.testclient import TestClient

from cds.board.listing import Search
from cds.records import BoardDecision, Entry, PatientRecords, Records, UnknownRecord
from cds.service import Settings
from cds.service.board.archive import Archive
from cds.service.runtime import Caller
from cds.service.settings import SmartApp
from cds.service.smart.sessions import Sessions
from tests.service.board.reading import Page
from tests.service.smart.conftest import PUBLIC, Make, begun, launched
from tests.service.smart.ehr import SERVER, Ehr

Json = dict[str, Any]
COOKIE = "__Host-cds-session"


def record_of(browser: TestClient, ehr: Ehr) -> str:
    response = launched(browser, ehr)
    assert response.status_code == 303, response.text
    return str(response.headers["location"]).rpartition("/")[2]


@pytest.fixture
def strangers(browser: TestClient, ehr: Ehr, bundle: Callable[[str], Json]) -> Iterator[str]:
    """The record of another patient of the same EHR, and the browser in a session of this test's patient."""
    own = ehr.bundle
    ehr.bundle = bundle("01")
    record = record_of(browser, ehr)
    browser.cookies.clear()
    ehr.bundle = own
    record_of(browser, ehr)
    yield record


def test_the_cookie_is_kept_from_scripts_other_sites_and_other_hosts(browser: TestClient, ehr: Ehr) -> None:
    told = launched(browser, ehr).headers.get_list("set-cookie")
    session = next(each for each in told if each.startswith(f"{COOKIE}="))
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in session
    assert "Domain" not in session
    assert "Max-Age" not in session, "it goes with the browser"
    value = session.partition("=")[2].partition(";")[0]
    assert ehr.patient.encode() not in base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def test_without_a_session_no_page_is_open(browser: TestClient) -> None:
    for path in ("/", "/board/records", "/rules"):
        assert browser.get(path).status_code == 401
    assert browser.get("/style.css").status_code == 200, "the page of a refused launch is styled, too"


def test_a_session_opens_the_boards_pages_and_nothing_else(browser: TestClient, ehr: Ehr) -> None:
    record = record_of(browser, ehr)
    for path in ("/", "/rules", "/references", "/vocabulary", "/board/records", f"/board/records/{record}"):
        assert browser.get(path).status_code == 200, path
    assert browser.post("/evaluate", json=ehr.bundle).status_code == 401
    assert browser.post("/evaluate/batch", json={}).status_code == 401
    assert browser.get("/cds-services").status_code == 401
    for path in ("/fhir/PlanDefinition", "/metrics", "/openapi.json"):
        assert browser.get(path).status_code == 401, path


def test_every_board_page_of_another_patients_record_is_not_found(
    browser: TestClient, strangers: str, records: Records
) -> None:
    """Whatever room is added to the board: it is asked for the other patient's record, too."""
    stranger = str(records.content(strangers)["facts"]["sources"][0][0])
    routes = [r for r in browser.app.routes if isinstance(r, APIRoute) and r.path.startswith("/board/")]  # type: ignore[attr-defined]
    named = [r for r in routes if "{" in r.path and "{name}" not in r.path]
    assert any(r.path == "/board/records/{record}" for r in named)
    for route in named:
        path = re.sub(r"\{[^}]*\}", strangers, route.path)
        for method in route.methods or ():
            sent = {"data": {"record": strangers, "lesion": "T1"}} if method == "POST" else {}
            response = browser.request(method, path, **sent)  # type: ignore[arg-type]
            if response.status_code == 303:
                response = browser.get(response.headers["location"])
            assert response.status_code in (400, 404, 405, 415, 422), (method, path, response.text[:300])
            assert response.status_code == 404 or method != "GET", (method, path)
            assert stranger not in response.text, (method, path)


def test_another_patients_record_is_in_no_list_and_no_comparison(
    browser: TestClient, ehr: Ehr, strangers: str
) -> None:
    own = record_of(browser, ehr)
    listed = browser.get("/board/records").text
    assert own in listed
    assert strangers not in listed
    searched = browser.get("/board/records", params={"q": strangers}).text
    # What was asked stands in the field and in the address of the page in another language, and nowhere else.
    assert strangers not in searched.replace(f'value="{strangers}"', "").replace(f"?q={strangers}&amp;lang=", "")
    for pair in ((own, strangers), (strangers, own), (strangers, strangers)):
        response = browser.get("/board/compare", params={"before": pair[0], "after": pair[1]})
        assert response.status_code == 404
    page = browser.get(f"/board/records/{own}", params={"card": strangers})
    assert page.status_code == 200
    assert strangers not in page.text.replace(f"?card={strangers}&amp;lang=", "")


def test_the_same_id_at_another_server_is_another_patient(
    browser: TestClient, ehr: Ehr, records: Records, running: TestClient
) -> None:
    own = record_of(browser, ehr)
    for server, patient, found in (
        (SERVER, ehr.patient, True), ("https://other.example.org/fhir", ehr.patient, False), (SERVER, "x", False),
        (None, ehr.patient, False),
    ):  # fmt: skip
        part = PatientRecords(records, patient=f"Patient/{patient}", server=server)
        assert part.has_content(own) is found
        assert bool([each for each in part.entries("decision") if each.id == own]) is found
        if found:
            assert part.case(own) == records.case(own)
        else:
            for read in (part.entry, part.content, part.case, part.of_same_patient, part.board_decisions):
                with pytest.raises(UnknownRecord):
                    read(own)


def test_nothing_is_written_beside_another_patients_record(
    browser: TestClient, ehr: Ehr, strangers: str, records: Records
) -> None:
    part = PatientRecords(records, patient=f"Patient/{ehr.patient}", server=SERVER)
    before = records.head()
    with pytest.raises(UnknownRecord):
        part.append_board_decision(BoardDecision(strangers, "x", dt.date(2026, 11, 22), "T1", "no"))
    for about in (strangers, None):
        with pytest.raises(UnknownRecord):
            part.append_entry("questionnaire-response", {}, about=about, subject=f"Patient/{ehr.patient}")
    assert records.head() == before
    own = record_of(browser, ehr)
    entry = part.append_entry("questionnaire-response", {}, about=own, subject=f"Patient/{ehr.patient}")
    assert part.entry(entry.id).id == entry.id
    assert [each.id for each in part.entries("questionnaire-response")] == [entry.id]


def test_every_way_to_read_records_was_thought_of() -> None:
    """Another method of `Records` is either restricted, or named here because it tells nothing of a patient."""
    harmless = {
        "append_decision", "append_prepared", "append_cards", "append_feedback", "append_board_decision", "head",
        "case", "has_any", "override_rates", "check_writable", "verify", "erase_before", "is_first_use", "pseudonyms",
    }  # fmt: skip
    public = {name for name in vars(Records) if not name.startswith("_")}
    assert public - set(vars(PatientRecords)) == harmless


def test_the_list_of_one_patient_is_found_among_a_million_records() -> None:
    asked: list[int] = []

    class Few(Records):
        """One record of a patient among a million of others."""

        def __init__(self) -> None: ...

        def head(self) -> tuple[int, str]:
            return 1_000_000, ""

        def entries(self, kind: Any = None, *, after: int = 0, limit: int = 1000, **_: Any) -> tuple[Entry, ...]:
            asked.append(limit)
            moment = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
            return (Entry(5, "five", "decision", moment, None, {}, "", ""),) if after < 5 else ()

        def content(self, id_: str) -> dict[str, Any]:
            raise UnknownRecord(id_)

    page = Archive(Few()).page(Search())
    assert (page.unread, page.searched, page.next_before) == (1, (1_000_000, 1), None)
    assert len(asked) < 30


def test_a_session_that_was_changed_or_is_over_opens_nothing(
    browser: TestClient, ehr: Ehr, settings: Settings
) -> None:
    record_of(browser, ehr)
    value = browser.cookies[COOKIE]
    browser.cookies.clear()
    middle = len(value) // 2
    for wrong in ("", "x", value[:-1], value[:middle] + ("A" if value[middle] != "A" else "B") + value[middle + 1 :],
                  "A" + value, value.lower()):  # fmt: skip
        browser.cookies.set(COOKIE, wrong)
        assert browser.get("/board/records").status_code == 401
        browser.cookies.clear()
    sessions = Sessions.of(settings)
    assert sessions is not None
    content = sessions.seal.opened(value)
    assert content is not None
    for age, status in ((3500, 200), (3700, 401)):
        sessions.seal._clock = lambda age=age: time.time() - age  # type: ignore[misc]
        browser.cookies.set(COOKIE, sessions.seal.sealed(content))
        assert browser.get("/board/records").status_code == status
        browser.cookies.clear()


def test_the_cookie_of_a_launch_is_no_session(browser: TestClient, ehr: Ehr) -> None:
    begun(browser)
    (value,) = browser.cookies.values()
    browser.cookies.set(COOKIE, value)
    assert browser.get("/board/records").status_code == 401


def test_a_bearer_token_is_not_helped_by_a_session(browser: TestClient, ehr: Ehr) -> None:
    record_of(browser, ehr)
    assert browser.get("/board/records", headers={"authorization": "Bearer nonsense"}).status_code == 401


def test_a_developers_session_reads_its_patient_only(service: Make, ehr: Ehr, bundle: Callable[[str], Json]) -> None:
    client = service(authentication="development", public_url=PUBLIC)
    answer = client.post("/evaluate?as_of=2026-11-22", json=bundle("01"))
    assert client.get(f"/board/records/{answer.headers['cds-record']}").status_code == 200
    own = record_of(client, ehr)
    assert client.get(f"/board/records/{own}").status_code == 200
    assert client.get(f"/board/records/{answer.headers['cds-record']}").status_code == 404


def test_a_form_of_another_site_is_refused_in_a_session(browser: TestClient, ehr: Ehr) -> None:
    record_of(browser, ehr)
    sent = {"data": {"bundle": "{}"}, "headers": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}}
    assert browser.post("/board", **sent).status_code == 403  # type: ignore[arg-type]


def test_pseudonyms_hide_the_patient_and_not_the_own_record(service: Make, ehr: Ehr) -> None:
    client = service(pseudonym_key=SecretStr("p" * 32))
    own = record_of(client, ehr)
    assert client.get(f"/board/records/{own}").status_code == 200
    assert ehr.patient not in client.get(f"/board/records/{own}").text


def test_nobody_launches_where_no_ehr_may(service: Make, ehr: Ehr) -> None:
    client = service(smart_apps=())
    for path in ("/smart/launch", "/smart/standalone", "/smart/callback"):
        assert client.get(path).status_code == 401


def test_whoever_launches_is_slowed_like_everybody(service: Make, ehr: Ehr) -> None:
    client = service(rate=0.001, burst=3)
    statuses = [client.get("/smart/callback?state=x").status_code for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]


def test_a_session_knows_its_caller_again(settings: Settings) -> None:
    sessions = Sessions.of(settings)
    assert sessions is not None
    response = Response()
    caller = Caller("Practitioner/7", SERVER, "Patient/ä")
    sessions.begin(response, caller)
    value = response.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert sessions.caller({COOKIE: value}) == caller
    assert sessions.caller({COOKIE: sessions.seal.sealed(b"{}")}) is None
    assert sessions.caller({}) is None


def test_a_session_says_whose_it_is_and_can_be_ended(browser: TestClient, ehr: Ehr) -> None:
    record = record_of(browser, ehr)
    page = browser.get(f"/board/records/{record}").text
    assert "Practitioner/7" in page
    assert "End the session" in page
    assert Page(page).problems == []
    ended = browser.post("/smart/end")
    assert ended.status_code == 200
    assert Page(ended.text).problems == []
    assert Page(ended.text).headings == [1]
    assert f"/smart/standalone?iss={SERVER.replace(':', '%3A')}" in ended.text
    assert COOKIE not in browser.cookies
    assert browser.get(f"/board/records/{record}").status_code == 401


def test_no_other_site_ends_a_session(browser: TestClient, ehr: Ehr) -> None:
    record = record_of(browser, ehr)
    assert browser.post("/smart/end", headers={"origin": "https://evil.example"}).status_code == 403
    assert browser.get(f"/board/records/{record}").status_code == 200


def test_a_reader_without_a_session_gets_a_page_and_a_program_an_outcome(browser: TestClient) -> None:
    page = browser.get("/board/records", headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 401
    assert "Choose a patient at" in page.text
    assert page.headers["www-authenticate"].startswith("Bearer")
    assert "content-security-policy" in page.headers
    told = browser.get("/board/records", headers={"accept": "application/fhir+json"})
    assert told.status_code == 401
    assert told.json()["resourceType"] == "OperationOutcome"
    assert browser.get("/evaluate", headers={"accept": "text/html"}).json()["resourceType"] == "OperationOutcome"


def test_on_a_developers_machine_cookies_go_without_tls(service: Make, ehr: Ehr, searches: dict[str, str]) -> None:
    ehr.server, ehr.host = "http://127.0.0.1:9999/fhir", "http://127.0.0.1:9999"
    app = SmartApp(server=ehr.server, client_id="the-board")
    client = service(authentication="development", public_url=None, fhir_servers=(ehr.server,), smart_apps=(app,))
    first = client.get("/smart/launch", params={"iss": ehr.server, "launch": "x"})
    assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fsmart%2Fcallback" in first.headers["location"]
    response = client.get(ehr.authorised(first.headers["location"]))
    assert response.status_code == 303, response.text
    told = response.headers.get_list("set-cookie")
    assert any(each.startswith("cds-session=") and "HttpOnly" in each and "Secure" not in each for each in told)
    assert "Practitioner/7" in client.get(response.headers["location"]).text
