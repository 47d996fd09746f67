"""The recorded answers as the pages show them: one, all of a search, and what else was recorded about the patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import ValidationError

from cds.board.comparison import outline
from cds.board.decision import BoardDecided, OverriddenRule, has_changed
from cds.board.listing import CaseRow, Search, case_row
from cds.case import Case
from cds.case.document import case_of_document
from cds.recommendation.model import Recommendation
from cds.records import Entry, Records, UnknownRecord, UnreadableRecord
from cds.service.board.told import Told
from cds.service.entered import is_of_same_place, is_same_person, with_responses

ROWS: Final = 25
"""Cases on one page of the list."""
MOST_READ: Final = 150
"""Answers that one search reads; the page then says how far it came, and where to go on."""
WINDOW: Final = 200


@dataclass(frozen=True, slots=True)
class Standing:
    """What a board decided about the patient of an answer.

    `own` says whether it had this very answer before it; `changed` whether this answer says otherwise of the lesion
    than the one that it had (`None`: that answer was erased, or a newer decision stands). `doubted`: the patient of
    that answer had another identifier or another date of birth, so it may be about somebody else.
    """

    decided: BoardDecided
    own: bool
    changed: bool | None = None
    doubted: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """The record of an answer, what was decided about its patient and entered here, and how the record calls the
    answer's lesions where that is otherwise (by pseudonyms).
    """

    record: str
    decisions: tuple[Standing, ...]
    lesions: Mapping[str, str]
    entered: tuple[Told, ...] = ()

    def lesion(self, id_: str) -> str:
        """What the record calls a lesion."""
        return self.lesions.get(id_, id_)


@dataclass(frozen=True, slots=True)
class Later:
    """The newest evaluation of the same patient, and whether it says otherwise of a lesion."""

    entry: Entry
    changed: bool | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded answer with its entry, its bundle where that was kept, and what is recorded beside it."""

    entry: Entry
    answer: Recommendation
    bundle: Mapping[str, object] | None
    author: str | None
    decisions: tuple[Standing, ...]
    """What was decided about the patient, newest first."""
    others: tuple[Entry, ...]
    """Other evaluations of the same patient, newest first."""


