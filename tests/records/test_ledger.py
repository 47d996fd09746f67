"""The records in both databases: appended, read back, joined, erased when it is time, and never changed."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cds.case import Case
from cds.records import (
    Author,
    BoardDecision,
    Card,
    Decision,
    Feedback,
    Records,
    RecordsUnavailable,
    UnknownRecord,
    UnreadableRecord,
    open_records,
)
from cds.records.chain import faults
from cds.records.database import LEAST_ROOM, open_engine, upgrade
from cds.records.tables import METADATA

Open = Callable[..., Records]
NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def test_a_decision_is_read_back_with_its_facts_and_its_answer(records: Records, decision: Decision) -> None:
    entry = records.append_decision(decision)
    assert records.entry(entry.id) == entry
    assert (entry.number, entry.kind) == (1, "decision")
    assert records.case(entry.id) == decision.case
    assert records.content(entry.id)["answer"] == orjson.loads(decision.answer)
    assert entry.body["rule_set"]["digest"].startswith("sha256:")
    assert entry.body["as_of"] == "2026-11-22"
    assert set(entry.body["engines"]) == {"reference", "durable-rules"}


def test_the_bundle_is_kept_only_where_it_is_given(records: Records, decision: Decision) -> None:
    without = records.append_decision(decision)
    kept = records.append_decision(replace(decision, bundle=b'{"resourceType":"Bundle"}'))
    assert "bundle" not in records.content(without.id)
    assert records.content(kept.id)["bundle"] == {"resourceType": "Bundle"}


def test_every_kind_of_entry_joins_the_decision_that_it_is_about(records: Records, decision: Decision) -> None:
    decided = records.append_decision(decision)
    records.append_cards(decided.id, [Card("c-1", ("SS-2",), {"s-1": "SS-2"})], service="review")
    told = Feedback("c-1", "overridden", "2026-11-22T10:00:00Z", "review", reason={"code": "x"}, comment="seen")
    feedback = records.append_feedback(told)
    board = records.append_board_decision(BoardDecision(decided.id, "cryoablation", NOON.date(), members=("A. B.",)))
    author = Author("dr", "https://idp.example")
    form = records.append_entry("questionnaire-response", {"status": "completed"}, about=decided.id, author=author)
    assert [each.kind for each in records.entries(about=decided.id)] == [
        "card", "board-decision", "questionnaire-response",
    ]  # fmt: skip
    assert records.entries("feedback", about="c-1") == (feedback,)
    assert records.content(feedback.id) == {"comment": "seen"}
    assert records.content(board.id)["members"] == ["A. B."]
    assert records.entry(form.id).body["author"] == {"name": "dr", "issuer": "https://idp.example"}
    assert list(records.verify(records.head())) == []


def test_a_patient_is_found_by_reference(records: Records, decision: Decision) -> None:
    entry = records.append_decision(decision)
    reference = next(source[0] for source in records.content(entry.id)["facts"]["sources"] if "Patient/" in source[0])
    records.append_entry("questionnaire-response", {}, subject="Patient/other")
    assert records.entries(subject=reference) == (entry,)


def test_other_decisions_about_the_same_patient_are_found_from_one_of_them(
    records: Records, decision: Decision
) -> None:
    first, second = records.append_decision(decision), records.append_decision(decision)
    nobody = records.append_decision(replace(decision, case=Case(dt.date(2026, 11, 22), {}, ())))
    assert [entry.id for entry in records.of_same_patient(first.id)] == [first.id, second.id]
    assert [entry.id for entry in records.of_same_patient(first.id, limit=1)] == [second.id]
    assert records.of_same_patient(nobody.id) == records.of_same_patient("none") == ()


def test_a_form_is_about_the_patient_of_the_answer_that_it_belongs_to(records: Records, decision: Decision) -> None:
    decided = records.append_decision(decision)
    form = records.append_entry("questionnaire-response", {"status": "completed"}, about=decided.id)
    assert records.of_same_patient(decided.id, kind="questionnaire-response") == (form,)
    assert records.of_same_patient(form.id) == (decided,)
    reference = next(source[0] for source in records.content(decided.id)["facts"]["sources"] if "Patient/" in source[0])
    assert records.entries("questionnaire-response", subject=reference) == (form,)


def test_the_same_feedback_is_recorded_once(records: Records) -> None:
    told = Feedback("unknown-card", "accepted", "2026-11-22T10:00:00Z", "review", suggestions=("s",))
    assert records.append_feedback(told) == records.append_feedback(told)
    later = Feedback("unknown-card", "accepted", "2026-11-22T11:00:00Z", "review", suggestions=("s",))
    assert records.append_feedback(later).number == 2


def test_feedback_with_another_reason_is_another_and_its_id_tells_nothing_of_its_words(records: Records) -> None:
    told = Feedback("unknown-card", "overridden", "2026-11-22T10:00:00Z", "review", reason={"code": "r"}, comment="a")
    others = (replace(told, reason={"code": "s"}), replace(told, reason=None), replace(told, comment="b"))
    for _ in range(2):
        assert [records.append_feedback(each).number for each in (told, *others)] == [1, 2, 3, 1]


def test_feedback_of_another_issuer_than_the_card_was_shown_to_is_not_counted(
    records: Records, decision: Decision
) -> None:
    decided = records.append_decision(decision)
    shown_to = Author("a clinician", "https://a.example")
    records.append_cards(decided.id, [Card("a", ("SS-2",))], service="review", author=shown_to)
    told = Feedback("a", "overridden", "2026-11-22T10:00:00Z", "review", author=Author("x", "https://b.example"))
    records.append_feedback(told)
    (rate,) = records.override_rates()
    assert (rate.shown, rate.overridden) == (1, 0)
    records.append_feedback(replace(told, outcome_at="2026-11-22T10:01:00Z", author=replace(shown_to, name="other")))
    (rate,) = records.override_rates()
    assert (rate.shown, rate.overridden) == (1, 1)


def test_override_rates_are_counted_for_each_rule_by_the_last_feedback(records: Records, decision: Decision) -> None:
    decided = records.append_decision(decision)
    cards = [Card("a", ("SS-2", "SS-3")), Card("b", ("SS-2",)), Card("c", ("SS-2",))]
    records.append_cards(decided.id, cards, service="review")
    for card, outcome, reason in (("a", "accepted", None), ("a", "overridden", {"code": "r"}), ("b", "accepted", None)):
        at = f"2026-11-22T10:0{len(outcome)}:00Z"
        records.append_feedback(Feedback(card, outcome, at, "review", reason=reason))  # type: ignore[arg-type]
    two, three = records.override_rates()
    assert (two.rule, two.shown, two.accepted, two.overridden, dict(two.reasons)) == ("SS-2", 3, 1, 1, {"r": 1})
    assert (three.rule, three.shown, three.accepted, three.overridden) == ("SS-3", 1, 0, 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entry SET body = '{}' WHERE number = 1",
        "DELETE FROM entry WHERE number = 2",
        "UPDATE content SET data = salt",
        "DELETE FROM content",
        "INSERT INTO entry SELECT 9, 'x', kind, recorded_at, about, body, previous, digest FROM entry WHERE number = 1",
        "INSERT INTO entry SELECT 3, 'x', kind, recorded_at, about, body, previous, digest FROM entry WHERE number = 1",
    ],
)
def test_the_database_itself_refuses_to_change_a_record(
    url: str, records: Records, decision: Decision, statement: str
) -> None:
    records.append_decision(decision)
    records.append_decision(decision)
    engine = open_engine(url)
    refused = "append-only|recorded erasure|follows on the newest"
    with pytest.raises(sa.exc.DBAPIError, match=refused), engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
    assert list(records.verify()) == []


def test_a_sqlite_row_cannot_be_replaced_either(tmp_path: Path, decision: Decision) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite3'}"
    records = open_records(url)
    records.append_decision(decision)
    engine = open_engine(url)
    for table in ("entry", "content"):
        with pytest.raises(sa.exc.DBAPIError, match=r"append-only|follows"), engine.begin() as connection:
            connection.execute(sa.text(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"))
    engine.dispose()
    records.close()


def _without_guards(url: str) -> sa.Engine:
    """The database as one has it who may do anything there."""
    engine = open_engine(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("ALTER TABLE entry DISABLE TRIGGER ALL"))
            connection.execute(sa.text("ALTER TABLE content DISABLE TRIGGER ALL"))
        else:
            names = connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            for name in names:
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
    return engine


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE entry SET body = replace(body, 'evaluate', 'x') WHERE number = 2", r"record 2: it was changed"),
        ("UPDATE entry SET recorded_at = '2020-01-01T00:00:00.000000Z' WHERE number = 1", r"record 1: it was changed"),
        ("UPDATE entry SET previous = digest WHERE number = 3", r"record 3: it does not follow"),
        ("DELETE FROM entry WHERE number = 2", r"record 2: 1 record is missing"),
        ("DELETE FROM content WHERE entry = (SELECT id FROM entry WHERE number = 2)", r"record 2: its content is gone"),
        ("UPDATE content SET subject = 'Patient/x'", r"record 1: its content was changed"),
        ("UPDATE content SET data = salt", r"record 1: its content is damaged"),
    ],
)
def test_tampering_past_the_guards_shows(
    url: str, records: Records, decision: Decision, statement: str, said: str
) -> None:
    for _ in range(3):
        records.append_decision(decision)
    engine = _without_guards(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()
    assert any(re.match(said, str(fault)) for fault in records.verify())


def test_the_end_of_a_chain_that_was_cut_off_shows_beside_a_noted_head(
    url: str, records: Records, decision: Decision
) -> None:
    records.append_decision(decision)
    records.append_decision(decision)
    noted = records.head()
    engine = _without_guards(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM content WHERE entry = (SELECT id FROM entry WHERE number = 2)"))
        connection.execute(sa.text("DELETE FROM entry WHERE number = 2"))
    engine.dispose()
    assert list(records.verify()) == []
    assert [str(fault) for fault in records.verify(noted)] == ["record 2: it was noted as there, and is gone"]
    assert [str(f) for f in records.verify((1, "0" * 64))] == ["record 1: its digest is not the one that was noted"]


def test_changed_content_is_not_shown_as_if_it_were_recorded(url: str, records: Records, decision: Decision) -> None:
    entry = records.append_decision(decision)
    engine = _without_guards(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE content SET data = salt"))
    engine.dispose()
    with pytest.raises(UnreadableRecord, match="cds records verify"):
        records.content(entry.id)


def test_what_is_old_is_erased_with_a_trace_and_the_chain_still_holds(open_: Open, decision: Decision) -> None:
    moment = [NOON - dt.timedelta(days=40)]
    records = open_(clock=lambda: moment[0])
    old = records.append_decision(decision)
    moment[0] = NOON
    new = records.append_decision(decision)
    assert records.erase_before(NOON - dt.timedelta(days=30)) == 1
    assert records.erase_before(NOON - dt.timedelta(days=30)) == 0
    with pytest.raises(UnknownRecord, match="erased"):
        records.content(old.id)
    assert records.entry(old.id) == old
    assert records.case(new.id) == decision.case
    assert [each.kind for each in records.entries(about=old.id)] == ["erasure"]
    assert list(records.verify(records.head())) == []


def test_what_is_erased_while_the_chain_is_verified_is_no_tampering(open_: Open, decision: Decision) -> None:
    records = open_(clock=lambda: NOON)
    entry = records.append_decision(decision)
    for _ in range(60):  # more than are read at once
        records.append_feedback(Feedback(str(uuid.uuid4()), "accepted", "t", "s"))
    reading = records._links()
    links = [next(reading)]
    assert records.erase_before(NOON + dt.timedelta(days=1)) == 1
    assert list(faults([*links, *reading], frozenset())) == [], "read before it was erased"
    assert list(faults(records._links(), frozenset())) == [], "erased after the erasures were read"
    without = [link for link in records._links() if link.kind != "erasure"]
    assert [str(each) for each in faults(without, frozenset())] == [
        f"record {entry.number}: its content is gone, and no erasure was recorded"
    ]


def test_what_is_not_there_is_said_so(records: Records, decision: Decision) -> None:
    with pytest.raises(UnknownRecord, match="`nothing`: no such record"):
        records.entry("nothing")
    with pytest.raises(UnknownRecord):
        records.append_board_decision(BoardDecision("nothing", "x", NOON.date()))
    card = records.append_feedback(Feedback("c", "accepted", "t", "s"))
    with pytest.raises(UnknownRecord, match="no record of a decision"):
        records.append_board_decision(BoardDecision(card.id, "x", NOON.date()))


def test_threads_append_one_after_the_other(records: Records, decision: Decision) -> None:
    with ThreadPoolExecutor(6) as pool:
        numbers = sorted(entry.number for entry in pool.map(lambda _: records.append_decision(decision), range(30)))
    assert numbers == list(range(1, 31))
    assert list(records.verify(records.head())) == []


APPENDS = """
import sys
from cds.records import Feedback, open_records
records = open_records(sys.argv[1])
for n in range(20):
    records.append_feedback(Feedback(f"{sys.argv[2]}-{n}", "accepted", "t", "s"))
