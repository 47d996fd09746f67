"""The records of one installation: appended to, read, erased from when their time is over; never changed."""

from __future__ import annotations

import datetime as dt
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from cds.case import Case
from cds.case.document import case_of_document
from cds.records.chain import (
    GENESIS,
    Content,
    Fault,
    Link,
    canonical,
    content_faults,
    entry_of,
    faults,
    link_digest,
    time_text,
)
from cds.records.database import appending, check_room, open_engine, reading, upgrade
from cds.records.entries import Author, BoardDecision, Card, Decision, Entry, Feedback, Kind, OverrideRate
from cds.records.errors import DecidedMeanwhile, UnknownRecord, UnreadableRecord
from cds.records.preparation import Prepared, author_told, prepared, prepared_decision
from cds.records.pseudonyms import Pseudonyms
from cds.records.rates import override_rates
from cds.records.tables import CONTENT, ENTRY, SEEN_TOKEN

_FEEDBACK: Final = uuid.UUID("0f6f7dd4-1c5e-4d5b-9a60-6f3b6f0f8c53")
"""The name space of the ids of feedback: the same feedback has the same id, and is recorded once."""
# What every answer asks of the database, built once.
_NEWEST: Final = sa.select(ENTRY.c.number, ENTRY.c.digest).order_by(ENTRY.c.number.desc()).limit(1)
_OF_KIND: Final = sa.select(ENTRY.c.number).where(ENTRY.c.kind == sa.bindparam("kind")).limit(1)
_ADD_ENTRY: Final = ENTRY.insert()
_ADD_CONTENT: Final = CONTENT.insert()


def now() -> dt.datetime:
    """The moment at which something is recorded."""
    return dt.datetime.now(dt.UTC)


