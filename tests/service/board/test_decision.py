"""What a board decides is recorded once, beside what it had before it, and stands there for ever."""

from __future__ import annotations

import datetime as dt
import re
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.board import sheet
from cds.board.decision import choices
from cds.recommendation.model import OrderEntry, OrderPart, Recommendation
from cds.records import Author, BoardDecision, Decision, Overridden, Records, RecordsUnavailable, open_records
from cds.service import Settings, create_app
from cds.service.board import paper
from cds.service.board.archive import Archive
from cds.service.board.deciding import Filled, Typed
from cds.service.board.texts import load_texts
from cds.service.outcomes import Refused
from tests.service.board.reading import Page, pages_of

Decide = Callable[..., Any]
DAY = "2020-01-02"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('decisions') / 'records.sqlite3'}"


@pytest.fixture(scope="module")
def board(rules: Path, repository: Path, url: str) -> Iterator[TestClient]:
    """A service whose records no other test writes to."""
    settings = Settings(rules=rules, examples=repository / "fhir_examples", database=SecretStr(url))
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False) as running:
        # One reader for all tests: the language that one of them chooses is not the next one's.
        running.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield running


@pytest.fixture(scope="module")
def records(board: TestClient, url: str) -> Iterator[Records]:
    opened = open_records(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def examples(board: TestClient) -> list[str]:
    found = re.findall(r'href="/board/(\d[^"/?]+)"', board.get("/").text)
    if not found:
        pytest.skip("no examples: they are not in this copy")
    return list(found)


@pytest.fixture(scope="module")
def form_of(board: TestClient, examples: list[str]) -> Callable[[str], str]:
    """The address of the form beside the answer about an example's first lesion."""

    @cache
    def of(number: str) -> str:
        name = next(each for each in examples if each.startswith(number))
        page = Page(board.get(f"/board/{name}?as_of=2026-11-22").text)
        return next(link for link in page.links if "/decide?lesion=" in link)

    return of


def typed(**changed: str) -> dict[str, str]:
    """A form that has no problem, for an option that the answer leaves open."""
    return {
        "choice": "option:cryoablation", "members": "Dr A\n Prof. B \n\n", "writer": "Dr A", "rationale": "",
        "decided_on": DAY, "beside": "0", **changed,
    }  # fmt: skip


def record_of(address: str) -> str:
    """The id of the record that a form stands beside."""
    return urlsplit(address).path.split("/")[3]


def seen(board: TestClient, address: str) -> str:
    (field,) = [each for each in Page(board.get(address).text).of("input") if each.get("name") == "beside"]
    return field["value"]


def problems(response: Any) -> set[str]:
    """The fields that the list of problems leads to."""
    assert response.status_code == 422
    page = Page(response.text)
    assert page.problems == []
    fields = {link[1:] for link in page.links if link.startswith("#")} - {"main"}
    assert fields <= set(page.ids)
    for tag, each in page.tags:
        if tag in ("input", "textarea") and each.get("aria-invalid"):
            assert each["aria-describedby"] in page.ids
    return fields


def test_a_decision_that_follows_is_recorded_as_it_was_typed(
    board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    address = form_of("02")
    response = board.post(address, data=typed(beside=seen(board, address)))
    assert response.status_code == 303
    id_ = response.headers["location"].removeprefix("/board/decisions/")
    entry, told = records.entry(id_), records.content(id_)
    assert entry.kind == "board-decision"
    assert entry.about == record_of(address)
    assert (entry.body["decided_on"], entry.body["follows"]) == (DAY, True)
    assert entry.body["author"] == {"name": "Dr A", "issuer": None}
    assert told["members"] == ["Dr A", "Prof. B"]
    assert (told["option"], told["label"], told["verdict"]) == (
        "cryoablation", "Percutaneous cryoablation", "conditional",
    )  # fmt: skip
    assert list(records.verify()) == []
    page = Page(board.get(response.headers["location"]).text)
    assert page.problems == []
    for text in ("Percutaneous cryoablation", "Dr A; Prof. B", "leaves this choice open", "nobody vouches", id_):
        assert text in page.text


def test_the_form_says_what_speaks_against_each_option_and_needs_no_script(
    board: TestClient, form_of: Callable[[str], str]
) -> None:
    page = Page(board.get(form_of("02")).text)
    assert page.problems == []
    assert page.of("script") == []
    radios = [each for each in page.of("input") if each.get("type") == "radio"]
    assert {"option:salvage-surgery", "option:cryoablation", "other"} <= {each["value"] for each in radios}
    boxes = {each["name"] for each in page.of("input") if each.get("type") == "checkbox"}
    assert {"override.salvage-surgery.SS-0", "override.cryoablation.TP-U"} <= boxes
    assert "✕ ineligible" in page.text
    labelled = {each["for"] for each in page.of("label")}
    controls = [each for tag in ("input", "textarea") for each in page.of(tag) if each.get("type") != "hidden"]
    assert {each["id"] for each in controls} <= labelled
    assert len(page.ids) == len(set(page.ids))
    assert page.headings[0] == 1


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"choice": ""}, {"choice-1"}),
        ({"choice": "option:no-such"}, {"choice-1"}),
        ({"members": " \n\t\n"}, {"members"}),
        ({"members": "\n".join(f"Dr {n}" for n in range(61))}, {"members"}),
        ({"members": "x" * 6001}, {"members"}),
        ({"writer": " "}, {"writer"}),
        ({"decided_on": ""}, {"decided_on"}),
        ({"decided_on": "2020-02-30"}, {"decided_on"}),
        ({"decided_on": "02.01.2020"}, {"decided_on"}),
        ({"decided_on": "9999-12-31"}, {"decided_on"}),
        ({"other": "both"}, {"other"}),
        ({"choice": "other", "rationale": "x"}, {"other"}),
        ({"choice": "other", "other": "x"}, {"rationale"}),
        ({"choice": "alternative:ALT-3"}, {"rationale"}),
        ({"choice": "option:salvage-surgery", "rationale": "x"}, {"override.salvage-surgery.SS-0"}),
        ({"override.cryoablation.TP-U": "true"}, {"rationale"}),
        ({"override.salvage-surgery.SS-2": "true", "rationale": "x"}, {"override.salvage-surgery.SS-2"}),
        (
            {"choice": "", "members": "", "writer": "", "decided_on": "x"},
            {"choice-1", "members", "writer", "decided_on"},
        ),
    ],
)  # fmt: skip
def test_every_problem_is_told_at_once_beside_its_field_and_nothing_is_recorded(
    changed: dict[str, str], fields: set[str], board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    address, before = form_of("02"), records.head()[0]
    response = board.post(address, data=typed(**changed))
    assert problems(response) == fields
    assert records.entries("board-decision", after=before) == ()
    kept = typed(**changed)
    page = Page(response.text)
    areas = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", response.text, re.DOTALL)
    assert kept["members"].strip() in areas[1]
    assert any(each.get("name") == "writer" and each["value"] == kept["writer"] for each in page.of("input"))


def test_an_excluded_option_is_chosen_only_against_every_rule_that_excludes_it(
    board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    address = form_of("02")
    sent = typed(choice="option:salvage-surgery", rationale="the second opinion\nsays otherwise")
    sent |= {"beside": seen(board, address), "override.salvage-surgery.SS-0": "true"}
    response = board.post(address, data=sent)
    assert response.status_code == 303
    id_ = response.headers["location"].rpartition("/")[2]
    told = records.content(id_)
    assert told["overridden"] == [{"rule": "SS-0", "says": "The surgical team judged: unresectable."}]
    assert told["rationale"] == "the second opinion\nsays otherwise"
    assert records.entry(id_).body["follows"] is False
    page = Page(board.get(response.headers["location"]).text)
    assert "does not leave this choice open" in page.text
    assert "The surgical team judged: unresectable." in page.text


def test_of_two_that_decide_at_once_the_second_reads_the_first_before_anything_is_stored(
    board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    address = form_of("03")
    both = seen(board, address)
    first = board.post(address, data=typed(beside=both, members="First", rationale="one"))
    stored = records.head()[0]
    second = board.post(address, data=typed(beside=both, members="Second", rationale="other words"))
    assert (first.status_code, second.status_code) == (303, 409)
    assert records.head()[0] == stored
    page = Page(second.text)
    assert page.problems == []
    assert first.headers["location"] in page.links
    assert "First" in page.text
    assert "Second" in page.text
    assert "other words" in page.text
    (now,) = [each["value"] for each in page.of("input") if each.get("name") == "beside"]
    confirmed = board.post(address, data=typed(beside=now, members="Second", rationale="other words"))
    assert confirmed.status_code == 303
    assert {each.id for each in records.board_decisions(record_of(address))} >= {
        first.headers["location"].rpartition("/")[2], confirmed.headers["location"].rpartition("/")[2],
    }  # fmt: skip


def test_mending_a_form_is_no_confirmation_of_what_came_in_between(
    board: TestClient, form_of: Callable[[str], str]
) -> None:
    address = form_of("13")
    both = seen(board, address)
    words = {"choice": "other", "other": "x", "rationale": "x"}
    assert board.post(address, data=typed(**words, beside=both)).status_code == 303
    wrong = board.post(address, data=typed(**words, beside=both, members=""))
    (kept,) = [each["value"] for each in Page(wrong.text).of("input") if each.get("name") == "beside"]
    assert (wrong.status_code, kept) == (422, both)
    assert board.post(address, data=typed(**words, beside=kept)).status_code == 409


def test_of_two_lesions_each_has_its_own_decision(board: TestClient, examples: list[str]) -> None:
    name = next(each for each in examples if each.startswith("06"))
    page = Page(board.get(f"/board/{name}?as_of=2026-11-22").text)
    addresses = [link for link in page.links if "/decide?lesion=" in link]
    assert len(addresses) == 2
    beside = [seen(board, address) for address in addresses]
    for address, number in zip(addresses, beside, strict=True):
        sent = typed(choice="other", other="wait", rationale="both", beside=number)
        assert board.post(address, data=sent).status_code == 303


def test_a_correction_names_what_it_replaces_and_both_stay(
    board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    address = form_of("07")
    sent = typed(choice="other", other="wait", rationale="x", beside=seen(board, address))
    first = board.post(address, data=sent).headers["location"]
    (link,) = [each for each in Page(board.get(first).text).links if "corrects=" in each]
    filled = Page(board.get(link).text)
    assert "Correct the board" in filled.text
    assert any(each.get("name") == "other" and each["value"] == "wait" for each in filled.of("input"))
    sent |= {"other": "wait longer", "beside": seen(board, link)}
    corrected = board.post(link, data=sent)
    assert corrected.status_code == 303
    second = corrected.headers["location"]
    old, new = (path.rpartition("/")[2] for path in (first, second))
    assert records.entry(new).body["supersedes"] == old
    assert records.content(old)["option"] == "wait"
    assert second in Page(board.get(first).text).links
    assert first in Page(board.get(second).text).links
    record = board.get(urlsplit(address).path.removesuffix("/decide")).text
    assert "replaced by a correction" in Page(record).text
    listed = Page(board.get("/board/records").text)
    assert second in listed.links
    assert first not in listed.links


def test_correcting_what_was_corrected_leaves_one_decision_standing(
    board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    address = form_of("09")
    sent = typed(choice="other", other="wait", rationale="x", beside=seen(board, address))
    first = board.post(address, data=sent).headers["location"].rpartition("/")[2]
    link = f"{address}&corrects={first}"
    second = board.post(link, data={**sent, "other": "wait longer", "beside": seen(board, link)}).headers["location"]
    assert not [each for each in Page(board.get(f"/board/decisions/{first}").text).links if "corrects=" in each]
    # A tab that was open all the while still names the first.
    assert any(each.get("value") == "wait longer" for each in Page(board.get(link).text).of("input"))
    third = board.post(link, data={**sent, "other": "operate", "beside": seen(board, link)}).headers["location"]
    assert records.entry(third.rpartition("/")[2]).body["supersedes"] == second.rpartition("/")[2]
    record = urlsplit(address).path.removesuffix("/decide").rpartition("/")[2]
    stands = [each.decided.option for each in Archive(records).standing(record) if each.decided.replaced_by is None]
    assert stands == ["operate"]


def test_the_sheet_of_one_lesion_says_nothing_of_another(board: TestClient, examples: list[str]) -> None:
    name = next(each for each in examples if each.startswith("06"))
    told = []
    for form in (each for each in Page(board.get(f"/board/{name}?as_of=2026-11-22").text).links if "/decide?" in each):
        sent = typed(choice="other", other="x", rationale="x", beside=seen(board, form))
        told.append(Page(board.get(board.post(form, data=sent).headers["location"]).text).text.partition("Why")[0])
    assert [("unresectable" in each, "resectable with clear margins" in each) for each in told] == [
        (False, True), (True, False),
    ]  # fmt: skip


def test_out_of_scope_no_rule_is_overridden_and_the_sheet_cites_none(
    board: TestClient, form_of: Callable[[str], str]
) -> None:
    address = form_of("10")
    form = Page(board.get(address).text)
    assert not any(each.get("name", "").startswith("override.") for each in form.of("input"))
    sent = typed(choice="option:salvage-surgery", rationale="x", beside=seen(board, address))
    sheet = Page(board.get(board.post(address, data=sent).headers["location"]).text)
    assert "not assessed" in sheet.text
    assert not [link for link in sheet.links if link.startswith("/rules/")]


@pytest.mark.parametrize("query", ["?lesion=", "?lesion=T9", "?lesion=T1&corrects=none"])
def test_a_form_about_nothing_is_not_made(query: str, board: TestClient, form_of: Callable[[str], str]) -> None:
    path = urlsplit(form_of("02")).path
    assert board.get(f"{path}{query}").status_code == 404
    assert board.post(f"{path}{query}", data=typed()).status_code == 404


def test_without_a_lesion_the_only_one_is_meant_and_of_two_none(
    board: TestClient, form_of: Callable[[str], str]
) -> None:
    assert "about T1" in board.get(urlsplit(form_of("02")).path).text
    assert board.get(urlsplit(form_of("06")).path).status_code == 404


def test_a_decision_of_another_lesion_cannot_be_corrected(board: TestClient, examples: list[str]) -> None:
    name = next(each for each in examples if each.startswith("06"))
    one, other = (
        link for link in Page(board.get(f"/board/{name}?as_of=2026-11-22").text).links if "/decide?lesion=" in link
    )
    made = board.post(one, data=typed(choice="other", other="x", rationale="x", beside=seen(board, one)))
    assert made.status_code == 303
    id_ = made.headers["location"].rpartition("/")[2]
    assert board.get(f"{other}&corrects={id_}").status_code == 404


def test_a_form_of_another_site_is_refused(board: TestClient, form_of: Callable[[str], str], records: Records) -> None:
    address, before = form_of("02"), records.entries("board-decision")
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert board.post(address, data=typed(), headers=headers).status_code == 403
    assert records.entries("board-decision") == before


def test_a_form_that_is_no_text_is_refused(board: TestClient, form_of: Callable[[str], str]) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="members"\r\n\r\n\xff\xfe\r\n--b--\r\n'
    response = board.post(form_of("02"), content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert response.status_code == 400
    assert "unreadable-form" in response.text


def test_a_later_evaluation_says_what_was_decided_and_whether_the_answer_changed(
    board: TestClient, examples: list[str], form_of: Callable[[str], str], records: Records
) -> None:
    address = form_of("05")
    sent = typed(choice="other", other="see again in March", rationale="x", beside=seen(board, address))
    assert board.post(address, data=sent).status_code == 303
    name = next(each for each in examples if each.startswith("05"))
    same = Page(board.get(f"/board/{name}?as_of=2026-11-22").text)
    assert "see again in March" in same.text
    assert "the verdicts for this lesion are the same now" in same.text
    old = record_of(address)
    assert any(f"before={old}" in link for link in same.links)
    answer = Recommendation.model_validate(records.content(old)["answer"])
    later = changed_answer(answer)
    entry = records.append_decision(decision_of(records, old, later))
    shown = Page(board.get(f"/board/records/{entry.id}").text)
    assert "the answer for this lesion has changed since" in shown.text
    stale = Page(board.get(address).text)
    assert "evaluated again" in stale.text
    assert "says otherwise of this lesion" in stale.text
    assert f"/board/records/{entry.id}" in stale.links
    fresh = Page(board.get(f"/board/records/{entry.id}/decide?lesion=T1").text)
    assert "evaluated again" not in fresh.text


def changed_answer(answer: Recommendation) -> Recommendation:
    """The same answer with every option excluded."""
    excluded = {"verdict": "ineligible", "possible": ("ineligible",), "standing": "excluded"}
    lesions = tuple(
        lesion.model_copy(update={"options": tuple(each.model_copy(update=excluded) for each in lesion.options)})
        for lesion in answer.lesions
    )
    return answer.model_copy(update={"lesions": lesions})


def decision_of(records: Records, record: str, answer: Recommendation) -> Decision:
    return Decision(
        case=records.case(record), answer=answer.model_dump_json(by_alias=True).encode(), phase=answer.phase,
        rule_set=answer.rule_set.model_dump(mode="json"), engines={}, door="POST /evaluate",
    )  # fmt: skip


def test_with_the_database_gone_what_was_typed_stands_in_the_page_and_can_be_sent_again(
    board: TestClient, form_of: Callable[[str], str], records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = form_of("08")
    sent = typed(rationale="three\nlines <b>\nof reason", beside=seen(board, address))
    sent["override.cryoablation.TP-1"] = "true"

    def gone(*_: object, **__: object) -> None:
        raise RecordsUnavailable("records: the disk is full; nothing was recorded")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "append_board_decision", gone)
        refused = board.post(address, data=sent)
    with monkeypatch.context() as patch:
        patch.setattr(Records, "entry", gone)
        assert board.post(address, data=sent).text == refused.text
    assert refused.status_code == 503
    page = Page(refused.text)
    assert page.problems == []
    kept = {each["name"]: each["value"] for each in page.of("input")}
    assert kept["rationale"] == sent["rationale"]
    assert "lines <b>" in page.text
    (form,) = page.of("form")
    assert form["action"] == address
    again = board.post(form["action"], data=kept)
    assert again.status_code == 303
    assert records.content(again.headers["location"].rpartition("/")[2])["rationale"] == sent["rationale"]


def test_under_pseudonyms_nothing_that_names_the_patient_is_stored(
    rules: Path, repository: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'p.sqlite3'}"
    settings = Settings(
        rules=rules, examples=repository / "fhir_examples", database=SecretStr(url), pseudonym_key=SecretStr("k" * 32)
    )
    with TestClient(create_app(settings), follow_redirects=False) as client:
        first = re.search(r'href="/board/(02[^"/?]+)"', client.get("/").text)
        if first is None:
            pytest.skip("no examples: they are not in this copy")
        html = client.get(f"/board/{first[1]}?as_of=2026-11-22").text
        address = next(link for link in Page(html).links if "/decide?lesion=" in link)
        assert parse_qs(urlsplit(address).query)["lesion"][0].startswith("p-")
        made = client.post(address, data=typed(rationale="as typed"))
        assert made.status_code == 303
        again = Page(client.get(f"/board/{first[1]}?as_of=2026-11-22").text)
        assert "the verdicts for this lesion are the same now" in again.text
        bundle = client.get(f"{made.headers['location']}/fhir").json()
        assert "Patient/example-02" not in str(bundle)
        assert bundle["entry"][0]["resource"]["subject"]["display"].startswith("known here by the pseudonym Patient/p-")
        records = open_records(url)
        (entry,) = records.entries("board-decision")
        told = records.content(entry.id)
        assert told["lesion"].startswith("p-")
        assert told["rationale"] == "as typed"
        assert "example-02" not in str((told, entry.body))
        assert records.entries("board-decision", subject="Patient/example-02") == ()
        records.close()


def test_a_decision_outlives_the_answer_that_was_erased(rules: Path, repository: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'e.sqlite3'}"
    settings = Settings(rules=rules, examples=repository / "fhir_examples", database=SecretStr(url))
    with TestClient(create_app(settings), follow_redirects=False) as client:
        found = re.search(r'href="/board/(02[^"/?]+)"', client.get("/").text)
        if found is None:
            pytest.skip("no examples: they are not in this copy")
        page = Page(client.get(f"/board/{found[1]}?as_of=2026-11-22").text)
        address = next(link for link in page.links if "/decide?lesion=" in link)
        records = open_records(url)
        between = dt.datetime.now(dt.UTC)
        made = client.post(address, data=typed()).headers["location"]
        records.erase_before(between)
        shown = Page(client.get(made).text)
        assert "was erased when its time was over" in shown.text
        assert "Percutaneous cryoablation" in shown.text
        assert client.get(f"{made}/fhir").status_code == 200
        records.erase_before(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
        assert client.get(made).status_code == client.get(f"{made}/fhir").status_code == 404
        records.close()


def test_no_decision_is_made_up(board: TestClient, form_of: Callable[[str], str]) -> None:
    record = record_of(form_of("02"))
    for id_ in ("none", record, "%3Cscript%3E"):
        assert board.get(f"/board/decisions/{id_}").status_code == 404
        assert board.get(f"/board/decisions/{id_}.pdf").status_code == 404
        outcome = board.get(f"/board/decisions/{id_}/fhir")
        assert outcome.status_code == 404
        assert outcome.json()["resourceType"] == "OperationOutcome"


def test_where_somebody_vouches_for_the_caller_no_name_is_asked_for(
    form_of: Callable[[str], str], records: Records
) -> None:
    answer = Recommendation.model_validate(records.content(record_of(form_of("02")))["answer"])
    offered = choices(answer, answer.lesions[0])
    sent = Typed(choice="option:cryoablation", members="Dr A", writer="somebody else", decided_on=DAY)
    vouched = Filled(sent, offered, dt.date(2020, 1, 2), Author("dr-a", "https://idp.example"))
    assert vouched.problems() == ()
    assert vouched.decision("r", "T1", None).author == Author("dr-a", "https://idp.example")
    assert [each.field for each in replace(vouched, today=dt.date(2020, 1, 1)).problems()] == ["decided_on"]
    nobody = replace(vouched, author=None, typed=replace(sent, writer=""))
    assert [each.field for each in nobody.problems()] == ["writer"]


def test_the_pages_speak_french(board: TestClient, form_of: Callable[[str], str]) -> None:
    address = form_of("02")
    page = Page(board.get(f"{address}&lang=fr").text)
    assert page.of("html") == [{"lang": "fr"}]
    assert load_texts()["fr"]("decide.members") in page.text
    (form,) = page.of("form")
    assert form["action"].endswith("&lang=fr")
    assert problems(board.post(form["action"], data=typed(members=""))) == {"members"}
    sent = typed(choice="other", other="x", rationale="x", beside=seen(board, address))
    assert board.post(form["action"], data=sent).headers["location"].endswith("?lang=fr")


# ------------------------------------------------------------------------------------------------------- on paper


@pytest.fixture
def press() -> None:
    """Skips where no PDF can be made."""
    try:
        paper.pdf_of("", "")
    except Refused:
        pytest.skip("no WeasyPrint, or no Pango: install the extra `pdf` and Debian's libpangoft2-1.0-0")


def filled_to_the_brim(decided: BoardDecision) -> BoardDecision:
    """A decision with more of everything than a page holds."""
    return replace(
        decided, rationale="Because of WWWWW and mmmmm. " * 300,
        members=tuple(f"Professor Dr W{'w' * 60} {n}" for n in range(40)),
        overridden=tuple(Overridden(f"SS-{n}", "A sentence that is overridden, " * 20) for n in range(30)),
        label="A long name of what was chosen, " * 20,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("press")
def test_the_decision_of_every_example_is_one_sheet_also_with_texts_filled_to_the_brim(
    board: TestClient, examples: list[str], form_of: Callable[[str], str], records: Records
) -> None:
    for name in examples:
        address = form_of(name[:2])
        lesion = parse_qs(urlsplit(address).query)["lesion"][0]
        decided = BoardDecision(record_of(address), "cryoablation", dt.date(2020, 1, 2), lesion, "x", True, ("Dr A",))
        full = name[:2] in ("04", "06")  # the longest
        entry = records.append_board_decision(filled_to_the_brim(decided) if full else decided)
        pdf = board.get(f"/board/decisions/{entry.id}.pdf")
        assert pdf.status_code == 200
        assert pdf.headers["content-type"] == "application/pdf"
        assert pages_of(pdf.content) == 1, name


def test_what_does_not_fit_is_said_to_go_on_in_the_record_and_stands_on_the_screen(
    board: TestClient, form_of: Callable[[str], str], records: Records
) -> None:
    record = record_of(form_of("02"))
    decided = filled_to_the_brim(BoardDecision(record, "cryoablation", dt.date(2020, 1, 2), "T1"))
    entry = records.append_board_decision(decided)
    html = board.get(f"/board/decisions/{entry.id}").text
    page = Page(html)
    assert page.problems == []
    assert page.text.count("continues in the record") >= 5
    assert "and 26 more, in the record" in page.text
    assert "34 more took part" in page.text
    for each in decided.overridden:
        assert f"{each.rule} {each.says}" in " ".join(without_paper(html).split()), "the screen shows every rule"
    assert " ".join(decided.rationale.split()) in re.sub(r"\s+", " ", without_paper(html))


def without_paper(html: str) -> str:
    """The text of a page as the screen shows it."""
    return re.sub(r"<[^>]*>", "", re.sub(r'<span class="on-paper">[^<]*</span>', "", html))


@pytest.mark.usefixtures("press")
def test_one_decision_is_one_sheet(
    board: TestClient, form_of: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    address = form_of("09")
    made = board.post(address, data=typed(beside=seen(board, address), rationale="x"))
    pdf = board.get(f"{made.headers['location']}.pdf")
    assert pages_of(pdf.content) == 1
    assert [each for each in caplog.records if each.name.startswith("weasyprint")] == []


@pytest.mark.usefixtures("press")
def test_paper_loads_nothing_from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("socket.socket.connect", lambda _, address: asked.append(str(address)))
    monkeypatch.setattr("urllib.request.OpenerDirector.open", lambda _, url, *__, **___: asked.append(str(url)))
    html = (
        '<link rel="stylesheet" href="https://evil.example/x.css"><img src="file:///etc/hostname">'
        '<img src="http://127.0.0.1/x.png"><p style="background: url(https://evil.example/y.png)">text</p>'
        '<object data="data:text/plain,x"></object>'
    )
    assert pages_of(paper.pdf_of(html, "p { color: black }")) == 1
    assert asked == []


def test_without_weasyprint_the_page_says_how_to_install_it(
    board: TestClient, form_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = form_of("11")
    made = board.post(address, data=typed(choice="other", other="x", rationale="x", beside=seen(board, address)))
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    response = board.get(f"{made.headers['location']}.pdf")
    assert response.status_code == 501
    assert "no-pdf" in response.text
    assert "libpangoft2-1.0-0" in response.text
    with pytest.raises(Refused):
        paper.pdf_of("", "")


def test_a_text_is_cut_before_a_word_and_nothing_is_lost() -> None:
    for text in ("", "one", "one two three four", "x" * 40, "a " * 30):
        for most in (5, 10, 39):
            made = sheet.cut(text, most)
            assert made.paper + made.rest == text
            assert len(made.paper) <= most


# --------------------------------------------------------------------------------------------- what follows from what


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "10"])
def test_what_follows_is_what_the_answer_leaves_open(
    number: str, form_of: Callable[[str], str], records: Records
) -> None:
    answer = Recommendation.model_validate(records.content(record_of(form_of(number)))["answer"])
    for lesion in answer.lesions:
        offered = choices(answer, lesion)
        options = [each for each in offered if each.kind == "option"]
        for each in options:
            if each.follows:
                assert each.verdict in ("eligible", "conditional")
                assert each.excluding == ()
            if each.verdict in ("ineligible", "undetermined"):
                assert each.follows is False
                assert each.objections
            if each.verdict == "not-assessed":
                assert each.follows is None
        for each in offered:
            if each.kind == "alternative" and each.follows is not None:
                assert each.follows is not any(option.follows for option in options)


def test_what_the_patient_declines_does_not_follow_and_the_first_of_an_order_does(
    form_of: Callable[[str], str], records: Records
) -> None:
    answer = Recommendation.model_validate(records.content(record_of(form_of("01")))["answer"])
    open_ones = {"verdict": "eligible", "possible": ("eligible",), "standing": "not-excluded", "declined": "false"}
    (lesion,) = answer.lesions
    surgery, freezing = (each.model_copy(update=open_ones) for each in lesion.options)
    first, second = surgery.option, freezing.option

    def follows(declined: str, *orders: tuple[tuple[str, ...], ...]) -> list[bool | None]:
        options = (surgery.model_copy(update={"declined": declined}), freezing)
        order = OrderPart(possible=tuple(OrderEntry(groups=each) for each in orders))
        changed = lesion.model_copy(update={"options": options, "order": order})
        return [each.follows for each in choices(answer, changed) if each.kind == "option"]

    assert follows("false") == [True, True]
    assert follows("false", ((first,), (second,))) == [True, False]
    assert follows("unknown", ((first,), (second,))) == [True, False]
    assert follows("true", ((first,), (second,))) == [False, True]
    assert follows("false", ((first,), (second,)), ((second,), (first,))) == [True, True]
    assert follows("false", ((first, second),)) == [True, True]


def test_two_threads_that_decide_at_once_leave_one_decision(
    board: TestClient, form_of: Callable[[str], str]
) -> None:
    address = form_of("12")
    beside = seen(board, address)
    start = threading.Barrier(2)
    statuses: list[int] = []

    def send(name: str) -> None:
        start.wait()
        sent = typed(choice="other", other=name, rationale="x", members=name, beside=beside)
        statuses.append(board.post(address, data=sent).status_code)

    threads = [threading.Thread(target=send, args=(name,)) for name in ("one", "two")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(statuses) == [303, 409]
