"""What was entered of a lesion is used for that lesion alone, as far as the record shows that it is the same."""

from __future__ import annotations

import copy
import json

import pytest

from tests.service.board.entry.boards import AS_OF, Board, Json, codes, fact, structures


def swapped(bundle: Json) -> Json:
    """The same record in which the two lesions changed their ids."""
    other = copy.deepcopy(bundle)
    one, two = structures(other)
    one["identifier"], two["identifier"] = two["identifier"], one["identifier"]
    return other


def take_sides_out(bundle: Json) -> None:
    """Leave the record without the side of T2."""
    del structures(bundle)[1]["locationQualifier"]
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Condition":
            for site in entry["resource"].get("bodySite", []):
                site.pop("extension", None)


DECLINES = {"lesion.declinesCryoablation": "true", "patient.ecog": "2", "day": "2026-11-21"}


def declining(answer: Json) -> set[str]:
    """The lesions for which the patient declines cryoablation."""
    found = [each for each in answer["facts"] if each["name"] == "lesion.declinesCryoablation"]
    return {each["subject"] for each in found if each["status"] == "known" and each["display"] == "yes"}


def test_what_was_entered_of_a_lesion_does_not_pass_to_another_with_its_id(board: Board, two: Json) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    same, _ = board.evaluate(two)
    assert declining(same) == {"T2"}
    assert "entered-not-used" not in codes(same)
    other, _ = board.evaluate(swapped(two))
    assert declining(other) == set()
    (told,) = [each["details"] for each in other["issues"] if each["code"] == "entered-not-used"]
    assert "`T2` was not used: its site was `neck_node` then, and is `oropharynx` in this record" in told
    assert fact(other, "patient.ecog", "patient")["display"] == "2", "the rest of the form is about the patient"


@pytest.mark.parametrize("member", ["side", "description"])
def test_a_lesion_of_which_the_record_no_longer_says_what_it_said_may_be_another(
    board: Board, two: Json, member: str
) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    other = copy.deepcopy(two)
    if member == "description":
        del structures(other)[1]["description"]
    else:
        take_sides_out(other)
    answer, _ = board.evaluate(other)
    assert declining(answer) == set()
    assert "entered-not-used" in codes(answer)


def test_what_is_entered_of_a_lesion_without_side_is_not_used_and_the_form_says_so_before(
    board: Board, two: Json
) -> None:
    take_sides_out(two)
    answer, record = board.evaluate(two)
    assert fact(answer, "lesion.side", "T2")["status"] == "absent"
    warned = "What you enter here about the lesion will not be used"
    assert warned in board.client.get(f"/board/records/{record}/enter?lesion=T2").text
    assert warned not in board.client.get(f"/board/records/{record}/enter?lesion=T1").text
    board.enter(record, lesion="T2", **{**DECLINES, "lesion.side": "right"})
    after, _ = board.evaluate(two)
    assert declining(after) == set()
    assert "entered-not-used" in codes(after)


def test_every_door_leaves_out_what_was_entered_of_another_lesion(board: Board, two: Json) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    batch = json.dumps({"bundle": swapped(two), "as_of": AS_OF}) + "\n"
    line = board.client.post("/evaluate/batch", content=batch, headers={"content-type": "application/x-ndjson"})
    assert "entered-not-used" in line.text
    page = board.client.post("/board", data={"bundle": json.dumps(swapped(two)), "as_of": AS_OF, "phase": "decision"})
    assert "entered-not-used" in page.text


def test_what_was_entered_does_not_vouch_for_its_own_lesion(board: Board, two: Json) -> None:
    """A form that contradicts the record's site leaves what was entered before usable, and is used itself."""
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    board.enter(record, lesion="T2", **{"lesion.site": "larynx"})
    answer, later = board.evaluate(two)
    assert fact(answer, "lesion.site", "T2")["status"] == "conflicting"
    assert declining(answer) == {"T2"}
    assert "will not be used" in board.client.get(f"/board/records/{later}/enter?lesion=T2").text


def test_a_form_that_does_not_keep_its_lesion_is_used_for_the_patient_alone(board: Board, two: Json) -> None:
    _, record = board.evaluate(two)
    board.enter(record, lesion="T2", **DECLINES)
    records = board.records()
    (entry,) = board.entered()
    old = {name: each for name, each in records.content(entry.id).items() if name != "lesion"}
    records.append_entry("questionnaire-response", {"withdraws": entry.id, "name": "x"}, about=record)
    records.append_entry("questionnaire-response", old, about=record)
    records.close()
    answer, _ = board.evaluate(two)
    assert declining(answer) == set()
    assert "entered-not-used" in codes(answer)
    assert fact(answer, "patient.ecog", "patient")["display"] == "2"