class Records:
    """The records in one database. Safe to use from several threads and several processes.

    Every method may raise `RecordsUnavailable`. `pseudonyms`, where given, replaces the identifiers of patients,
    resources and lesions before anything is written.
    """

    def __init__(
        self, engine: Engine, *, pseudonyms: Pseudonyms | None = None, clock: Callable[[], dt.datetime] = now
    ) -> None:
        self._engine = engine
        self._pseudonyms = pseudonyms
        self._clock = clock
        # Who forgets to close lets go all the same; from Python 3.13 on a forgotten connection is a warning.
        self._let_go = weakref.finalize(self, engine.dispose)

    @property
    def pseudonyms(self) -> Pseudonyms | None:
        """What replaces identifiers in what is recorded here; `None` where they are recorded as they are."""
        return self._pseudonyms

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    # ------------------------------------------------------------------------------------------------ append

    def append_decision(self, decision: Decision) -> Entry:
        """Record an answer with its facts; once this returns, a crash does not lose it."""
        return self.append_prepared(prepared_decision(decision, self._pseudonyms))

    def append_prepared(self, made: Prepared) -> Entry:
        """Record a decision that was made ready before, under the pseudonyms of these records where they have any."""
        return self._append("decision", made)

    def append_cards(
        self, decision: str, cards: Sequence[Card], *, service: str, author: Author | None = None
    ) -> None:
        """Record which cards were shown of a decision, and to whom. A card's uuid is the id of its entry."""
        with appending(self._engine) as connection:
            for card in cards:
                body = {
                    "service": service, "rules": list(card.rules), "suggestions": dict(card.suggestions),
                    "author": author_told(author),
                }  # fmt: skip
                self._link(connection, "card", Prepared(body), id_=card.uuid, about=decision)

    def append_feedback(self, feedback: Feedback) -> Entry:
        """Record what became of a card. The same report (card, outcome, moment, reason) is recorded once.

        A card that nobody knows here is accepted: its feedback stands alone.
        """
        named = f"{feedback.card}|{feedback.outcome}|{feedback.outcome_at}"
        if feedback.reason:  # not the comment: the id stays when the comment is erased, and could be guessed from
            named += f"|{orjson.dumps(dict(feedback.reason), option=orjson.OPT_SORT_KEYS).decode()}"
        body = {
            "service": feedback.service, "outcome": feedback.outcome, "outcome_at": feedback.outcome_at,
            "suggestions": list(feedback.suggestions), "reason": dict(feedback.reason) if feedback.reason else None,
            "author": author_told(feedback.author),
        }  # fmt: skip
        comment = orjson.dumps({"comment": feedback.comment}) if feedback.comment else None
        made = prepared(body, None, comment) if comment is not None else Prepared(body)
        id_ = str(uuid.uuid5(_FEEDBACK, named))
        return self._append("feedback", made, id_=id_, about=feedback.card[:64], once=True)

    def append_board_decision(self, decided: BoardDecision, *, beside: int | None = None) -> Entry:
        """Record what a board decided. Raises `UnknownRecord` where there is no record of the answer it had, or no such
        decision to correct.

        `beside` is the number of the newest decision about the lesion that its writers had before them (0: there was
        none); where there is a newer one `DecidedMeanwhile` is raised. `None`: this is not asked.
        """
        if self._pseudonyms is not None:
            decided = replace(decided, lesion=self._pseudonyms.once(decided.lesion))
        if self.entry(decided.decision).kind != "decision":
            wrong = "it is no record of a decision; give the id of the answer's record"
            raise UnknownRecord(f"`{decided.decision}`: {wrong}")
        body = {
            "decided_on": decided.decided_on.isoformat(), "follows": decided.follows, "supersedes": decided.supersedes,
            "author": author_told(decided.author),
        }  # fmt: skip
        told = {
            "lesion": decided.lesion, "option": decided.option, "label": decided.label, "verdict": decided.verdict,
            "rationale": decided.rationale, "members": list(decided.members),
            "overridden": [asdict(each) for each in decided.overridden],
        }  # fmt: skip
        subject = self._subject(decided.decision)
        made = prepared(body, subject, orjson.dumps(told))
        with appending(self._engine) as connection:
            # INVARIANT: looked for under the lock under which it is written, so no other can come in between.
            links = _board_decisions(connection, decided.decision, subject)
            known = [link for link in links if link.content is not None and _told(link).get("lesion") == decided.lesion]
            unseen = [link.id for link in known if beside is not None and link.number > beside]
            if unseen:
                raise DecidedMeanwhile(unseen)
            if decided.supersedes is not None and all(link.id != decided.supersedes for link in known):
                wrong = "no decision about this lesion that could be corrected; open the record to see what was decided"
                raise UnknownRecord(f"`{decided.supersedes[:64]}`: {wrong}")
            return self._link(connection, "board-decision", made, about=decided.decision)

    def append_entry(
        self,
        kind: Kind,
        told: Mapping[str, Any],
        *,
        about: str | None = None,
        subject: str | None = None,
        author: Author | None = None,
    ) -> Entry:
        """Record a document of another kind (a `questionnaire-response`): `told` is its JSON, kept as content.

        Under pseudonyms, the references and lesions in it are replaced; those that are pseudonyms already stay.
        `about` is the id of the entry that it belongs to, `subject` the reference of the patient (`Patient/p`); without
        one it is about whomever that entry is about.
        """
        named = self._pseudonyms.of(subject) if self._pseudonyms is not None else subject
        if subject is None and about is not None:
            named = self._subject(about)
        kept = self._pseudonyms.document(told) if self._pseudonyms is not None else dict(told)
        made = prepared({"author": author_told(author)}, named, orjson.dumps(kept))
        return self._append(kind, made, about=about)

    def _append(
        self, kind: Kind, made: Prepared, *, id_: str | None = None, about: str | None = None, once: bool = False
    ) -> Entry:
        with appending(self._engine) as connection:
            if once and id_ is not None and (known := _stored(connection, id_)) is not None:
                return entry_of(known)
            return self._link(connection, kind, made, id_=id_, about=about)

    def _link(
        self, connection: Connection, kind: Kind, made: Prepared, *, id_: str | None = None, about: str | None = None
    ) -> Entry:
        head = connection.execute(_NEWEST).one_or_none()
        number, previous = (head.number + 1, head.digest) if head is not None else (1, GENESIS)
        written, content = canonical(made.body).decode("ascii"), made.content
        id_ = id_ if id_ is not None else str(uuid.uuid4())
        recorded_at = time_text(self._clock())
        digest = link_digest(number, id_, kind, recorded_at, about, written, previous)
        link = Link(number, id_, kind, recorded_at, about, written, previous, digest, content)
        row = asdict(replace(link, content=None))
        del row["content"]
        connection.execute(_ADD_ENTRY, row)
        if content is not None:
            kept = {"entry": id_, "subject": content.subject, "salt": content.salt, "data": content.data}
            connection.execute(_ADD_CONTENT, kept)
        return entry_of(link)

    # -------------------------------------------------------------------------------------------------- read

    def entry(self, id_: str) -> Entry:
        """The entry of this id. Raises `UnknownRecord`."""
        with reading(self._engine) as connection:
            link = _stored(connection, id_)
        if link is None:
            raise UnknownRecord(f"`{id_[:64]}`: no such record; `cds records list` shows the ids")
        return entry_of(link)

    def has_any(self, kind: Kind) -> bool:
        """Whether there is an entry of a kind."""
        with reading(self._engine) as connection:
            return connection.execute(_OF_KIND, {"kind": kind}).first() is not None

    def has_content(self, id_: str) -> bool:
        """Whether the content of an entry is there: it was never erased, and there was one."""
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(CONTENT.c.entry).where(CONTENT.c.entry == id_))
            return found.first() is not None

    def content(self, id_: str) -> dict[str, Any]:
        """What an entry says of its patient: of a decision `facts`, `answer` and, where kept, `bundle`.

        Raises `UnknownRecord` where it has none (any more), and `UnreadableRecord` where it was changed.
        """
        with reading(self._engine) as connection:
            link = _stored(connection, id_)
        if link is None:
            raise UnknownRecord(f"`{id_[:64]}`: no such record; `cds records list` shows the ids")
        return _told(link)

    def case(self, id_: str) -> Case:
        """The facts that a decision was made of. Raises what `content` does."""
        try:
            return case_of_document(self.content(id_)["facts"])
        except (KeyError, ValueError) as error:
            raise UnreadableRecord(f"`{id_[:64]}`: its facts are not of a form that is read here") from error

    def entries(
        self,
        kind: Kind | None = None,
        *,
        about: str | None = None,
        subject: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> tuple[Entry, ...]:
        """Entries in their order, after number `after`: of a kind, about another entry, about a patient."""
        query = sa.select(ENTRY).where(ENTRY.c.number > after).order_by(ENTRY.c.number).limit(limit)
        if kind is not None:
            query = query.where(ENTRY.c.kind == kind)
        if about is not None:
            query = query.where(ENTRY.c.about == about)
        if subject is not None:
            named = self._pseudonyms.of(subject) if self._pseudonyms is not None else subject
            query = query.join(CONTENT, CONTENT.c.entry == ENTRY.c.id).where(CONTENT.c.subject == named)
        with reading(self._engine) as connection:
            return tuple(entry_of(_link_of(row, None)) for row in connection.execute(query))

    def of_same_patient(self, id_: str, *, kind: Kind = "decision", limit: int = 100) -> tuple[Entry, ...]:
        """The newest entries of a kind about the patient whom an entry is about, in their order; of decisions, this one
        included.

        None where the entry says of nobody whom it is about.
        """
        subject = self._subject(id_)
        if subject is None:
            return ()
        query = (
            sa.select(ENTRY).join(CONTENT, CONTENT.c.entry == ENTRY.c.id)
            .where(ENTRY.c.kind == kind, CONTENT.c.subject == subject)
            .order_by(ENTRY.c.number.desc()).limit(limit)
        )  # fmt: skip
        with reading(self._engine) as connection:
            found = [entry_of(_link_of(row, None)) for row in connection.execute(query)]
        return tuple(reversed(found))

    def board_decisions(self, id_: str) -> tuple[Entry, ...]:
        """What boards decided about the patient whom the record of an answer is about, in their order; only what they
        decided beside this answer, where it says of nobody whom it is about.
        """
        subject = self._subject(id_)
        with reading(self._engine) as connection:
            return tuple(entry_of(link) for link in _board_decisions(connection, id_, subject))

    def head(self) -> tuple[int, str]:
        """The number and the digest of the newest entry; `(0, "00…")` where there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(_NEWEST).one_or_none()
        return (int(row.number), str(row.digest)) if row is not None else (0, GENESIS)

    def override_rates(self) -> tuple[OverrideRate, ...]:
        """How often the cards of each rule were shown, accepted and overridden."""
        return override_rates(self._all("card"), self._all("feedback"))

    def _all(self, kind: Kind) -> Iterator[Entry]:
        after = 0
        while page := self.entries(kind, after=after):
            yield from page
            after = page[-1].number

    def _subject(self, id_: str) -> str | None:
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(CONTENT.c.subject).where(CONTENT.c.entry == id_)).scalar_one_or_none()
        return str(found) if found is not None else None

    def check_writable(self) -> None:
        """Write an entry and take it back, and commit what leaves no trace: a disk may fail at the commit alone.

        Raises `RecordsUnavailable` where no answer could be recorded now, or soon: the disk of a SQLite file counts as
        full while there is room for a few hundred answers yet.
        """
        check_room(self._engine)
        with appending(self._engine) as connection:
            taken_back = connection.begin_nested()
            self._link(connection, "decision", Prepared({}))
            taken_back.rollback()
            nobody = dict.fromkeys(("issuer", "token"), "")  # no token has an issuer without a name
            connection.execute(SEEN_TOKEN.insert().values(expires=0, **nobody))
            connection.execute(SEEN_TOKEN.delete().filter_by(**nobody))

    # ------------------------------------------------------------------------------------------ verify, erase

    def verify(self, head: tuple[int, str] | None = None) -> Iterator[Fault]:
        """Every place where the chain does not hold. `head` is a number and digest that was noted elsewhere."""
        with reading(self._engine) as connection:
            erasures = sa.select(ENTRY.c.about).where(ENTRY.c.kind == "erasure")
            erased = frozenset(str(about) for about in connection.execute(erasures).scalars())
        noted: list[Fault] = []

        def links() -> Iterator[Link]:
            met = head is None or head[0] == 0
            for link in self._links():
                if head is not None and link.number == head[0]:
                    met = True
                    if link.digest != head[1]:
                        noted.append(Fault(link.number, "its digest is not the one that was noted"))
                yield link
            if not met and head is not None:
                noted.append(Fault(head[0], "it was noted as there, and is gone"))

        yield from faults(links(), erased)
        yield from noted

    def _links(self, step: int = 50) -> Iterator[Link]:
        after = 0
        while True:
            query = (
                sa.select(ENTRY, CONTENT.c.subject, CONTENT.c.salt, CONTENT.c.data)
                .outerjoin(CONTENT, CONTENT.c.entry == ENTRY.c.id)
                .where(ENTRY.c.number > after).order_by(ENTRY.c.number).limit(step)
            )  # fmt: skip
            with reading(self._engine) as connection:
                rows = [_link_of(row, _content_of(row)) for row in connection.execute(query)]
            if not rows:
                return
            yield from rows
            after = rows[-1].number

    def erase_before(self, moment: dt.datetime, *, most: int = 500) -> int:
        """Erase the content of what was recorded before a moment, each with an entry that says so; at most `most`.

        Returns how many were erased. The entries themselves stay: the chain still verifies.
        """
        due = (
            sa.select(ENTRY.c.id).join(CONTENT, CONTENT.c.entry == ENTRY.c.id)
            .where(ENTRY.c.recorded_at < time_text(moment)).order_by(ENTRY.c.number).limit(most)
        )  # fmt: skip
        with appending(self._engine) as connection:
            ids = [str(id_) for id_ in connection.execute(due).scalars()]
            for id_ in ids:
                self._link(connection, "erasure", Prepared({"because": "its time of retention is over"}), about=id_)
            if ids:
                connection.execute(CONTENT.delete().where(CONTENT.c.entry.in_(ids)))
        return len(ids)

    # ------------------------------------------------------------------------------------------------ tokens

    def is_first_use(self, issuer: str, token: str, *, expires: int, at: int) -> bool:
        """Whether the token (its `jti`) of an issuer was not seen before; it is remembered until it expires.

        `expires` and `at` are seconds since 1970. All workers share this memory.
        """
        seen = sa.select(SEEN_TOKEN.c.expires).where(SEEN_TOKEN.c.issuer == issuer, SEEN_TOKEN.c.token == token)
        with appending(self._engine) as connection:
            connection.execute(SEEN_TOKEN.delete().where(SEEN_TOKEN.c.expires < at))
            if connection.execute(seen).first() is not None:
                return False
            connection.execute(SEEN_TOKEN.insert().values(issuer=issuer, token=token, expires=expires))
        return True


def open_records(
    url: str, *, pseudonym_key: str | None = None, clock: Callable[[], dt.datetime] = now, create: bool = True
) -> Records:
    """The records at a URL (`sqlite:///PATH`, `postgresql://…`), its schema brought up to date.

    Without `create` a SQLite file has to be there: an empty one would verify, and say nothing. Raises
    `RecordsUnavailable`.
    """
    engine = open_engine(url, create=create)
    try:
        upgrade(engine)
    except BaseException:  # an interrupt, too, leaves no connection open; nothing is swallowed
        engine.dispose()
        raise
    return Records(engine, pseudonyms=Pseudonyms(pseudonym_key) if pseudonym_key else None, clock=clock)


def _stored(connection: Connection, id_: str) -> Link | None:
    query = (
        sa.select(ENTRY, CONTENT.c.subject, CONTENT.c.salt, CONTENT.c.data)
        .outerjoin(CONTENT, CONTENT.c.entry == ENTRY.c.id)
        .where(ENTRY.c.id == id_)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _link_of(row, _content_of(row))


def _board_decisions(connection: Connection, record: str, subject: str | None) -> list[Link]:
    """What was decided beside an answer, and beside others about the same patient of the same place."""
    answered = ENTRY.alias()
    about = ENTRY.c.about == record
    if subject is not None:
        about |= CONTENT.c.subject == subject
    query = (
        sa.select(ENTRY, CONTENT.c.subject, CONTENT.c.salt, CONTENT.c.data, answered.c.body.label("answer"))
        .outerjoin(CONTENT, CONTENT.c.entry == ENTRY.c.id).join(answered, answered.c.id == ENTRY.c.about)
        .where(ENTRY.c.kind == "board-decision", about).order_by(ENTRY.c.number)
    )  # fmt: skip
    rows = connection.execute(query).all()
    own = connection.execute(sa.select(ENTRY.c.body).where(ENTRY.c.id == record)).scalar_one_or_none()
    here = place_of(orjson.loads(own or "{}"))
    return [_link_of(row, _content_of(row)) for row in rows if place_of(orjson.loads(row.answer)) == here]


def place_of(body: Mapping[str, Any]) -> tuple[object, object]:
    """Within what the id of an answer's patient names somebody, by the body of its record: a FHIR server; where none is
    known, whoever vouches for the caller.

    >>> place_of({"server": None, "author": {"name": "a", "issuer": "https://a.example"}})
    (None, 'https://a.example')
    """
    server = body.get("server")
    return server, None if server is not None else (body.get("author") or {}).get("issuer")


def _told(link: Link) -> dict[str, Any]:
    """What the content of a link says. Raises what `Records.content` does."""
    if link.content is None:
        told = "it has no content, or the content was erased"
        raise UnknownRecord(f"`{link.id}`: {told}; `cds records list` shows the ids")
    if any(content_faults(link, erased=False)):
        told = "its content is not what was recorded"
        raise UnreadableRecord(f"record {link.number}: {told}; run `cds records verify`")
    read = orjson.loads(link.content.text)
    if not isinstance(read, dict):
        raise UnreadableRecord(f"record {link.number}: its content is no object; run `cds records verify`")
    return read


def _link_of(row: Row[Any], content: Content | None) -> Link:
    return Link(
        row.number, row.id, row.kind, row.recorded_at, row.about, row.body, row.previous, row.digest, content
    )


def _content_of(row: Row[Any]) -> Content | None:
    return None if row.data is None else Content(row.subject, bytes(row.salt), bytes(row.data))
