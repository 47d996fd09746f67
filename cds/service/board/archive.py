"""The recorded answers as the pages show them: one, all of a search, and what else was recorded about the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import ValidationError

from cds.board.listing import CaseRow, Search, case_row
from cds.recommendation.model import Recommendation
from cds.records import Entry, Records, UnknownRecord, UnreadableRecord

ROWS: Final = 25
"""Cases on one page of the list."""
MOST_READ: Final = 150
"""Answers that one search reads; the page then says how far it came, and where to go on."""
WINDOW: Final = 200


@dataclass(frozen=True, slots=True)
class Decided:
    """What a board decided about the case of a record."""

    option: str
    lesion: str | None
    decided_on: str
    rationale: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded answer with its entry, its bundle where that was kept, and what is recorded beside it."""

    entry: Entry
    answer: Recommendation
    bundle: Mapping[str, object] | None
    author: str | None
    decisions: tuple[Decided, ...]
    others: tuple[Entry, ...]
    """Other evaluations of the same patient, newest first."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list. `searched` are the newest and oldest number read, `unread` counts what cannot be read
    (any more), `next_before` is where to go on.
    """

    rows: tuple[CaseRow, ...]
    searched: tuple[int, int] | None
    unread: int
    next_before: int | None


@dataclass(frozen=True, slots=True)
class Archive:
    """Reads records; every call talks to the database."""

    records: Records

    def recorded(self, id_: str) -> Recorded:
        """A recorded answer. Raises `UnknownRecord`, also where the content was erased, and `UnreadableRecord`."""
        entry = self.records.entry(id_)
        if entry.kind != "decision":
            raise UnknownRecord(f"`{id_[:64]}`: it is no record of an answer; it belongs to `{entry.about}`")
        content = self.records.content(id_)
        bundle = content.get("bundle")
        others = [each for each in self.records.of_same_patient(id_) if each.id != id_]
        return Recorded(
            entry, _answer(content, id_), bundle if isinstance(bundle, dict) else None, _author(entry.body),
            self._decisions(id_), tuple(reversed(others)),
        )  # fmt: skip

    def _decisions(self, id_: str) -> tuple[Decided, ...]:
        found = []
        for each in self.records.entries("board-decision", about=id_):
            told = self.records.content(each.id) if self.records.has_content(each.id) else {}
            found.append(
                Decided(
                    str(told.get("option", "–")), told.get("lesion"), str(each.body.get("decided_on", "")),
                    str(told.get("rationale", "")), tuple(map(str, told.get("members", ()))),
                )
            )
        return tuple(found)

    def page(self, search: Search, *, before: int | None = None) -> ListPage:
        """The newest answers that a search finds, from an entry's number on downwards."""
        newest = self.records.head()[0]
        end = newest + 1 if before is None else min(before, newest + 1)
        rows: list[CaseRow] = []
        start, read, unread, last = end, 0, 0, end
        while start > 1 and len(rows) < ROWS and read < MOST_READ:
            start = max(1, start - WINDOW)
            window = self.records.entries("decision", after=start - 1, limit=WINDOW)
            for entry in reversed([each for each in window if each.number < last]):
                last, read = entry.number, read + 1
                row = self._row(entry)
                if row is None:
                    unread += 1
                elif search.finds(row):
                    rows.append(row)
                if len(rows) == ROWS or read == MOST_READ:
                    return ListPage(tuple(rows), (end - 1, last), unread, last if last > 1 else None)
            last = start
        return ListPage(tuple(rows), (end - 1, 1) if end > 1 else None, unread, None)

    def _row(self, entry: Entry) -> CaseRow | None:
        """One case; `None` where its content was erased or cannot be read, which the page counts and says."""
        try:
            content = self.records.content(entry.id)
            return case_row(entry.id, f"{entry.recorded_at:%Y-%m-%d %H:%M} UTC", content["answer"])
        except (UnknownRecord, UnreadableRecord, KeyError, TypeError):
            return None


def _answer(content: Mapping[str, Any], id_: str) -> Recommendation:
    try:
        return Recommendation.model_validate_json(orjson.dumps(content["answer"]))
    except (KeyError, ValidationError) as error:
        told = "its answer is of a form that this version does not show; `cds records show` prints it"
        raise UnreadableRecord(f"`{id_[:64]}`: {told}") from error


def _author(body: Mapping[str, Any]) -> str | None:
    author = body.get("author")
    if not isinstance(author, Mapping):
        return None
    return f"{author.get('name')} ({author.get('issuer')})" if author.get("issuer") else str(author.get("name"))
