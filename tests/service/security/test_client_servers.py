"""A CDS client speaks of the patients of its own FHIR servers, and of nobody else's."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from cds.service import Settings, create_app
from cds.service.hooks.services import REVIEW
from cds.service.settings import Client, servers_of
from tests.service.hooks.calls import Examples, Json, grant, trace
from tests.service.security.conftest import EHR, IDP, PUBLIC, Signer

OWN, OTHERS = "https://a.example.org/fhir", "https://b.example.org/fhir"
SKIN = "structure.tumourDistance@skin/none"
Call = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def examples(repository: Path) -> Examples:
    folder = repository / "fhir_examples"
    if not any(folder.glob("*/bundle.json")):
        pytest.skip("no examples: they are not in this copy")
    return Examples(folder)


@pytest.fixture(scope="module")
def two(ehr: Signer, idp: Signer, rules: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """An installation of two clients, each with a server of its own."""
    return Settings(
        rules=rules, examples=None, database=SecretStr(f"sqlite:///{tmp_path_factory.mktemp('two') / 'r.sqlite3'}"),
        authentication="required", public_url=PUBLIC, fhir_servers=(OWN, OTHERS), large_processes=0,
        clients=(
            Client(issuer=EHR, keys=str(ehr.file), servers=(OWN,)),
            Client(issuer=IDP, keys=str(idp.file), servers=(f"{OTHERS}/",)),
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def running(two: Settings) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cds.service.hooks.door.today", lambda: dt.date(2026, 11, 22))
        with TestClient(create_app(two), raise_server_exceptions=False) as client:
            yield client


@pytest.fixture
def call(running: TestClient, ehr: Signer, idp: Signer, claims: Callable[..., dict[str, Any]]) -> Call:
    """Makes the call of a client."""

    def made(issuer: str, sent: Json) -> httpx2.Response:
        signer, kid = (ehr, "es") if issuer == EHR else (idp, "idp")
        path = f"/cds-services/{REVIEW}"
        token = signer.sign(claims(iss=issuer, aud=f"{PUBLIC}{path}", tenant=None), kid)
        return running.post(path, json=sent, headers={"authorization": f"Bearer {token}"})

    return made


def test_a_client_that_names_the_server_of_another_gets_nothing_that_was_entered_there(
    call: Call, running: TestClient, two: Settings, examples: Examples
) -> None:
    records = running.app.state.runtime.records  # type: ignore[attr-defined]

    def asked(issuer: str, server: str) -> tuple[str, str | None, str]:
        response = call(issuer, examples.view("04", fhirServer=server))
        assert response.status_code == 200, response.text
        record = trace(response.json()["cards"][0])["record"]
        parts = records.content(record)["answer"]["lesions"][0]["thermoprotection"]
        (skin,) = (each["distance"] for each in parts if each["structure"] == "skin")
        return record, records.entry(record).body.get("server"), skin

    record, server, before = asked(IDP, OTHERS)
    assert server == OTHERS
    assert before != "3 mm"
    desk = two.model_copy(update={"authentication": "development", "clients": ()})
    with TestClient(create_app(desk), follow_redirects=False) as board:
        typed = {"day": "2026-11-20", "name": "Dr B", SKIN: "3"}
        assert board.post(f"/board/records/{record}/enter?lesion=T1", data=typed).status_code == 303
    assert asked(IDP, OTHERS)[1:] == (OTHERS, "3 mm")
    assert asked(EHR, OTHERS)[1:] == (None, before)
    assert asked(EHR, OWN)[1:] == (OWN, before)


def test_nothing_is_fetched_from_the_server_of_another_client(call: Call, examples: Examples) -> None:
    sent = examples.view("04", fhirServer=OTHERS, fhirAuthorization=grant())
    del sent["prefetch"]["patient"]
    response = call(EHR, sent)
    assert response.status_code == 412
    assert "not one that this installation fetches from for this client" in response.text


def test_an_only_client_has_all_servers_and_one_of_several_those_that_it_is_given(two: Settings) -> None:
    bare = tuple(client.model_copy(update={"servers": ()}) for client in two.clients)
    assert servers_of(two, EHR) == (OWN,)
    assert servers_of(two, None) == servers_of(two, "https://nobody.example") == ()
    assert servers_of(two.model_copy(update={"clients": bare}), EHR) == ()
    assert servers_of(two.model_copy(update={"clients": bare[:1]}), EHR) == (OWN, OTHERS)
    assert servers_of(two.model_copy(update={"clients": two.clients[:1]}), EHR) == (OWN,)
    assert servers_of(two.model_copy(update={"authentication": "development"}), None) == (OWN, OTHERS)


def test_a_server_of_a_client_that_is_not_listed_is_refused() -> None:
    client = Client(issuer=EHR, keys="keys.json", servers=(OTHERS,))
    with pytest.raises(ValidationError, match=r"clients: .* is not listed"):
        Settings(clients=(client,), fhir_servers=(OWN,))
