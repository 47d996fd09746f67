"""What was answered can be found, read as it was given out, and compared with a later evaluation."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.records import BoardDecision, Decision, Records, open_records
from cds.service import Settings, create_app
from cds.service.board import archive
from tests.service.board.reading import Page

Named = Callable[[str], str]
Evaluated = Callable[[str], str]


@pytest.fixture(scope="module")
def evaluated(board: TestClient, named: Named) -> Evaluated:
    """Evaluates an example, and gives the id of its record."""

    def of(number: str) -> str:
        found = re.search(r"/board/records/([0-9a-f-]{36})", board.get(named(number)).text)
        assert found is not None
        return found[1]

    return of


def test_a_record_is_shown_as_it_was_given_out(board: TestClient, evaluated: Evaluated) -> None:
    page = Page(board.get(f"/board/records/{evaluated('02')}").text)
    assert page.problems == []
    assert "✕ ineligible" in page.text
    assert "as it was given out" in page.text
    assert "development" in page.text
    resources = next(link for link in page.links if "/resources#" in link)
    assert Page(board.get(resources).text).of("mark"), "the bundle was kept, so its elements are shown"


def test_what_the_board_decided_stands_beside_the_answer(
    board: TestClient, evaluated: Evaluated, records: Records
) -> None:
    record = evaluated("02")
    records.append_board_decision(
        BoardDecision(record, "<b>cryoablation", dt.date(2026, 11, 23), "T1", "no <script> at all", None, ("Dr A",))
    )
    html = board.get(f"/board/records/{record}").text
    assert "What the board decided" in html
    assert "&lt;b&gt;cryoablation" in html
    assert "no &lt;script&gt; at all" in html


def test_a_decision_about_somebody_else_of_the_same_reference_is_doubted(
    board: TestClient, named: Named, repository: Path, records: Records
) -> None:
    said = "this may be about somebody else"
    bundle = json.loads(next((repository / "fhir_examples").glob("02-*/bundle.json")).read_text("utf-8"))
    patient = next(each["resource"] for each in bundle["entry"] if each["resource"]["resourceType"] == "Patient")
    patient["id"], born = "somebody", patient["birthDate"]
    text = json.dumps(bundle).replace("Patient/example-02", "Patient/somebody")

    def page(birth: str) -> str:
        sent = text.replace(f'"birthDate": "{born}"', f'"birthDate": "{birth}"')
        return board.post("/board", data={"bundle": sent, "as_of": "2026-11-22"}).text

    record = re.search(r"/board/records/([0-9a-f-]{36})", page(born))
    assert record is not None
    records.append_board_decision(
        BoardDecision(record[1], "wait", dt.date(2026, 11, 22), "T1", "because", None, ("Dr A",))
    )
    assert "What the board decided" in page(born)
    assert said not in page(born)
    assert page("1941-05-06").count(said) == 1
    # The newest case of the list is the other person's: no decision stands beside it.
    rows = board.get("/board/records?q=somebody").text.split("<tr>")[2:]
    assert ["/board/decisions/" in row for row in rows[:3]] == [False, True, True]
    sent = {"day": "2026-11-20", "name": "Dr A", "patient.inr": "1.2"}
    stored = board.post(f"/board/records/{record[1]}/enter?lesion=T1", data=sent)
    assert "What was stored" in stored.text
    assert said not in stored.text
    assert said not in page(born)
    assert page("1941-05-06").count(said) == 2


def test_other_evaluations_of_the_patient_are_named_and_can_be_compared(
    board: TestClient, evaluated: Evaluated
) -> None:
    first, second, other = evaluated("04"), evaluated("04"), evaluated("06")
    page = Page(board.get(f"/board/records/{second}").text)
    address = f"/board/compare?before={first}&after={second}"
    assert address in page.links
    assert not any(other in link for link in page.links)
    compared = Page(board.get(address).text)
    assert compared.problems == []
    assert compared.text.count("Nothing differs.") == 3
    changed = Page(board.get(f"/board/compare?before={first}&after={other}").text)
    assert "differs" in changed.text
    assert changed.text.count("Nothing differs.") < 3


def test_answers_of_two_patients_side_by_side_are_not_called_one_case(board: TestClient, evaluated: Evaluated) -> None:
    first, second, other = evaluated("04"), evaluated("04"), evaluated("06")
    same = Page(board.get(f"/board/compare?before={first}&after={second}").text)
    assert "Two evaluations of one case" in same.text
    assert "Nothing says that these two evaluations" not in same.text
    page = Page(board.get(f"/board/compare?before={first}&after={other}").text)
    assert page.problems == []
    assert "of one case" not in page.text
    assert "Nothing says that these two evaluations are of one patient" in page.text
    assert "Patient/example-04" in page.text
    assert "Patient/example-06" in page.text


@pytest.mark.parametrize("number", ["02", "06"])
def test_every_page_on_which_somebody_writes_names_the_patient(
    number: str, board: TestClient, named: Named, evaluated: Evaluated
) -> None:
    record = f"/board/records/{evaluated(number)}"
    written = (f"{record}/enter?lesion=T1", f"{record}/decide?lesion=T1", f"{record}/what-if")
    for address in (named(number), record, *written):
        assert f"Patient/example-{number}" in Page(board.get(address).text.partition("<form")[0]).text, address


def test_with_several_lesions_the_head_says_of_which_each_fact_is(board: TestClient, named: Named) -> None:
    head = re.search(r'<p class="identity">(.*?)</p>', board.get(named("06")).text, re.DOTALL)
    assert head is not None
    told = [re.sub("<[^>]*>", "", each) for each in head[1].split(" · ")]
    judged = sorted(" ".join(each.split()).partition(" (")[0] for each in told if "surgical team" in each)
    assert [(each[:4], each.rpartition(": ")[2]) for each in judged] == [
        ("T1: ", "resectable with clear margins"), ("T2: ", "unresectable"),
    ]  # fmt: skip
    assert not [each for each in told if "age in years" in each and each.startswith("T")]
    one = re.search(r'<p class="identity">(.*?)</p>', board.get(named("02")).text, re.DOTALL)
    assert one is not None
    assert "T1: " not in one[1]


def test_the_browser_keeps_what_was_typed_in_long_texts_for_who_comes_back(
    board: TestClient, evaluated: Evaluated
) -> None:
    """`autocomplete="off"` would have it forget them on the way back from an error; it offers nothing in a textarea."""
    for address in ("/", f"/board/records/{evaluated('02')}/decide?lesion=T1"):
        areas = Page(board.get(address).text).of("textarea")
        assert areas
        assert not any("autocomplete" in area for area in areas), address


def test_the_list_finds_a_case_by_verdict_and_by_what_is_missing(board: TestClient, evaluated: Evaluated) -> None:
    settled, open_one = evaluated("02"), evaluated("04")

    def listed(query: str) -> set[str]:
        page = Page(board.get(f"/board/records?{query}").text)
        assert page.problems == []
        return {link.removeprefix("/board/records/") for link in page.links if link.startswith("/board/records/")}

    assert {settled, open_one} <= listed("")
    assert "nothing that would settle a verdict" in Page(board.get(f"/board/records?q={settled}").text).text
    assert settled in listed("verdict=conditional&option=cryoablation")
    assert open_one not in listed("verdict=conditional&option=cryoablation")
    assert open_one in listed("missing=lesion.safePath")
    assert settled not in listed("missing=lesion.safePath")
    assert listed("q=no-such-lesion") == set()
    assert listed(f"q={settled}") == {settled}


def test_a_search_keeps_its_words_and_goes_on_to_older_records(
    board: TestClient, evaluated: Evaluated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "ROWS", 2)
    for _ in range(3):
        evaluated("02")
    page = Page(board.get("/board/records?q=neck&verdict=ineligible").text)
    assert {"id": "q", "name": "q", "value": "neck", "maxlength": "100", "autocomplete": "off"} in page.of("input")
    older = [link for link in page.links if "before=" in link]
    assert len(older) == 1
    assert "q=neck" in older[0]
    first = {link for link in page.links if link.startswith("/board/records/")}
    second = {link for link in Page(board.get(older[0]).text).links if link.startswith("/board/records/")}
    assert len(first) == 2
    assert second
    assert not first & second


@pytest.mark.parametrize("before", ["-1", "x", "9" * 40, "٣"])
def test_a_place_that_is_no_number_is_the_newest(board: TestClient, before: str) -> None:
    assert board.get("/board/records", params={"before": before}).status_code == 200


def test_no_record_is_made_up(board: TestClient, evaluated: Evaluated, records: Records) -> None:
    known = evaluated("02")
    decided = records.append_board_decision(BoardDecision(known, "cryoablation", dt.date(2026, 11, 23)))
    for path in ("/board/records/none", f"/board/records/{decided.id}", f"/board/compare?before={known}&after=none",
                 "/board/compare", "/board/records/%3Cscript%3E"):  # fmt: skip
        response = board.get(path)
        assert response.status_code == 404, path
        assert "No answer" in response.text
        assert "<script" not in response.text


def test_an_erased_record_is_said_to_be_gone(rules: Path, repository: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite3'}"
    settings: dict[str, Any] = {"rules": rules, "examples": repository / "fhir_examples", "database": SecretStr(url)}
    with TestClient(create_app(Settings(**settings)), raise_server_exceptions=False) as client:
        page = client.get("/board/02-unresectable-carotid-encased-freeze-near-it")
        if page.status_code == 404:
            pytest.skip("no examples: they are not in this copy")
        records = open_records(url)
        entry = records.entries("decision")[0]
        assert "not at hand" in client.get(f"/board/records/{entry.id}").text, "the bundle is not kept"
        records.erase_before(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
        gone = client.get(f"/board/records/{entry.id}")
        assert gone.status_code == 404
        assert "erased" in gone.text
        assert "1 record cannot be shown" in client.get("/board/records").text
        records.close()


def test_where_nothing_is_recorded_the_list_says_so(rules: Path) -> None:
    with TestClient(create_app(Settings(rules=rules, recording="off"))) as client:
        assert "records nothing" in client.get("/board/records").text
        assert client.get("/board/records/x").status_code == 404


def test_many_evaluations_of_one_patient_do_not_bury_the_answer(
    rules: Path, repository: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite3'}"
    examples = repository / "fhir_examples"
    with TestClient(create_app(Settings(rules=rules, examples=examples, database=SecretStr(url)))) as client:
        if client.get("/board/09-coagulopathy-to-correct").status_code == 404:
            pytest.skip("no examples: they are not in this copy")
        records = open_records(url)
        first = records.entries("decision")[0].id
        case, answer = records.case(first), json.dumps(records.content(first)["answer"]).encode()
        for _ in range(30):
            records.append_decision(Decision(case, answer, "decision", {"digest": "x"}, {}, "POST /evaluate"))
        records.close()
        page = Page(client.get(f"/board/records/{first}").text)
        assert page.problems == []
        assert sum(link.startswith("/board/compare?") for link in page.links) == 25
        assert "27 earlier ones" in page.text, "three stand open"
        everything = next(link for link in page.links if link.startswith("/board/records?q=Patient/"))
        assert "25 cases found" in Page(client.get(everything).text).text
