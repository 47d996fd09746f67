"""What if: any fact can be supposed on the page, the whole answer follows, and nothing of it is recorded."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.board.supposing import control_groups
from cds.case import Case, Known, subjects_of
from cds.case.supposing import place_text, read_suppositions, supposed
from cds.errors import NoAdvice
from cds.recommendation import recommend
from cds.recommendation.model import ValidUntil
from cds.records import Decision, Records, open_records
from cds.service import Settings, create_app, runtime
from cds.service.runtime import Runtime
from tests.service.board.reading import Page

Named = Callable[[str], str]
Json = dict[str, Any]
EVIL = """"'><script>alert(1)</script><img src=x onerror=alert(1)>"""


@pytest.fixture(scope="module")
def record(board: TestClient, named: Named) -> Callable[[str], str]:
    """Evaluates an example once, and gives the id of its record."""
    known: dict[str, str] = {}

    def of(number: str) -> str:
        if number not in known:
            found = re.search(r"/board/records/([0-9a-f-]{36})", board.get(named(number)).text)
            assert found is not None
            known[number] = found[1]
        return known[number]

    return of


@pytest.fixture(scope="module")
def ask(board: TestClient, record: Callable[[str], str]) -> Callable[..., Page]:
    """The page that supposes something about an example."""

    def asking(number: str, *given: tuple[str, str], status: int = 200, **also: str) -> Page:
        response = board.get(f"/board/records/{record(number)}/what-if", params=[*given, *also.items()])
        assert response.status_code == status, response.text[:2000]
        return Page(response.text)

    return asking


def running(client: TestClient) -> Runtime:
    found = client.app.state.runtime  # type: ignore[attr-defined]
    assert isinstance(found, Runtime)
    return found


# --- the answer ------------------------------------------------------------------------------------------------------


def test_a_supposed_fact_changes_the_answer_and_both_are_marked_as_hypothetical(ask: Callable[..., Page]) -> None:
    page = ask("02", ("T1:surgicalAssessment", "resectable_clear_margin"))
    assert page.problems == []
    assert "Hypothetical. What if: T1" in page.text, "in the title"
    assert "What is supposed here is in no record of the patient, and nothing of this page is recorded." in page.text
    lesion = "T1: neck node, left, level II"
    changed = f"{lesion}, Salvage surgery: conditional (recorded: ineligible)"
    assert f"Hypothetical, with 1 fact supposed: {changed}" in page.text
    assert f"surgical team's assessment ({lesion}) : unresectable → resectable with clear margins" in page.text
    assert f"{lesion}: Salvage surgery: ✕ ineligible → ! conditional differs" in page.text
    assert re.search(r"SS-\d+ Salvage surgery \(T1\) : true → false\.", page.text)
    assert "[hypothetical]" in page.text, "the answer itself says so"


def test_in_the_arguments_a_supposed_fact_is_marked_and_names_no_element(ask: Callable[..., Page]) -> None:
    page = ask("02", ("patient:inr", "2.4"))
    assert "INR: 2.4 supposed" in page.text
    assert "INR: 1.1" not in page.text


def test_the_page_shows_what_evaluating_the_case_with_that_fact_gives(
    board: TestClient, records: Records, record: Callable[[str], str], ask: Callable[..., Page]
) -> None:
    case, rules = records.case(record("04")), running(board).rules
    texts = {"patient:inr": "1.2", "T1:safePath": "no_path", "T1:declinesSurgery": "true"}
    states = read_suppositions(case, rules.vocabulary, texts.items())
    expected = recommend(supposed(case, rules.vocabulary, states), rules)
    page = ask("04", *texts.items())
    shown = page.text[page.text.index("What changes in the answer") : page.text.index("Criteria that differ")]
    for option in expected.lesions[0].options:
        said = shown[shown.index(option.label) :].partition("T1: ")[0]
        assert re.findall(r"[✓!✕?] (\w+)", said)[-1] == option.verdict


