"""The form: what it asks first, what it refuses, and how what was entered is shown, evaluated and withdrawn."""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cds.records import Records, RecordsUnavailable
from tests.service.board.entry.boards import AS_OF, FORM, SENT, SKIN, Board, Json, codes, fact, skin
from tests.service.board.reading import Page


def test_the_form_asks_first_what_would_settle_most_and_shows_what_is_known(board: Board, bundle: Json) -> None:
    answer, record = board.evaluate(bundle)
    page = Page(board.client.get(f"/board/records/{record}/enter?lesion=T1").text)
    assert page.problems == []
    assert len(page.ids) == len(set(page.ids))
    labelled = {attributes["for"] for attributes in page.of("label")}
    assert all(each["id"] in labelled for tag in ("input", "select") for each in page.of(tag))
    assert page.headings == [1, 2, 2, 2, 2]
    asked = [each["name"] for tag in ("select", "input") for each in page.of(tag)]
    settling = {each["name"] for option in answer["lesions"][0]["options"] for each in option["settling_facts"]}
    first = page.html.index('id="group-1"')
    assert all(page.html.index(f'name="{name}"') < first for name in settling if name.partition(".")[0] != "structure")
    assert len(asked) == len(set(asked))
    assert "Observation/size" in page.text
    assert str(fact(answer, "lesion.maxDiameter")["display"]) in page.text


def test_what_is_wrong_stands_beside_each_field_and_nothing_is_stored(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    wrong = {
        "day": "2031-01-01", "name": "", SKIN: "3,5", "patient.inr": "1.234", "patient.ecog": "7",
        "patient.platelets~": "<", "lesion.site": "heaven", "lesion.recurrenceDate": "2026-13",
        "lesion.maxDiameter": "9999", "patient.nothing": "x",
    }  # fmt: skip
    html = board.enter(record, status=422, **wrong)
    page = Page(html)
    assert page.problems == []
    told = {each["id"].removesuffix("-problem") for each in page.of("span") if each.get("class") == "problem"}
    fields = {name.removesuffix("~") for name in wrong} - {"patient.nothing"}
    assert told == fields
    described = {
        each["aria-describedby"] for tag in ("input", "select") for each in page.of(tag) if "aria-invalid" in each
    }
    assert described == {f"{field}-problem" for field in fields}
    assert "3,5" in html and "patient.nothing" in html
    assert board.entered() == ()


@pytest.mark.parametrize("day", ["", "20 November", "2026-11-31", "1900-01-01", "2026-11"])
def test_a_form_without_a_day_on_which_the_patient_lived_is_not_stored(board: Board, bundle: Json, day: str) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, status=422, **{SKIN: "3", "day": day})
    assert board.entered() == ()


