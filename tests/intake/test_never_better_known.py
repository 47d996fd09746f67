"""A resource that is made unreadable never makes a fact better known, and never makes a "no" of what it said."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from cds.case import AbsenceReason, Absent, Known
from tests.intake.records import Json, Reader
from tests.intake.test_deletion import DOUBTFUL, LINKED, RICH, SECOND, states

Change = Callable[[dict[str, Any]], None]


def invalid(resource: Json) -> None:
    resource["foo"] = 1


def modified(resource: Json) -> None:
    resource["modifierExtension"] = [{"url": "https://example.org/not", "valueBoolean": True}]


def nobodys(resource: Json) -> None:
    for element in {"subject", "patient"} & set(resource):
        resource[element] = {"display": "somebody"}


@pytest.mark.parametrize("change", [invalid, modified, nobodys], ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    "source", [RICH, SECOND, LINKED, DOUBTFUL], ids=["one lesion", "two and a third", "linked", "much in doubt"]
)
def test_what_cannot_be_read_leaves_no_fact_better_known(source: Json, change: Change, read: Reader) -> None:
    before = states(read.read(source))
    for index, entry in enumerate(source["entry"]):
        if entry["resource"]["resourceType"] == "Patient":
            continue
        changed = copy.deepcopy(source)
        change(changed["entry"][index]["resource"])
        for name, state in states(read.read(changed)).items():
            was = before.get(name, state)
            if isinstance(was, Absent) and was.reason is AbsenceReason.STALE:
                continue  # the date of the event that it had to follow was lost; the vocabulary says what that means
            if isinstance(state, Known):
                assert state == was, f"{name} after {entry['resource'].get('id')}"
