"""The service on PostgreSQL: recorded, refused while the database is away, and answering again once it is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.testclient import TestClient

from cds.records import open_records
from cds.service import Settings, create_app

PATIENT: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": {"resourceType": "Patient", "id": "p", "birthDate": "1957-04"}}],
}


@pytest.fixture
def administration(cluster: str) -> sa.Engine:
    return sa.create_engine(f"postgresql+psycopg://cds@/postgres?host={cluster}", isolation_level="AUTOCOMMIT")


def test_a_lost_server_means_no_advice_until_it_is_back(
    repository: Path, postgresql_url: str, administration: sa.Engine
) -> None:
    name = sa.engine.make_url(postgresql_url).database
    settings = Settings(rules=repository / "rules" / "recurrent-head-and-neck", database=SecretStr(postgresql_url))
    with TestClient(create_app(settings)) as client:
        first = client.post("/evaluate", json=PATIENT)
        assert first.status_code == 200
        with administration.connect() as connection:
            connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
            ended = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(ended, {"name": name})
            lost = client.post("/evaluate", json=PATIENT)
            assert lost.status_code == 503
            assert lost.json()["issue"][0]["details"]["coding"][0]["code"] == "records-unavailable"
            assert client.get("/health/ready").status_code == 503
            connection.execute(sa.text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        again = client.post("/evaluate", json=PATIENT)
        assert again.status_code == 200
    records = open_records(postgresql_url)
    assert [entry.id for entry in records.entries()] == [first.headers["cds-record"], again.headers["cds-record"]]
    assert list(records.verify()) == []
    records.close()
    administration.dispose()