@dataclass(frozen=True, slots=True)
class Base:
    """A recorded answer as somebody starts from it who asks "what if": its entry, its facts, and what was answered.

    `digest` is that of the rule set by which it was answered.
    """

    entry: Entry
    case: Case
    content: Mapping[str, Any]

    @property
    def digest(self) -> str:
        return str(self.entry.body.get("rule_set", {}).get("digest", ""))

    def answer(self) -> Recommendation:
        """The recorded answer. Raises `UnreadableRecord` where it is of a form that is not read here."""
        return _answer(self.content, self.entry.id)

    def outline(self) -> Recommendation:
        """The recorded answer as far as a comparison reads it. Raises as `answer` does."""
        try:
            return outline(self.content["answer"])
        except (KeyError, TypeError, ValidationError) as error:
            raise UnreadableRecord(f"`{self.entry.id}`: its answer is of a form that is not read here") from error


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of the list. `searched` are the newest and oldest number read, `unread` counts what cannot be read
    (any more), `next_before` is where to go on; `decided` what boards decided about the patient of a record, as far as
    it stands.
    """

    rows: tuple[CaseRow, ...]
    searched: tuple[int, int] | None
    unread: int
    next_before: int | None
    decided: Mapping[str, tuple[BoardDecided, ...]]


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
        others = [
            each for each in self.records.of_same_patient(id_)
            if each.id != id_ and is_of_same_place(each.body, entry.body)
        ]  # fmt: skip
        answer = _answer(content, id_)
        joined = with_responses(bundle, content.get("responses", ())) if isinstance(bundle, dict) else None
        return Recorded(
            entry, answer, joined, _author(entry.body),
            self.standing(id_, answer), tuple(reversed(others)),
        )  # fmt: skip

    def base(self, id_: str) -> Base:
        """A recorded answer with its facts. Raises `UnknownRecord`, also where the content was erased, and
        `UnreadableRecord`.
        """
        entry = self.records.entry(id_)
        if entry.kind != "decision":
            raise UnknownRecord(f"`{id_[:64]}`: it is no record of an answer; it belongs to `{entry.about}`")
        content = self.records.content(id_)
        try:
            return Base(entry, case_of_document(content["facts"]), content)
        except (KeyError, ValueError) as error:
            raise UnreadableRecord(f"`{id_[:64]}`: its facts are not of a form that is read here") from error

    def beside(self, id_: str, answer: Recommendation) -> Beside:
        """What stands beside an answer that was just given out and recorded."""
        pseudonyms = self.records.pseudonyms
        lesions = {each.id: pseudonyms.of(each.id) or "" for each in answer.lesions} if pseudonyms is not None else {}
        return Beside(id_, self.standing(id_), lesions)

    def standing(self, id_: str, answer: Recommendation | None = None) -> tuple[Standing, ...]:
        """What boards decided about the patient of a recorded answer, newest first; it is read if it is not given."""
        found: list[Standing] = []
        stands: set[str | None] = set()
        decided = self.decisions(id_)
        marks = {each: self._marks(each) for each in {id_, *(each.record for each in decided)}} if decided else {}
        for each in decided:
            own, changed = each.record == id_, None
            if each.replaced_by is None and each.lesion not in stands:
                stands.add(each.lesion)
                if not own and self.records.has_content(each.record):
                    answer = answer if answer is not None else _answer(self.records.content(id_), id_)
                    before = _answer(self.records.content(each.record), each.record)
                    changed = has_changed(before, answer, each.lesion)
            found.append(Standing(each, own, changed, not is_same_person(marks[each.record], marks[id_])))
        return tuple(found)

    def _marks(self, id_: str) -> Mapping[str, Any]:
        """By what the patient of a recorded answer is told from others; nothing where its content was erased."""
        told = self.records.content(id_).get("patient") if self.records.has_content(id_) else None
        return told if isinstance(told, Mapping) else {}

    def later(self, recorded: Recorded, lesion: str) -> Later | None:
        """The newest evaluation of the patient, where it is newer than a recorded one."""
        newer = [each for each in recorded.others if each.number > recorded.entry.number]
        if not newer:
            return None
        newest = newer[0]
        if not self.records.has_content(newest.id):
            return Later(newest, None)
        return Later(newest, has_changed(recorded.answer, _answer(self.records.content(newest.id), newest.id), lesion))

    def decisions(self, id_: str) -> tuple[BoardDecided, ...]:
        """What boards decided about the patient of a record, newest first."""
        entries = self.records.board_decisions(id_)
        replaced = {each.body.get("supersedes"): each.id for each in entries}
        return tuple(self._decided(each, replaced.get(each.id)) for each in reversed(entries))

    def decision(self, id_: str) -> BoardDecided:
        """One decision of a board. Raises `UnknownRecord`, also where its content was erased."""
        entry = self.records.entry(id_)
        if entry.kind != "board-decision" or not self.records.has_content(id_):
            told = "it is no decision of a board, or its content was erased"
            raise UnknownRecord(f"`{id_[:64]}`: {told}; open the record of the case")
        return next(each for each in self.decisions(str(entry.about)) if each.id == id_)

    def answer_of(self, id_: str) -> Recommendation | None:
        """A recorded answer; `None` where its content was erased."""
        return _answer(self.records.content(id_), id_) if self.records.has_content(id_) else None

    def _decided(self, entry: Entry, replaced_by: str | None) -> BoardDecided:
        told = self.records.content(entry.id) if self.records.has_content(entry.id) else {}
        author = entry.body.get("author") or {}
        return BoardDecided(
            id=entry.id, number=entry.number, record=str(entry.about), recorded_at=entry.recorded_at,
            lesion=told.get("lesion"), option=str(told.get("option", "–")), label=str(told.get("label", "")),
            verdict=told.get("verdict"), follows=entry.body.get("follows"),
            decided_on=str(entry.body.get("decided_on", "")), rationale=str(told.get("rationale", "")),
            members=tuple(map(str, told.get("members", ()))),
            overridden=tuple(OverriddenRule(each["rule"], each["says"]) for each in told.get("overridden", ())),
            writer=author.get("name"), issuer=author.get("issuer"), supersedes=entry.body.get("supersedes"),
            replaced_by=replaced_by,
        )  # fmt: skip

    def page(self, search: Search, *, before: int | None = None) -> ListPage:
        """The newest answers that a search finds, from an entry's number on downwards."""
        newest = self.records.head()[0]
        end = newest + 1 if before is None else min(before, newest + 1)
        rows: list[CaseRow] = []
        start, read, unread, last, step = end, 0, 0, end, WINDOW
        while start > 1 and len(rows) < ROWS and read < MOST_READ:
            start = max(1, start - step)
            found = self.records.entries("decision", after=start - 1, limit=step)
            window = [each for each in found if each.number < last]
            step = WINDOW if window else 2 * step  # a session sees few of many: over what it does not, the steps grow
            for entry in reversed(window):
                last, read = entry.number, read + 1
                row = self._row(entry)
                if row is None:
                    unread += 1
                elif search.finds(row):
                    rows.append(row)
                if len(rows) == ROWS or read == MOST_READ:
                    return self._list(rows, (end - 1, last), unread, last if last > 1 else None)
            last = start
        return self._list(rows, (end - 1, 1) if end > 1 else None, unread, None)

    def _list(
        self, rows: Sequence[CaseRow], searched: tuple[int, int] | None, unread: int, next_before: int | None
    ) -> ListPage:
        decided = {row.record: tuple(self._listed(row.record)) for row in rows}
        return ListPage(tuple(rows), searched, unread, next_before, decided)

    def _listed(self, id_: str) -> Iterator[BoardDecided]:
        """The decisions beside a case of the list; one that may be about somebody else stands on its page alone."""
        for each in self.decisions(id_):
            same = each.record == id_ or is_same_person(self._marks(each.record), self._marks(id_))
            if each.replaced_by is None and same:
                yield each

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
