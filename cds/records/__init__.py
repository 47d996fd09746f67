"""Decision records: what was asked, known and answered, kept so that it can be checked, replayed and never changed.

    records = open_records("sqlite:///records.sqlite3")
    entry = records.append_decision(Decision(…))                    # before the answer is given out; entry.id names it
    records.append_cards(entry.id, [Card(uuid, ("SS-2",))], service="recurrent-head-and-neck-review")
    records.append_feedback(Feedback(card=uuid, outcome="overridden", …))
    records.append_board_decision(BoardDecision(decision=entry.id, …), beside=0)    # 0: nobody had decided before
    records.append_entry("questionnaire-response", {…}, about=entry.id, subject="Patient/p")
    records.entries("feedback", about=uuid)                         # and entry(id), content(id), case(id),
    override_rates()

Every call talks to the database: in the service it belongs off the event loop (`anyio.to_thread.run_sync`). Each may
raise `RecordsUnavailable`, which the service answers with 503.
"""

from cds.records.chain import Fault
from cds.records.entries import (
    Author,
    BoardDecision,
    Card,
    Decision,
    Entry,
    Feedback,
    Kind,
    Outcome,
    Overridden,
    OverrideRate,
)
from cds.records.errors import DecidedMeanwhile, RecordsUnavailable, UnknownRecord, UnreadableRecord
from cds.records.ledger import Records, open_records, place_of
from cds.records.one_patient import PatientRecords
from cds.records.preparation import Prepared, prepared_decision
from cds.records.pseudonyms import Pseudonyms

__all__ = [
    "Author", "BoardDecision", "Card", "DecidedMeanwhile", "Decision", "Entry", "Fault", "Feedback", "Kind", "Outcome",
    "Overridden", "OverrideRate", "PatientRecords", "Prepared", "Pseudonyms", "Records", "RecordsUnavailable",
    "UnknownRecord", "UnreadableRecord", "open_records", "place_of", "prepared_decision",
]  # fmt: skip