def test_supposing_nothing_or_what_is_recorded_is_no_hypothesis(
    board: TestClient, records: Records, record: Callable[[str], str], ask: Callable[..., Page]
) -> None:
    for given in ([], [("T1:surgicalAssessment", "unresectable"), ("patient:inr", "")]):
        page = ask("02", *given)
        assert page.problems == []
        assert "Nothing is supposed yet: everything is as recorded." in page.text
        assert "What would change the answer" in page.text
    recorded = records.content(record("02"))["answer"]
    again = recommend(records.case(record("02")), running(board).rules)
    assert orjson.loads(again.model_dump_json(by_alias=True))["lesions"] == recorded["lesions"]


def test_nothing_is_recorded_and_it_is_counted(
    board: TestClient, records: Records, record: Callable[[str], str], ask: Callable[..., Page]
) -> None:
    record("02"), record("06")
    head, counted = records.head(), board.get("/metrics").text
    ask("02", ("patient:inr", "2.4"))
    ask("06", ("T1:declinesSurgery", "true"), ("T2:site", "larynx"))
    ask("02", ("patient:inr", "x"), status=400)
    board.post(f"/board/records/{record('02')}/what-if", data={"patient:inr": "2.4"}, follow_redirects=False)
    assert records.head() == head

    def number(text: str) -> float:
        return float(re.search(r"^cds_supposed_total (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]

    assert number(board.get("/metrics").text) == number(counted) + 2


def test_what_is_supposed_stays_unknown_to_every_other_page(board: TestClient, record: Callable[[str], str]) -> None:
    address = f"/board/records/{record('02')}"
    before = board.get(address).text
    board.get(f"{address}/what-if", params={"patient:inr": "19.9"})
    assert board.get(address).text == before


# --- the form --------------------------------------------------------------------------------------------------------


def test_every_fact_that_an_answer_can_depend_on_has_a_labelled_control(
    board: TestClient, records: Records, record: Callable[[str], str], ask: Callable[..., Page]
) -> None:
    page = ask("06")
    controls = [*page.of("select"), *(each for each in page.of("input"))]
    labelled = {each["for"] for each in page.of("label")}
    assert {each["id"] for each in controls} == labelled
    for each in controls:
        assert set(each.get("aria-describedby", "").split()) <= set(page.ids)
    names = [each["name"] for each in controls]
    assert len(names) == len(set(names))
    assert len(page.of("fieldset")) == len(page.of("legend")) > 10
    rules, case = running(board).rules, records.case(record("06"))
    options = [option for lesion in recommend(case, rules).lesions for option in lesion.options]
    read = {fact.name for option in options for reason in option.reasons for fact in reason.facts}
    groups = control_groups(case, rules, "decision")
    assert read <= {f"{group.level}.{c.place.rpartition(':')[2]}" for group in groups for c in group.controls}


def test_each_control_says_what_is_recorded_and_offers_every_other_value(ask: Callable[..., Page]) -> None:
    page = ask("02")
    for told in (
        "surgical team's assessment recorded: unresectable resectable with clear margins",
        "access path (operator) recorded: safe path with dissection safe path no safe path unknown",
        "platelet count (10*9/L) recorded: 204 10*9/L",
    ):
        assert told in page.text


def test_the_form_leads_to_the_address_of_what_differs_without_a_script(
    board: TestClient, record: Callable[[str], str]
) -> None:
    address = f"/board/records/{record('02')}/what-if"
    fields = {"patient:inr": " < 1.5 ", "T1:declinesSurgery": "", "T1:safePath": "no_path", "other": "x"}
    response = board.post(f"{address}?lang=fr", data=fields, follow_redirects=False)
    assert response.status_code == 303
    assert response.headers["location"] == f"{address}?patient%3Ainr=%3C+1.5&T1%3AsafePath=no_path&lang=fr"
    foreign = board.post(address, data=fields, headers={"sec-fetch-site": "cross-site"}, follow_redirects=False)
    assert foreign.status_code == 403


def test_a_fact_can_be_taken_back_by_a_link(ask: Callable[..., Page], record: Callable[[str], str]) -> None:
    page = ask("02", ("patient:inr", "2.4"), ("T1:safePath", "no_path"))
    base = f"/board/records/{record('02')}/what-if"
    assert f"{base}?T1%3AsafePath=no_path" in page.links
    assert f"{base}?patient%3Ainr=2.4" in page.links
    assert base in page.links


def test_every_mistake_stands_beside_its_control_and_there_is_no_answer(ask: Callable[..., Page]) -> None:
    given = [("patient:inr", "soon"), ("patient:ecog", "9"), ("T1:site", "moon"), ("T1:nothing", "1")]
    page = ask("02", *given, status=400)
    assert page.problems == []
    invalid = [each for each in page.of("input") + page.of("select") if each.get("aria-invalid") == "true"]
    assert {each["name"] for each in invalid} == {"patient:inr", "patient:ecog", "T1:site"}
    for each in invalid:
        assert f"#{each['id']}" in page.links
    assert page.text.count("`soon` is not a number or an interval") == 2, "above the form, and beside the control"
    assert "`9` is not plausible for ECOG" in page.text
    assert "`nothing` is no fact of a lesion" in page.text
    assert "4 facts cannot be supposed as they are written." in page.text
    assert "Correct what is marked. There is no answer until then" in page.text
    assert 'class="verdict' not in page.html, "an error never looks like an answer"


def test_another_site_brings_its_structures_into_the_form(ask: Callable[..., Page]) -> None:
    before, after = ask("02"), ask("02", ("T1:side", "right"))
    names = [{each["name"] for each in page.of("select")} for page in (before, after)]
    assert "T1/vagus-nerve/right:relation" in names[1] - names[0]


# --- what would change the answer ------------------------------------------------------------------------------------


def test_each_change_that_is_named_leads_to_another_answer(ask: Callable[..., Page], board: TestClient) -> None:
    page = ask("02")
    tried = [link for link in page.links if "what-if?" in link and "lang=" not in link]
    assert len(tried) >= 4
    for link in tried:
        found = Page(board.get(link).text)
        assert "differs" in found.text, link


def test_the_case_page_leads_there(board: TestClient, named: Named, record: Callable[[str], str]) -> None:
    page = Page(board.get(named("02")).text)
    assert any(re.fullmatch(r"/board/records/[0-9a-f-]{36}/what-if", link) for link in page.links)
    recorded = Page(board.get(f"/board/records/{record('02')}").text)
    assert recorded.links.count(f"/board/records/{record('02')}/what-if#changes") == 1


def test_the_case_page_says_until_when_an_answer_holds_and_what_is_borderline(
    board: TestClient, records: Records, record: Callable[[str], str]
) -> None:
    case = records.case(record("02"))
    answer = recommend(case, running(board).rules)
    until = ValidUntil(last_day=dt.date(2026, 12, 2), changes_on=dt.date(2026, 12, 3), because=(f"INR {EVIL}",))
    changed = answer.model_copy(update={"valid_until": until})
    entry = recorded(records, case, "another", changed.model_dump_json(by_alias=True).encode())
    page = Page(board.get(f"/board/records/{entry}").text)
    assert page.problems == []
    assert page.of("img") == []
    assert "Holds until 2026-12-02, if the record stays as it is: INR" in page.text
    borderline = "encasement of the carotid (T1) : 300 deg (it may be 299.5 to 300.5): limit 300 deg within rounding"
    assert f"{borderline} DQ-6" in page.text


# --- what may go wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["patient:inr", "T1:site", "T1:declinesSurgery", "T1/skin/none:tumourDistance", EVIL])
def test_no_text_of_an_address_becomes_markup(place: str, ask: Callable[..., Page]) -> None:
    page = ask("02", (place, EVIL), (f"T1:{EVIL}", "1"), status=400)
    assert page.problems == []
    assert page.of("img") == []
    assert page.of("script") == [{"type": "module", "src": "/assets/what-if.js"}]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script>alert(1)" in page.text, "the text itself is shown, as text"


def test_no_text_of_a_record_becomes_markup(board: TestClient, records: Records, record: Callable[[str], str]) -> None:
    case = records.case(record("02"))
    lesion = case.lesions[0]
    hostile = Case(case.as_of, case.patient, (type(lesion)("T1", f"neck {EVIL}", lesion.facts, lesion.structures),))
    entry = recorded(records, hostile, "another")
    for query in ("", "?patient:inr=2.4", "?patient:inr=x"):
        page = Page(board.get(f"/board/records/{entry}/what-if{query}").text)
        assert page.problems == []
        assert page.of("img") == []
        assert len(page.of("script")) == 1


def recorded(records: Records, case: Case, digest: str, answer: bytes = b'{"facts": []}') -> str:
    """The id of a record of facts; unless told otherwise its answer is of another form than is read here."""
    decision = Decision(case, answer, "decision", {"digest": digest}, {}, "POST /evaluate")
    return records.append_decision(decision).id


def test_a_record_of_other_rules_is_asked_anew_and_the_page_says_so(
    board: TestClient, records: Records, record: Callable[[str], str]
) -> None:
    case = records.case(record("02"))
    facts = {name: fact for name, fact in case.patient.items() if name != "caci"}
    entry = recorded(records, Case(case.as_of, {**facts, "noLongerThere": facts["inr"]}, case.lesions), "of-old")
    page = Page(board.get(f"/board/records/{entry}/what-if", params={"T1:declinesSurgery": "true"}).text)
    assert "Another version of the rules is in force now" in page.text
    assert "Salvage surgery: ✕ ineligible" in page.text
    same = recorded(records, case, running(board).rules.digest)
    page = Page(board.get(f"/board/records/{same}/what-if", params={"patient:inr": "2.4"}).text)
    assert "Another version of the rules" not in page.text
    assert "with 1 fact supposed" in page.text, "its answer cannot be read any more: it is made anew"


def test_it_has_the_phase_of_its_record(board: TestClient, named: Named) -> None:
    found = re.search(r"/board/records/([0-9a-f-]{36})", board.get(f"{named('02')}&phase=planning").text)
    assert found is not None
    page = Page(board.get(f"/board/records/{found[1]}/what-if").text)
    assert "Verdicts belong to the phase of decision" in page.text
    page = Page(board.get(f"/board/records/{found[1]}/what-if", params={"T1:plannedIceMargin": "3"}).text)
    assert "planned" in page.text
    assert "with 1 fact supposed: no verdict changes." in page.text


def test_where_the_engines_give_no_common_answer_there_is_none(
    board: TestClient, record: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> object:
        raise NoAdvice("the engines disagree about X-1")

    address = f"/board/records/{record('02')}/what-if?patient:inr=2.4"
    monkeypatch.setattr(runtime, "recommend", failing)
    response = board.get(address)
    assert response.status_code == 503
    assert "No answer" in response.text
    assert "X-1" not in response.text
    assert 'cds_no_advice_total{code="no-advice"}' in board.get("/metrics").text


def test_only_this_page_may_run_our_script_and_ask_our_address(
    board: TestClient, record: Callable[[str], str]
) -> None:
    policy = board.get(f"/board/records/{record('02')}/what-if").headers["content-security-policy"]
    assert policy.endswith("; script-src 'self'; connect-src 'self'")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in board.get("/").headers["content-security-policy"]
    script = board.get("/assets/what-if.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert not re.search(r"innerHTML|eval\(|https?:|document\.write|Storage", script.text)


def test_it_speaks_french(ask: Callable[..., Page]) -> None:
    page = ask("02", ("patient:inr", "2.4"), lang="fr")
    assert page.of("html") == [{"lang": "fr"}]
    assert "Hypothétique, avec 1 fait supposé :" in page.text
    assert all("lang=fr" in link for link in page.links if "what-if" in link and "lang=en" not in link)


@pytest.mark.parametrize("record_id", ["none", "%3Cscript%3E", "00000000-0000-0000-0000-000000000000"])
def test_no_record_no_question(board: TestClient, record_id: str) -> None:
    for query in ("", "?patient:inr=2", "?patient:inr=x"):
        response = board.get(f"/board/records/{record_id}/what-if{query}")
        assert response.status_code == 404
        assert "No answer" in response.text


def service(rules: Path, repository: Path, **settings: Any) -> TestClient:
    made = Settings(rules=rules, examples=repository / "fhir_examples", **settings)
    return TestClient(create_app(made), raise_server_exceptions=False)


def test_where_nothing_is_recorded_nothing_can_be_supposed(rules: Path, repository: Path) -> None:
    with service(rules, repository, recording="off") as client:
        assert client.get("/board/records/x/what-if").status_code == 404


def test_an_erased_record_is_said_to_be_gone_and_a_pseudonymised_one_can_be_asked(
    rules: Path, repository: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite3'}"
    key = SecretStr("a key of at least 32 characters, for tests")
    with service(rules, repository, database=SecretStr(url), pseudonym_key=key) as client:
        if client.get("/board/02-unresectable-carotid-encased-freeze-near-it").status_code == 404:
            pytest.skip("no examples: they are not in this copy")
        records = open_records(url)
        entry = records.entries("decision")[0].id
        lesion = records.case(entry).lesions[0].id
        assert lesion.startswith("p-")
        page = Page(client.get(f"/board/records/{entry}/what-if", params={f"{lesion}:safePath": "no_path"}).text)
        assert "with 1 fact supposed" in page.text
        assert "✕ ineligible" in page.text
        records.erase_before(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
        gone = client.get(f"/board/records/{entry}/what-if", params={f"{lesion}:safePath": "no_path"})
        assert gone.status_code == 404
        assert "erased" in gone.text
        records.close()


def test_both_codes_have_their_page(repository: Path) -> None:
    for code in (runtime.HYPOTHETICAL.code, "not-supposable"):
        assert (repository / "docs" / "reference" / "errors" / f"{code}.md").read_text().startswith(f"# {code}\n")


def test_any_fact_can_be_supposed_one_by_one(board: TestClient, records: Records, record: Callable[[str], str]) -> None:
    """Every control of the form takes a value: what it offers, or for a number its own limit of what is plausible."""
    rules, case = running(board).rules, records.case(record("02"))
    definitions = {(subject, d.name): d for subject, level, _ in subjects_of(case) for d in rules.vocabulary.of(level)}
    for group in control_groups(case, rules, "decision"):
        for control in group.controls:
            subject, _, name = control.place.rpartition(":")
            values = {"yes-no": ["true", "false"], "code": [code for code, _ in control.choices]}.get(control.kind)
            bounds = definitions[subject, name].plausible
            for value in values or [str(bounds) if bounds is not None else ">= 1"]:
                states = read_suppositions(case, rules.vocabulary, [(control.place, value)])
                assert all(isinstance(state, Known) for state in states.values())
                assert {place_text(place) for place in states} <= {control.place}
                assert states or value == control.recorded or control.kind == "number"


def test_a_place_is_quoted_in_its_address(board: TestClient, record: Callable[[str], str]) -> None:
    place = "T1/skin/none:tumourDistance"
    page = Page(board.get(f"/board/records/{record('02')}/what-if?{quote(place, safe='')}={quote('> 30')}").text)
    assert "skin) : 18 mm → > 30 mm" in page.text
