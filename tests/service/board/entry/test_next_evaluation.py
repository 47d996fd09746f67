"""What was entered is used by the next evaluation of the same patient, by whatever door."""

from __future__ import annotations

import copy
import html
import json
import re
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from tests.service.board.entry.boards import AS_OF, FORM, SKIN, Board, Json, changed, codes, fact, skin, structures
from tests.service.board.reading import Page


def test_an_entered_distance_changes_the_verdict_on_protection_of_the_next_evaluation(
    board: Board, bundle: Json
) -> None:
    before, record = board.evaluate(bundle)
    assert skin(before) == ("not-required", "> 30 mm")
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    after, _ = board.evaluate(bundle)
    assert skin(after) == ("required", "3 mm")
    (source,) = [s for s in fact(after, "structure.tumourDistance", "T1/skin/none")["sources"] if s["role"] == "value"]
    assert source["resource"] == f"QuestionnaireResponse/{entry.id}"
    assert re.fullmatch(
        r"QuestionnaireResponse\.item\[1\]\.item\[1\]\.item\[1\]\.answer\[0\]\.valueQuantity", source["path"]
    )
    assert source["date"] == "2026-11-20"
    assert codes(after) == codes(before)


def test_every_door_uses_what_was_entered(board: Board, example: Json) -> None:
    bundle = example
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    applied = board.client.post(
        "/fhir/PlanDefinition/recurrent-head-and-neck/$apply",
        json={"resourceType": "Parameters", "parameter": [
            {"name": "subject", "valueString": "Patient/example-04"}, {"name": "data", "resource": bundle},
        ]},
    )  # fmt: skip
    assert applied.status_code == 200, applied.text
    (entry,) = board.entered()
    assert f"QuestionnaireResponse/{entry.id}" in applied.text
    page = board.client.get(f"/board/04-missing-safety-facts?as_of={AS_OF}")
    assert f"QuestionnaireResponse/{entry.id}" in page.text
    batch = json.dumps({"bundle": bundle, "as_of": AS_OF}) + "\n"
    line = board.client.post("/evaluate/batch", content=batch, headers={"content-type": "application/x-ndjson"})
    assert f"QuestionnaireResponse/{entry.id}" in line.text


def test_the_page_shows_the_response_with_the_element_marked(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    sent = json.dumps(bundle)
    page = Page(board.client.post("/board", data={"bundle": sent, "as_of": AS_OF, "phase": "decision"}).text)
    assert page.problems == []
    name = f"QuestionnaireResponse/{entry.id}"
    assert name in page.text
    (shown,) = re.findall(rf"<code>{name}</code></summary>\s*<pre>(.*?)</pre>", page.html, re.DOTALL)
    assert re.search(r"<mark id=\"element-\d+-\d+\">[^<]*3", shown)
    assert "Dr Adams" in shown


def test_every_element_of_an_example_leads_to_its_own_resource_after_something_was_entered(
    made: Callable[..., Board],
) -> None:
    board = made()
    at = f"/board/04-missing-safety-facts?as_of={AS_OF}"
    record = re.search(r'href="/board/records/([^"/?]+)"', board.client.get(at).text)
    assert record is not None
    board.enter(record[1], **{SKIN: "3"})
    (entry,) = board.entered()
    page = board.client.get(at).text
    assert f"QuestionnaireResponse/{entry.id}" in page
    links = re.findall(r'<a href="([^"#]*)#(element-\d+-\d+)"[^>]*>([^<]+)', page)
    assert links != []
    for address, place, told in links:
        shown = board.client.get(html.unescape(address)).text if address else page
        before = shown[: shown.index(f'id="{place}"')]
        assert told.strip().startswith(re.findall(r"<code>([^<]+)</code></summary>", before)[-1])


def test_a_recorded_answer_is_replayed_from_its_own_facts(board: Board, bundle: Json) -> None:
    from cds.records.replay import replay

    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    board.evaluate(changed(bundle, birthDate="1950-01-01"))
    records = board.records()
    for entry in records.entries("decision"):
        assert replay(records, entry, board.runtime.rules).changes == ()
    assert list(records.verify()) == []
    records.close()


def test_a_page_of_a_search_is_no_more_complete_for_what_was_entered(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    partly = {**bundle, "total": len(bundle["entry"]) + 1}
    assert "further-page" in codes(board.evaluate(partly)[0])


def test_under_pseudonyms_it_comes_back_to_the_real_lesion(made: Callable[..., Board], example: Json) -> None:
    bundle = example
    board = made(pseudonym_key=SecretStr("a key of more than sixteen characters"))
    _, record = board.evaluate(bundle)
    form = Page(board.client.get(f"/board/records/{record}/enter").text)
    (action,) = [each["action"] for each in form.of("form")]
    response = board.client.post(action, data={**FORM, SKIN: "3"}, follow_redirects=False)
    assert response.status_code == 303
    (entry,) = board.entered()
    records = board.records()
    assert "example-04" not in json.dumps(records.content(entry.id))
    assert '"T1"' not in json.dumps(records.content(entry.id))
    kept = records.content(entry.id)["lesion"]
    assert (kept["site"], kept["side"]) == ("neck_node", "right")
    assert re.fullmatch("p-[0-9a-f]{24}", kept["label"]), "words of the record are kept as a keyed digest"
    records.close()
    answer, _ = board.evaluate(bundle)
    assert skin(answer) == ("required", "3 mm")
    assert [each["id"] for each in answer["lesions"]] == ["T1"]


def test_of_a_large_body_it_is_used_too(rules: Path, tmp_path: Path, bundle: Json) -> None:
    database = f"sqlite:///{tmp_path / 'large.sqlite3'}"
    settings = Settings(rules=rules, database=SecretStr(database), large_body=2_000, large_processes=1)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        board = Board(client, database)
        _, record = board.evaluate(bundle)
        board.enter(record, **{SKIN: "3"})
        assert skin(board.evaluate(bundle)[0]) == ("required", "3 mm")
        other = copy.deepcopy(bundle)
        structures(other)[0]["description"] = "another node"
        answer, _ = board.evaluate(other)
        assert skin(answer) == ("not-required", "> 30 mm")
        assert "entered-not-used" in codes(answer)
