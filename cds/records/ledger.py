"""The records of one installation: appended to, read, erased from when their time is over; never changed."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from cds.case import Case
from cds.case.document import case_document, case_of_document
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
    packed,
    time_text,
)
from cds.records.database import appending, open_engine, reading, upgrade
from cds.records.entries import Author, BoardDecision, Card, Decision, Entry, Feedback, Kind, OverrideRate
from cds.records.errors import UnknownRecord, UnreadableRecord
from cds.records.pseudonyms import Pseudonyms
from cds.records.rates import override_rates
from cds.records.tables import CONTENT, ENTRY, SEEN_TOKEN

_FEEDBACK: Final = uuid.UUID("0f6f7dd4-1c5e-4d5b-9a60-6f3b6f0f8c53")
"""The name space of the ids of feedback: the same feedback has the same id, and is recorded once."""


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

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    # ------------------------------------------------------------------------------------------------ append

    def append_decision(self, decision: Decision) -> Entry:
        """Record an answer with its facts; once this returns, a crash does not lose it."""
        facts: Mapping[str, Any] = case_document(decision.case)
        answer, subject, bundle = decision.answer, subject_of(decision.case), decision.bundle
        if self._pseudonyms is not None:
            facts, answer = self._pseudonyms.decision(decision.case, facts, answer)
            subject, bundle = self._pseudonyms.of(subject), None
        parts = [b'{"facts":', orjson.dumps(facts), b',"answer":', answer]
        if bundle is not None:
            parts += [b',"bundle":', bundle]
        body = {
            "as_of": decision.case.as_of.isoformat(), "phase": decision.phase, "door": decision.door,
            "rule_set": dict(decision.rule_set), "engines": dict(decision.engines),
            "seconds": {name: round(seconds, 6) for name, seconds in decision.seconds.items()},
            "author": _author(decision.author),
        }  # fmt: skip
        return self._append("decision", body, content=(subject, b"".join([*parts, b"}"])))

    def append_cards(self, decision: str, cards: Sequence[Card], *, service: str) -> None:
        """Record which cards were shown of a decision. A card's uuid is the id of its entry."""
        with appending(self._engine) as connection:
            for card in cards:
                body = {"service": service, "rules": list(card.rules), "suggestions": dict(card.suggestions)}
                self._link(connection, "card", body, id_=card.uuid, about=decision)

    def append_feedback(self, feedback: Feedback) -> Entry:
        """Record what became of a card. The same report (card, outcome, moment) is recorded once.

        A card that nobody knows here is accepted: its feedback stands alone.
        """
        named = f"{feedback.card}|{feedback.outcome}|{feedback.outcome_at}"
        body = {
            "service": feedback.service, "outcome": feedback.outcome, "outcome_at": feedback.outcome_at,
            "suggestions": list(feedback.suggestions), "reason": dict(feedback.reason) if feedback.reason else None,
            "author": _author(feedback.author),
        }  # fmt: skip
        content = (None, orjson.dumps({"comment": feedback.comment})) if feedback.comment else None
        id_ = str(uuid.uuid5(_FEEDBACK, named))
        return self._append("feedback", body, id_=id_, about=feedback.card[:64], content=content, once=True)

    def append_board_decision(self, decided: BoardDecision) -> Entry:
        """Record what a board decided. Raises `UnknownRecord` where there is no record of the answer it had."""
        if self.entry(decided.decision).kind != "decision":
            wrong = "it is no record of a decision; give the id of the answer's record"
            raise UnknownRecord(f"`{decided.decision}`: {wrong}")
        body = {
            "decided_on": decided.decided_on.isoformat(), "follows": decided.follows, "author": _author(decided.author),
        }  # fmt: skip
        told = {
            "lesion": decided.lesion, "option": decided.option, "rationale": decided.rationale,
            "members": list(decided.members),
        }  # fmt: skip
        subject = self._subject(decided.decision)
        return self._append("board-decision", body, about=decided.decision, content=(subject, orjson.dumps(told)))

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

        `subject` is the reference of the patient (`Patient/p`), `about` the id of the entry that it belongs to.
        """
        named = self._pseudonyms.of(subject) if self._pseudonyms is not None else subject
        return self._append(kind, {"author": _author(author)}, about=about, content=(named, orjson.dumps(dict(told))))

    def _append(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        id_: str | None = None,
        about: str | None = None,
        content: tuple[str | None, bytes] | None = None,
        once: bool = False,
    ) -> Entry:
        # Compressed before the lock is taken: while it is held, nobody else can append.
        kept = packed(content[0], secrets.token_bytes(16), content[1]) if content is not None else None
        with appending(self._engine) as connection:
            if once and id_ is not None and (known := _stored(connection, id_)) is not None:
                return entry_of(known)
            return self._link(connection, kind, body, id_=id_, about=about, content=kept)

    def _link(
        self,
        connection: Connection,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        id_: str | None = None,
        about: str | None = None,
        content: Content | None = None,
    ) -> Entry:
        newest = sa.select(ENTRY.c.number, ENTRY.c.digest).order_by(ENTRY.c.number.desc()).limit(1)
        head = connection.execute(newest).one_or_none()
        number, previous = (head.number + 1, head.digest) if head is not None else (1, GENESIS)
        written = canonical({**body, **({"content": content.digest} if content is not None else {})}).decode("ascii")
        id_ = id_ if id_ is not None else str(uuid.uuid4())
        recorded_at = time_text(self._clock())
        digest = link_digest(number, id_, kind, recorded_at, about, written, previous)
        link = Link(number, id_, kind, recorded_at, about, written, previous, digest, content)
        row = asdict(replace(link, content=None))
        del row["content"]
        connection.execute(ENTRY.insert().values(row))
        if content is not None:
            connection.execute(
                CONTENT.insert().values(entry=id_, subject=content.subject, salt=content.salt, data=content.data)
            )
        return entry_of(link)

    # -------------------------------------------------------------------------------------------------- read

    def entry(self, id_: str) -> Entry:
        """The entry of this id. Raises `UnknownRecord`."""
        with reading(self._engine) as connection:
            link = _stored(connection, id_)
        if link is None:
            raise UnknownRecord(f"`{id_[:64]}`: no such record; `cds records list` shows the ids")
        return entry_of(link)

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
        if link is None or link.content is None:
            problem = "no such record" if link is None else "it has no content, or the content was erased"
            raise UnknownRecord(f"`{id_[:64]}`: {problem}; `cds records list` shows the ids")
        if any(content_faults(link, erased=False)):
            told = "its content is not what was recorded"
            raise UnreadableRecord(f"record {link.number}: {told}; run `cds records verify`")
        read = orjson.loads(link.content.text)
        if not isinstance(read, dict):
            raise UnreadableRecord(f"record {link.number}: its content is no object; run `cds records verify`")
        return read

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

    def of_same_patient(self, id_: str, *, limit: int = 100) -> tuple[Entry, ...]:
        """The decisions about the patient whom an entry is about, this one included, in their order.

        None where the entry says of nobody whom it is about.
        """
        subject = self._subject(id_)
        if subject is None:
            return ()
        query = (
            sa.select(ENTRY).join(CONTENT, CONTENT.c.entry == ENTRY.c.id)
            .where(ENTRY.c.kind == "decision", CONTENT.c.subject == subject)
            .order_by(ENTRY.c.number.desc()).limit(limit)
        )  # fmt: skip
        with reading(self._engine) as connection:
            found = [entry_of(_link_of(row, None)) for row in connection.execute(query)]
        return tuple(reversed(found))

    def head(self) -> tuple[int, str]:
        """The number and the digest of the newest entry; `(0, "00…")` where there is none."""
        newest = sa.select(ENTRY.c.number, ENTRY.c.digest).order_by(ENTRY.c.number.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(newest).one_or_none()
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
        """Write an entry and take it back. What only a commit meets, a full disk, this cannot find.

        Raises `RecordsUnavailable` where no answer could be recorded now.
        """
        with appending(self._engine) as connection:
            taken_back = connection.begin_nested()
            self._link(connection, "decision", {})
            taken_back.rollback()

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
                self._link(connection, "erasure", {"because": "its time of retention is over"}, about=id_)
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
    except BaseException:
        engine.dispose()
        raise
    return Records(engine, pseudonyms=Pseudonyms(pseudonym_key) if pseudonym_key else None, clock=clock)


def subject_of(case: Case) -> str | None:
    """The reference of the patient (`Patient/p`), where any fact was read from that resource."""
    facts = (fact for holder in (case.patient, *(lesion.facts for lesion in case.lesions)) for fact in holder.values())
    sources = (source.resource for fact in facts for source in fact.sources)
    excluded = (source.resource for source in case.excluded)
    return next((each for each in (*sources, *excluded) if each.startswith("Patient/")), None)


def _author(author: Author | None) -> dict[str, str | None] | None:
    return None if author is None else {"name": author.name, "issuer": author.issuer}


def _stored(connection: Connection, id_: str) -> Link | None:
    query = (
        sa.select(ENTRY, CONTENT.c.subject, CONTENT.c.salt, CONTENT.c.data)
        .outerjoin(CONTENT, CONTENT.c.entry == ENTRY.c.id)
        .where(ENTRY.c.id == id_)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _link_of(row, _content_of(row))


def _link_of(row: Row[Any], content: Content | None) -> Link:
    return Link(
        row.number, row.id, row.kind, row.recorded_at, row.about, row.body, row.previous, row.digest, content
    )


def _content_of(row: Row[Any]) -> Content | None:
    return None if row.data is None else Content(row.subject, bytes(row.salt), bytes(row.data))
