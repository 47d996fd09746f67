"""`cds records`, as people run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from cds.cli import main
from cds.records import Card, Decision, Feedback, Records, open_records
from cds.records.database import open_engine


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'r.sqlite3'}"


@pytest.fixture
def kept(database: str, decision: Decision) -> tuple[Records, str]:
    records = open_records(database)
    entry = records.append_decision(decision)
    records.append_cards(entry.id, [Card("c", ("SS-2",))], service="review")
    records.append_feedback(
        Feedback("c", "overridden", "2026-11-22T10:00:00Z", "review", reason={"code": "patient-refuses"})
    )
    return records, entry.id


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["records", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_verify_prints_the_head_and_takes_one(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str]
) -> None:
    status, out, _ = run(capsys, "verify", "--database", database)
    assert status == 0
    assert out.startswith("3 records; the chain holds\nhead 3:")
    head = out.split("head ")[1].strip()
    assert run(capsys, "verify", "--database", database, "--head", head)[0] == 0
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER entry_never_changes"))
        connection.execute(sa.text("UPDATE entry SET kind = 'card' WHERE number = 1"))
    engine.dispose()
    status, out, _ = run(capsys, "verify", "--database", database, "--head", head)
    assert status == 1
    assert "record 1: it was changed after it was written" in out
    status, _, err = run(capsys, "verify", "--database", database, "--head", "3")
    assert status == 2
    assert "NUMBER:DIGEST" in err


def test_records_that_are_not_there_are_no_chain_that_holds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for what in ("verify", "list", "replay", "override-rates"):
        status, out, err = run(capsys, what, "--database", f"sqlite:///{tmp_path / 'elsewhere' / 'r.sqlite3'}")
        assert (status, out) == (2, "")
        assert "there is no such file" in err
    assert not list(tmp_path.iterdir()), "nothing was made"


def test_a_setting_that_cannot_be_used_is_told_by_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDS_RETENTION_DAYS", "never")
    status, _, err = run(capsys, "list")
    assert status == 2
    assert "CDS_RETENTION_DAYS" in err
    assert "defect" not in err


def test_list_and_show_print_what_is_recorded(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str]
) -> None:
    status, out, _ = run(capsys, "list", "--database", database)
    assert status == 0
    assert [line.split()[2] for line in out.splitlines()] == ["decision", "card", "feedback"]
    _, out, _ = run(capsys, "list", "--database", database, "--kind", "decisions", "--format", "json")
    assert json.loads(out)["id"] == kept[1]
    status, out, _ = run(capsys, "show", kept[1], "--database", database)
    assert status == 0
    assert json.loads(out)["content"]["answer"]["as_of"] == "2026-11-22"
    assert run(capsys, "show", "nothing", "--database", database)[0] == 2
    assert run(capsys, "list", "--kind", "thoughts", "--database", database)[0] == 2


def test_a_search_for_a_patient_that_finds_nothing_says_so_and_a_bare_id_is_refused(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, err = run(capsys, "list", "--database", database, "--patient", "p")
    assert (status, out) == (2, "")
    assert "give it as Patient/4711" in err
    status, out, err = run(capsys, "list", "--database", database, "--patient", "Patient/nobody")
    assert (status, out) == (0, "")
    assert "no record of Patient/nobody was found; where pseudonyms are recorded, CDS_PSEUDONYM_KEY has to be" in err
    monkeypatch.setenv("CDS_PSEUDONYM_KEY", "a key of at least thirty-two letters")
    _, _, err = run(capsys, "list", "--database", database, "--patient", "Patient/nobody")
    assert err == "cds records: no record of Patient/nobody was found\n"
    _, out, err = run(capsys, "list", "--database", database, "--kind", "erasures")
    assert (out, err) == ("", "cds records: no record was found\n")


def test_a_record_that_was_changed_is_told_and_keeps_no_other_from_its_replay(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str], decision: Decision, repository: Path
) -> None:
    kept[0].append_decision(decision)
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER content_never_changes"))
        connection.execute(sa.text("UPDATE content SET data = x'00' WHERE entry = :id"), {"id": kept[1]})
    engine.dispose()
    rules = str(repository / "rules" / "recurrent-head-and-neck")
    status, out, err = run(capsys, "replay", "--database", database, "--rules", rules)
    assert status == 1
    assert out == "1 decision replayed, 0 changed; 1 could not be replayed: they are not what was recorded\n"
    assert "record 1: its content is not what was recorded; run `cds records verify`" in err


def test_replay_says_what_changed(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str], repository: Path
) -> None:
    rules = str(repository / "rules" / "recurrent-head-and-neck")
    status, out, _ = run(capsys, "replay", "--database", database, "--rules", rules)
    assert (status, out) == (0, "1 decision replayed, 0 changed\n")
    assert run(capsys, "replay", "c", "--database", database, "--rules", rules)[0] == 2


def test_override_rates_are_printed_for_each_rule(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str]
) -> None:
    _, out, _ = run(capsys, "override-rates", "--database", database)
    assert out == "SS-2: shown 1, overridden 100 % of 1 (patient-refuses 1)\n"
    _, out, _ = run(capsys, "override-rates", "--database", database, "--format", "json")
    assert json.loads(out)[0]["overridden"] == 1


def test_expire_needs_a_time_of_retention(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str]
) -> None:
    assert run(capsys, "expire", "--database", database)[0] == 2
    status, out, _ = run(capsys, "expire", "--database", database, "--days", "30")
    assert (status, out) == (0, "the content of 0 records was erased; their entries stay\n")


def test_ids_may_stand_before_and_behind_the_options(
    capsys: pytest.CaptureFixture[str], database: str, kept: tuple[Records, str]
) -> None:
    records, id_ = kept
    records.close()
    told = [
        run(capsys, "show", *words)
        for words in ((id_, "--database", database), ("--database", database, id_), ("--database", database, "--", id_))
    ]
    assert told[0] == told[1] == told[2]
    assert told[0][0] == 0
    twice = run(capsys, "show", id_, "--database", database, "c")
    assert twice[0] == 0
    assert twice[1].startswith(told[0][1])
    status, _, said = run(capsys, "show", "--database", database, id_, "--nothing")
    assert (status, "unrecognized arguments: --nothing" in said) == (2, True)