"""


def test_processes_append_to_one_chain(url: str, repository: Path) -> None:
    # None of them finds the schema: they also race for making it.
    command = [sys.executable, "-c", APPENDS, url]
    running = [subprocess.Popen([*command, str(n)], cwd=repository, stderr=subprocess.PIPE) for n in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    records = open_records(url)
    assert records.head()[0] == 60
    assert list(records.verify()) == []
    records.close()


def test_a_token_is_used_once_until_it_expires(open_: Open) -> None:
    one, other = open_(), open_()
    assert one.is_first_use("https://ehr.example", "t", expires=100, at=0)
    assert not other.is_first_use("https://ehr.example", "t", expires=100, at=100)
    assert other.is_first_use("https://other.example", "t", expires=100, at=0)
    assert one.is_first_use("https://ehr.example", "t", expires=300, at=101)


def test_migrations_make_exactly_the_tables_that_the_program_reads(url: str) -> None:
    engine = open_engine(url)
    upgrade(engine)
    upgrade(engine)
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert [each for each in found if each[0] != "remove_table" or each[1].name != "alembic_version"] == []


@pytest.mark.parametrize("url_", ["", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "no url: secret"])
def test_a_url_that_names_no_database_is_refused_without_its_password(url_: str) -> None:
    with pytest.raises(RecordsUnavailable) as refused:
        open_records(url_)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_said_so_without_its_password() -> None:
    with pytest.raises(RecordsUnavailable) as refused:
        open_records("postgresql://cds:secret@127.0.0.1:1/none")
    assert "cannot be reached" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_disk_that_is_all_but_full_is_found_before_a_record_is_lost_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = open_records(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    records.check_writable()
    left = shutil.disk_usage(tmp_path)._replace(free=LEAST_ROOM - 1)
    monkeypatch.setattr("cds.records.database.shutil.disk_usage", lambda _: left)
    with pytest.raises(RecordsUnavailable, match=r"16\.0 MB are left on the disk"):
        records.check_writable()
    records.close()


def test_asking_whether_it_can_be_written_commits_to_the_disk_and_leaves_no_trace(tmp_path: Path) -> None:
    file = tmp_path / "r.sqlite3"
    records = open_records(f"sqlite:///{file}")
    ahead = file.with_name(f"{file.name}-wal")
    before = ahead.stat().st_size
    records.check_writable()
    assert ahead.stat().st_size > before
    assert records.head()[0] == 0
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM seen_token").fetchone() == (0,)
    records.close()


def test_what_cannot_be_read_is_not_said_to_be_unrecorded(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    with pytest.raises(RecordsUnavailable, match="nothing was read"):
        Records(engine).head()
    engine.dispose()


def test_a_full_disk_is_said_so_and_leaves_the_chain_whole(tmp_path: Path, decision: Decision, case: Case) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite3'}"
    open_records(url).close()
    engine = open_engine(url)

    @sa.event.listens_for(engine, "connect")
    def fill(connection: object, _: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")  # type: ignore[attr-defined]

    records = Records(engine)
    with pytest.raises(RecordsUnavailable, match="the disk is full"):
        for _ in range(3):
            records.append_decision(decision)
    assert list(records.verify()) == []
    records.close()
