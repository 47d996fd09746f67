"""Databases to record in: a SQLite file, and a PostgreSQL cluster that lives as long as the run."""

from __future__ import annotations

import datetime as dt
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cds.api import read_case
from cds.case import Case
from cds.recommendation import Recommendation, recommend
from cds.records import Decision, Records, open_records
from cds.ruleset import RuleSet, load_rules

AS_OF = dt.date(2026, 11, 22)
Open = Callable[..., Records]


def _program(name: str) -> str | None:
    # Debian keeps the server's programs out of the path.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The folder of the socket of a throw-away cluster; it listens nowhere else."""
    initdb, postgres = _program("initdb"), _program("postgres")
    if initdb is None or postgres is None:
        pytest.skip("no PostgreSQL server is installed here (Debian's package `postgresql`)")
    run = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="cds-pg-"))
    try:
        if run:
            os.chown(folder, run["user"], run["group"])
        data = folder / "data"
        make = [initdb, "--pgdata", str(data), "--auth=trust", "--username=cds", "--encoding=UTF8", "--no-locale", "-N"]
        subprocess.run(make, check=True, capture_output=True, cwd="/", **run)
        serve = [postgres, "-D", str(data), "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
        with subprocess.Popen(serve, stderr=subprocess.PIPE, cwd="/", **run) as server:
            assert server.stderr is not None
            for line in server.stderr:
                if b"ready to accept connections" in line:
                    break
            yield str(folder)
            server.terminate()
            server.stderr.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(cluster: str) -> Iterator[str]:
    """An empty PostgreSQL database."""
    name = f"cds_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(f"postgresql+psycopg://cds@/postgres?host={cluster}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield f"postgresql://cds@/{name}?host={cluster}"
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.sqlite3'}"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def open_(url: str) -> Iterator[Open]:
    """Opens the records in the database; closes them at the end."""
    opened: list[Records] = []

    def open_one(**named: Any) -> Records:
        opened.append(open_records(url, **named))
        return opened[-1]

    yield open_one
    for records in opened:
        records.close()


@pytest.fixture
def records(open_: Open) -> Records:
    return open_()


@pytest.fixture(scope="session")
def rules(repository: Path) -> RuleSet:
    return load_rules(repository / "rules" / "recurrent-head-and-neck")


@pytest.fixture(scope="session")
def case(repository: Path, rules: RuleSet) -> Case:
    """A patient with two lesions."""
    bundle = (repository / "fhir_examples" / "06-two-lesions-different-answers" / "bundle.json").read_bytes()
    return read_case(bundle, as_of=AS_OF, rules=rules)


@pytest.fixture(scope="session")
def answer(case: Case, rules: RuleSet) -> Recommendation:
    return recommend(case, rules)


@pytest.fixture(scope="session")
def decision(case: Case, answer: Recommendation) -> Decision:
    return decision_of(case, answer)


def decision_of(case: Case, answer: Recommendation) -> Decision:
    """What the service would record of an answer."""
    return Decision(
        case=case,
        answer=answer.model_dump_json(by_alias=True).encode(),
        phase="decision",
        rule_set=answer.rule_set.model_dump(mode="json"),
        engines={"reference": answer.engines.reference, "durable-rules": answer.engines.durable_rules},
        door="POST /evaluate",
    )
