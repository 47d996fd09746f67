"""What was entered stands beside what the record says, and beside what was entered before."""

from __future__ import annotations

import json

from tests.service.board.entry.boards import SKIN, Board, Json, codes, fact, skin


def test_a_contradiction_with_the_record_shows_both_sources(board: Board, bundle: Json) -> None:
    """The site does not change, so no date can settle it."""
    before, record = board.evaluate(bundle)
    assert fact(before, "lesion.site")["status"] == "known"
    board.enter(record, **{"lesion.site": "larynx"})
    after, _ = board.evaluate(bundle)
    site = fact(after, "lesion.site")
    assert site["status"] == "conflicting"
    named = {each["resource"].partition("/")[0] for each in site["sources"] if each["role"] == "value"}
    assert "QuestionnaireResponse" in named
    assert len(named) > 1
    assert "conflicting-sources" in codes(after)


def test_of_a_fact_that_changes_the_newest_day_of_findings_counts(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{"patient.inr": "2.5", "day": "2026-11-20"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("2.5")
    board.enter(record, **{"patient.inr": "3.5", "day": "2026-11-01"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("2.5")
    board.enter(record, **{"patient.inr": "1.1", "day": "2026-11-21"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("1.1")
    assert len(board.entered()) == 3


def test_two_forms_of_one_day_contradict_each_other_until_one_is_withdrawn(board: Board, bundle: Json) -> None:
    """Who typed last does not outvote somebody else."""
    _, record = board.evaluate(bundle)
    wrong = board.enter(record, **{"patient.inr": "2.5", "patient.ecog": "1", "name": "Dr Adams"})
    board.enter(record, **{"patient.inr": "1.1", "patient.ecog": "1", "name": "Dr Brown"})
    answer, _ = board.evaluate(bundle)
    found = fact(answer, "patient.inr", "patient")
    assert found["status"] == "conflicting"
    resources = {f"QuestionnaireResponse/{entry.id}" for entry in board.entered()}
    assert {each["resource"] for each in found["sources"] if each["role"] == "value"} == resources
    assert "conflicting-sources" in codes(answer)
    assert fact(answer, "patient.ecog", "patient")["display"] == "1", "they agree"
    board.client.post(wrong, data={"name": "Dr Adams"})
    assert fact(board.evaluate(bundle)[0], "patient.inr", "patient")["display"].startswith("1.1")


def test_of_a_fact_that_does_not_change_two_forms_contradict_each_other(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{"lesion.p16": "positive", "day": "2026-11-01"})
    board.enter(record, **{"lesion.p16": "negative", "day": "2026-11-20"})
    found = fact(board.evaluate(bundle)[0], "lesion.p16")
    assert found["status"] == "conflicting"
    assert len({each["resource"] for each in found["sources"] if each["role"] == "value"}) == 2


def test_findings_after_the_day_of_the_answer_are_not_used_and_said(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3", "day": "2026-11-20"})
    answer, _ = board.evaluate(bundle, as_of="2026-11-19")
    assert fact(answer, "structure.tumourDistance", "T1/skin/none")["display"] == "> 30 mm"
    assert "entered-not-used" in codes(answer)


def test_a_response_that_the_record_holds_itself_is_taken_from_there(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3"})
    (entry,) = board.entered()
    records = board.records()
    stored = records.content(entry.id)["response"]
    records.close()
    (patient,) = [e["resource"]["id"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    own = {**stored, "id": entry.id, "subject": {"reference": f"Patient/{patient}"}, "status": "entered-in-error"}
    sent = {**bundle, "entry": [*bundle["entry"], {"resource": own}]}
    assert skin(board.evaluate(sent)[0]) == ("not-required", "> 30 mm")


def test_a_lesion_that_only_the_form_names_is_not_made_one(board: Board, bundle: Json) -> None:
    _, record = board.evaluate(bundle)
    board.enter(record, **{SKIN: "3", "patient.ecog": "2", "day": "2026-11-21"})
    renamed: Json = json.loads(json.dumps(bundle).replace('"value": "T1"', '"value": "T9"'))
    answer, _ = board.evaluate(renamed)
    assert [each["id"] for each in answer["lesions"]] == ["T9"]
    assert "entered-not-used" in codes(answer)
    assert fact(answer, "patient.ecog", "patient")["display"] == "2", "the rest of the form is about the patient"