def test_an_empty_form_says_nothing_and_is_not_stored(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    assert "nothing was entered" in board.enter(record, status=422)
    assert board.entered() == ()


def test_a_form_of_another_site_is_refused(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    for path in ("enter", "again"):
        address = f"/board/records/{record}/{path}"
        foreign = board.client.post(address, data={**FORM, SKIN: "3"}, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
    assert board.entered() == ()


def test_hostile_texts_are_text(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    evil = '"><script>alert(1)</script>'
    html = board.enter(record, status=422, **{SKIN: evil, "lesion.site": evil, "day": evil, evil: evil})
    assert "<script" not in html
    location = board.enter(record, **{SKIN: "3", "name": evil})
    for address in (location, f"/board/records/{record}"):
        shown = board.client.get(address).text
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown
    assert "entered-not-used" not in codes(board.evaluate(bundle)[0])


def test_while_the_database_is_away_the_form_stays_with_what_was_typed(
    board: Board, bundle: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record = board.evaluate(bundle)

    def fails(*_: Any, **__: Any) -> None:
        raise RecordsUnavailable("records: the disk is full; nothing was recorded")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "append_entry", fails)
        html = board.enter(record, status=503, **{SKIN: "3.4"})
        assert "Nothing was stored" in html
        assert 'value="3.4"' in html
    with monkeypatch.context() as patch:
        patch.setattr(Records, "entry", fails)
        assert "records-unavailable" in board.enter(record, status=503, **{SKIN: "3"})
    assert board.entered() == ()


def test_an_answer_that_need_not_be_recorded_says_that_it_knows_nothing_of_what_was_entered(
    made: Callable[..., Board], bundle: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = made(recording="when-possible")
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})

    def fails(*_: Any, **__: Any) -> None:
        raise RecordsUnavailable("records: the database cannot be reached")

    monkeypatch.setattr(Records, "entries", fails)
    answer, _ = board.evaluate(bundle)
    assert "entered-not-read" in codes(answer)
    monkeypatch.setattr(Records, "has_any", fails)
    required = made()
    assert required.client.post(f"/evaluate?as_of={AS_OF}", json=bundle).status_code == 503


def test_what_was_stored_is_shown_with_who_and_when_and_leads_on(board: Board) -> None:
    page = Page(board.client.get(f"/board/04-missing-safety-facts?as_of={AS_OF}").text)
    (address,) = {link.partition("#")[0] for link in page.links if "/enter?" in link}
    response = board.client.post(address, data={**FORM, SKIN: "3", f"{SKIN}~": "<"}, follow_redirects=True)
    shown = Page(response.text)
    assert shown.problems == []
    assert "Dr Adams" in shown.text and "2026-11-20" in shown.text and "< 3 mm" in shown.text
    (again,) = [link for link in shown.links if "as_of" in link]
    after = Page(board.client.get(again).text)
    assert after.problems == []
    assert "What was entered here about this patient" in after.text
    assert "Dr Adams" in after.text
    french = Page(board.client.get(f"{response.url.path}?lang=fr").text)
    assert "Ce qui a été conservé" in french.text


def test_a_kept_bundle_can_be_evaluated_again_at_once(made: Callable[..., Board], bundle: Json) -> None:
    board = made(keep_bundles=True)
    _, record = board.evaluate(bundle)
    location = board.enter(record, **{SKIN: "3"})
    (form,) = [each for each in Page(board.client.get(location).text).of("form") if "action" in each]
    again = board.client.post(form["action"], headers=SENT)
    assert again.status_code == 200
    (entry,) = board.entered()
    assert f"QuestionnaireResponse/{entry.id}" in again.text
    newest = re.findall(r'href="/board/records/([0-9a-f-]{36})"', again.text)[0]
    recorded = Page(board.client.get(f"/board/records/{newest}/resources").text)
    assert re.search(rf"<code>QuestionnaireResponse/{entry.id}</code></summary>\s*<pre>", recorded.html)


def test_a_bundle_that_was_not_kept_has_to_be_sent_again(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    location = board.enter(record, **{SKIN: "3"})
    assert "send it again" in board.client.get(location).text
    assert board.client.post(f"/board/records/{record}/again", headers=SENT).status_code == 404


def test_what_belongs_to_another_record_is_not_shown_beside_this_one(board: Board, bundle: Json, patient: Json) -> None:
    _, record = board.evaluate(bundle)
    _, other = board.evaluate(patient)
    entry = board.enter(record, **{SKIN: "3"}).rpartition("/")[2]
    assert board.client.get(f"/board/records/{other}/entered/{entry}").status_code == 404
    assert "Dr Adams" not in board.client.get(f"/board/records/{other}").text
    assert board.client.get(f"/board/records/{record}/enter?lesion=T7").status_code == 404
    assert board.client.get("/board/records/none/enter").status_code == 404


def test_of_a_record_without_lesion_the_patients_facts_can_be_entered(board: Board, patient: Json) -> None:
    _, record = board.evaluate(patient)
    assert "inr" in board.client.get(f"/board/records/{record}/enter").text
    board.enter(record, lesion=None, **{"patient.inr": "1.2"})
    answer, _ = board.evaluate(patient)
    assert fact(answer, "patient.inr", "patient")["status"] == "known"


def test_who_is_vouched_for_needs_to_give_no_name(board: Board) -> None:
    from cds.board.entry import NAME, EntryView, filled

    empty = EntryView(None, (), (), None)
    assert NAME in {each.field for each in filled(empty, {}, dt.date(2026, 11, 22)).problems}
    known = filled(empty, {}, dt.date(2026, 11, 22), author="Dr Adams")
    assert NAME not in {each.field for each in known.problems}
    assert known.name == "Dr Adams"


def test_the_form_is_published_as_a_questionnaire(board: Board) -> None:
    from fhir.resources.R4B.questionnaire import Questionnaire

    found = board.client.get("/fhir/Questionnaire/hnc-cds-case")
    assert found.status_code == 200
    Questionnaire.model_validate(found.json())


def test_what_was_entered_by_mistake_is_withdrawn_and_stays_recorded(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    location = board.enter(record, **{SKIN: "3"})
    right = board.enter(record, **{"patient.ecog": "2", "day": "2026-11-21"})
    assert board.client.post(location, data={"name": ""}).status_code == 422
    assert skin(board.evaluate(bundle)[0]) == ("required", "3 mm")
    withdrawn = board.client.post(location, data={"name": "Dr Brown"}, follow_redirects=True)
    page = Page(withdrawn.text)
    assert page.problems == []
    assert "Dr Brown" in page.text and "no evaluation uses it any more" in page.text
    answer, _ = board.evaluate(bundle)
    assert skin(answer) == ("not-required", "> 30 mm")
    assert fact(answer, "patient.ecog", "patient")["display"] == "2", "the other form holds"
    assert "withdrawn" not in Page(board.client.get(right).text).text.replace("can be withdrawn", "")
    assert len(board.entered()) == 3
    foreign = board.client.post(location, data={"name": "x"}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_what_was_entered_and_changed_behind_its_back_ends_in_no_answer(
    made: Callable[..., Board], bundle: Json, tmp_path: Path
) -> None:
    board = made()
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    with closing(sqlite3.connect(tmp_path / "records-0.sqlite3")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE content SET data = ? WHERE entry = ?", (zlib.compress(b"{}"), entry.id))
        database.commit()
    response = board.client.post(f"/evaluate?as_of={AS_OF}", json=bundle)
    assert response.status_code == 500
    assert response.json()["issue"][0]["details"]["coding"][0]["code"] == "unreadable-record"
