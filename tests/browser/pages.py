"""The addresses of every kind of page of one service, those of records after one was made."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.request import urlopen

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
    "two evaluations compared": _compared,
    "the rules": lambda _: "/rules",
    "a rule": lambda _: "/rules/SS-2",
    "the references": lambda _: "/references",
    "a reference": lambda _: "/references/schwartz2022",
    "the vocabulary": lambda _: "/vocabulary",
    "a page that is not there": lambda _: "/board/nothing",
}
