"""What people entered here about a patient, as the pages list it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cds.board.entry import Line, day_of, lines_of
from cds.records import Entry, Records
from cds.service.entered import KIND, WITHDRAWS, is_of_same_place, is_same_person, readable


@dataclass(frozen=True, slots=True)
class Signed:
    """Who did something, and when. `vouched` is the name for which somebody vouches, with who does."""

    name: str
    vouched: str | None
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Told:
    """A stored form for people: its entry, who filled it in, of which day it is, what it says, and who withdrew it.

    `doubted`: the patient had another identifier or another date of birth then, so it may be about somebody else.
    """

    entry: Entry
    signed: Signed
    day: str
    lines: tuple[Line, ...]
    withdrawn: Signed | None = None
    doubted: bool = False


def told_about(records: Records, id_: str) -> tuple[Told, ...]:
    """What was entered about the patient of a recorded answer, newest first."""
    own = records.entry(id_).body
    known = [
        (entry, content) for entry, content in readable(records, records.of_same_patient(id_, kind=KIND))
        if entry.about is not None and is_of_same_place(records.entry(entry.about).body, own)
    ]  # fmt: skip
    gone = {content[WITHDRAWS]: _signed(entry, content.get("name")) for entry, content in known if WITHDRAWS in content}
    forms = [(entry, content) for entry, content in known if isinstance(content.get("response"), dict)]
    marks = _marks(records.content(id_)) if forms else {}
    return tuple(
        _told(entry, content["response"], gone.get(entry.id), not is_same_person(_marks(content), marks))
        for entry, content in reversed(forms)
    )


def _marks(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """By what the patient of a record is told from others, as far as it says."""
    told = content.get("patient")
    return told if isinstance(told, Mapping) else {}


def _told(entry: Entry, response: Mapping[str, Any], withdrawn: Signed | None, doubted: bool) -> Told:
    author = response.get("author")
    name = author.get("display") if isinstance(author, Mapping) else None
    return Told(entry, _signed(entry, name), day_of(response), lines_of(response), withdrawn, doubted)


def _signed(entry: Entry, name: object) -> Signed:
    known = entry.body.get("author") or {}
    vouched = f"{known.get('name')} ({known['issuer']})" if known.get("issuer") else None
    return Signed(str(name or ""), vouched, entry.recorded_at)
