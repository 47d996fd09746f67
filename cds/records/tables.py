"""The two tables of the records, as the newest migration leaves them.

`entry` is the chain: never changed, never deleted from. `content` holds what may have to be erased one day (facts,
answers, comments, whom it is about); an entry keeps the digest of its content, so the chain can be verified after an
erasure, too. `seen_token` is no record: it remembers the ids of tokens until they expire.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

METADATA: Final = MetaData()

ENTRY: Final = Table(
    "entry",
    METADATA,
    # SQLite gives a primary key of type INTEGER, and no other, the row's own number.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("about", String(64), nullable=True),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("entry_kind", "kind", "number"),
    Index("entry_about", "about"),
)

CONTENT: Final = Table(
    "content",
    METADATA,
    Column("entry", String(64), primary_key=True),
    Column("subject", String(200), nullable=True),
    Column("salt", LargeBinary(16), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Index("content_subject", "subject"),
)

SEEN_TOKEN: Final = Table(
    "seen_token",
    METADATA,
    Column("issuer", String(300), primary_key=True),
    Column("token", String(300), primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("seen_token_expires", "expires"),
)
