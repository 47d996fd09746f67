"""The chain: every entry's digest covers the entry before it, so a change, a gap or a swap anywhere shows.

Who removes the newest entries leaves a chain that still fits together. That shows only beside a head (number and
digest) that was noted elsewhere: every append is logged with both, and `cds records verify` prints them and takes one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cds.records.entries import Entry, Kind

GENESIS: Final = "0" * 64
"""What stands for the digest before the first entry."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an entry may lose when its time is over: whom it is about, and its data as they lie in the database."""

    subject: str | None
    salt: bytes
    data: bytes

    @property
    def text(self) -> bytes:
        """The JSON as it was recorded. Raises `zlib.error` where the bytes are damaged."""
        return zlib.decompress(self.data)

    @property
    def digest(self) -> str:
        """The digest that the entry keeps. The salt keeps an erased content from being found by trying."""
        return _content_digest(self.subject, self.salt, self.text)


def packed(subject: str | None, salt: bytes, text: bytes) -> tuple[Content, str]:
    """The content of an entry, made small (an answer shrinks to a ninth at the fastest level), and its digest."""
    return Content(subject, salt, zlib.compress(text, 1)), _content_digest(subject, salt, text)


def _content_digest(subject: str | None, salt: bytes, text: bytes) -> str:
    digest = hashlib.sha256(salt + canonical({"subject": subject}) + b"\n")
    digest.update(text)
    return digest.hexdigest()


def canonical(value: object) -> bytes:
    """The one JSON text of a value: sorted keys, no blanks, ASCII.

    >>> canonical({"b": 1, "a": "x"})
    b'{"a":"x","b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def link_digest(
    number: int, id_: str, kind: str, recorded_at: str, about: str | None, body: str, previous: str
) -> str:
    """The digest of one link, over all that it says and the digest before it."""
    return hashlib.sha256(canonical([number, id_, kind, recorded_at, about, body, previous])).hexdigest()


def time_text(moment: dt.datetime) -> str:
    """A moment as the chain writes it: UTC, to the microsecond.

    >>> time_text(dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC))
    '2026-11-22T09:30:00.000000Z'
    """
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where the chain does not hold."""

    number: int
    what: str

    def __str__(self) -> str:
        return f"record {self.number}: {self.what}"


@dataclass(frozen=True, slots=True)
class Link:
    """A stored entry as it lies in the database, with its content where that is still there."""

    number: int
    id: str
    kind: Kind
    recorded_at: str
    about: str | None
    body: str
    previous: str
    digest: str
    content: Content | None


def faults(links: Iterable[Link], erased: frozenset[str]) -> Iterator[Fault]:
    """Every place where a chain, given from its first link on, does not hold. `erased` names the entries whose content
    an erasure removed before the links were read; of later ones the chain itself tells: a service may erase meanwhile.
    """
    before, expected = GENESIS, 1
    gone: dict[str, Fault] = {}
    for link in links:
        if link.number != expected:
            gap = link.number - expected
            missing = "1 record is" if gap == 1 else f"{gap} records are"
            yield Fault(expected, f"{missing} missing before record {link.number}")
        if link.previous != before:
            yield Fault(link.number, "it does not follow on the record before it")
        told = (link.number, link.id, link.kind, link.recorded_at, link.about, link.body, link.previous)
        if link_digest(*told) != link.digest:
            yield Fault(link.number, "it was changed after it was written: its digest is another")
        found = content_faults(link, erased=link.id in erased)
        if link.content is None:
            gone.update((link.id, fault) for fault in found)
        else:
            yield from found
        if link.kind == "erasure" and link.about is not None:
            gone.pop(link.about, None)
        before, expected = link.digest, link.number + 1
    yield from gone.values()


def content_faults(link: Link, *, erased: bool) -> Iterator[Fault]:
    """What is wrong with the content of one link; `erased` says whether an erasure removed it."""
    promised = _body(link).get("content")
    if link.content is None:
        if promised is not None and not erased:
            yield Fault(link.number, "its content is gone, and no erasure was recorded")
        return
    if erased:
        yield Fault(link.number, "its content is there although its erasure was recorded")
    try:
        digest = link.content.digest
    except zlib.error:
        yield Fault(link.number, "its content is damaged")
        return
    if digest != promised:
        yield Fault(link.number, "its content was changed after it was written")


def _body(link: Link) -> Mapping[str, Any]:
    try:
        body = json.loads(link.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def entry_of(link: Link) -> Entry:
    """The entry that a link says."""
    moment = dt.datetime.fromisoformat(link.recorded_at)
    return Entry(link.number, link.id, link.kind, moment, link.about, json.loads(link.body), link.previous, link.digest)
