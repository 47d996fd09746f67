"""The database of the records: one SQLite file, or PostgreSQL by its URL; opened, brought up to date, and locked to
append.

Both are used so that what was committed is there after a crash: SQLite writes ahead and syncs each commit, PostgreSQL
does by default. Only one process at a time appends, because each entry carries the digest of the one before it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from cds.records.errors import RecordsUnavailable

WAIT: Final = 10
"""Seconds that an append waits for others before it gives up."""
_LOCK: Final = 0x6364735F6C6F67
"""The advisory lock of everyone who appends or migrates (PostgreSQL)."""
LEAST_ROOM: Final = 16_000_000
"""Free bytes below which a disk counts as full: some hundred answers, and what SQLite writes ahead of them."""
ACCEPTED: Final = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME"


def open_engine(url: str, *, create: bool = True) -> Engine:
    """The engine of a database; `create` makes a SQLite file that is not there.

    Raises `RecordsUnavailable` where the URL names no database that can be used.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text may hold a password: it is not repeated.
        raise RecordsUnavailable(f"database: this is no URL of a database; give {ACCEPTED}") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed, create)
    if backend in ("postgresql", "postgres"):
        return _postgresql(parsed)
    raise RecordsUnavailable(f"database: `{backend[:20]}` is not used here; give {ACCEPTED}")


def _sqlite(url: URL, create: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise RecordsUnavailable("database: records in memory are lost with the process; give sqlite:///PATH")
    if not create and not Path(url.database).is_file():
        missing = "there is no such file; give the one that the service names as it starts"
        raise RecordsUnavailable(f"database: `{url.database}`: {missing}")
    path = Path(url.database).absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        reason = (error.strerror or "it cannot be made").lower()
        raise RecordsUnavailable(f"database: `{path}`: {reason}; give another path") from error

    def connect() -> sqlite3.Connection:
        # `rw` makes no file: an empty one in the place of one that is gone would verify, and say nothing.
        address = f"{path.as_uri()}?mode=rw"
        return sqlite3.connect(address, uri=True, timeout=WAIT, check_same_thread=False)

    engine = sa.create_engine(url, creator=connect, pool_size=4, max_overflow=8)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        entry.info["file"] = _file(path)
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "checkout")
    def check(_: object, entry: ConnectionPoolEntry, __: object) -> None:
        # A file that was deleted can still be written to, until the last connection ends: then all of it is lost.
        there = _file(path)
        if there is None:
            gone = "the file of the database is gone"
            raise RecordsUnavailable(f"records: {gone}; nothing was recorded")
        if there != entry.info["file"]:
            raise DisconnectionError("another file stands in its place")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        appends = connection.get_execution_options().get("cds_appends", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if appends else "BEGIN")

    return engine


def _file(path: Path) -> tuple[int, int] | None:
    """Which file stands at a path; `None` where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _postgresql(url: URL) -> Engine:
    options = f"-c lock_timeout={WAIT}s -c statement_timeout={3 * WAIT}s"
    try:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={"connect_timeout": WAIT, "options": options},
            pool_pre_ping=True, pool_size=4, max_overflow=8,
        )  # fmt: skip
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise RecordsUnavailable(
            "database: PostgreSQL needs the extra `postgres`; install it, or give sqlite:///PATH"
        ) from error


@contextmanager
def appending(engine: Engine) -> Iterator[Connection]:
    """A transaction in which nobody else appends; committed at its end. Raises `RecordsUnavailable`."""
    with _told("recorded"), engine.connect().execution_options(cds_appends=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads. Raises `RecordsUnavailable`."""
    with _told("read"), engine.connect() as connection, connection.begin():
        yield connection


def check_room(engine: Engine) -> None:
    """Raise `RecordsUnavailable` where the disk of a SQLite file is all but full; of another database nothing is seen
    from here.
    """
    if engine.dialect.name != "sqlite":
        return
    try:
        free = shutil.disk_usage(Path(str(engine.url.database)).absolute().parent).free
    except OSError as error:
        raise RecordsUnavailable("records: the folder of the database is gone; nothing was recorded") from error
    if free < LEAST_ROOM:
        told = f"{free / 1e6:.1f} MB are left on the disk of the database, and {LEAST_ROOM / 1e6:g} MB are needed"
        raise RecordsUnavailable(f"records: {told}; free some space")


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Say what became of the database without the driver's words, which repeat values."""
    try:
        yield
    except SQLAlchemyError as error:
        raise RecordsUnavailable(f"records: {_reason(error)}; nothing was {what}") from error


def _reason(error: SQLAlchemyError) -> str:
    original: Any = error.orig if isinstance(error, DBAPIError) else None
    name = getattr(original, "sqlite_errorname", None)
    if name is not None:
        return {
            "SQLITE_FULL": "the disk is full", "SQLITE_BUSY": "the database stayed locked",
            "SQLITE_READONLY": "the database may not be written", "SQLITE_CANTOPEN": "the database cannot be opened",
        }.get(name, f"the database failed ({name})")  # fmt: skip
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return f"the database failed (SQLSTATE {state})"
    return "the database cannot be reached" if isinstance(error, OperationalError) else "the database failed"


def upgrade(engine: Engine) -> None:
    """Bring the schema to what this program reads; one process at a time. Raises `RecordsUnavailable`."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "cds.records:migrations")
    newest = ScriptDirectory.from_config(config).get_current_head()
    with reading(engine) as connection:
        if MigrationContext.configure(connection).get_current_revision() == newest:
            return
    with appending(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
