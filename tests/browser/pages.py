"""The addresses of every kind of page of one service, those of records after one was made."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from urllib.request import urlopen

from cds.records import Author, BoardDecision, Overridden, open_records
from tests.browser.conftest import AS_OF, Service

LARGEST = "06"
"""The example with the longest page: two lesions."""


def _text(address: str) -> str:
    with urlopen(address) as answer:
        return str(answer.read().decode("utf-8"))


def record_of(service: Service, number: str) -> str:
    """The id of a new record of an example."""
    found = re.search(r"/board/records/([0-9a-f-]{36})", _text(service.example(number)))
    assert found is not None
    return found[1]


def _compared(service: Service) -> str:
    return f"/board/compare?before={record_of(service, '01')}&after={record_of(service, '02')}"


def _decided(service: Service) -> str:
    """The page of a decision of the board."""
    made = BoardDecision(
        record_of(service, "02"), "salvage-surgery", dt.date(2026, 11, 23), "T1", "a second opinion\nsays otherwise",
        False, ("Dr A", "Dr B"), Author("Dr A"), "Salvage surgery", "ineligible",
        (Overridden("SS-0", "The surgical team judged: unresectable."),),
    )  # fmt: skip
    records = open_records(service.database)
    entry = records.append_board_decision(made)
    records.close()
    return f"/board/decisions/{entry.id}"


def _entered(service: Service) -> str:
    """The page of a form that was stored, of a later day than every answer here: it changes none of them."""
    records = open_records(service.database)
    item = {"linkId": "patient.inr", "text": "INR", "answer": [{"valueDecimal": 1.2}]}
    day = {"linkId": "day", "answer": [{"valueDate": "2026-11-23"}]}
    response = {"author": {"display": "Dr A"}, "item": [day, {"linkId": "patient", "item": [item]}]}
    about = record_of(service, "11")
    entry = records.append_entry("questionnaire-response", {"response": response}, about=about)
    records.close()
    return f"/board/records/{about}/entered/{entry.id}"


PAGES: dict[str, Callable[[Service], str]] = {
    "the first page": lambda _: "/",
    "a case": lambda service: f"{service.examples['02']}?as_of={AS_OF}",
    "a case with everything open": lambda service: f"{service.examples['04']}?as_of={AS_OF}&unfold=true",
    "two lesions": lambda service: f"{service.examples[LARGEST]}?as_of={AS_OF}",
    "a case out of scope": lambda service: f"{service.examples['10']}?as_of={AS_OF}",
    "a case with a mistake": lambda service: f"{service.examples['13']}?as_of={AS_OF}",
    "a case in French": lambda service: f"{service.examples['02']}?as_of={AS_OF}&lang=fr",
    "the recorded cases": lambda service: f"/board/records?q={record_of(service, '03')[:0]}",
    "a recorded case": lambda service: f"/board/records/{record_of(service, '05')}",
    "the record behind an answer": lambda service: f"/board/records/{record_of(service, '05')}/resources",
    "two evaluations compared": _compared,
    "the form of a decision": lambda service: f"/board/records/{record_of(service, '04')}/decide?lesion=T1",
    "a decision": _decided,
    "the form for facts": lambda service: f"/board/records/{record_of(service, '04')}/enter?lesion=T1",
    "what was entered": _entered,
    "what would change the answer": lambda service: f"/board/records/{record_of(service, '01')}/what-if",
    "what if": lambda service: f"/board/records/{record_of(service, LARGEST)}/what-if?T1:declinesSurgery=true",
    "what cannot be supposed": lambda service: f"/board/records/{record_of(service, '02')}/what-if?patient:inr=soon",
    "the rule book": lambda _: "/rulebook",
    "the rules": lambda _: "/rules",
    "a rule": lambda _: "/rules/SS-2",
    "the references": lambda _: "/references",
    "a reference": lambda _: "/references/schwartz2022",
    "the vocabulary": lambda _: "/vocabulary",
    "a page that is not there": lambda _: "/board/nothing",
}
