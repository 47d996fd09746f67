"""What boards decide is appended beside what they had before them: looked for and written under one lock."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from cds.records import Author, BoardDecision, DecidedMeanwhile, Decision, Entry, Overridden, Records, UnknownRecord

Open = Callable[..., Records]
DAY = dt.date(2026, 11, 23)


def decided(record: str, **changed: object) -> BoardDecision:
    return replace(BoardDecision(record, "cryoablation", DAY, "T1"), **changed)  # type: ignore[arg-type]


def test_everything_that_was_decided_is_read_back(records: Records, decision: Decision) -> None:
    record = records.append_decision(decision).id
    made = decided(
        record, label="Percutaneous cryoablation", verdict="ineligible", follows=False, rationale="one\ntwo",
        members=("A", "B"), overridden=(Overridden("SS-0", "The team judged."),),
    )  # fmt: skip
    entry = records.append_board_decision(made, beside=0)
    assert records.content(entry.id) == {
        "lesion": "T1", "option": "cryoablation", "label": "Percutaneous cryoablation", "verdict": "ineligible",
        "rationale": "one\ntwo", "members": ["A", "B"], "overridden": [{"rule": "SS-0", "says": "The team judged."}],
    }  # fmt: skip
    assert entry.body["follows"] is False
    assert records.board_decisions(record) == (entry,)
    assert list(records.verify()) == []


def test_a_decision_beside_one_that_its_writers_have_not_seen_is_not_stored(
    records: Records, decision: Decision
) -> None:
    record = records.append_decision(decision).id
    first = records.append_board_decision(decided(record), beside=0)
    with pytest.raises(DecidedMeanwhile) as caught:
        records.append_board_decision(decided(record, option="salvage-surgery"), beside=0)
    assert caught.value.others == (first.id,)
    assert records.head()[0] == first.number
    second = records.append_board_decision(decided(record, option="salvage-surgery"), beside=first.number)
    assert records.board_decisions(record) == (first, second)


def test_what_was_decided_beside_another_evaluation_of_the_patient_counts_too(
    records: Records, decision: Decision
) -> None:
    older, newer = (records.append_decision(decision).id for _ in range(2))
    first = records.append_board_decision(decided(older), beside=0)
    assert records.board_decisions(newer) == (first,)
    with pytest.raises(DecidedMeanwhile):
        records.append_board_decision(decided(newer), beside=0)


def test_another_lesion_another_place_and_an_unchecked_decision_are_no_conflict(
    records: Records, decision: Decision
) -> None:
    record = records.append_decision(decision).id
    records.append_board_decision(decided(record), beside=0)
    records.append_board_decision(decided(record, lesion="T2"), beside=0)
    records.append_board_decision(decided(record))
    of_other_places = (
        replace(decision, server="https://other.example/fhir"),
        replace(decision, author=Author("a", "https://other.example")),
    )
    for elsewhere in (records.append_decision(each).id for each in of_other_places):
        assert records.board_decisions(elsewhere) == ()
        records.append_board_decision(decided(elsewhere), beside=0)


def test_an_erased_decision_stands_in_nobodys_way_and_is_still_counted(records: Records, decision: Decision) -> None:
    record = records.append_decision(decision).id
    erased = records.append_board_decision(decided(record), beside=0)
    records.erase_before(dt.datetime.now(dt.UTC) + dt.timedelta(days=1))
    assert records.board_decisions(record) == (erased,)
    records.append_board_decision(decided(record), beside=0)
    assert list(records.verify()) == []


def test_a_correction_names_a_decision_about_the_same_lesion(records: Records, decision: Decision) -> None:
    record = records.append_decision(decision).id
    first = records.append_board_decision(decided(record), beside=0)
    other = records.append_board_decision(decided(record, lesion="T2"), beside=0)
    for wrong in (other.id, record, "nothing"):
        with pytest.raises(UnknownRecord):
            records.append_board_decision(decided(record, supersedes=wrong), beside=first.number)
    corrected = records.append_board_decision(decided(record, supersedes=first.id), beside=first.number)
    assert corrected.body["supersedes"] == first.id
    assert records.content(first.id)["option"] == "cryoablation"


def test_of_many_that_decide_at_once_over_connections_of_their_own_one_is_stored(
    open_: Open, decision: Decision
) -> None:
    first = open_()
    record = first.append_decision(decision).id
    several = [first, *(open_() for _ in range(3))]
    start = threading.Barrier(len(several))
    stored: list[Entry] = []
    refused: list[DecidedMeanwhile] = []

    def decide(records: Records, name: str) -> None:
        start.wait()
        try:
            stored.append(records.append_board_decision(decided(record, members=(name,)), beside=0))
        except DecidedMeanwhile as error:
            refused.append(error)

    threads = [threading.Thread(target=decide, args=(each, f"Dr {n}")) for n, each in enumerate(several)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(stored) == 1
    assert [error.others for error in refused] == [(stored[0].id,)] * (len(several) - 1)
    assert first.board_decisions(record) == tuple(stored)
