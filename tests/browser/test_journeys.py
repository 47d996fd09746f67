"""What a board does with the pages, from beginning to end, in a browser: each step asserts what is seen and stored."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import httpx2
import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from cds.records import Entry, Records
from cds.ruleset import load_rules
from cds.service import Settings
from cds.service.hooks.fhir_server import new_client
from cds.service.hooks.services import templates
from cds.service.settings import SmartApp
from tests.browser.conftest import AS_OF, PATIENCE, Opened, Service, free_port, served
from tests.service.hooks.calls import prefetch_of
from tests.service.smart.ehr import CLIENT, Ehr

Json = dict[str, Any]
expect.set_options(timeout=PATIENCE)


def newest(records: Records, kind: Any) -> Entry:
    return records.entries(kind, limit=10_000)[-1]


def count(records: Records) -> int:
    return records.head()[0]


def verdict(page: Page, option: str) -> str:
    """The verdict on an option of the first lesion, as its words on the page."""
    section = page.locator("section.option").filter(has=page.get_by_role("heading", name=option)).first
    return section.locator(".answer .verdict").inner_text().split(" ", 1)[1].strip()


def test_a_case_is_prepared_from_a_pasted_bundle(
    service: Service, opened: Opened, records: Records, repository: Path
) -> None:
    bundle = next((repository / "fhir_examples").glob("03-*/bundle.json")).read_text("utf-8")
    page = opened(service.url)
    page.get_by_label("Or paste it").fill(bundle)
    page.get_by_label("As of").fill(AS_OF)
    before = count(records)
    page.get_by_role("button", name="Evaluate").click()
    expect(page.locator("section.option").first).to_be_visible()
    entry = newest(records, "decision")
    assert count(records) == before + 1
    answer = records.content(entry.id)["answer"]
    options = {each["label"]: each["verdict"] for each in answer["lesions"][0]["options"]}
    assert {label: verdict(page, label) for label in options} == options
    # The record behind a fact: one click marks the element that carried it.
    page.locator("table.facts .sources a").first.click()
    expect(page.locator("mark:target")).to_be_visible()
    page.get_by_role("link", name=re.compile("record of this answer", re.I)).first.click()
    assert page.url.endswith(entry.id)


def test_what_is_missing_is_found_and_entered_and_the_next_answer_uses_it(
    service: Service, opened: Opened, records: Records
) -> None:
    page = opened(service.example("04"))
    before = {label: verdict(page, label) for label in ("Salvage surgery", "Percutaneous cryoablation")}
    assert "undetermined" in before.values()
    missing = page.locator("ol.missing > li strong")
    wanted = {name.strip() for name in missing.all_inner_texts()}
    assert "INR" in wanted
    page.get_by_role("link", name=re.compile("Enter", re.I)).first.click()
    page.get_by_label("Your name").fill("Dr Ada Example")
    page.get_by_label("Day of the findings").fill("2026-11-20")
    page.locator("input[name$=inr]").first.fill("1.1")
    page.locator("form[method=post] button").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("stored|entered", re.I))
    stored = newest(records, "questionnaire-response")
    assert "Dr Ada Example" in json.dumps(records.content(stored.id))
    page.goto(service.example("04"))
    page.wait_for_load_state()
    assert "INR" not in {name.strip() for name in missing.all_inner_texts()}
    row = page.locator("table.facts tr").filter(has=page.get_by_role("rowheader", name="INR", exact=True))
    expect(row).to_contain_text(f"QuestionnaireResponse/{stored.id}")
    expect(row).to_contain_text("1.1")


@pytest.mark.parametrize("width", [320, 1366])
def test_wherever_a_supposed_answer_is_read_it_says_that_it_is_hypothetical(
    width: int, service: Service, opened: Opened
) -> None:
    page = opened(service.example("03"), viewport={"width": width, "height": 640})
    record = page.get_by_role("link", name=re.compile("record of this answer", re.I)).first.get_attribute("href")
    page.goto(f"{service.url}{record}/what-if?patient:inr=2.4")
    page.locator("#facts, footer").last.scroll_into_view_if_needed()
    for mark in page.get_by_text("Hypothetical").all():
        box = mark.bounding_box()
        if mark.is_visible() and box is not None and 0 <= box["y"] < 100:
            return
    pytest.fail("no mark is in sight")


def test_what_if_changes_the_answer_and_records_nothing(service: Service, opened: Opened, records: Records) -> None:
    page = opened(service.example("02"))
    page.get_by_role("link", name=re.compile("What if", re.I)).first.click()
    before = count(records)
    page.get_by_label("surgical team's assessment").select_option("resectable_clear_margin")
    status = page.get_by_role("status")
    expect(status).to_contain_text("Salvage surgery")
    expect(status).to_contain_text("conditional")
    expect(page.locator("#answer")).to_contain_text("resectable with clear margins")
    expect(page.locator(".hypothetical").first).to_be_visible()
    assert "surgicalAssessment" in page.url
    assert page.title().startswith("Hypothetical")
    assert page.evaluate("document.activeElement.tagName") in ("SELECT", "BODY")
    assert count(records) == before
    # While a number is typed, the old answer does not pass for the answer to it.
    page.get_by_label("independent readers of the carotid encasement").press_sequentially("3")
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    page.get_by_label("independent readers of the carotid encasement").press("Backspace")
    expect(page.locator("#answer")).not_to_have_attribute("aria-busy", "true")
    # A value that cannot be one takes the old answer away, and says why beside the field.
    page.get_by_label("independent readers of the carotid encasement").fill("many")
    page.keyboard.press("Tab")
    expect(page.get_by_role("alert").first).to_contain_text("many")
    expect(page.locator("#answer section.option")).to_have_count(0)
    assert count(records) == before


def test_a_card_opens_the_case_that_it_speaks_of(service: Service, opened: Opened, repository: Path) -> None:
    bundle = json.loads(next((repository / "fhir_examples").glob("02-*/bundle.json")).read_text("utf-8"))
    call = {
        "hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/p", "patientId": "example-02"}, "prefetch": prefetch_of(bundle),
    }  # fmt: skip
    request = Request(f"{service.url}/cds-services/recurrent-head-and-neck-review", json.dumps(call).encode(),
                      {"Content-Type": "application/json"})  # fmt: skip
    with urlopen(request) as answer:
        card = json.load(answer)["cards"][0]
    link = next(each["url"] for each in card["links"] if each["type"] == "absolute")
    assert link.startswith(service.url)
    page = opened(link)
    assert verdict(page, "Salvage surgery") == "ineligible"
    expect(page.locator("main")).to_contain_text("unresectable")


class _Chart(BaseHTTPRequestHandler):
    """An EHR on the loopback interface, before which its user has agreed already."""

    ehr: Ehr

    def _go_on(self) -> None:
        url = f"{self.ehr.host}{self.path}"
        if self.path.startswith("/auth/authorize"):
            self.send_response(302)
            self.send_header("Location", self.ehr.authorised(url))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.ehr.answer(httpx2.Request(self.command, url, headers=dict(self.headers), content=body))
        self.send_response(answer.status_code)
        for name in ("content-type",):
            self.send_header(name, answer.headers.get(name, "application/json"))
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = _go_on

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


def test_the_case_is_opened_from_inside_the_ehr(
    opened: Opened, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests of launches replace the client for all of their run; this one goes over the loopback interface.
    monkeypatch.setattr("cds.service.smart.door.new_client", new_client)
    bundle = json.loads(next((repository / "fhir_examples").glob("02-*/bundle.json")).read_text("utf-8"))
    chart = ThreadingHTTPServer(("127.0.0.1", 0), _Chart)
    host = f"http://127.0.0.1:{chart.server_address[1]}"
    rules = load_rules(repository / "rules" / "recurrent-head-and-neck")
    _Chart.ehr = Ehr(bundle, templates(rules), server=f"{host}/fhir", host=host)
    thread = threading.Thread(target=chart.serve_forever)
    thread.start()
    settings = Settings(
        database=SecretStr(f"sqlite:///{tmp_path / 'records.sqlite3'}"), port=free_port(),
        fhir_servers=(f"{host}/fhir",), smart_apps=(SmartApp(server=f"{host}/fhir", client_id=CLIENT),),
    )  # fmt: skip
    try:
        with served(settings) as url:
            page = opened(f"{url}/smart/launch?iss={host}/fhir&launch=abc")
            expect(page).to_have_url(re.compile("/board/records/[0-9a-f-]{36}"))
            assert verdict(page, "Salvage surgery") == "ineligible"
            assert "code=" not in page.url
            assert "Practitioner/7" in page.content()
    finally:
        chart.shutdown()
        thread.join()
        chart.server_close()


HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{ 7*7 }}"


def with_hostile_texts(value: Any) -> Any:
    """Every free text of a bundle made hostile; codes, ids and dates stay, so that it still reads."""
    if isinstance(value, dict):
        return {
            name: HOSTILE if name in ("text", "display", "family") and isinstance(member, str)
            else with_hostile_texts(member)
            for name, member in value.items()
        }  # fmt: skip
    return [with_hostile_texts(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("unfold", ["", "&unfold=true"])
def test_hostile_texts_of_a_bundle_stay_texts(
    unfold: str, service: Service, opened: Opened, records: Records, repository: Path
) -> None:
    bundle = with_hostile_texts(json.loads(next((repository / "fhir_examples").glob("02-*/bundle.json")).read_text()))
    page = opened(service.url)
    page.get_by_label("Or paste it").fill(json.dumps(bundle))
    page.get_by_label("As of").fill(AS_OF)
    page.get_by_role("button", name="Evaluate").click()
    expect(page.locator("section.option").first).to_be_visible()
    entry = newest(records, "decision")
    # A dialog, an exception or a refused script would fail the test at its end (`opened`).
    for room in ("", "/resources", "/what-if", "/enter?lesion=T1", "/decide?lesion=T1"):
        page.goto(f"{service.url}/board/records/{entry.id}{room}{unfold if not room else ''}")
        page.wait_for_load_state()
        assert page.locator("img").count() == 0
        assert "49" not in page.locator("h1").inner_text()
